/**
 * At which step of SMTP a remote refused, as reports tell it. A mailbox is unknown at RCPT; who says "user unknown" after
 * the message was sent has a filter that looked at the message (Japanese carriers, gateways), and the address may be good.
 */
export type Stage = 'rcpt' | 'data';

/** In one sentence. */
const SENTENCES: [Stage, RegExp][] = [
  // qmail.
  ['data', /failed (?:after I sent the message|on DATA command)\b/i],
  ['rcpt', /\bdoes not like recipient\b/i],
  // Gmail until 2015 numbered its steps.
  ['data', /\(state 1[78]\)/],
  ['rcpt', /\(state 14\)/],
  // Postfix, Exim and what follows them.
  [
    'data',
    /in reply to (?:end of )?DATA|after (?:end of data|DATA|BDAT|sending (?:the )?(?:message|data))\b/i,
  ],
  [
    'rcpt',
    /in reply to RCPT|\bSMTP:RCPT\b|after (?:sending )?RCPT|RCPT TO:?\s*<?[^\s>]{0,320}>?\s*(?:command\s*)?:?\s*(?:host|\[|5\d\d)/i,
  ],
];

/**
 * The step, from the sentence about a recipient or from the transcript around the remote's own line
 * (`>>> DATA` / `<<< 550 …`: sendmail, Courier). Undefined when nothing tells.
 */
export function stageOf(words: string, transcript: string): Stage | undefined {
  const read = squeezed(transcript.slice(0, LONGEST));
  const at = read.indexOf(squeezed(words).slice(0, 50));
  for (const text of [words, at < 0 ? '' : read.slice(at, at + AROUND)])
    for (const [stage, pattern] of SENTENCES) if (pattern.test(text)) return stage;
  return stageInTranscript(words, transcript);
}

const LONGEST = 64 * 1024;
/** A reply and what the reporting host says of it. */
const AROUND = 500;

function stageInTranscript(words: string, transcript: string): Stage | undefined {
  if (!transcript.includes('>>>')) return undefined;
  const said = squeezed(words);
  let command = '';
  for (const line of transcript.slice(0, LONGEST).split('\n')) {
    const ours = /^\s*>>>\s*([a-z]{4})/i.exec(line)?.[1];
    if (ours !== undefined) command = ours.toUpperCase();
    const theirs = /^\s*<<<\s*([45]\d\d.{0,200})/.exec(line)?.[1];
    if (theirs === undefined) continue;
    const start = squeezed(theirs).slice(0, 60);
    if (start.length >= 8 && (said.includes(start) || start.includes(said.slice(0, 60))))
      return stageOfCommand(command);
  }
  return undefined;
}

function stageOfCommand(command: string): Stage | undefined {
  if (command === 'RCPT') return 'rcpt';
  return command === 'DATA' || command === 'BDAT' || command === '.' ? 'data' : undefined;
}

const squeezed = (text: string): string => text.replace(/\s+/g, ' ').trim().toLowerCase();
