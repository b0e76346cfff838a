/**
 * The lab in a process of its own: started by `spawnWorld`, told what to do over IPC, gone when its parent is. It
 * takes the second core, and a crash of Parley does not take it along.
 */
import { startWorld, type World, type WorldOptions } from './world.ts';

export interface Call {
  id: number;
  method: string;
  args: unknown[];
}

export interface Outcome {
  id: number;
  value?: unknown;
  error?: string;
}

let world: World | null = null;

process.on('disconnect', () => process.exit(0));
// The terminal's interrupt goes to the whole group; the parent decides when the lab ends.
process.on('SIGINT', () => undefined);
process.on('message', (call: Call) => {
  void answer(call).then((outcome) => {
    process.send?.(outcome);
    if (call.method === 'stop') process.disconnect();
  });
});

async function answer({ id, method, args }: Call): Promise<Outcome> {
  try {
    if (method === 'start') {
      world = await startWorld(args[0] as WorldOptions);
      const { dnsPort, smtpPort, speed, epoch } = world;
      return { id, value: { dnsPort, smtpPort, speed, epoch } };
    }
    const verb = (world as unknown as Record<string, unknown> | null)?.[method];
    if (typeof verb !== 'function') return { id, error: `the lab has no ${method}` };
    return { id, value: await verb.apply(world, args) };
  } catch (cause) {
    return { id, error: cause instanceof Error ? (cause.stack ?? cause.message) : String(cause) };
  }
}
