/** The brake that needs the receivers' answers: a credential whose mail bounces too often is held. */
import type { Runtime } from '../runtime.ts';
import { bouncedSince, bouncesOf, credentialById } from '../store/credential.ts';
import { BOUNCE_WINDOW_MS, bounceBrake } from './brake.ts';
import { holdCredential } from './credential.ts';
import { warnOwners } from './notice.ts';

/** Looks at the credentials whose mail bounced since a time; answers those that were held. */
export async function watchBounces(rt: Runtime, since: number): Promise<number[]> {
  const { store, clock, wake } = rt;
  const held: number[] = [];
  for (const id of await bouncedSince(store.read, since)) {
    const credential = await credentialById(store.read, id);
    if (credential === undefined || credential.state !== 'active') continue;
    const now = clock.now();
    // A release begins the count anew.
    const counted = await bouncesOf(store.read, id, Math.max(now - BOUNCE_WINDOW_MS, credential.changed_at));
    const reason = bounceBrake(credential, counted);
    if (reason === undefined) continue;
    await store.write(async (tx) => {
      if (await holdCredential(tx, id, reason, { userId: null }, now))
        await warnOwners(rt, tx, credential, reason, now);
    });
    wake.ring('order');
    held.push(id);
  }
  return held;
}
