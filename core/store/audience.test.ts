/** The questions that tables of people and campaigns ask, on every engine. */
import { expect, test } from 'vitest';
import { firstBrand } from '../identity.ts';
import {
  addCampaign,
  campaignPage,
  campaignsAtWork,
  campaignsUsingSegment,
  stoppedCampaigns,
} from './campaign.ts';
import { addConsents, consentFor } from './consent.ts';
import {
  addContacts,
  addFields,
  changeContacts,
  contactPage,
  contactSorts,
  contactsByEmail,
  contactsById,
  countContacts,
  fields,
  searchContacts,
  tagsSeen,
  type ContactQuestion,
} from './contact.ts';
import { addList, joinList, lists, membershipsOf, setMembership } from './list.ts';
import { addSuppression } from './suppression.ts';
import type { CampaignState, Db, NewRow } from './tables.ts';
import { eachEngine } from './testing.ts';

const NOW = Date.UTC(2026, 0, 5, 9);

async function pages(db: Db, question: ContactQuestion): Promise<string[]> {
  const emails: string[] = [];
  let cursor: string | null = null;
  do {
    const page = await contactPage(db, { ...question, cursor, limit: 7 });
    emails.push(...page.rows.map((row) => row.email));
    cursor = page.next;
  } while (cursor !== null);
  return emails;
}

eachEngine((_name, open) => {
  test('pages of any order, put together, are the whole: also where many are equal', async () => {
    const { read, write } = await open();
    await write(async (tx) => {
      const ids = await addContacts(
        tx,
        Array.from({ length: 50 }, (_, at) => ({
          email: `p${(at * 17) % 50}@example.org`,
          last_name: ['Martin', 'Durand', ''][at % 3],
          source: '',
        })),
        NOW,
      );
      for (const id of [...ids.values()].slice(0, 9))
        await tx
          .updateTable('contact')
          .set({ last_human_reply_at: NOW - (id % 3) })
          .where('id', '=', id)
          .execute();
    });
    const rows = await read.selectFrom('contact').selectAll().orderBy('id').execute();
    const by: Record<(typeof contactSorts)[number], (a: (typeof rows)[0], b: (typeof rows)[0]) => number> = {
      newest: (a, b) => b.id - a.id,
      oldest: (a, b) => a.id - b.id,
      email: (a, b) => (a.email < b.email ? -1 : 1),
      last_name: (a, b) => (a.last_name < b.last_name ? -1 : a.last_name > b.last_name ? 1 : a.id - b.id),
      last_reply: (a, b) => (b.last_human_reply_at ?? 0) - (a.last_human_reply_at ?? 0) || b.id - a.id,
    };
    for (const sort of contactSorts)
      expect(await pages(read, { sort }), sort).toEqual(rows.toSorted(by[sort]).map((row) => row.email));
    expect(await pages(read, { cursor: 'made up' })).toHaveLength(50);
  });

  test('search, list and tag narrow the table together, and signs of LIKE are only signs', async () => {
    const { read, write } = await open();
    const listId = await write(async (tx) => {
      const ids = await addContacts(
        tx,
        [
          {
            email: 'ana@example.org',
            first_name: 'Ana',
            last_name: 'Martin',
            tags: '["vip","a\\"b"]',
            source: '',
          },
          { email: 'a_b@example.org', first_name: 'Bo', last_name: '100%', tags: '["vip"]', source: '' },
          { email: 'axb@example.org', first_name: 'Cy', source: '' },
        ],
        NOW,
      );
      const list = await addList(tx, { name: 'News', brand_id: await firstBrand(tx, 1) }, 1);
      await joinList(tx, list, [...ids.values()].slice(0, 2), 'form', NOW);
      await addSuppression(
        tx,
        { address: 'ana@example.org', scope: 'marketing', reason: 'complaint', evidence: '' },
        NOW,
      );
      await addSuppression(
        tx,
        { address: 'ana@example.org', scope: `list:${list}`, reason: 'unsubscribe', evidence: '' },
        NOW,
      );
      return list;
    });
    expect(await pages(read, { search: 'a MARTIN' })).toEqual(['ana@example.org']);
    expect(await pages(read, { search: 'a_b@' })).toEqual(['a_b@example.org']);
    expect(await pages(read, { search: '0%' })).toEqual(['a_b@example.org']);
    expect(await pages(read, { tag: 'vip', listId, search: 'ana' })).toEqual(['ana@example.org']);
    expect(await pages(read, { tag: 'a"b' })).toEqual(['ana@example.org']);
    expect(await countContacts(read, { tag: 'vip' })).toBe(2);
    expect(await tagsSeen(read)).toEqual([
      { name: 'vip', count: 2 },
      { name: 'a"b', count: 1 },
    ]);
    const page = await contactPage(read, { sort: 'email' });
    expect(page.rows.map((row) => [row.email, row.suppressed])).toEqual([
      ['a_b@example.org', null],
      ['ana@example.org', 'marketing'],
      ['axb@example.org', null],
    ]);
    expect(await searchContacts(read, 'cy')).toHaveLength(1);
  });

  test('batches add who is not there, answer their ids and change only what they name', async () => {
    const { read, write } = await open();
    const draft = { email: 'a@example.org', first_name: 'Ana', fields: '{"n":1,"é":"ü"}', source: 'x' };
    const first = await write((tx) => addContacts(tx, [draft], NOW));
    expect([...first.keys()]).toEqual(['a@example.org']);
    const second = await write((tx) =>
      addContacts(
        tx,
        [
          { ...draft, first_name: 'Other' },
          { email: 'b@example.org', source: 'x' },
        ],
        NOW,
      ),
    );
    expect([...second.keys()]).toEqual(['b@example.org']);
    const row = (await contactsByEmail(read, ['a@example.org', 'nobody@example.org'])).get('a@example.org')!;
    expect([row.first_name, JSON.parse(row.fields)]).toEqual(['Ana', { n: 1, é: 'ü' }]);
    await write((tx) => changeContacts(tx, [{ ...row, first_name: 'Anna', timezone: null }], NOW + 5));
    expect(await contactsById(read, [row.id])).toMatchObject([{ first_name: 'Anna', updated_at: NOW + 5 }]);
    expect(await contactsById(read, [])).toEqual([]);
    await write((tx) =>
      addFields(
        tx,
        [
          { name: 'n', label: 'N', kind: 'number' },
          { name: 'n2', label: 'N', kind: 'text' },
        ],
        NOW,
      ),
    );
    await write((tx) => addFields(tx, [{ name: 'n', label: 'Again', kind: 'text' }], NOW));
    expect((await fields(read)).map((one) => [one.name, one.kind])).toEqual([
      ['n', 'number'],
      ['n2', 'text'],
    ]);
  });

  test('a list counts who is on it; whoever left is put back by their own wish alone', async () => {
    const { read, write } = await open();
    const { list, ana, bob } = await write(async (tx) => {
      const ids = await addContacts(
        tx,
        ['a@example.org', 'b@example.org'].map((email) => ({ email, source: '' })),
        NOW,
      );
      const list = await addList(tx, { name: 'News', brand_id: await firstBrand(tx, 1) }, 1);
      return { list, ana: ids.get('a@example.org')!, bob: ids.get('b@example.org')! };
    });
    const join = () => write((tx) => joinList(tx, list, [ana, bob], 'import:1', NOW));
    const set = (status: 'subscribed' | 'unsubscribed') =>
      write((tx) => setMembership(tx, { list_id: list, contact_id: ana, status, source: 'page' }, NOW + 1));
    expect((await join()).toSorted()).toEqual([ana, bob].toSorted());
    expect([await set('unsubscribed'), await set('unsubscribed')]).toEqual([true, false]);
    expect(await join()).toEqual([]);
    expect(await lists(read, list)).toMatchObject([{ subscribed: 1, unsubscribed: 1, pending: 0 }]);
    expect(await membershipsOf(read, ana)).toMatchObject([
      { name: 'News', status: 'unsubscribed', source: 'page', since: NOW + 1 },
    ]);
    await set('subscribed');
    expect(await lists(read, list)).toMatchObject([{ subscribed: 2, unsubscribed: 0 }]);
  });

  test('of consents the newest counts, and of two at once the later one', async () => {
    const { read, write } = await open();
    const said = (state: 'given' | 'withdrawn', at: number) => ({
      contact_id: 1,
      purpose: 'marketing',
      state,
      method: 'form',
      source: 'shop',
      text: 'Yes',
      evidence: { ip: '192.0.2.1' },
      at,
    });
    await write((tx) => addConsents(tx, [said('withdrawn', NOW), said('given', NOW - 5)]));
    expect(await consentFor(read, 1, 'marketing')).toMatchObject({ state: 'withdrawn' });
    await write((tx) => addConsents(tx, [said('given', NOW)]));
    const newest = await consentFor(read, 1, 'marketing');
    expect([newest?.state, JSON.parse(newest!.evidence)]).toEqual(['given', { ip: '192.0.2.1' }]);
    expect(await consentFor(read, 1, 'tracking')).toBeUndefined();
  });

  test('campaigns with something to do, those that are stopped, those that use a segment, page by page', async () => {
    const { read, write } = await open();
    const make = (state: CampaignState, patch: Partial<NewRow<'campaign'>> = {}) =>
      write((tx) =>
        addCampaign(tx, {
          name: state,
          state,
          brand_id: 1,
          audience: '{}',
          created_at: NOW,
          updated_at: NOW,
          ...patch,
        } as NewRow<'campaign'>),
      );
    const draft = await make('draft', { audience: '{"segments":[5]}' });
    await make('sent', { audience: '{"segments":[5]}', finished_at: NOW });
    const due = await make('scheduled', { scheduled_at: NOW, audience: '{"excludeSegments":[5]}' });
    await make('scheduled', { scheduled_at: NOW + 1 });
    const queueing = await make('queueing');
    const sending = await make('sending');
    const paused = await make('paused', { paused: 1 });
    const sweeping = await make('cancelled', { cancelled_at: NOW });
    await make('cancelled', { cancelled_at: NOW, finished_at: NOW });
    const ids = (rows: { id: number }[]) => rows.map((row) => row.id).toSorted((a, b) => a - b);
    expect(ids(await campaignsAtWork(read, NOW))).toEqual(ids([due, queueing, sending, sweeping]));
    expect(ids(await stoppedCampaigns(read))).toEqual(ids([paused, sweeping]));
    expect(ids(await campaignsUsingSegment(read, 5))).toEqual(ids([draft, due]));
    const first = await campaignPage(read, { limit: 5 });
    const rest = await campaignPage(read, { limit: 5, beforeId: first.next! });
    expect([first.rows.length, rest.rows.length, rest.next]).toEqual([5, 4, null]);
    expect((await campaignPage(read, { state: 'paused' })).rows).toMatchObject([
      { id: paused.id, replied: 0 },
    ]);
  });
});
