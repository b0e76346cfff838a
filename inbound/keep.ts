/**
 * Port 25's half of the queue: what is answered 250 is on disk and its row committed. Messages that come while a commit is
 * on its way wait together for the next one, so that many share two statements and one sync. When such a batch fails each
 * of its messages is tried alone: nobody is refused for what stands beside him.
 */
import type { Runtime } from '../core/runtime.ts';
import { addInbounds, type ReceivedEnvelope } from '../core/store/inbound.ts';
import { addRawMessages, type KeptRaw, type RawSpool } from '../core/store/raw-message.ts';
import { isLooping, loopRefusal } from './refusal.ts';

/** Resolves when the message is safe, with the id for the 250. */
export type Keep = (envelope: Omit<ReceivedEnvelope, 'rawHash' | 'size'>, spool: RawSpool) => Promise<number>;

export interface Keeper extends Keep {
  rush: () => Rush;
}

/**
 * How much comes in. `some`: somebody is on the line with a message, or was a moment ago. `flood`: more at once than could
 * be read beside it.
 */
export type Rush = 'none' | 'some' | 'flood';

/** A sender's next message comes within this, if he has one. */
export const STILL_BUSY_MS = 100;
/** So many within that time. */
const FLOOD = 20;

interface Waiting {
  envelope: ReceivedEnvelope;
  kept: KeptRaw;
  resolve: (id: number) => void;
  reject: (error: unknown) => void;
}

/** In one transaction: a statement has 32,766 parameters at most, and a batch has to end. */
const MOST_AT_ONCE = 200;

export function keeper(rt: Runtime): Keeper {
  const waiting: Waiting[] = [];
  let isRunning = false;
  /** When the last ones came, the oldest overwritten first. */
  const arrivals = Array.from({ length: FLOOD }, () => -Infinity);
  let arrived = 0;

  async function drain(): Promise<void> {
    // Whoever ends in this turn of the event loop comes along.
    await new Promise((resolve) => setImmediate(resolve));
    while (waiting.length > 0) await commitAll(waiting.splice(0, MOST_AT_ONCE));
    isRunning = false;
  }

  async function commitAll(batch: Waiting[]): Promise<void> {
    try {
      const ids = await commit(rt, batch);
      for (const [at, one] of batch.entries()) one.resolve(ids[at] as number);
    } catch (error) {
      if (batch.length === 1) batch[0]?.reject(error);
      else for (const one of batch) await commitAll([one]);
    }
  }

  const keep = async (envelope: Omit<ReceivedEnvelope, 'rawHash' | 'size'>, spool: RawSpool) => {
    arrivals[arrived++ % FLOOD] = rt.clock.now();
    const kept = await spool.keep();
    if (isLooping(spool.head)) throw loopRefusal();
    const id = await new Promise<number>((resolve, reject) => {
      waiting.push({
        envelope: { ...envelope, rawHash: kept.hash, size: kept.size },
        kept,
        resolve,
        reject,
      });
      if (isRunning) return;
      isRunning = true;
      void drain();
    });
    rt.metrics.count('inbound_received');
    rt.wake.ring('inbound');
    return id;
  };
  const isRecent = (at = -Infinity) => rt.clock.now() - at < STILL_BUSY_MS;
  const rush = (): Rush => {
    if (isRecent(arrivals[arrived % FLOOD])) return 'flood';
    return isRecent(arrivals[(arrived + FLOOD - 1) % FLOOD]) ? 'some' : 'none';
  };
  return Object.assign(keep, { rush });
}

const commit = (rt: Runtime, batch: readonly Waiting[]): Promise<number[]> =>
  rt.store.write(async (tx) => {
    const now = rt.clock.now();
    await addRawMessages(
      tx,
      batch.map((one) => one.kept),
      now,
    );
    return addInbounds(
      tx,
      batch.map((one) => one.envelope),
      now,
    );
    // Somebody waits on the line for it.
  }, 'urgent');
