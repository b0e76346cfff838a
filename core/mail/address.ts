/**
 * E-mail addresses, and text that is safe in a line of protocol. Everything that a stranger can make us write into an
 * SMTP command, a header or a log passes here first: injection is impossible by type, not by care at each call.
 */
import { Problem } from '../errors.ts';
import { asciiDomain } from './domain.ts';

declare const safe: unique symbol;
/** A string without control characters: it can end no line, in SMTP, in a header or in a log. */
export type SafeText = string & { readonly [safe]: true };

// C0, DEL, C1, and the two separators that some programs take for a line's end.
// oxlint-disable-next-line no-control-regex
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/;
// oxlint-disable-next-line no-control-regex
const CONTROLS = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g;

export function isSafeText(text: string): text is SafeText {
  return !CONTROL.test(text) && text.isWellFormed();
}

/**
 * The same text, proved free of control characters; a Problem that names the field otherwise. For what our own people
 * and API callers write: it is refused, never folded silently.
 *
 *     safeText(body.subject, 'subject')
 */
export function safeText(text: string, field: string): SafeText {
  if (isSafeText(text)) return text;
  const words = 'may not contain line breaks or control characters';
  throw new Problem('invalid', `${field} ${words}`, { fields: { [field]: words } });
}

/** Text with each run of control characters turned into one space: for names and replies that others wrote. */
export function cleanText(text: string): SafeText {
  const clean = CONTROL.test(text) ? text.replace(CONTROLS, ' ').trim() : text;
  return (clean.isWellFormed() ? clean : clean.toWellFormed()) as SafeText;
}

export type AddressFault =
  | 'empty'
  | 'control-character'
  | 'no-at-sign'
  | 'several-at-signs'
  | 'bad-local-part'
  | 'local-part-too-long'
  | 'address-literal'
  | 'bad-domain'
  | 'too-long';

export interface Address {
  /** As written, quoted only where it must be. Case is kept: only the receiver knows whether it matters. */
  local: string;
  /** Lower-case, A-labels. */
  domain: string;
  /** What goes on the wire: `local@domain`. */
  address: SafeText;
  /** What identifies a person in the store: the whole in lower case, composed (NFC). */
  key: SafeText;
  /** RFC 6531: the local part is beyond ASCII, so only a receiver that offers SMTPUTF8 can take it. */
  needsSmtputf8: boolean;
}

export type AddressReading = { kind: 'address'; address: Address } | { kind: 'invalid'; fault: AddressFault };

const ATEXT = /^[\p{L}\p{M}\p{N}\p{S}\p{Pd}\p{Pc}\p{Po}\p{Ps}\p{Pe}\p{Pi}\p{Pf}\u200c\u200d]+$/u;
const NOT_ATOM = /[\s()<>[\]:;@\\,."]/;
// RFC 5322 3.2.3
const DOT_ATOM = /^[a-z0-9!#$%&'*+\-/=?^_`{|}~]+(?:\.[a-z0-9!#$%&'*+\-/=?^_`{|}~]+)*$/i;

/**
 * Reads one bare address, `local@domain`: dot-atoms, quoted local parts, and letters beyond ASCII on both sides. White
 * space around it is ignored, address literals are refused. Linear in the length of what is handed in.
 *
 *     checkAddress('Ana@Bücher.example')  // address.key 'ana@xn--bcher-kva.example'
 *     checkAddress('a..b@example.org')    // { kind: 'invalid', fault: 'bad-local-part' }
 */
export function checkAddress(input: string): AddressReading {
  const text = input.trim();
  if (text === '') return invalid('empty');
  // RFC 5321 4.5.3.1.3: a path is at most 256 octets with its brackets.
  if (text.length > 254) return invalid('too-long');
  if (!isSafeText(text)) return invalid('control-character');
  const at = text.startsWith('"') ? afterQuotedString(text) : text.indexOf('@');
  if (at < 0 || text[at] !== '@') return invalid(text.startsWith('"') ? 'bad-local-part' : 'no-at-sign');

  const rawLocal = text.slice(0, at);
  const rawDomain = text.slice(at + 1);
  const local = rawLocal.startsWith('"') ? requote(rawLocal) : atoms(rawLocal);
  if (local === undefined) return invalid('bad-local-part');
  if (rawDomain.includes('@')) return invalid('several-at-signs');
  if (rawDomain.startsWith('[')) return invalid('address-literal');
  const domain = asciiDomain(rawDomain);
  if (domain === undefined) return invalid('bad-domain');
  // RFC 5321 4.5.3.1.1: 64 octets, as they are on the wire.
  const ascii = isAscii(local);
  const localOctets = ascii ? local.length : Buffer.byteLength(local);
  if (localOctets > 64) return invalid('local-part-too-long');
  if (localOctets + 1 + domain.length > 254) return invalid('too-long');
  const address = `${local}@${domain}` as SafeText;
  const key = (ascii ? address.toLowerCase() : address.normalize('NFC').toLowerCase()) as SafeText;
  return { kind: 'address', address: { local, domain, address, key, needsSmtputf8: !ascii } };
}

/** The address, or undefined. */
export function parseAddress(text: string): Address | undefined {
  const reading = checkAddress(text);
  return reading.kind === 'address' ? reading.address : undefined;
}

/** The form that identifies a person in the store, or undefined when it is no address. */
export function normaliseAddress(text: string): SafeText | undefined {
  return parseAddress(text)?.key;
}

/** The fault as the end of a sentence that begins with the address. */
export function explainAddressFault(fault: AddressFault): string {
  switch (fault) {
    case 'empty':
      return 'is empty';
    case 'control-character':
      return 'contains a line break or control character';
    case 'no-at-sign':
      return 'has no @';
    case 'several-at-signs':
      return 'has more than one @';
    case 'bad-local-part':
      return 'has a name before the @ that no mail system allows';
    case 'local-part-too-long':
      return 'has more than 64 characters before the @';
    case 'address-literal':
      return 'names an IP address where a domain must stand';
    case 'bad-domain':
      return 'has no valid domain after the @';
    case 'too-long':
      return 'is longer than 254 characters';
    default:
      return fault satisfies never;
  }
}

export interface Mailbox {
  name: SafeText;
  address: Address;
}

/**
 * Reads `Name <address>` or a bare address. Groups, several addresses and nested brackets are refused, in linear time.
 * The domain is always the one after the last unquoted @: what stands inside quotes or before the bracket is a name.
 */
export function parseMailbox(input: string): Mailbox | undefined {
  const text = input.trim();
  if (text.length > 2000 || !isSafeText(text)) return undefined;
  const open = lastUnquoted(text, '<');
  if (open < 0) {
    const address = parseAddress(text);
    return address && { name: '' as SafeText, address };
  }
  if (!text.endsWith('>')) return undefined;
  const address = parseAddress(text.slice(open + 1, -1));
  const phrase = text.slice(0, open).trim();
  const name = phrase.startsWith('"') ? unquote(phrase) : /[<>@,;:\\"]/.test(phrase) ? undefined : phrase;
  return address && name !== undefined ? { name: name as SafeText, address } : undefined;
}

/** `j***@example.org`: for logs, where only the domain is anybody's business. */
export function maskAddress(text: string): string {
  const at = text.lastIndexOf('@');
  if (at <= 0) return '***';
  const first = at > 1 && /^[a-z0-9]/i.test(text) ? text[0] : '';
  return `${first}***@${cleanText(text.slice(at + 1))}`;
}

function invalid(fault: AddressFault): AddressReading {
  return { kind: 'invalid', fault };
}

function isAscii(text: string): boolean {
  return !/[^\u0020-\u007e]/.test(text);
}

function atoms(local: string): string | undefined {
  if (DOT_ATOM.test(local)) return local;
  if (isAscii(local)) return undefined;
  // RFC 6531 3.3 adds every UTF-8 character beyond ASCII to atext; we leave out spaces and invisible ones.
  return local.split('.').every((atom) => ATEXT.test(atom) && !NOT_ATOM.test(atom)) ? local : undefined;
}

/** The place after the closing quote, or -1. */
function afterQuotedString(text: string): number {
  for (let i = 1; i < text.length; i++) {
    if (text[i] === '\\') i++;
    else if (text[i] === '"') return i + 1;
  }
  return -1;
}

/** RFC 5321 4.1.2: a sender SHOULD use the simplest form, so quotes and backslashes stay only where they must. */
function requote(quoted: string): string | undefined {
  const content = unquote(quoted);
  if (content === undefined || content === '') return undefined;
  return atoms(content) ?? `"${content.replace(/["\\]/g, '\\$&')}"`;
}

function unquote(quoted: string): string | undefined {
  if (quoted.length < 2 || afterQuotedString(quoted) !== quoted.length) return undefined;
  return quoted.slice(1, -1).replace(/\\(.)/gu, '$1');
}

function lastUnquoted(text: string, character: string): number {
  let found = -1;
  let quoted = false;
  for (let i = 0; i < text.length; i++) {
    if (quoted && text[i] === '\\') i++;
    else if (text[i] === '"') quoted = !quoted;
    else if (!quoted && text[i] === character) {
      if (found >= 0) return -2;
      found = i;
    }
  }
  return quoted ? -2 : found;
}
