/**
 * Personas as the membership engine knows them: `segment_state` and `segment_change` have them by their number, negated.
 * Who goes from one persona of a set into another has that in the timeline; who is new has nothing to tell yet.
 */
import { addEvents } from '../store/event.ts';
import type { Flip } from '../store/membership.ts';
import { personas, personaSets } from '../store/persona.ts';
import type { Db, Row } from '../store/tables.ts';
import type { Membership } from './membership.ts';

export const PERSONA_CHANGED = 'persona_changed';
const AT_ONCE = 5000;

export const asSegment = (personaId: number): number => -personaId;

/** Writes who changed the persona, with what they were and what they are. */
export async function tellPersonas(tx: Db, flips: readonly Flip[], at: number): Promise<void> {
  const own = flips.filter((flip) => flip.segment_id < 0);
  if (!own.some((flip) => flip.entered === 0)) return;
  const known = new Map((await personas(tx)).map((row) => [asSegment(row.id), row]));
  const sets = new Map((await personaSets(tx)).map((row) => [row.id, row.name]));
  const before = new Map<string, Row<'persona'>>();
  const keyOf = (flip: Flip, row: Row<'persona'>) => `${flip.contact_id} ${row.set_id}`;
  for (const flip of own) {
    const row = known.get(flip.segment_id);
    if (row !== undefined && flip.entered === 0) before.set(keyOf(flip, row), row);
  }
  const events = own.flatMap((flip) => {
    const row = known.get(flip.segment_id);
    if (row === undefined || flip.entered === 0) return [];
    const was = before.get(keyOf(flip, row));
    if (was === undefined) return [];
    const data = { set: sets.get(row.set_id) ?? '', from: was.name, to: row.name };
    return [{ kind: PERSONA_CHANGED, at, contact_id: flip.contact_id, data }];
  });
  for (let from = 0; from < events.length; from += AT_ONCE)
    await addEvents(tx, events.slice(from, from + AT_ONCE));
}

/** What somebody is, by set; sets whose personas are still being worked out are left out. */
export async function personasOf(
  db: Db,
  engine: Membership | undefined,
  contactId: number,
): Promise<{ id: number; name: string; set: string }[]> {
  if (engine === undefined) return [];
  const ids = new Set(engine.segmentsOf(contactId));
  const sets = new Map((await personaSets(db)).map((row) => [row.id, row.name]));
  return (await personas(db))
    .filter((row) => ids.has(asSegment(row.id)))
    .map((row) => ({ id: row.id, name: row.name, set: sets.get(row.set_id) ?? '' }));
}
