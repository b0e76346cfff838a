/**
 * One message to one recipient, from its row to the receiver's answer. It reads top to bottom as the names of its steps:
 *
 *   1. fill     the frozen template with the frozen values
 *   2. sign     RSA, then Ed25519
 *   3. connect  or go on with the connection that is open
 *   4. may I?   asked in the very tick in which RCPT is written
 *   5. send     MAIL, RCPT, the message
 *   6. outcome  what the whole answer means
 *
 * It never touches the database: what it needs was fetched and what comes of it is settled by the manager.
 */
import type { Provider } from '../config/providers.ts';
import { WireMessage } from '../core/mail/compose.ts';
import type { RenderedMessage } from '../core/campaign/fill.ts';
import { outcomeOf, type Outcome } from './outcome.ts';
import type { Session } from './session.ts';
import type { Signer, SigningKey } from './sign.ts';
import type { Transaction } from './transaction.ts';

export interface Job {
  address: string;
  provider: Provider;
  message: RenderedMessage & { date: number };
  keys: readonly SigningKey[];
  /** Whether the recipient may still be mailed, and by this campaign: synchronous, from memory. */
  maySend: () => true | { refused: string };
}

/** What a worker's connection is to a delivery: open already, or opened now. */
export interface Lines {
  /** A session that can take one more transaction, or why there is none. */
  session(): Promise<{ kind: 'session'; session: Session } | Exclude<Transaction, { kind: 'accepted' }>>;
}

export interface Delivered {
  outcome: Outcome;
  transaction: Transaction;
  messageId: string;
}

export async function deliver(job: Job, lines: Lines, signer: Signer): Promise<Delivered> {
  const wire = new WireMessage(job.message);
  const transaction = await sent(job, lines, wire, await signed(job, wire, signer));
  return { outcome: outcomeOf(transaction, job.provider), transaction, messageId: job.message.messageId };
}

async function signed({ message, keys }: Job, wire: WireMessage, signer: Signer): Promise<Buffer> {
  // RFC 6376 3.5: t= is the message's own frozen date, so that a retry repeats the signature too.
  return wire.withHead(message, await signer.sign(message, keys, message.date, wire.canonicalBody));
}

async function sent(job: Job, lines: Lines, wire: WireMessage, bytes: Buffer): Promise<Transaction> {
  const first = await handedOver(job, lines, wire, bytes);
  return isWorthAnother(first) ? (await handedOver(job, lines, wire, bytes)).transaction : first.transaction;
}

/** Nothing was taken, and the message had no part in it: once more on another connection, as the same attempt. */
function isWorthAnother({ transaction, isReused }: HandedOver): boolean {
  if (transaction.kind !== 'refused' && transaction.kind !== 'dropped') return false;
  // The host offered what it does not have; it is not used again.
  if (transaction.lie !== undefined) return true;
  // A connection that had served before was closed while it lay idle: by a word, or without one.
  if (!isReused || transaction.stage !== 'mail') return false;
  return transaction.kind === 'refused' ? transaction.reply.code === 421 : !transaction.dotSent;
}

interface HandedOver {
  transaction: Transaction;
  /** The connection had carried messages before. */
  isReused: boolean;
}

async function handedOver(job: Job, lines: Lines, wire: WireMessage, bytes: Buffer): Promise<HandedOver> {
  const may = job.maySend();
  if (may !== true) return { transaction: { kind: 'withheld', reason: may.refused }, isReused: false };
  const line = await lines.session();
  if (line.kind !== 'session') return { transaction: line, isReused: false };
  const isReused = line.session.transactions > 0;
  const transaction = await line.session.transact(
    {
      mailFrom: job.message.returnPath,
      rcptTo: job.address,
      smtputf8: job.message.needsSmtputf8,
      requireTls: job.message.requireTls === true,
      maySend: job.maySend,
    },
    bytes,
  );
  // A receiver may say 250 before it has read: what still waits to be written must not change under it.
  if (transaction.kind === 'accepted' && line.session.isFlushed) wire.release();
  return { transaction, isReused };
}
