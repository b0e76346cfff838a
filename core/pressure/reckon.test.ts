/** What the checks say before a campaign leaves is what its claims then do, when nothing else happens in between. */
import { expect, test } from 'vitest';
import { sql } from 'kysely';
import { addContact, contactRow } from '../store/contact.ts';
import { addCap } from '../store/pressure.ts';
import { countWhere } from '../store/pressure-facts.ts';
import { addSegment } from '../store/segment.ts';
import type { Store } from '../store/open.ts';
import type { NewRow } from '../store/tables.ts';
import { eachEngine } from '../store/testing.ts';
import { reckon } from './reckon.ts';

const NOW = Date.UTC(2026, 2, 3, 9);
const DAY = 86_400_000;
const CAMPAIGN = { id: 9, list_id: 1, brand_id: 1 };

/** Ten people; the one numbered n got n mails, one a day, the last one a day ago. */
async function people(store: Store): Promise<number[]> {
  return store.write(async (tx) => {
    const ids: number[] = [];
    for (let n = 0; n < 10; n++) {
      const id = (await addContact(tx, contactRow({ email: `p${n}@d.example`, source: 't' }, NOW))) as number;
      ids.push(id);
      for (let day = 1; day <= n; day++)
        await tx
          .insertInto('mail_got')
          .values({
            contact_id: id,
            at: NOW - day * DAY + 1,
            delivery_id: id * 100 + day,
            list_id: 1,
            brand_id: 1,
          })
          .execute();
    }
    return ids;
  });
}

eachEngine((_name, open) => {
  test('who will be left out and who will wait is told by the caps, the scope, the segment and the wish', async () => {
    const store = await open();
    const ids = await people(store);
    const cap = (patch: Partial<NewRow<'frequency_cap'>>) =>
      store.write(async (tx) => {
        await tx.deleteFrom('frequency_cap').execute();
        await addCap(tx, {
          most: 3,
          days: 7,
          wait_days: 0,
          segment_id: null,
          list_id: null,
          brand_id: null,
          made_by: null,
          created_at: NOW,
          updated_at: NOW,
          ...patch,
        });
      });
    const told = async (campaign = CAMPAIGN) => {
      const found = await reckon(store.read, campaign, NOW);
      if (found === undefined) return undefined;
      return countWhere(store.read, sql<boolean>`1 = 1`, [found.leftOut, found.putOff]);
    };
    expect(await told()).toBeUndefined();
    await cap({});
    // p3 to p9 had three in the last seven days.
    expect(await told()).toEqual([7, 0]);
    await cap({ wait_days: 5 });
    // Whoever had three in the last two days has none of them leave in time: nobody; all seven wait.
    expect(await told()).toEqual([0, 7]);
    await cap({ wait_days: 4 });
    // In four days those of the last three days still stand: three for p3 to p9.
    expect(await told()).toEqual([7, 0]);
    await cap({ list_id: 2 });
    expect(await told()).toBeUndefined();
    await cap({ list_id: 2 });
    expect(await told({ ...CAMPAIGN, list_id: 2 })).toEqual([0, 0]);
    const segment = await store.write((tx) =>
      addSegment(
        tx,
        { name: 's', definition: '{"root":{"field":"email","op":"eq","value":"p9@d.example"}}' },
        NOW,
      ),
    );
    await cap({ segment_id: segment.id });
    expect(await told()).toEqual([1, 0]);
    await store.write(async (tx) => {
      await tx.deleteFrom('frequency_cap').execute();
      await tx
        .updateTable('contact')
        .set({ max_frequency: 'weekly' })
        .where('id', 'in', ids.slice(0, 2))
        .execute();
    });
    expect(await told()).toEqual([1, 0]);
    // What another campaign has queued for them counts too.
    await store.write((tx) =>
      tx
        .insertInto('delivery')
        .values({
          lane: 'bulk',
          origin_kind: 'campaign',
          origin_id: 8,
          recipient_key: '1',
          contact_id: ids[0] ?? 0,
          address: 'p0@d.example',
          domain_id: 1,
          sending_domain_id: 1,
          pool: 'p',
          state: 'queued',
          due_at: NOW,
          queued_at: NOW,
          attempt: 0,
          template_version_id: 1,
        } as NewRow<'delivery'>)
        .execute(),
    );
    expect(await told()).toEqual([2, 0]);
  });
});
