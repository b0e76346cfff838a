import { expect, test } from 'vitest';
import { addConsents } from './consent.ts';
import { addContact, contactById, contactRow, contactsToFill } from './contact.ts';
import { addEvents } from './event.ts';
import { eachEngine } from './testing.ts';
import {
  dropHits,
  hitsBeside,
  hitsWait,
  keepHits,
  keepOpenDays,
  linkCounts,
  linkOwners,
  machineReasons,
  takeDueHits,
  trackedKinds,
  trackingCounts,
} from './tracking.ts';

eachEngine((_name, open) => {
  test('each hit is taken once, with all that was asked of the same message, and forgotten in time', async () => {
    const store = await open();
    const hit = (delivery_id: number, at: number, link = 1) => ({
      delivery_id,
      at,
      link,
      facts: { visitor: `v${at}` },
    });
    expect(await hitsWait(store.read)).toBe(false);
    await store.write((tx) => keepHits(tx, [hit(7, 100), hit(7, 250, 0), hit(8, 120), hit(9, 300)]));
    expect(await hitsWait(store.read)).toBe(true);
    const [one, two] = await Promise.all([
      store.write((tx) => takeDueHits(tx, 200, 10)),
      store.write((tx) => takeDueHits(tx, 200, 10)),
    ]);
    expect([...one, ...two].toSorted()).toEqual([1, 3]);
    const beside = await hitsBeside<{ visitor: string }>(store.read, [1, 3]);
    expect(beside.map((row) => [row.delivery_id, row.at, row.link, row.facts.visitor])).toEqual([
      [7, 100, 1, 'v100'],
      [8, 120, 1, 'v120'],
      [7, 250, 0, 'v250'],
    ]);
    await store.write((tx) => dropHits(tx, 110));
    expect((await hitsBeside(store.read, [2, 3, 4])).map((row) => row.id)).toEqual([3, 2, 4]);
  });

  test('who may be counted: their setting, unless they took their consent back since', async () => {
    const store = await open();
    const ids = await store.write(async (tx) => {
      const made: number[] = [];
      for (const tracking of ['none', 'hygiene', 'full', 'full', 'full'] as const) {
        const id = (await addContact(tx, {
          ...contactRow({ email: `p${made.length}@client.example`, source: 'test' }, 1),
          tracking,
        })) as number;
        made.push(id);
      }
      const consent = (contact_id: number, purpose: string, state: 'given' | 'withdrawn', at: number) => ({
        contact_id,
        purpose,
        state,
        method: 'form',
        source: '',
        text: '',
        evidence: {},
        at,
      });
      await addConsents(tx, [
        consent(made[2]!, 'tracking', 'given', 5),
        consent(made[2]!, 'marketing', 'withdrawn', 9),
        consent(made[3]!, 'tracking', 'given', 5),
        consent(made[3]!, 'tracking', 'withdrawn', 6),
        consent(made[4]!, 'tracking', 'withdrawn', 5),
        consent(made[4]!, 'tracking', 'given', 6),
      ]);
      return made;
    });
    const rows = (await contactsToFill(store.read, ids)).toSorted((a, b) => a.id - b.id);
    expect(rows.map((row) => row.tracking_now)).toEqual(['none', 'hygiene', 'full', 'none', 'full']);
    await store.write((tx) => keepOpenDays(tx, [ids[0]!, ids[0]!], 100));
    await store.write((tx) => keepOpenDays(tx, [ids[0]!], 90));
    expect((await contactById(store.read, ids[0]!))?.last_open_day).toBe(100);
  });

  test('the report’s numbers come from the campaign’s own events and what its messages were made with', async () => {
    const store = await open();
    await store.write(async (tx) => {
      const delivery = (n: number, track?: string, state = 'delivered') => ({
        lane: 'bulk' as const,
        origin_kind: 'campaign' as const,
        origin_id: 5,
        recipient_key: String(n),
        contact_id: n,
        address: `p${n}@client.example`,
        domain_id: 1,
        sending_domain_id: 1,
        pool: 'marketing',
        state: state as 'delivered',
        due_at: 1,
        queued_at: 1,
        attempt: 1,
        finished_at: 9,
        fill: JSON.stringify({ date: 1, contact: { track: 'full' }, ...(track && { track }) }),
      });
      await tx
        .insertInto('delivery')
        .values([
          delivery(1, 'full'),
          delivery(2, 'full'),
          delivery(3, 'hygiene'),
          delivery(4),
          delivery(5, 'full', 'bounced'),
        ])
        .execute();
      const event = (kind: string, delivery_id: number, data: unknown) => ({
        kind,
        at: 10,
        campaign_id: 5,
        delivery_id,
        data,
      });
      await addEvents(tx, [
        event('opened', 1, { timed: true }),
        event('opened', 1, { timed: true }),
        event('clicked', 1, { link: 3 }),
        event('clicked', 2, { link: 3 }),
        event('clicked', 2, { link: 3 }),
        event('clicked_machine', 2, { link: 3, reason: 'burst' }),
        event('clicked_machine', 2, { link: 4, reason: 'burst' }),
        event('opened_machine', 2, { reason: 'soon' }),
        { ...event('clicked', 1, { link: 3 }), campaign_id: 6 },
      ]);
    });
    expect(await trackingCounts(store.read, 5)).toEqual({ delivered: 4, full: 2, hygiene: 1 });
    expect((await trackedKinds(store.read, 5)).toSorted((a, b) => (a.kind < b.kind ? -1 : 1))).toEqual([
      { kind: 'clicked', hits: 3, people: 2 },
      { kind: 'clicked_machine', hits: 2, people: 1 },
      { kind: 'opened', hits: 2, people: 1 },
      { kind: 'opened_machine', hits: 1, people: 1 },
    ]);
    const links = await linkCounts(store.read, 5);
    expect(links.find((row) => row.link === 3 && row.kind === 'clicked')).toMatchObject({
      hits: 3,
      people: 2,
    });
    expect(links).toHaveLength(3);
    expect(await machineReasons(store.read, 5)).toEqual([
      { reason: 'burst', hits: 2 },
      { reason: 'soon', hits: 1 },
    ]);
    expect((await linkOwners(store.read, [1, 99])).get(1)).toMatchObject({
      tracking: 'none',
      accepted_at: 9,
    });
  });
});
