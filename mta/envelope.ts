/**
 * Whom a message is from and to, and how that is said on the wire. Addresses here can hold no character that would end
 * a command; what the server's EHLO rules out is refused before a byte is written.
 */
import type { Capabilities } from './capabilities.ts';
import { readReply } from './reply.ts';
import type { Reply } from './reply.ts';
import type { TlsState } from './transaction.ts';

export interface Envelope {
  /** The return path; empty for `<>`. */
  mailFrom: string;
  rcptTo: string;
  /** The headers or an address need SMTPUTF8. */
  smtputf8?: boolean;
  /** The body has octets above 127. */
  body8bit?: boolean;
  dsn?: DsnRequest;
  /** RFC 8689: encrypted and proved on every hop, or not at all. */
  requireTls?: boolean;
  /** Asked in the very tick in which the recipient goes on the wire. A refusal keeps it off. */
  maySend: () => true | { refused: string };
}

/** RFC 3461; left out where the server does not offer it. */
export interface DsnRequest {
  envid?: string;
  ret?: 'FULL' | 'HDRS';
  notify?: ('SUCCESS' | 'FAILURE' | 'DELAY')[] | 'NEVER';
  orcpt?: string;
}

/** What the server would have to refuse, by its own EHLO. Its answer is written as it would have written it. */
export function localRefusal(
  envelope: Envelope,
  size: number,
  caps: Capabilities,
  tls: TlsState | null = null,
): Reply | null {
  // RFC 8689 4.2.1: the next hop has proved who it is, and passes the demand on.
  if (envelope.requireTls === true && !((tls?.verified === true || tls?.dane === true) && caps.requireTls))
    return readReply(550, ['5.7.30 REQUIRETLS needed, which the receiver does not offer']);
  // RFC 6531 3.5: to a server without SMTPUTF8 such a message is not sent, and never rewritten to fit.
  if (needsUtf8(envelope) && !caps.smtpUtf8)
    return readReply(553, ['5.6.7 the receiver does not take internationalised addresses']);
  // RFC 6152 3: 8-bit content goes only to a server that announced it.
  if (envelope.body8bit === true && !caps.eightBitMime)
    return readReply(554, ['5.6.3 the receiver does not take 8-bit content']);
  // RFC 1870 6.1: a message above the server's fixed maximum need not be tried.
  if (caps.maxSize > 0 && size > caps.maxSize)
    return readReply(552, [
      `5.3.4 message size of ${size} octets exceeds the receiver's limit of ${caps.maxSize}`,
    ]);
  return null;
}

export function mailCommand(envelope: Envelope, size: number, caps: Capabilities): string {
  let command = `MAIL FROM:<${forPath(envelope.mailFrom)}>`;
  if (caps.size) command += ` SIZE=${size}`;
  if (envelope.body8bit === true) command += ' BODY=8BITMIME';
  if (needsUtf8(envelope)) command += ' SMTPUTF8';
  // RFC 8689 3
  if (envelope.requireTls === true) command += ' REQUIRETLS';
  if (caps.dsn && envelope.dsn?.ret !== undefined) command += ` RET=${envelope.dsn.ret}`;
  if (caps.dsn && envelope.dsn?.envid !== undefined) command += ` ENVID=${xtext(envelope.dsn.envid)}`;
  return command;
}

export function rcptCommand(envelope: Envelope, caps: Capabilities): string {
  let command = `RCPT TO:<${forPath(envelope.rcptTo)}>`;
  const { notify, orcpt } = envelope.dsn ?? {};
  if (caps.dsn && notify !== undefined)
    command += ` NOTIFY=${notify === 'NEVER' ? notify : notify.join(',')}`;
  if (caps.dsn && orcpt !== undefined) command += ` ORCPT=rfc822;${xtext(orcpt)}`;
  return command;
}

function needsUtf8(envelope: Envelope): boolean {
  return envelope.smtputf8 === true || NOT_ASCII.test(envelope.rcptTo) || NOT_ASCII.test(envelope.mailFrom);
}

const NOT_ASCII = /[^ -~]/;
// oxlint-disable-next-line no-control-regex
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/;
const QUOTED = /^"(?:[^"\\]|\\.)*"@/;

/** An address for the inside of `<>`. One that could end the command is a fault of ours, so it throws. */
function forPath(address: string): string {
  const outside = address.replace(QUOTED, '');
  if (CONTROL.test(address) || /[\s<>]/.test(outside) || address.length > 320)
    throw new Error('an address that cannot stand in an SMTP command');
  return address;
}

// RFC 3461 4: xtext
const xtext = (text: string) =>
  Array.from(Buffer.from(text), (byte) =>
    byte > 32 && byte < 127 && byte !== 43 && byte !== 61
      ? String.fromCharCode(byte)
      : `+${byte.toString(16).toUpperCase().padStart(2, '0')}`,
  ).join('');
