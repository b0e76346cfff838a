/**
 * Puts messages together. Campaigns go the short way: what is the same for everybody is encoded once per template
 * version, and the same delivery always gives the same bytes, so a retry repeats the message and never changes it. Mail
 * that people write (answers, notices) is put together in one go. All of it leaves in 7-bit lines.
 */
import { Problem } from '../errors.ts';
import { safeText } from './address.ts';
import {
  dateField,
  mailboxField,
  parameter,
  rawField,
  textField,
  type HeaderField,
  type MailboxLike,
} from './header.ts';
import {
  base64Lines,
  canonicalAlready,
  encodeStatic,
  joined,
  relaxLines,
  type EncodedPiece,
} from './transfer.ts';

/** A message without its signatures. Lines end in CRLF; a string holds ASCII only. */
export interface OutgoingMessage {
  headers: HeaderField[];
  body: string;
  /** The body as relaxed canonicalisation sees it (RFC 6376 3.4.4). */
  canonicalBody: string;
  /** RFC 6531: an address in the headers is beyond ASCII, so they are UTF-8. */
  needsSmtputf8: boolean;
}

/** The bytes after DATA, before dot-stuffing: signatures on top. */
export function wireForm(message: OutgoingMessage, signatures: readonly HeaderField[] = []): Buffer {
  return new WireMessage(message).withHead(message, signatures);
}

/** Room for the fields of an ordinary message with two signatures; a larger head gets a buffer of its own. */
const HEAD_ROOM = 6 * 1024;

/**
 * Buffers of ordinary messages are used again. Fresh ones are memory outside of the heap, and 30 MB a second of it make
 * the collector walk the whole heap every two seconds.
 */
const ORDINARY = 32 * 1024;
const MOST_KEPT = 400;
const free: Buffer[] = [];

/**
 * The bytes of a message in the making: the body lies there first, since the signature is over its hash, and the head is
 * written before it in the same buffer.
 */
export class WireMessage {
  #bytes: Buffer;
  readonly #end: number;
  /** The body as it travels, when that is what relaxed canonicalisation sees too. */
  readonly canonicalBody: Buffer | undefined;

  constructor({ body, canonicalBody }: OutgoingMessage) {
    // ASCII only, so a character is a byte.
    this.#end = HEAD_ROOM + body.length;
    this.#bytes =
      this.#end > ORDINARY
        ? Buffer.allocUnsafeSlow(this.#end)
        : (free.pop() ?? Buffer.allocUnsafeSlow(ORDINARY));
    this.#bytes.write(body, HEAD_ROOM, 'latin1');
    this.canonicalBody = body === canonicalBody ? this.#bytes.subarray(HEAD_ROOM, this.#end) : undefined;
  }

  withHead({ headers, needsSmtputf8 }: OutgoingMessage, signatures: readonly HeaderField[]): Buffer {
    const fields = headers.join('\r\n');
    const head =
      signatures.length === 0 ? `${fields}\r\n\r\n` : `${signatures.join('\r\n')}\r\n${fields}\r\n\r\n`;
    if (needsSmtputf8 || head.length > HEAD_ROOM)
      return Buffer.concat([
        Buffer.from(head, needsSmtputf8 ? 'utf8' : 'latin1'),
        this.#bytes.subarray(HEAD_ROOM, this.#end),
      ]);
    const start = HEAD_ROOM - head.length;
    this.#bytes.write(head, start, 'latin1');
    return this.#bytes.subarray(start, this.#end);
  }

  /** Nobody holds these bytes any more: only for a message that the receiver has taken whole. */
  release(): void {
    if (this.#bytes.length === ORDINARY && free.length < MOST_KEPT) free.push(this.#bytes);
    this.#bytes = NOTHING;
  }
}

const NOTHING = Buffer.alloc(0);

export interface Attachment {
  fileName: string;
  mediaType: string;
  content: Uint8Array;
  /** Shown inside the HTML as `cid:…`. */
  contentId?: string;
}

/** The frame of a campaign's message, made once per template version. */
export interface MessageFrame {
  /** Fills the frame. `seed` makes the boundaries: the same seed, the same bytes. */
  fill(
    seed: string,
    text: EncodedPiece,
    html: EncodedPiece | undefined,
  ): { headers: HeaderField[]; body: EncodedPiece };
}

const TEXT_HEAD = part('text/plain; charset=utf-8', 'quoted-printable');
const HTML_HEAD = part('text/html; charset=utf-8', 'quoted-printable');
const MIME_VERSION = 'MIME-Version: 1.0';

/**
 * The frame around text and HTML: multipart/alternative, and multipart/related around the HTML when images travel inside.
 *
 *     const frame = compileMessage([]);
 *     frame.fill('k3v9…', encodedText, encodedHtml).body.wire
 */
export function compileMessage(images: readonly Attachment[]): MessageFrame {
  const inside = images.map((image) => encodedAttachment(image, true));
  return {
    fill(seed, text, html) {
      if (html === undefined) {
        const headers = [
          MIME_VERSION,
          'Content-Type: text/plain; charset=utf-8',
          encoding('quoted-printable'),
        ];
        return { headers, body: withoutFinalLines(ended(text)) };
      }
      const alternative = boundary(seed, 'a');
      let content = joined(HTML_HEAD, ended(html));
      if (inside.length > 0) {
        const related = boundary(seed, 'r');
        content = joined(
          same(`Content-Type: multipart/related; type="text/html"; boundary="${related}"\r\n\r\n`),
          multipart(related, [content, ...inside]),
        );
      }
      return {
        headers: [MIME_VERSION, `Content-Type: multipart/alternative;\r\n boundary="${alternative}"`],
        body: multipart(alternative, [joined(TEXT_HEAD, ended(text)), content]),
      };
    },
  };
}

export interface Reply {
  from: MailboxLike;
  to: readonly MailboxLike[];
  cc?: readonly MailboxLike[];
  replyTo?: MailboxLike;
  subject: string;
  text: string;
  html?: string;
  attachments?: readonly Attachment[];
  /** With brackets, as made by `messageIdFor`. */
  messageId: string;
  /** The message answered, and the chain before it; brackets optional. */
  inReplyTo?: string;
  references?: readonly string[];
  /** Milliseconds. */
  date: number;
  /** For the boundaries; the same seed gives the same bytes. */
  seed: string;
  /** RFC 3834 5: set for what no person wrote. An agent's answer carries none. */
  autoSubmitted?: 'auto-generated' | 'auto-replied';
  /** Further fields of API callers, checked here. */
  extra?: readonly (readonly [name: string, value: string])[];
}

/**
 * One message that somebody wrote, or one notice. Throws a Problem that names the field when a value holds a line break.
 *
 *     composeReply({ from, to: [person], subject: 'Re: …', text, messageId, inReplyTo, references, date: now, seed })
 */
export function composeReply(reply: Reply): OutgoingMessage {
  const { from, to, cc = [], replyTo } = reply;
  const named: [string, readonly MailboxLike[]][] = [
    ['From', [from]],
    ['To', to],
    ['Cc', cc],
    ['Reply-To', replyTo ? [replyTo] : []],
  ];
  for (const [field, mailboxes] of named) {
    for (const mailbox of mailboxes) {
      safeText(mailbox.name, `${field.toLowerCase()}.name`);
      safeText(mailbox.address, `${field.toLowerCase()}.address`);
    }
  }
  const headers = [
    dateField(reply.date),
    ...named.filter(([, list]) => list.length > 0).map(([field, list]) => mailboxField(field, list)),
    textField('Subject', safeText(reply.subject, 'subject')),
    rawField('Message-ID', [bracketed(reply.messageId)]),
  ];
  if (reply.inReplyTo !== undefined) headers.push(rawField('In-Reply-To', [bracketed(reply.inReplyTo)]));
  const references = referencesOf(reply);
  if (references.length > 0) headers.push(rawField('References', references));
  if (reply.autoSubmitted !== undefined) {
    headers.push(rawField('Auto-Submitted', [reply.autoSubmitted]), 'X-Auto-Response-Suppress: All');
  }
  for (const [name, value] of reply.extra ?? []) headers.push(extraField(name, value));

  const frame = compileMessage((reply.attachments ?? []).filter(isInside));
  const html = reply.html === undefined ? undefined : encodeStatic(withLineEnd(reply.html));
  const content = frame.fill(reply.seed, encodeStatic(withLineEnd(reply.text)), html);
  const beside = (reply.attachments ?? []).filter(
    (attachment) => reply.html === undefined || !isInside(attachment),
  );
  const filled = beside.length === 0 ? content : mixed(reply.seed, content, beside);
  headers.push(...filled.headers);
  const addresses = named.flatMap(([, list]) => list.map((mailbox) => mailbox.address));
  return {
    headers,
    body: filled.body.wire,
    canonicalBody: filled.body.canonical,
    // oxlint-disable-next-line no-control-regex
    needsSmtputf8: addresses.some((address) => /[^\u0000-\u007f]/.test(address)),
  };
}

// What we set ourselves, and what would change who sent it or how it is read.
const RESERVED =
  /^(?:from|to|cc|bcc|sender|reply-to|date|subject|message-id|in-reply-to|references|return-path|received|dkim-signature|arc-.*|authentication-results|mime-version|content-.*|list-unsubscribe.*|auto-submitted|resent-.*)$/i;

function extraField(name: string, value: string): HeaderField {
  const field = `headers.${name.slice(0, 40).replace(/[^!-~]/g, '?')}`;
  if (!/^[A-Za-z][A-Za-z0-9-]{0,75}$/.test(name)) {
    throw new Problem('invalid', `${field} is no header name`, { fields: { [field]: 'is no header name' } });
  }
  if (RESERVED.test(name)) {
    throw new Problem('invalid', `${field} is set by Parley`, { fields: { [field]: 'is set by Parley' } });
  }
  return textField(name, safeText(value, field));
}

/** RFC 5322 3.6.4: the parent's references and the parent; the first and the last twenty when there are more. */
function referencesOf({ references = [], inReplyTo }: Reply): string[] {
  const all = references.map(bracketed);
  if (inReplyTo !== undefined && !all.includes(bracketed(inReplyTo))) all.push(bracketed(inReplyTo));
  return all.length <= 21 ? all : [all[0]!, ...all.slice(-20)];
}

function bracketed(id: string): string {
  const text = safeText(id.trim(), 'message-id').replace(/[\s<>]/g, '');
  if (text.length > 900) throw new Problem('invalid', 'message-id is longer than a line may be');
  return `<${text}>`;
}

function withLineEnd(text: string): string {
  return text.endsWith('\n') ? text : `${text}\n`;
}

function isInside(attachment: Attachment): boolean {
  return attachment.contentId !== undefined;
}

function mixed(
  seed: string,
  content: { headers: HeaderField[]; body: EncodedPiece },
  attachments: readonly Attachment[],
): { headers: HeaderField[]; body: EncodedPiece } {
  const outer = boundary(seed, 'm');
  const inner = content.headers.filter((field) => field !== MIME_VERSION).join('\r\n');
  const parts = [
    joined(same(`${inner}\r\n\r\n`), content.body),
    ...attachments.map((a) => encodedAttachment(a, false)),
  ];
  return {
    headers: [MIME_VERSION, `Content-Type: multipart/mixed;\r\n boundary="${outer}"`],
    body: multipart(outer, parts),
  };
}

function encodedAttachment(
  { fileName, mediaType, content, contentId }: Attachment,
  inside: boolean,
): EncodedPiece {
  if (!/^[a-z0-9][a-z0-9!#$&^_.+-]{0,126}\/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}$/i.test(mediaType)) {
    throw new Problem('invalid', 'attachment media type is not valid', {
      fields: { mediaType: 'is not valid' },
    });
  }
  // RFC 2046 5.2.1: message/rfc822 may not be base64; as a plain file it can.
  const type = /^(?:message|multipart)\//i.test(mediaType) ? 'application/octet-stream' : mediaType;
  const name = safeText(fileName, 'attachment.fileName');
  const head = [
    rawField('Content-Type', [type, ...parameter('name', name)], '; '),
    rawField('Content-Disposition', [inside ? 'inline' : 'attachment', ...parameter('filename', name)], '; '),
    encoding('base64'),
  ];
  if (contentId !== undefined) head.push(rawField('Content-ID', [bracketed(contentId)]));
  const lines = base64Lines(content);
  return joined(same(`${head.join('\r\n')}\r\n\r\n`), { wire: lines, canonical: lines });
}

/** RFC 2046 5.1.1. "=_" cannot stand in quoted-printable or base64, so no content can close a part. */
function boundary(seed: string, level: string): string {
  return `=_${seed.replace(/[^A-Za-z0-9]/g, '').slice(0, 40)}_${level}`;
}

function multipart(name: string, parts: readonly EncodedPiece[]): EncodedPiece {
  let whole = canonicalAlready('');
  for (const content of parts)
    whole = joined(joined(joined(whole, canonicalAlready(`--${name}\r\n`)), content), LINE_END);
  return joined(whole, canonicalAlready(`--${name}--\r\n`));
}

function part(type: string, transfer: string): EncodedPiece {
  return same(`Content-Type: ${type}\r\n${encoding(transfer)}\r\n\r\n`);
}

function encoding(transfer: string): HeaderField {
  return `Content-Transfer-Encoding: ${transfer}`;
}

function same(wire: string): EncodedPiece {
  const canonical = relaxLines(wire);
  return { wire, canonical: canonical === wire ? wire : canonical };
}

/** RFC 2045 6.7 (5): a soft line break cannot be the end of the content. */
function ended(text: EncodedPiece): EncodedPiece {
  return text.wire === '' || text.wire.endsWith('=\r\n') ? joined(text, LINE_END) : text;
}

const LINE_END = canonicalAlready('\r\n');

/** RFC 6376 3.4.4: DKIM does not see empty lines at the end of a body. A multipart never ends in one. */
function withoutFinalLines({ wire, canonical }: EncodedPiece): EncodedPiece {
  if (!canonical.endsWith('\r\n\r\n') && canonical !== '\r\n') return { wire, canonical };
  const kept = canonical.replace(/(?:\r\n)+$/, '');
  return { wire, canonical: kept === '' ? '' : `${kept}\r\n` };
}
