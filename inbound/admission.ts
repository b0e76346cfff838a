/**
 * Who may talk to port 25 at all, and how long: connections at once and per minute from one address, and patience that
 * shrinks with every unknown recipient. A trusted forwarder brings the mail of many: its address has no limits of its own.
 * Real time throughout: it measures the wire.
 */
export interface AdmissionLimits {
  connections: number;
  connectionsPerAddress: number;
  /** New connections from one address in a minute. */
  connectionsPerMinute: number;
}

export type Admission = { kind: 'admit' } | { kind: 'refuse'; text: string };

const MINUTE = 60_000;
const STRANGERS = 20;
const TARPIT_STEP_MS = 250;
const LONGEST_TARPIT_MS = 5000;
const REMEMBER_MS = 10 * MINUTE;
const MAX_REMEMBERED = 20_000;

interface Peer {
  open: number;
  minute: number;
  inMinute: number;
  unknown: number;
  unknownSince: number;
}

export class Doorkeeper {
  readonly #limits: AdmissionLimits;
  readonly #isTrusted: (ip: string) => boolean;
  readonly #peers = new Map<string, Peer>();
  #open = 0;

  constructor(limits: AdmissionLimits, isTrusted: (ip: string) => boolean = () => false) {
    this.#limits = limits;
    this.#isTrusted = isTrusted;
  }

  get open(): number {
    return this.#open;
  }

  /** How much of what may be open at once is: 0 to 1. */
  get fullness(): number {
    return this.#open / this.#limits.connections;
  }

  /** One more connection; `leave` must follow, also after a refusal. */
  arrive(ip: string, at = Date.now()): Admission {
    const peer = this.#peer(ip);
    peer.open++;
    this.#open++;
    const minute = Math.floor(at / MINUTE);
    if (peer.minute !== minute) {
      peer.minute = minute;
      peer.inMinute = 0;
    }
    peer.inMinute++;
    if (this.#open > this.#limits.connections)
      return { kind: 'refuse', text: '4.3.2 too many connections, try again later' };
    if (this.#isTrusted(ip)) return { kind: 'admit' };
    if (peer.open > this.#limits.connectionsPerAddress)
      return { kind: 'refuse', text: '4.7.0 too many connections from your address' };
    if (peer.inMinute > this.#limits.connectionsPerMinute)
      return { kind: 'refuse', text: '4.7.0 too many new connections from your address' };
    if (peer.unknown >= STRANGERS && at - peer.unknownSince < REMEMBER_MS)
      return { kind: 'refuse', text: '4.7.0 too many unknown recipients, try again later' };
    return { kind: 'admit' };
  }

  leave(ip: string): void {
    const peer = this.#peer(ip);
    peer.open = Math.max(0, peer.open - 1);
    this.#open = Math.max(0, this.#open - 1);
    if (peer.open === 0 && peer.unknown === 0 && peer.minute !== Math.floor(Date.now() / MINUTE))
      this.#peers.delete(ip);
  }

  /** An unknown recipient: how long to wait before the "no", and whether to hang up. */
  unknownRecipient(ip: string, at = Date.now()): { waitMs: number; hangUp: boolean } {
    if (this.#isTrusted(ip)) return { waitMs: 0, hangUp: false };
    const peer = this.#peer(ip);
    if (at - peer.unknownSince > REMEMBER_MS) {
      peer.unknown = 0;
      peer.unknownSince = at;
    }
    peer.unknown++;
    const over = Math.max(0, peer.unknown - 3);
    return { waitMs: Math.min(over * TARPIT_STEP_MS, LONGEST_TARPIT_MS), hangUp: peer.unknown >= STRANGERS };
  }

  #peer(ip: string): Peer {
    let peer = this.#peers.get(ip);
    if (peer === undefined) {
      if (this.#peers.size >= MAX_REMEMBERED) this.#forgetOne();
      peer = { open: 0, minute: 0, inMinute: 0, unknown: 0, unknownSince: 0 };
      this.#peers.set(ip, peer);
    }
    return peer;
  }

  #forgetOne(): void {
    for (const [ip, peer] of this.#peers) {
      if (peer.open > 0) continue;
      this.#peers.delete(ip);
      return;
    }
  }
}
