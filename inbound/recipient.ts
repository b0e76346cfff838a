/**
 * For whom port 25 accepts mail: our mailboxes, postmaster@ and abuse@ of our hosts, the From addresses of our mail, and
 * addresses with a token that we signed. Nobody else: Parley relays for no one, so an open relay is not a setting.
 */
import { readRecipient } from '../core/mail/identifiers.ts';
import type { Tokens } from '../core/mail/tokens.ts';
import { receivingAddresses, type ReceivingAddresses } from '../core/store/inbound.ts';
import type { Db } from '../core/store/tables.ts';

export type RecipientVerdict =
  | { kind: 'accept'; address: string; why: 'token' | 'mailbox' | 'role' | 'sender' }
  | { kind: 'refuse'; why: 'syntax' | 'relay' | 'unknown' | 'forged-token' };

// RFC 2142 5 and RFC 5321 4.5.1: these two must always arrive.
const ROLES = new Set(['postmaster', 'abuse']);
const FRESH_MS = 5000;
const RELOAD_AT_MOST_EVERY_MS = 500;

export class Recipients {
  readonly #db: Db;
  readonly #tokens: Tokens;
  #known: ReceivingAddresses | undefined;
  #readAt = 0;

  constructor(db: Db, tokens: Tokens) {
    this.#db = db;
    this.#tokens = tokens;
  }

  /** Settings changed: look again before the next answer. */
  forget(): void {
    this.#readAt = 0;
  }

  async judge(input: string, now: number): Promise<RecipientVerdict> {
    let verdict = this.#judge(input, await this.#addresses(FRESH_MS), now);
    // An address made a second ago is not unknown: ask the store once more before saying no.
    if (verdict.kind === 'refuse' && verdict.why !== 'syntax')
      verdict = this.#judge(input, await this.#addresses(RELOAD_AT_MOST_EVERY_MS), now);
    return verdict;
  }

  #judge(input: string, known: ReceivingAddresses, now: number): RecipientVerdict {
    // RFC 5321 4.1.1.3: <postmaster> without a domain is ours.
    if (input.toLowerCase() === 'postmaster') {
      const first = known.domains[0]?.name;
      return first === undefined
        ? { kind: 'refuse', why: 'unknown' }
        : { kind: 'accept', address: `postmaster@${first}`, why: 'role' };
    }
    const found = readRecipient(input);
    if (found.kind === 'invalid') return { kind: 'refuse', why: 'syntax' };
    const address = input.toLowerCase();
    if (mailboxAt(known, address) !== undefined) return { kind: 'accept', address, why: 'mailbox' };
    const isOurs = known.domains.some((domain) =>
      [domain.name, domain.bounce_host, domain.reply_host].includes(found.domain),
    );
    if (!isOurs && !known.mailboxes.some((mailbox) => mailbox.address.endsWith(`@${found.domain}`)))
      return { kind: 'refuse', why: 'relay' };
    if (found.kind === 'token') {
      const reading = this.#tokens.read(found.token, { domain: found.domain, purpose: found.purpose, now });
      // Signed by us but old: it is mail for us, it only does not act any more.
      if (reading.kind === 'valid' || reading.reason === 'expired')
        return {
          kind: 'accept',
          address: `${input.slice(0, input.lastIndexOf('@')).toLowerCase()}@${found.domain}`,
          why: 'token',
        };
      return { kind: 'refuse', why: 'forged-token' };
    }
    if (ROLES.has(found.local)) return { kind: 'accept', address, why: 'role' };
    if (known.senders.includes(address)) return { kind: 'accept', address, why: 'sender' };
    return { kind: 'refuse', why: 'unknown' };
  }

  async #addresses(maxAgeMs: number): Promise<ReceivingAddresses> {
    const at = Date.now();
    if (this.#known === undefined || at - this.#readAt > maxAgeMs) {
      this.#known = await receivingAddresses(this.#db);
      this.#readAt = at;
    }
    return this.#known;
  }
}

/**
 * The shared mailbox of an address of ours: its own, or its name at the reply host of its brand, where a host that keeps the
 * mailbox can forward to and where mail whose "+token" was dropped arrives.
 */
export function mailboxAt(
  known: ReceivingAddresses,
  address: string,
): ReceivingAddresses['mailboxes'][number] | undefined {
  const own = known.mailboxes.find((mailbox) => mailbox.address === address);
  if (own !== undefined) return own;
  const at = address.lastIndexOf('@');
  const domain = known.domains.find((one) => one.reply_host === address.slice(at + 1));
  return (
    domain &&
    known.mailboxes.find(
      (mailbox) =>
        mailbox.brand_id === domain.brand_id && mailbox.address.split('@')[0] === address.slice(0, at),
    )
  );
}
