/**
 * Delivery status notifications by the book (RFC 3464): per recipient, what became of it, in the reporting system's
 * fields. What the fields leave out is looked for in the words that people get to read.
 */
import { readAddresses, readHeaders, type Headers } from './header.ts';
import { decodedText, partsOf, type Part } from './mime.ts';
import { diagnose, type Diagnosis } from './diagnosis.ts';

export type DsnAction = 'failed' | 'delayed' | 'delivered' | 'relayed' | 'expanded';

export interface BouncedRecipient extends Diagnosis {
  /** Lower-case; empty when the report hides it. */
  address: string;
  action: DsnAction;
  /** The remote's words, cut to 2 KiB. */
  words: string;
  remoteMta: string;
}

const ACTIONS: readonly string[] = ['failed', 'delayed', 'delivered', 'relayed', 'expanded'];
// A diagnostic of five megabytes is somebody's joke.
const MAX_WORDS = 2048;
const MAX_RECIPIENTS = 500;

/** The parts that hold status fields, by their type. Some systems call them text. */
export function statusParts(mime: Part): Part[] {
  const typed = [...partsOf(mime)].filter(
    (part) => part.type === 'message/delivery-status' || part.type === 'message/global-delivery-status',
  );
  if (typed.length > 0) return typed;
  return [...partsOf(mime)].filter(
    (part) =>
      part.path !== '' &&
      part.type === 'text/plain' &&
      /^final-recipient\s*:/im.test(part.body.slice(0, 20_000)) &&
      /^(action|status)\s*:/im.test(part.body.slice(0, 20_000)),
  );
}

/** Every recipient of the report; empty when no group of fields names one. */
export function readDsn(parts: Part[], humanText: string): BouncedRecipient[] {
  return merged(parts.flatMap((part) => readGroups(decodedText(part), humanText)).slice(0, MAX_RECIPIENTS));
}

/** RFC 3464 2.1: groups of fields, each ended by an empty line; the first is about the message. */
export function readGroups(text: string, humanText: string): BouncedRecipient[] {
  const recipients: BouncedRecipient[] = [];
  for (const block of text.slice(0, 512 * 1024).split(/\n[ \t]*\n/)) {
    if (recipients.length >= MAX_RECIPIENTS) break;
    const recipient = readGroup(readHeaders(block.replace(/^\n+/, '')), humanText);
    if (recipient !== undefined) recipients.push(recipient);
  }
  return recipients;
}

function readGroup(fields: Headers, humanText: string): BouncedRecipient | undefined {
  const final = typedAddress(fields.text('final-recipient'));
  const original = typedAddress(fields.text('original-recipient'));
  if (final === '' && original === '' && !fields.has('action')) return undefined;
  if (!fields.has('action') && !fields.has('status')) return undefined;
  // RFC 3464 2.3.3: Action is required; words around it are comments.
  const written =
    /[a-z]+/i.exec(
      fields
        .raw('action')
        .toLowerCase()
        .replace(/\(.*?\)/g, ''),
    )?.[0] ?? '';
  const status = /([245]\.\d{1,3}\.\d{1,3})/.exec(fields.raw('status'))?.[1] ?? '';
  const action = ACTIONS.includes(written)
    ? (written as DsnAction)
    : status.startsWith('2')
      ? 'delivered'
      : status.startsWith('4') && written !== 'failure'
        ? 'delayed'
        : 'failed';
  const diagnostic = fields
    .all('diagnostic-code')
    .concat(fields.all('x-supplementary-info'))
    .map((value) => value.replace(/^\s*[\w-]+\s*;\s*/, ''))
    .join(' ')
    .slice(0, MAX_WORDS);
  // RFC 3464 2.3.1 and 2.3.2: the recipient as we knew it is the original one, the one that failed the final one.
  const address = isAddress(final)
    ? final
    : isAddress(original)
      ? original
      : generatedBy(final, humanText) || final || original;
  const around = diagnostic === '' || /^\W*$/.test(diagnostic) ? wordsAbout(humanText, address) : diagnostic;
  return {
    address,
    action,
    words: around,
    remoteMta: fields
      .raw('remote-mta')
      .replace(/^\s*dns\s*;\s*/i, '')
      .slice(0, 255),
    ...diagnose(status, around, humanText),
  };
}

/** Exim: a file or a pipe failed, and the address that led there stands in the next line. */
function generatedBy(final: string, humanText: string): string {
  if (!/^[/|]/.test(final)) return '';
  return /generated (?:by|from) ([^\s<>]{1,320}@[^\s<>,;]{1,255})/i.exec(humanText)?.[1]?.toLowerCase() ?? '';
}

const isAddress = (text: string): boolean => /^[^\s@]+@[^\s@]+$/.test(text);

/** `rfc822; ana@example.net` to its address. */
export function typedAddress(value: string): string {
  const bare = value.replace(/^\s*[\w-]+\s*;\s*/, '').trim();
  const read = readAddresses(bare)[0]?.address;
  return (read || bare.replace(/^<|>$/g, '')).trim().toLowerCase().slice(0, 320);
}

/** The sentences of the readable part about a recipient, up to the next one's, for reports without a diagnostic. */
export function wordsAbout(text: string, address: string): string {
  const lower = text.toLowerCase();
  const at = address === '' ? -1 : lower.indexOf(address);
  if (at < 0) return text.slice(0, MAX_WORDS).trim();
  const after = text.slice(at + address.length, at + address.length + MAX_WORDS);
  for (const match of after.matchAll(/[\w.+=-]{1,64}@[\w.-]{1,255}/g)) {
    if (match[0].toLowerCase() !== address && match.index > 8) return after.slice(0, match.index).trim();
  }
  return after.trim();
}

/** One entry an address: systems that report each hop repeat it. The worst word counts. */
function merged(recipients: BouncedRecipient[]): BouncedRecipient[] {
  const byAddress = new Map<string, BouncedRecipient>();
  for (const recipient of recipients) {
    const key = recipient.address || `#${byAddress.size}`;
    const known = byAddress.get(key);
    if (known === undefined || (known.action !== 'failed' && recipient.action === 'failed'))
      byAddress.set(key, recipient);
  }
  return [...byAddress.values()];
}

/** What the report as a whole is: any failure makes it a bounce, else any delay, else a success. */
export function kindOf(recipients: BouncedRecipient[]): 'bounce' | 'delayed' | 'delivered' {
  if (recipients.some((recipient) => recipient.action === 'failed')) return 'bounce';
  if (recipients.some((recipient) => recipient.action === 'delayed')) return 'delayed';
  return 'delivered';
}
