/**
 * Signs what we send: DKIM, relaxed/relaxed, an RSA-2048 signature first and an Ed25519 one beside it, in the name of the
 * From domain exactly (some receivers count nothing else). The fields that a forger would like to add once more are signed
 * once more than they occur. RSA runs on the thread pool, a few at a time, so that signing never holds up the wire.
 */
import { hash, sign as signBytes, type KeyObject } from 'node:crypto';
import { availableParallelism } from 'node:os';
import type { OutgoingMessage } from '../core/mail/compose.ts';
import { readDkimKey, type DkimAlgorithm } from '../core/mail/dkim-key.ts';
import type { HeaderField } from '../core/mail/header.ts';

export interface SigningKey {
  /** d=, which must be the From domain. */
  domain: string;
  /** s= */
  selector: string;
  algorithm: DkimAlgorithm;
  key: KeyObject;
}

/** Parses a stored key (PKCS#8 DER or PEM) once; keep the result. Throws a Problem when it may not sign. */
export function signingKey(domain: string, selector: string, source: Uint8Array | string): SigningKey {
  return { domain: domain.toLowerCase(), selector, ...readDkimKey(source) };
}

/** What the signer needs of a message; `OutgoingMessage` has it. */
export type Signable = Pick<OutgoingMessage, 'headers' | 'canonicalBody'>;

export interface Signer {
  /**
   * The DKIM-Signature fields to put on top, RSA first. Rejects when a key's domain is not the From domain.
   *
   * `signedAt` is the message's own frozen date, so that a retry repeats the signature too.
   *
   * `body` is the canonical body in bytes, where they are there already (`WireMessage.canonicalBody`).
   *
   *     wireForm(message, await signer.sign(message, keys, fill.date))
   */
  sign(
    message: Signable,
    keys: readonly SigningKey[],
    signedAt: number,
    body?: Buffer,
  ): Promise<HeaderField[]>;
  /** Signatures being made and waiting, for metrics. */
  readonly inFlight: number;
  readonly waiting: number;
}

export interface SignerOptions {
  /** Signatures made at once. The thread pool is shared with the store: never take all of it. */
  atOnce?: number;
}

// RFC 6376 5.4.1, and what bulk mail must have under its signature (RFC 8058 3.1). Oversigned: listed once more than
// present (RFC 6376 8.15), so that nobody can add another.
const OVERSIGNED = ['from', 'to', 'subject', 'date', 'reply-to', 'list-unsubscribe', 'list-unsubscribe-post'];
const SIGNED = [
  'cc',
  'sender',
  'message-id',
  'in-reply-to',
  'references',
  'mime-version',
  'content-type',
  'content-transfer-encoding',
  'content-id',
  'content-description',
  'list-id',
  'list-help',
  'list-subscribe',
  'list-post',
  'list-owner',
  'list-archive',
  'feedback-id',
  'x-parley-reference',
  'auto-submitted',
  'precedence',
  'resent-from',
  'resent-to',
  'resent-date',
];
const ORDER: Record<DkimAlgorithm, number> = { 'rsa-sha256': 0, 'ed25519-sha256': 1 };

export function createSigner({ atOnce = availableParallelism() + 1 }: SignerOptions = {}): Signer {
  let inFlight = 0;
  const waiting: (() => void)[] = [];
  const leave = () => {
    const next = waiting.shift();
    if (next !== undefined) next();
    else inFlight -= 1;
  };
  const enter = (): Promise<void> | undefined => {
    if (inFlight < atOnce) {
      inFlight += 1;
      return undefined;
    }
    return new Promise((resolve) => waiting.push(resolve));
  };

  return {
    get inFlight() {
      return inFlight;
    },
    get waiting() {
      return waiting.length;
    },
    async sign(message, keys, signedAt, body = Buffer.from(message.canonicalBody, 'latin1')) {
      const from = fromDomain(message.headers);
      const { names, canonical } = signedFields(message.headers);
      const bodyHash = hash('sha256', body, 'base64');
      const ordered =
        keys.length < 2 ? keys : keys.toSorted((a, b) => ORDER[a.algorithm] - ORDER[b.algorithm]);
      return Promise.all(
        ordered.map(async (key) => {
          if (key.domain !== from) throw new Error(`the dkim key of ${key.domain} may not sign for ${from}`);
          const unsigned = signatureField(key, names, bodyHash, signedAt);
          // RFC 6376 3.7: the signature field itself comes last, with an empty b=, without its line break.
          const data = Buffer.from(`${canonical}${relaxedField(unsigned)}`, 'utf8');
          const turn = enter();
          if (turn !== undefined) await turn;
          try {
            return unsigned + foldSignature(await signature(key, data));
          } finally {
            leave();
          }
        }),
      );
    },
  };
}

function signature({ algorithm, key }: SigningKey, data: Buffer): Promise<string> {
  return new Promise((resolve, reject) => {
    const done = (error: Error | null, bytes: Buffer) =>
      error === null ? resolve(bytes.toString('base64')) : reject(error);
    // RFC 8463 3: Ed25519 signs the SHA-256 of the fields, not the fields.
    if (algorithm === 'ed25519-sha256') signBytes(null, hash('sha256', data, 'buffer'), key, done);
    else signBytes('sha256', data, key, done);
  });
}

function signatureField(key: SigningKey, names: string, bodyHash: string, signedAt: number): HeaderField {
  return (
    `DKIM-Signature: v=1; a=${key.algorithm}; c=relaxed/relaxed; d=${key.domain};\r\n` +
    ` s=${key.selector}; t=${Math.floor(signedAt / 1000)}; bh=${bodyHash};\r\n` +
    ` h=${names};\r\n b=`
  );
}

function foldSignature(base64: string): string {
  let out = base64.slice(0, 70);
  for (let i = 70; i < base64.length; i += 74) out += `\r\n ${base64.slice(i, i + 74)}`;
  return out;
}

/** Which fields are signed, in which order, for messages that have the same fields in the same order. */
interface Plan {
  /** Places among the headers. */
  order: number[];
  /** The h= list, folded. */
  names: string;
}

const plans = new Map<string, Plan>();
const PLANS = 200;

/** The h= list, folded, and the fields that it names in that order, canonical, each with its line break. */
function signedFields(headers: readonly HeaderField[]): { names: string; canonical: string } {
  const names = headers.map(nameOf);
  const key = names.join(':');
  let plan = plans.get(key);
  if (plan === undefined) {
    plan = planFor(names);
    if (plans.size < PLANS) plans.set(key, plan);
  }
  let canonical = '';
  for (const place of plan.order) canonical += `${relaxedField(headers[place]!)}\r\n`;
  return { names: plan.names, canonical };
}

function planFor(present: readonly string[]): Plan {
  const order: number[] = [];
  const names: string[] = [];
  for (const name of [...OVERSIGNED, ...SIGNED]) {
    // RFC 6376 5.4.2: several fields of one name are taken from the bottom up.
    for (let place = present.length - 1; place >= 0; place--) {
      if (present[place] !== name) continue;
      order.push(place);
      names.push(name);
    }
  }
  return { order, names: foldNames([...names, ...OVERSIGNED]) };
}

const nameOf = (field: HeaderField): string => field.slice(0, field.indexOf(':')).trimEnd().toLowerCase();

function foldNames(names: readonly string[]): string {
  let out = '';
  let column = 3;
  names.forEach((name, index) => {
    const word = index === 0 ? name : `:${name}`;
    if (column + word.length > 76) {
      out += '\r\n ';
      column = 1;
    }
    out += word;
    column += word.length;
  });
  return out;
}

/** RFC 6376 3.4.2: name in lower case, unfolded, runs of white space to one space, none around the colon or at the end. */
export function relaxedField(field: HeaderField): string {
  const colon = field.indexOf(':');
  const name = field.slice(0, colon).trimEnd().toLowerCase();
  const value = field.slice(colon + 1);
  // Most fields are one line with single spaces, and need no pattern.
  if (!value.includes('\t')) {
    const unfolded = value.includes('\r\n ') ? value.replaceAll('\r\n ', ' ') : value;
    if (!unfolded.includes('  ') && !unfolded.includes('\r\n')) return `${name}:${unfolded.trim()}`;
  }
  const plain = value.replace(/\r\n(?=[ \t])/g, '').replace(/[ \t]+/g, ' ');
  return `${name}:${plain.replace(/^ +| +$/g, '')}`;
}

/**
 * RFC 6376 3.4.4: the relaxed form of any body whose lines end in CRLF. Composed messages bring theirs along; this is for
 * those that came from elsewhere (submission). Bytes beyond ASCII go through as latin1 and so stay what they are.
 */
export function relaxedBody(body: string): string {
  const lines = body.replace(/[ \t]+(?=\r\n|$(?!\n))/g, '').replace(/[ \t]+/g, ' ');
  const kept = lines.replace(/(?:\r\n)+$/, '');
  return kept === '' ? '' : `${kept}\r\n`;
}

function fromDomain(headers: readonly HeaderField[]): string {
  const from = headers.find((field) => /^from\s*:/i.test(field));
  const match = from === undefined ? null : /@([^\s<>@"(),;:]+)>?\s*$/.exec(from);
  if (match === null) throw new Error('a message without a From domain cannot be signed');
  return match[1]!.toLowerCase();
}
