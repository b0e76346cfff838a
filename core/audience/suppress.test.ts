import { expect, test } from 'vitest';
import { manualClock } from '../clock.ts';
import { firstBrand } from '../identity.ts';
import { addAddress } from '../store/address.ts';
import { addContacts } from '../store/contact.ts';
import { addList, membershipsOf, setMembership } from '../store/list.ts';
import type { Store } from '../store/open.ts';
import { shareWishes } from '../store/person-wish.ts';
import { suppressionList } from '../store/suppression.ts';
import { eachEngine, openTestStore } from '../store/testing.ts';
import type { SuppressionScope } from '../store/tables.ts';
import { createWake } from '../wake.ts';
import { suppress, SuppressionView, unsuppress, type Mailing } from './suppress.ts';

const runtimeOn = (store: Store) => ({
  store,
  suppressions: new SuppressionView(),
  wake: createWake(),
  clock: manualClock(),
});

const to = (mailing: Partial<Mailing>): Mailing => ({ address: 'a@example.org', lane: 'bulk', ...mailing });

// What stops what: the whole table of DESIGN section 5.
test.each<[SuppressionScope, Partial<Mailing>, 'may' | 'suppressed']>([
  ['everything', {}, 'suppressed'],
  ['everything', { lane: 'transactional' }, 'suppressed'],
  ['marketing', {}, 'suppressed'],
  ['marketing', { listId: 3 }, 'suppressed'],
  ['marketing', { lane: 'transactional' }, 'may'],
  ['pause', {}, 'suppressed'],
  ['pause', { lane: 'transactional' }, 'may'],
  ['list:3', { listId: 3 }, 'suppressed'],
  ['list:3', { listId: 4 }, 'may'],
  ['list:3', {}, 'may'],
  ['list:3', { listId: 3, lane: 'transactional' }, 'may'],
  ['brand:2', { brandId: 2, listId: 3 }, 'suppressed'],
  ['brand:2', { brandId: 1 }, 'may'],
  ['everything', { address: 'b@example.org' }, 'may'],
  ['everything', { address: 'A@Example.org' }, 'suppressed'],
])('suppressed for %s, mail of %j: %s', (scope, mailing, kind) => {
  const view = new SuppressionView();
  view.add({ id: 1, address: 'a@example.org', scope, reason: 'manual' });
  expect(view.mayMail(to(mailing)).kind).toBe(kind);
});

eachEngine((_name, open) => {
  test('what somebody says with one address holds for their others at once, and so does taking it back; a bounce does not', async () => {
    const rt = runtimeOn(await open());
    const { store } = rt;
    const [home, work, stranger] = ['ana@home.example', 'ana@work.example', 'ben@home.example'];
    const contact = await store.write(async (tx) => {
      const ids = await addContacts(
        tx,
        [home, stranger].map((email) => ({ email, source: '' })),
        1,
      );
      const id = ids.get(home) as number;
      await addAddress(tx, { contact_id: id, address: work, source: '' }, 1);
      return id;
    });
    const may = (address: string) => rt.suppressions.mayMail(to({ address })).kind;
    const said = (address: string, reason: 'complaint' | 'hard-bounce' | 'unsubscribe') =>
      suppress(rt, {
        address,
        scope: reason === 'hard-bounce' ? 'everything' : 'marketing',
        reason,
        contact_id: contact,
        evidence: 'e',
      });
    const rows = await said(work, 'unsubscribe');
    expect(rows.map((row) => row.address)).toEqual([work, home]);
    expect([home, work, stranger].map(may)).toEqual(['suppressed', 'suppressed', 'may']);
    // One wish, one word in the ledger and in the timeline.
    const told = await store.read
      .selectFrom('event')
      .select('kind')
      .where('contact_id', '=', contact)
      .execute();
    expect(told.map((one) => one.kind)).toEqual(['suppressed']);
    expect(await store.read.selectFrom('consent').select('state').execute()).toEqual([
      { state: 'withdrawn' },
    ]);
    await unsuppress(rt, rows[1]!.id, null);
    expect([home, work].map(may)).toEqual(['may', 'may']);
    expect(await suppressionList(store.read, {})).toEqual([]);
    await said(home, 'hard-bounce');
    expect([home, work].map(may)).toEqual(['suppressed', 'may']);
    // An address that comes later is under what was said before, but not under a bounce of another.
    await said(home, 'complaint');
    await store.write(async (tx) => {
      await addAddress(tx, { contact_id: contact, address: 'ana@new.example', source: '' }, 2);
      const shared = await shareWishes(tx, [home, work, 'ana@new.example'], 2);
      expect(shared.map((row) => [row.address, row.reason])).toEqual([['ana@new.example', 'complaint']]);
    });
  });

  test('a suppression is in force when it is acknowledged, kept once, with its evidence, and survives a restart', async () => {
    const rt = runtimeOn(await open());
    const one = {
      address: 'A@Example.org',
      scope: 'everything',
      reason: 'hard-bounce',
      evidence: '550 5.1.1 no such user',
    } as const;
    expect(await suppress(rt, one)).toHaveLength(1);
    expect(rt.suppressions.mayMail(to({}))).toEqual({
      kind: 'suppressed',
      scope: 'everything',
      reason: 'hard-bounce',
    });
    expect(await suppress(rt, one, one)).toEqual([]);
    expect(await suppressionList(rt.store.read, {})).toMatchObject([
      { address: 'a@example.org', evidence: '550 5.1.1 no such user' },
    ]);
    const events = await rt.store.read.selectFrom('event').select('kind').execute();
    expect(events).toEqual([{ kind: 'suppressed' }]);
    const restarted = new SuppressionView();
    await restarted.load(rt.store.read);
    expect(restarted.mayMail(to({})).kind).toBe('suppressed');
  });

  test('lifted, it no longer stops anything, the row stays, and it can come back', async () => {
    const rt = runtimeOn(await open());
    const one = {
      address: 'a@example.org',
      scope: 'marketing',
      reason: 'manual',
      evidence: 'asked',
    } as const;
    const [row] = await suppress(rt, one);
    expect(await unsuppress(rt, row!.id, 7)).toMatchObject({ lifted_by: 7 });
    expect(await unsuppress(rt, row!.id, 7)).toBeNull();
    expect(rt.suppressions.mayMail(to({})).kind).toBe('may');
    expect(await suppressionList(rt.store.read, { lifted: true })).toHaveLength(1);
    expect(await suppress(rt, one)).toHaveLength(1);
    expect(rt.suppressions.mayMail(to({})).kind).toBe('suppressed');
  });

  test('another node’s view follows: what was added and what was lifted, but not what stays under another row', async () => {
    const store = await open();
    const [ours, theirs] = [runtimeOn(store), runtimeOn(store)];
    await theirs.suppressions.load(store.read, theirs.clock.now());
    const [row] = await suppress(ours, {
      address: 'a@example.org',
      scope: 'everything',
      reason: 'manual',
      evidence: '',
    });
    await theirs.suppressions.follow(store.read, theirs.clock.now());
    expect(theirs.suppressions.mayMail(to({})).kind).toBe('suppressed');
    await unsuppress(ours, row!.id, null);
    await theirs.suppressions.follow(store.read, theirs.clock.now());
    expect(theirs.suppressions.mayMail(to({})).kind).toBe('may');
    expect(theirs.suppressions.isFresh(theirs.clock.now() + 1000, 1000)).toBe(true);
    expect(theirs.suppressions.isFresh(theirs.clock.now() + 1001, 1000)).toBe(false);
  });

  test('an unsubscribe from a list also leaves the list', async () => {
    const rt = runtimeOn(await open());
    const { contact, list } = await rt.store.write(async (tx) => {
      const ids = await addContacts(tx, [{ email: 'a@example.org', source: '' }], 1);
      const list = await addList(tx, { name: 'News', brand_id: await firstBrand(tx, 1) }, 1);
      const contact = ids.get('a@example.org')!;
      await setMembership(
        tx,
        { list_id: list, contact_id: contact, status: 'subscribed', source: 'form' },
        1,
      );
      return { contact, list };
    });
    await suppress(rt, {
      address: 'a@example.org',
      scope: `list:${list}`,
      reason: 'unsubscribe',
      evidence: 'one-click',
      contact_id: contact,
    });
    expect(await membershipsOf(rt.store.read, contact)).toMatchObject([{ status: 'unsubscribed' }]);
  });
});

test('the search finds part of an address, and a % is only a %', async () => {
  const rt = runtimeOn(await openTestStore());
  for (const address of ['a%b@example.org', 'axb@example.org'])
    await suppress(rt, { address, scope: 'everything', reason: 'manual', evidence: '' });
  expect((await suppressionList(rt.store.read, { search: 'a%b' })).map((row) => row.address)).toEqual([
    'a%b@example.org',
  ]);
});
