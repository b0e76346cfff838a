/**
 * What becomes of the hard bounces that were kept apart while a provider was at fault. Forgiven: nobody is suppressed, and
 * the next message to each decides. Suppressed: they were true after all. It ends by itself when the provider is well
 * again (forgiven), or when a person decides.
 */
import { Problem } from '../errors.ts';
import type { Runtime } from '../runtime.ts';
import { addEvents } from '../store/event.ts';
import { closeIncident, decideQuarantined, incidentById, type Incident } from '../store/incident.ts';
import { addAudit } from '../store/user.ts';
import { suppressIn } from './suppress.ts';

type Needs = Pick<Runtime, 'store' | 'clock' | 'suppressions' | 'wake'>;

/** Ends an incident and decides everything that waits in it. How many were decided. */
export async function endIncident(
  { store, clock, suppressions, wake }: Needs,
  id: number,
  { outcome, by }: { outcome: NonNullable<Incident['outcome']>; by: number | null },
): Promise<number> {
  const decision = outcome === 'suppressed' ? 'suppressed' : 'forgiven';
  const found = await incidentById(store.read, id);
  if (found === undefined) throw new Problem('not-found', 'there is no such incident');
  const isClosing = await store.write(async (tx) => {
    const now = clock.now();
    if (!(await closeIncident(tx, id, outcome, by, now))) return false;
    if (by !== null)
      await addAudit(tx, { userId: by, action: `incident ${outcome}`, subject: `incident:${id}` }, now);
    await addEvents(tx, [
      { kind: 'incident_closed', at: now, data: { provider: found.provider, incident: id, outcome, by } },
    ]);
    return true;
  });
  // Ended half-way by a crash: what waits is still to be decided, as it was decided then.
  if (!isClosing && found.outcome !== outcome) throw new Problem('conflict', 'this incident is over');
  for (let all = 0; ;) {
    const { rows, added } = await store.write(async (tx) => {
      const now = clock.now();
      const decided = await decideQuarantined(tx, id, decision, by, now);
      if (decision === 'forgiven') return { rows: decided, added: [] };
      const rowsAdded = await suppressIn(
        tx,
        decided.map((row) => ({
          address: row.address,
          scope: 'everything' as const,
          reason: 'hard-bounce' as const,
          contact_id: row.contact_id,
          delivery_id: row.delivery_id,
          evidence: row.evidence,
          created_by: by,
        })),
        now,
      );
      return { rows: decided, added: rowsAdded };
    });
    for (const row of added) suppressions.add(row);
    if (added.length > 0) wake.ring('suppression');
    if (rows.length === 0) {
      wake.ring('queue');
      return all;
    }
    all += rows.length;
  }
}
