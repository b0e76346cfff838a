/**
 * What the lab received: for each address the messages its provider took, and every answer that was given about it.
 * Tests and the demo lay this ledger beside Parley's own.
 */
import type { Reply } from './provider-replies.ts';
import type { Verdict } from './verify.ts';

export interface Receipt {
  address: string;
  /** Lab time, ms. */
  at: number;
  provider: string;
  messageId: string;
  from: string;
  replyTo: string;
  subject: string;
  inReplyTo: string;
  references: string;
  returnPath: string;
  isBulk: boolean;
  size: number;
  tls: string | false;
  clientIp: string;
  ehlo: string;
  verdict: Verdict;
  /** SHA-256 of the whole message as it came over the wire, and of its body. */
  hash: string;
  bodyHash: string;
  /** The message itself, until the cap on kept bytes is reached. */
  raw?: Buffer;
}

export interface Answer {
  address: string;
  at: number;
  provider: string;
  stage: 'connect' | 'mail' | 'rcpt' | 'data';
  kind: 'accepted' | 'deferred' | 'refused';
  reply: Reply;
  code: number;
  text: string;
}

export interface LedgerEntry {
  address: string;
  accepted: Receipt[];
  refused: Answer[];
  deferred: Answer[];
}

export interface Duplicate {
  address: string;
  messageId: string;
  times: number;
  /** Whether all copies are the same bytes. */
  identical: boolean;
}

export class Mailboxes {
  readonly #entries = new Map<string, LedgerEntry>();
  readonly #cap: number;
  #kept = 0;
  #received = 0;

  constructor(keepBytes: number) {
    this.#cap = keepBytes;
  }

  get received(): number {
    return this.#received;
  }

  get addresses(): number {
    return this.#entries.size;
  }

  accept(receipt: Receipt): void {
    const raw = receipt.raw;
    const keeps = raw !== undefined && this.#kept + raw.length <= this.#cap;
    if (keeps) this.#kept += raw.length;
    this.#received++;
    this.#entry(receipt.address).accepted.push(keeps ? receipt : { ...receipt, raw: undefined });
  }

  answer(answer: Answer): void {
    if (answer.kind === 'refused') this.#entry(answer.address).refused.push(answer);
    if (answer.kind === 'deferred') this.#entry(answer.address).deferred.push(answer);
  }

  of(address: string): LedgerEntry {
    const key = address.toLowerCase();
    return this.#entries.get(key) ?? { address: key, accepted: [], refused: [], deferred: [] };
  }

  /** All entries, by address; without the messages themselves. */
  ledger(): LedgerEntry[] {
    return [...this.#entries.values()]
      .map((one) => ({ ...one, accepted: one.accepted.map((receipt) => ({ ...receipt, raw: undefined })) }))
      .sort((a, b) => (a.address < b.address ? -1 : 1));
  }

  /** Messages that one address got more than once, by Message-ID. */
  duplicates(): Duplicate[] {
    return [...this.#entries.values()].flatMap(({ address, accepted }) => {
      const copies = Map.groupBy(accepted, (receipt) => receipt.messageId || receipt.hash);
      return [...copies]
        .filter(([, same]) => same.length > 1)
        .map(([messageId, same]) => ({
          address,
          messageId,
          times: same.length,
          identical: same.every((one) => one.hash === same[0]?.hash),
        }));
    });
  }

  #entry(address: string): LedgerEntry {
    const key = address.toLowerCase();
    let entry = this.#entries.get(key);
    if (entry === undefined) {
      entry = { address: key, accepted: [], refused: [], deferred: [] };
      this.#entries.set(key, entry);
    }
    return entry;
  }
}
