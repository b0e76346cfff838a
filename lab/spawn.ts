/** Starts the lab in a process of its own and makes it look like one that runs here. */
import { fork } from 'node:child_process';
import type { Call, Outcome } from './main.ts';
import type { World, WorldOptions } from './world.ts';

const METHODS = [
  'publish',
  'unpublish',
  'dnsFault',
  'misbehave',
  'reach',
  'ledger',
  'duplicates',
  'mailbox',
  'acts',
  'expected',
  'status',
  'settled',
  'send',
  'stop',
] as const satisfies readonly Exclude<keyof World, 'dnsPort' | 'smtpPort' | 'speed' | 'epoch'>[];

export async function spawnWorld(options: WorldOptions = {}): Promise<World & { pid: number }> {
  const child = fork(new URL('./main.ts', import.meta.url), {
    serialization: 'advanced',
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const waiting = new Map<number, { resolve(value: unknown): void; reject(cause: Error): void }>();
  let serial = 0;
  let isGone = false;
  child.on('message', (message) => {
    const { id, value, error } = message as Outcome;
    const call = waiting.get(id);
    waiting.delete(id);
    if (error === undefined) call?.resolve(value);
    else call?.reject(new Error(`in the lab: ${error}`));
  });
  child.once('exit', (code, signal) => {
    isGone = true;
    for (const call of waiting.values()) call.reject(new Error(`the lab ended (${signal ?? code})`));
    waiting.clear();
  });
  const ask = (method: string, args: unknown[]): Promise<unknown> =>
    new Promise((resolve, reject) => {
      if (isGone) return method === 'stop' ? resolve(undefined) : reject(new Error('the lab has ended'));
      const call: Call = { id: ++serial, method, args };
      waiting.set(call.id, { resolve, reject });
      child.send(call, (cause) => cause && reject(cause));
    });
  const facts = (await ask('start', [options])) as Pick<World, 'dnsPort' | 'smtpPort' | 'speed' | 'epoch'>;
  const verbs = Object.fromEntries(
    METHODS.map((method) => [method, (...args: unknown[]) => ask(method, args)]),
  );
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  return {
    ...facts,
    ...(verbs as unknown as World),
    pid: child.pid ?? 0,
    async stop() {
      if (isGone) return;
      await ask('stop', []).catch(() => undefined);
      await exited;
    },
  };
}
