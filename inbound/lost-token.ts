/**
 * The token of a message whose envelope has none: a host that forwards drops what stands behind the "+", or puts its own
 * recipient. It is looked for where it survives, and believed as that place deserves.
 *
 *     To, Delivered-To, X-Original-To, Envelope-To …   as in the envelope: either is what the sender was given by us
 *     In-Reply-To, References                          thread.ts: our Message-ID places it; who wrote must be proved
 *     the quoted footer                                places it, and nothing more: a quotation travels to anybody
 */
import { LINK_DOMAIN, readRecipient } from '../core/mail/identifiers.ts';
import { LINK_TOKEN_LENGTH, TOKEN_LENGTH, type Tokens } from '../core/mail/tokens.ts';
import { readAddresses, type Headers } from './header.ts';
import { originalAddress } from './rewritten-address.ts';
import { hashOf, type EnvelopeToken, type EnvelopeTokens } from './envelope-token.ts';

/** As written in a message, and in the order of asking. */
const FIELDS = [
  'To',
  'Delivered-To',
  'X-Original-To',
  'Envelope-To',
  'X-Delivered-To',
  'X-Envelope-To',
  'X-Forwarded-To',
  'X-Rcpt-To',
  // Google Workspace, where a routing rule is told to add it.
  'X-Gm-Original-To',
  'Resent-To',
  'Cc',
];
const MOST_ADDRESSES = 50;

/** The envelope's tokens; when it has none that is valid, the first that a field of the header holds. */
export function withLostToken(
  envelope: EnvelopeTokens,
  headers: () => Headers,
  { tokens, now }: { tokens: Tokens; now: number },
): EnvelopeTokens {
  if (envelope.valid.length > 0) return envelope;
  const fields = headers();
  for (const field of FIELDS) {
    const addresses = fields.all(field.toLowerCase()).flatMap((value) => readAddresses(value));
    for (const { address } of addresses.slice(0, MOST_ADDRESSES)) {
      const token = readToken(address, tokens, now);
      if (token !== undefined) return { ...envelope, valid: [{ ...token, field }] };
    }
  }
  return envelope;
}

/** A recipient with a token of ours, also inside what SRS or BATV made of it. */
function readToken(address: string, tokens: Tokens, now: number): EnvelopeToken | undefined {
  const found = readRecipient(originalAddress(address));
  if (found.kind !== 'token') return undefined;
  const reading = tokens.read(found.token, { domain: found.domain, purpose: found.purpose, now });
  if (reading.kind !== 'valid') return undefined;
  return { purpose: found.purpose, deliveryId: reading.id, hash: hashOf(found.token) };
}

const LONGEST_BODY = 256 * 1024;
const MOST_MARKS = 50;
const CHARACTER = '[0-9a-hjkmnp-tv-z]';
// Other hosts wrap links in their own, with the path inside percent-encoded.
const LINK = new RegExp(
  `(?:/|%2f)[upvl](?:/|%2f)(${CHARACTER}{${TOKEN_LENGTH},${LINK_TOKEN_LENGTH}})(?![0-9a-z])`,
  'gi',
);
const ADDRESS = new RegExp(
  `[bru]\\.?(${CHARACTER}{${TOKEN_LENGTH}})@([a-z0-9-]+(?:\\.[a-z0-9-]+){1,8})`,
  'gi',
);

/** The delivery that a quotation of our mail names: by a link of its footer or our address in its head. */
export function deliveryInBody(
  { text, html }: { text: string; html: string | null },
  { tokens, now }: { tokens: Tokens; now: number },
): number | undefined {
  for (const body of [text, html ?? '']) {
    const searched = body.slice(0, LONGEST_BODY);
    for (const [, token = ''] of first(searched.matchAll(LINK))) {
      const terms = { domain: LINK_DOMAIN, purpose: ['u', 'v', 'l'], now } as const;
      const reading = tokens.read(token.toLowerCase(), terms);
      if (reading.kind === 'valid') return reading.id;
    }
    for (const [, token = '', domain = ''] of first(searched.matchAll(ADDRESS))) {
      const terms = { domain: domain.toLowerCase(), purpose: ['b', 'r', 'u'], now } as const;
      const reading = tokens.read(token.toLowerCase(), terms);
      if (reading.kind === 'valid') return reading.id;
    }
  }
  return undefined;
}

function* first(matches: Iterable<RegExpExecArray>): Iterable<RegExpExecArray> {
  let count = 0;
  for (const match of matches) {
    if (count++ >= MOST_MARKS) return;
    yield match;
  }
}
