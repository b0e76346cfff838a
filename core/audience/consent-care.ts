/**
 * What becomes due by itself: a pause that is over, a sign-up that nobody confirmed. Goes by the rows alone, every minute, on
 * whichever node serves the web; twice does the same as once.
 */
import { explain } from '../errors.ts';
import type { Runtime } from '../runtime.ts';
import { forgetSignups } from '../store/signup.ts';
import { pausesOver } from '../store/suppression.ts';
import { unsuppress } from './suppress.ts';

const EVERY_MS = 60_000;
/** An unconfirmed sign-up is somebody's address without their consent: it does not stay. */
export const FORGET_AFTER_MS = 30 * 24 * 60 * 60 * 1000;
const SLICE = 500;

type Needs = Pick<Runtime, 'store' | 'suppressions' | 'wake' | 'clock'>;

/** Everything that is due now. */
export async function careForConsents(rt: Needs): Promise<{ ended: number; forgotten: number }> {
  const now = rt.clock.now();
  let ended = 0;
  for (;;) {
    const over = await pausesOver(rt.store.read, now, SLICE);
    for (const { id } of over) if ((await unsuppress(rt, id, null)) !== null) ended++;
    if (over.length < SLICE) break;
  }
  const forgotten = await rt.store.write((tx) => forgetSignups(tx, now - FORGET_AFTER_MS));
  return { ended, forgotten };
}

/** Runs it while the web is served. */
export function consentCare(rt: Needs & Pick<Runtime, 'log'>): { start(): void; stop(): Promise<void> } {
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> = Promise.resolve();
  const run = () => {
    running = careForConsents(rt).then(
      ({ ended, forgotten }) => {
        if (ended + forgotten > 0) rt.log.info('consents cared for', { ended, forgotten });
      },
      (error: unknown) => rt.log.warn('consents not cared for', { error: explain(error) }),
    );
    timer = setTimeout(() => void running.then(run), EVERY_MS).unref();
  };
  return {
    start: run,
    async stop() {
      clearTimeout(timer);
      await running;
    },
  };
}
