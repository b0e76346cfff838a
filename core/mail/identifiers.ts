/**
 * Where a message says who it is: the return path that bounces come back to, the Reply-To that answers come back to, the
 * Message-ID that threads hang on, and the links that only this recipient has; and the way back, from an address or a
 * Message-ID that arrives to the token inside.
 *
 *     b.TOKEN@bounces.example.org            return path, always one per recipient
 *     u.TOKEN@bounces.example.org            unsubscribe by mail
 *     contact+rTOKEN@replies.example.org     Reply-To of campaigns; what delimits is a setting
 *     <m.TOKEN@example.org>                  Message-ID of a delivery, at the From domain
 *     https://host/u/TOKEN                   unsubscribe and preferences, view (/v/), links (/l/), pixel (/o/)
 */
import { checkAddress } from './address.ts';
import { TOKEN_LENGTH, type Purpose, type ReadingTerms, type TokenReading, type Tokens } from './tokens.ts';

/** A token's characters: five bits each, in either case. */
const CHARACTER = '[0-9a-hjkmnp-tv-z]';
const IN_LOCAL_PART = new RegExp(`^(?:(.+)[+=.])?([bru])\\.?(${CHARACTER}{${TOKEN_LENGTH}})$`, 'i');
const IN_MESSAGE_ID = new RegExp(`^<?([mc])\\.(${CHARACTER}{${TOKEN_LENGTH}})@([^<>@\\s]+)>?$`, 'i');

/**
 * What links are bound to instead of a host name: a link is pressed up to 400 days later, when the application may have
 * moved to another host, and ids are of one installation anyway.
 */
export const LINK_DOMAIN = 'links';

export type ReplyDelimiter = '+' | '=' | '.';

/** Whose message it is, and the frozen facts that every retry of it repeats. */
export interface Origin {
  id: number;
  /** The frozen date and key: a retry makes the same tokens. */
  now: number;
  key?: number;
}

export function returnPath(tokens: Tokens, origin: Origin, bounceHost: string): string {
  return `b.${tokens.mint({ ...origin, purpose: 'b', domain: bounceHost })}@${bounceHost}`;
}

/** `mailbox` is what stands before the @ of the shared mailbox; a name too long for 64 characters is cut. */
export function replyAddress(
  tokens: Tokens,
  origin: Origin,
  { mailbox, host, delimiter = '+' }: { mailbox: string; host: string; delimiter?: ReplyDelimiter },
): string {
  const token = tokens.mint({ ...origin, purpose: 'r', domain: host });
  const plain = /^[a-z0-9!#$%&'*+\-/=?^_`{|}~.]+$/i.test(mailbox) ? mailbox : 'reply';
  // RFC 5321 4.5.3.1.1: 64 octets in all.
  const name = plain.slice(0, 64 - token.length - 2).replace(/\.+$/, '');
  return `${name}${delimiter}r${token}@${host}`;
}

export function unsubscribeAddress(tokens: Tokens, origin: Origin, bounceHost: string): string {
  return `u.${tokens.mint({ ...origin, purpose: 'u', domain: bounceHost })}@${bounceHost}`;
}

/** With the angle brackets, as it stands in the header. */
export function messageIdFor(
  tokens: Tokens,
  origin: Origin,
  domain: string,
  purpose: 'm' | 'c' = 'm',
): string {
  return `<${purpose}.${tokens.mint({ ...origin, purpose, domain })}@${domain}>`;
}

export interface LinkSet {
  unsubscribe: string;
  preferences: string;
  view: string;
}

/** The links that every campaign may show; the view link is made when asked for. `baseUrl` without a final slash. */
export function linksFor(tokens: Tokens, origin: Origin, baseUrl: string): LinkSet {
  const u = tokens.mint({ ...origin, purpose: 'u', domain: LINK_DOMAIN });
  return {
    unsubscribe: `${baseUrl}/u/${u}`,
    preferences: `${baseUrl}/p/${u}`,
    get view() {
      return `${baseUrl}/v/${tokens.mint({ ...origin, purpose: 'v', domain: LINK_DOMAIN })}`;
    },
  };
}

/** A counted link. The target is looked up by (delivery, number), never taken from the address. */
export function clickUrl(tokens: Tokens, origin: Origin, baseUrl: string, link: number): string {
  return `${baseUrl}/l/${tokens.mint({ ...origin, purpose: 'l', domain: LINK_DOMAIN, link })}`;
}

/** The picture that tells an opening: link 0 of the same token. */
export function pixelUrl(tokens: Tokens, origin: Origin, baseUrl: string): string {
  return `${baseUrl}/o/${tokens.mint({ ...origin, purpose: 'l', domain: LINK_DOMAIN, link: 0 })}.gif`;
}

export type RecipientReading =
  | { kind: 'token'; purpose: 'b' | 'r' | 'u'; token: string; domain: string; mailbox: string | undefined }
  | { kind: 'plain'; local: string; domain: string }
  | { kind: 'invalid' };

/**
 * What an envelope recipient at one of our hosts means. The token is found, not yet believed: hand it to `Tokens.read`
 * with the domain and purpose given here. Every delimiter is read, since the setting may change while mail is out.
 *
 *     const found = readRecipient('contact+r1c0…@replies.example.org');
 *     if (found.kind === 'token') tokens.read(found.token, { ...found, now });
 */
export function readRecipient(address: string): RecipientReading {
  const reading = checkAddress(address);
  if (reading.kind === 'invalid') return { kind: 'invalid' };
  const { local, domain } = reading.address;
  const match = IN_LOCAL_PART.exec(local);
  if (match === null) return { kind: 'plain', local: local.toLowerCase(), domain };
  return {
    kind: 'token',
    purpose: match[2]!.toLowerCase() as 'b' | 'r' | 'u',
    token: match[3]!.toLowerCase(),
    domain,
    mailbox: match[1]?.toLowerCase(),
  };
}

export interface MessageIdReading {
  purpose: 'm' | 'c';
  token: string;
  domain: string;
}

/** The token in one of our Message-IDs, as replies quote it in In-Reply-To and References; undefined when not ours. */
export function readMessageId(messageId: string): MessageIdReading | undefined {
  const match = IN_MESSAGE_ID.exec(messageId.trim());
  if (match === null) return undefined;
  return {
    purpose: match[1]!.toLowerCase() as 'm' | 'c',
    token: match[2]!.toLowerCase(),
    domain: match[3]!.toLowerCase(),
  };
}

/** The delivery or message that a received Message-ID of ours names, or why not; undefined when it is not ours. */
export function readOwnMessageId(tokens: Tokens, messageId: string, now: number): TokenReading | undefined {
  const found = readMessageId(messageId);
  return found && tokens.read(found.token, { purpose: found.purpose, domain: found.domain, now });
}

/** Reads a token from the path of a link. */
export function readLink(
  tokens: Tokens,
  token: string,
  purpose: ReadingTerms['purpose'] & Purpose,
  now: number,
): TokenReading {
  return tokens.read(token, { purpose, domain: LINK_DOMAIN, now });
}
