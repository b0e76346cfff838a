/** What is shown of a message that could not be read within its bounds: that it came, from whom the header says, and why. */
import { readAddresses, readHeaders, readMessageIds } from './header.ts';
import type { Breach } from './cage.ts';
import type { Reading } from './read.ts';

const HEAD_BYTES = 16 * 1024;

/** Only the first lines of the header are looked at; the bytes stay in the store for a download. */
export function unreadable(raw: Buffer, breach: Breach): Reading {
  const head = raw.subarray(0, HEAD_BYTES).toString('latin1').replace(/\r\n?/g, '\n').split('\n\n')[0] ?? '';
  const headers = readHeaders(head);
  const text = '';
  return {
    letter: {
      subject: headers.text('subject').slice(0, 200),
      from: readAddresses(headers.raw('from')).slice(0, 1),
      replyTo: [],
      to: [],
      cc: [],
      messageId: readMessageIds(headers.raw('message-id'))[0] ?? '',
      inReplyTo: [],
      references: [],
      threadIndex: null,
      date: null,
      text,
      marks: [],
      html: null,
      hasRemoteImages: false,
      attachments: [],
    },
    verdict: {
      kind: 'unreadable',
      detail: breach.kind,
      confidence: 1,
      rules: [{ id: 'unreadable', why: breach.message }],
      recipients: [],
      complaint: null,
      report: null,
      returned: [],
      returnedIds: [],
      awayUntil: null,
      told: null,
      reply: { segments: [], visible: '', withSignature: '' },
      intent: null,
    },
  };
}
