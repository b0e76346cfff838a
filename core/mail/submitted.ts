/**
 * A message that a program wrote itself, made fit to leave (RFC 6409): what is missing is added, what must not leave is
 * taken out, and what a receiver may refuse (bare line ends, long lines, 8-bit text) is refused or re-encoded. It is done
 * once, when the message is accepted; from then on its bytes never change.
 */
import { parseMailbox, type Address, type Mailbox } from './address.ts';
import { dateField, mailboxField, type HeaderField } from './header.ts';
import { sevenBit } from './seven-bit.ts';

export interface Prepared {
  from: Address;
  subject: string;
  /** With <>. */
  messageId: string;
  /** RFC 6531: the header is UTF-8. */
  needsSmtputf8: boolean;
  /** The message as it leaves, without signatures; ASCII, or UTF-8 in the header. */
  bytes: Buffer;
}

export type Preparing = { kind: 'prepared'; message: Prepared } | { kind: 'refused'; reason: string };

export interface PrepareOptions {
  /** Milliseconds, for a missing Date. */
  now: number;
  /** For a missing Message-ID: what stands before the @ of the From domain. */
  id: string;
  /** RFC 5321 4.4: what we add on top. */
  received: string;
  /** The program declared SMTPUTF8. */
  smtputf8: boolean;
}

/** RFC 5322 3.6: fields that stand once at most. */
const ONCE = new Set(
  'date from sender reply-to to cc bcc message-id in-reply-to references subject mime-version content-type content-transfer-encoding'.split(
    ' ',
  ),
);
/** Never to the receiver: who else got it, what only the last server writes, and marks that are ours. */
const REMOVED = /^(?:bcc|resent-bcc|return-path|x-parley-.*)$/;
/** RFC 5322 2.1.1, without the line end. */
const LONGEST_LINE = 998;
const MOST_HEADER_BYTES = 256 * 1024;
// oxlint-disable-next-line no-control-regex
const CONTROL = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/;

/** The message that leaves, or why none does. `raw` must have CRLF line ends only. */
export function prepareSubmitted(raw: Buffer, options: PrepareOptions): Preparing {
  const text = raw.toString('latin1');
  // RFC 5321 2.3.8: CR and LF occur only together.
  if (/\r(?!\n)|(?<!\r)\n/.test(text)) return refused('lines must end with CR LF');
  if (text.includes('\0')) return refused('a message holds no NUL');
  const blank = text.startsWith('\r\n') ? 0 : text.indexOf('\r\n\r\n');
  const head = blank < 0 ? text.replace(/\r\n$/, '') : text.slice(0, blank);
  const body = blank < 0 ? '' : text.slice(blank + (blank === 0 ? 2 : 4));
  if (head.length > MOST_HEADER_BYTES) return refused('the header is larger than 256 KiB');

  const fields = fieldsOf(head);
  if (fields === undefined) return refused('the header is not made of "Name: value" lines');
  const seen = new Set<string>();
  const kept: Field[] = [];
  for (const field of fields) {
    if (ONCE.has(field.name) && seen.has(field.name)) return refused(`the field ${field.name} stands twice`);
    seen.add(field.name);
    if (CONTROL.test(field.text)) return refused(`a control character in ${field.name}`);
    if (field.text.split('\r\n').some((line) => line.length > LONGEST_LINE))
      return refused(`a line of ${field.name} is longer than 998 characters`);
    if (!REMOVED.test(field.name)) kept.push(field);
  }

  const beyond = kept.find((field) => /[\u0080-\u00ff]/.test(field.text));
  if (beyond !== undefined) {
    // RFC 6532 3: UTF-8 in a header is only for transports that said so; anything else needs encoded-words.
    if (!options.smtputf8)
      return refused(`${beyond.name} has letters beyond ASCII: encode them (RFC 2047), or use SMTPUTF8`);
    if (kept.some((field) => !isUtf8(field.text)))
      return refused(`${beyond.name} is neither ASCII nor UTF-8`);
  }

  const fromField = kept.find((field) => field.name === 'from');
  const from = fromField && parseMailbox(valueOf(fromField));
  if (fromField === undefined || from === undefined) return refused('From must be exactly one address');
  // Written anew, so that what is signed and what a reader sees name the same domain.
  if (!isPlainFrom(valueOf(fromField), from))
    fromField.text = latin1(
      mailboxField('From', [{ name: decodeWords(from.name), address: from.address.address }]),
    );

  const idField = kept.find((field) => field.name === 'message-id');
  const given = idField && /^<[^<>\s@]+@[^<>\s@]+>$/.exec(valueOf(idField))?.[0];
  if (idField !== undefined && given === undefined) return refused('Message-ID is not <one@thing>');
  const messageId = given ?? `<${options.id}@${from.address.domain}>`;

  const added: HeaderField[] = [];
  // RFC 6409 8.2 and 8.3.
  if (!seen.has('date')) added.push(dateField(options.now));
  if (given === undefined) added.push(`Message-ID: ${messageId}`);
  const entity = sevenBit(
    kept.filter((field) => isMime(field.name)).map((field) => field.text),
    body,
  );
  if (entity.kind === 'refused') return entity;
  const others = kept.filter((field) => !isMime(field.name)).map((field) => field.text);
  const header = [options.received, ...others, ...added, ...entity.headers].join('\r\n');
  const subject = kept.find((field) => field.name === 'subject');
  return {
    kind: 'prepared',
    message: {
      from: from.address,
      subject: subject === undefined ? '' : decodeWords(valueOf(subject)),
      messageId,
      needsSmtputf8: beyond !== undefined,
      bytes: Buffer.from(`${header}\r\n\r\n${entity.body}`, 'latin1'),
    },
  };
}

interface Field {
  /** Lower-case. */
  name: string;
  text: string;
}

/** RFC 5322 2.2: names of printable ASCII without a colon; a line that begins with white space goes on with the last. */
function fieldsOf(head: string): Field[] | undefined {
  const fields: Field[] = [];
  if (head === '') return fields;
  for (const line of head.split('\r\n')) {
    if (/^[ \t]/.test(line)) {
      const last = fields.at(-1);
      // RFC 5322 3.2.2: a folded line holds more than white space.
      if (last === undefined) return undefined;
      if (line.trim() !== '') last.text += `\r\n${line}`;
      continue;
    }
    const match = /^([!-9;-~]{1,76})[ \t]*:/.exec(line);
    if (match === null) return undefined;
    fields.push({ name: match[1]!.toLowerCase(), text: `${match[1]}${line.slice(line.indexOf(':'))}` });
  }
  return fields;
}

const latin1 = (text: string): string => Buffer.from(text, 'utf8').toString('latin1');
const refused = (reason: string): { kind: 'refused'; reason: string } => ({ kind: 'refused', reason });
const isMime = (name: string): boolean => name.startsWith('content-') || name === 'mime-version';
const isUtf8 = (latin1: string): boolean => !/\ufffd/.test(Buffer.from(latin1, 'latin1').toString('utf8'));

/** Unfolded, as text. */
const valueOf = (field: Field): string =>
  Buffer.from(
    field.text
      .slice(field.text.indexOf(':') + 1)
      .replace(/\r\n/g, '')
      .trim(),
    'latin1',
  ).toString('utf8');

const isPlainFrom = (value: string, from: Mailbox): boolean =>
  value.endsWith(
    from.name === '' && !value.endsWith('>') ? from.address.address : `<${from.address.address}>`,
  );

/** RFC 2047, for the lists of our interface; what cannot be read stays as it is. */
export function decodeWords(text: string): string {
  return text
    .replace(/(=\?[^?\s]+\?[bq]\?[^?\s]*\?=)\s+(?==\?[^?\s]+\?[bq]\?)/gi, '$1')
    .replace(/=\?([^?\s]+)\?([bq])\?([^?\s]*)\?=/gi, (whole, charset: string, how: string, words: string) => {
      const bytes =
        how.toLowerCase() === 'b'
          ? Buffer.from(words, 'base64')
          : Buffer.from(
              words
                .replace(/_/g, ' ')
                .replace(/=([0-9a-f]{2})/gi, (_, hex: string) =>
                  String.fromCharCode(Number.parseInt(hex, 16)),
                ),
              'latin1',
            );
      try {
        return new TextDecoder(charset.split('*')[0]).decode(bytes);
      } catch {
        return whole;
      }
    });
}
