import { expect, test } from 'vitest';
import { manualClock } from '../clock.ts';
import { silentLog } from '../log.ts';
import type { Runtime } from '../runtime.ts';
import { addContacts } from '../store/contact.ts';
import { addEvents } from '../store/event.ts';
import { addSegment } from '../store/segment.ts';
import { eachEngine } from '../store/testing.ts';
import { createWake } from '../wake.ts';
import { Membership } from './membership.ts';
import { countDefinition, countSegment, definitionMembersPage, segmentMembersPage } from './segment-count.ts';
import type { Definition } from './segment.ts';

const BEGIN = Date.UTC(2026, 10, 23, 9);
const bought: Definition = {
  root: { all: [{ event: 'order_placed', window: { last: '90d' } }, { not: { event: 'clicked' } }] },
};

eachEngine((_name, open) => {
  test('a new definition is estimated at once and exact a moment later; the pages go on where they ended', async () => {
    const clock = manualClock(BEGIN);
    const store = await open(clock);
    const rt = { store, clock, log: silentLog, wake: createWake(), node: 'test' } as unknown as Runtime;
    await store.write(async (tx) => {
      const ids = await addContacts(
        tx,
        Array.from({ length: 8000 }, (_, n) => ({ email: `c${n}@d.example`, source: 'test' })),
        BEGIN,
      );
      const all = [...ids.values()];
      await addEvents(
        tx,
        all.flatMap((contact_id, at) => [
          ...(at % 4 === 0 ? [{ kind: 'order_placed', at: BEGIN - 1000, contact_id }] : []),
          ...(at % 8 === 0 ? [{ kind: 'clicked', at: BEGIN - 1000, contact_id }] : []),
        ]),
      );
    });
    // Nobody runs the engine: the store is asked.
    expect(await countDefinition(rt, bought, BEGIN)).toMatchObject({ count: 1000, total: 8000, exact: true });
    const engine = new Membership(rt);
    await engine.settle();
    engine.listen();
    const first = await countDefinition(rt, bought, BEGIN);
    expect(first).toMatchObject({ total: 8000, exact: false });
    expect(first.count).toBeGreaterThan(700);
    expect(first.count).toBeLessThan(1300);
    await engine.settle();
    expect(await countDefinition(rt, bought, BEGIN)).toEqual({
      count: 1000,
      total: 8000,
      leaves: [
        { path: 'root.all.0', leaf: { event: 'order_placed', window: { last: '90d' } }, count: 2000 },
        { path: 'root.all.1.not', leaf: { event: 'clicked' }, count: 1000 },
      ],
      groups: [],
      exact: true,
    });
    const { id } = await store.write((tx) =>
      addSegment(tx, { name: 'bought', definition: JSON.stringify(bought) }, BEGIN),
    );
    expect(await countSegment(rt, id, bought, BEGIN)).toBe(1000);
    await engine.settle();
    expect(await countSegment(rt, id, bought, BEGIN)).toBe(1000);
    const seen: number[] = [];
    let cursor: string | null = null;
    do {
      const page = await segmentMembersPage(rt, id, bought, BEGIN, { cursor, limit: 300 });
      seen.push(...page.rows.map((row) => row.id));
      cursor = page.next;
    } while (cursor !== null);
    expect(seen).toHaveLength(1000);
    expect(seen).toEqual([...new Set(seen)].sort((a, b) => b - a));
    const { rows } = await definitionMembersPage(rt, bought, BEGIN, { limit: 5 });
    expect(rows.map((row) => row.id)).toEqual(seen.slice(0, 5));
    expect(engine.segmentsOf(seen[0] as number)).toEqual([id]);
  });
});
