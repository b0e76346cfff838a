/**
 * The time that schedules go by: retries, leases, due times, greylisting. It is handed in, so that the lab can run an
 * hour in a minute and a test can turn the hands itself. Socket time-outs do not go by it: they measure the wire.
 */
export interface Timer {
  cancel(): void;
}

export interface Clock {
  /** Milliseconds since 1970, by this clock. */
  now(): number;
  /** Runs once after `ms` of this clock's time. Does not keep the process alive. */
  after(ms: number, run: () => void): Timer;
  /** Resolves after `ms` of this clock's time, or at once when the signal aborts. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export interface ClockOptions {
  /** Seconds of this clock per real second. */
  speed?: number;
  /** Real time (Date.now()) at which this clock and the real one agreed; shared by processes of one lab. */
  epoch?: number;
}

const LONGEST_TIMEOUT_MS = 2 ** 31 - 1;

/** The machine's clock, or one that runs `speed` times faster from `epoch` on. */
export function systemClock({ speed = 1, epoch = Date.now() }: ClockOptions = {}): Clock {
  const now = speed === 1 ? Date.now : () => Math.round(epoch + (Date.now() - epoch) * speed);
  return withSleep({
    now,
    after(ms, run) {
      const timer = setTimeout(run, Math.min(Math.max(0, ms / speed), LONGEST_TIMEOUT_MS));
      timer.unref();
      return { cancel: () => clearTimeout(timer) };
    },
  });
}

/** A clock that only moves when told. `advance` runs what falls due, in order, and waits for nothing else. */
export interface ManualClock extends Clock {
  advance(ms: number): Promise<void>;
}

export function manualClock(start = Date.UTC(2026, 0, 5, 9)): ManualClock {
  let time = start;
  let serial = 0;
  const waiting = new Map<number, { at: number; run: () => void }>();
  const clock = withSleep({
    now: () => time,
    after(ms, run) {
      const id = ++serial;
      waiting.set(id, { at: time + Math.max(0, ms), run });
      return { cancel: () => void waiting.delete(id) };
    },
  });
  return {
    ...clock,
    async advance(ms) {
      const end = time + ms;
      for (;;) {
        const next = [...waiting]
          .filter(([, timer]) => timer.at <= end)
          .sort((a, b) => a[1].at - b[1].at || a[0] - b[0])[0];
        if (next === undefined) break;
        waiting.delete(next[0]);
        time = Math.max(time, next[1].at);
        next[1].run();
        await new Promise((resolve) => setImmediate(resolve));
      }
      time = end;
    },
  };
}

function withSleep(base: Omit<Clock, 'sleep'>): Clock {
  return {
    ...base,
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        if (signal?.aborted) return resolve();
        const timer = base.after(ms, () => {
          signal?.removeEventListener('abort', stop);
          resolve();
        });
        const stop = () => {
          timer.cancel();
          resolve();
        };
        signal?.addEventListener('abort', stop, { once: true });
      }),
  };
}
