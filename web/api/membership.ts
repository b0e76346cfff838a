/** Which segments somebody is in, for the panel beside their mail. Segments are few; one that cannot be read is left out. */
import { membershipOf } from '../../core/audience/membership.ts';
import { readDefinition } from '../../core/audience/segment.ts';
import { whyMember } from '../../core/audience/segment-sql.ts';
import type { Runtime } from '../../core/runtime.ts';
import { fromJson } from '../../core/store/json.ts';
import { segments } from '../../core/store/segment.ts';

const MOST = 50;

export async function segmentsOf(rt: Runtime, contactId: number): Promise<{ id: number; name: string }[]> {
  const { store, clock, log } = rt;
  const engine = membershipOf(rt);
  if (engine?.everybody.has(contactId) === true) {
    const ids = new Set(engine.segmentsOf(contactId));
    return (await segments(store.read))
      .filter((row) => ids.has(row.id))
      .map(({ id, name }) => ({ id, name }));
  }
  const rows = (await segments(store.read)).slice(0, MOST);
  const found = await Promise.all(
    rows.map(async ({ id, name, definition }) => {
      try {
        const why = await whyMember(
          store.read,
          readDefinition(fromJson<unknown>(definition, {})),
          contactId,
          clock.now(),
        );
        return why.member ? [{ id, name }] : [];
      } catch (error) {
        log.warn('segment could not be asked', { segment: id, error });
        return [];
      }
    }),
  );
  return found.flat();
}
