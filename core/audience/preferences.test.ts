/** What people choose on the preference page, on every engine: in force at once, in the ledger, and never more than said. */
import { expect, test } from 'vitest';
import { manualClock } from '../clock.ts';
import { consentsOf } from '../store/consent.ts';
import { addContact, contactById, contactRow } from '../store/contact.ts';
import { addBrand } from '../store/identity.ts';
import { addList, membershipsOf, setMembership } from '../store/list.ts';
import type { Store } from '../store/open.ts';
import { eachEngine } from '../store/testing.ts';
import { createWake } from '../wake.ts';
import { careForConsents } from './consent-care.ts';
import { choosePreferences, comeBackToAll, offeredLists, pause, PAUSE_MS, resume } from './preferences.ts';
import { suppress, SuppressionView } from './suppress.ts';

const NOW = Date.UTC(2026, 2, 3, 9);
const EMAIL = 'ana@example.org';
const read = {
  list: ({ name }: { name: string }) => name,
  tracking: 'the words beside it',
  language: 'en',
  ip: '192.0.2.1',
  agent: 'Browser/1',
};

async function stand(store: Store) {
  const clock = manualClock(NOW);
  const rt = { store, clock, wake: createWake(), suppressions: new SuppressionView() };
  const ids = await store.write(async (tx) => {
    const brand = await addBrand(tx, { name: 'M', language: 'fr', postal_address: '', created_at: NOW });
    const other = await addBrand(tx, { name: 'N', language: 'fr', postal_address: '', created_at: NOW });
    const mine = await addList(tx, { name: 'Mine', brand_id: brand }, NOW);
    const open = await addList(tx, { name: 'Open', brand_id: brand, is_public: 1 }, NOW);
    const hidden = await addList(tx, { name: 'Hidden', brand_id: brand }, NOW);
    await addList(tx, { name: 'Elsewhere', brand_id: other, is_public: 1 }, NOW);
    const contact = (await addContact(tx, contactRow({ email: EMAIL, source: 't' }, NOW))) as number;
    await setMembership(tx, { list_id: mine, contact_id: contact, status: 'subscribed', source: 't' }, NOW);
    return { brand, mine, open, hidden, contact };
  });
  const about = { contactId: ids.contact, brandId: ids.brand, deliveryId: 7, address: EMAIL };
  const may = (listId: number | null = null) =>
    rt.suppressions.mayMail({ address: EMAIL, lane: 'bulk', listId, brandId: ids.brand }).kind;
  return { rt, clock, ...ids, about, may };
}

eachEngine((_name, open) => {
  test('topics: one’s own and the public ones of the brand; a hidden list is neither shown nor joined', async () => {
    const { rt, about, brand, contact, mine, open: offered, hidden, may } = await stand(await open());
    const names = async () =>
      (await offeredLists(rt.store.read, contact, brand)).map(({ name, isOn }) => `${name} ${isOn}`);
    expect(await names()).toEqual(['Mine true', 'Open false']);
    await choosePreferences(rt, about, { lists: [offered, hidden] }, read);
    expect(await names()).toEqual(['Mine false', 'Open true']);
    expect([may(mine), may(offered)]).toEqual(['suppressed', 'may']);
    expect((await membershipsOf(rt.store.read, contact)).map((one) => one.list_id).includes(hidden)).toBe(
      false,
    );
    await choosePreferences(rt, about, { lists: [mine, offered] }, read);
    expect([may(mine), may(offered)]).toEqual(['may', 'may']);
    const rows = await consentsOf(rt.store.read, contact);
    expect(rows.map((row) => `${row.purpose} ${row.state} ${row.text}`).toReversed()).toEqual([
      `list:${offered} given Open`,
      `list:${mine} withdrawn `,
      `list:${mine} given Mine`,
    ]);
  });

  test('a suppression that a person of the team made is not lifted by choosing the topic again', async () => {
    const { rt, about, mine, may } = await stand(await open());
    await suppress(rt, {
      address: EMAIL,
      scope: `list:${mine}`,
      reason: 'manual',
      contact_id: about.contactId,
      evidence: 'asked for it',
    });
    await choosePreferences(rt, about, { lists: [mine] }, read);
    expect(may(mine)).toBe('suppressed');
  });

  test('a pause stops bulk mail at once and receipts never, and ends by itself after thirty days', async () => {
    const { rt, about, clock, may } = await stand(await open());
    await pause(rt, about);
    expect(may()).toBe('suppressed');
    expect(rt.suppressions.mayMail({ address: EMAIL, lane: 'transactional' }).kind).toBe('may');
    await clock.advance(PAUSE_MS - 1);
    expect((await careForConsents(rt)).ended).toBe(0);
    expect(may()).toBe('suppressed');
    await clock.advance(1);
    expect((await careForConsents(rt)).ended).toBe(1);
    expect(may()).toBe('may');
    expect((await careForConsents(rt)).ended).toBe(0);
  });

  test('a pause hides nothing that was said for good: its end leaves an unsubscribe standing', async () => {
    const { rt, about, clock, may } = await stand(await open());
    await pause(rt, about);
    await suppress(rt, {
      address: EMAIL,
      scope: 'marketing',
      reason: 'unsubscribe',
      contact_id: about.contactId,
      evidence: 'page',
    });
    await clock.advance(PAUSE_MS);
    await careForConsents(rt);
    expect(may()).toBe('suppressed');
    await comeBackToAll(rt, about, { ...read, text: 'Get your messages again' });
    expect(may()).toBe('may');
    expect((await consentsOf(rt.store.read, about.contactId))[0]).toMatchObject({
      purpose: 'marketing',
      state: 'given',
      text: 'Get your messages again',
    });
  });

  test('a pause is ended by who made it, and coming back lifts no complaint', async () => {
    const { rt, about, may } = await stand(await open());
    await pause(rt, about);
    await resume(rt, about);
    expect(may()).toBe('may');
    await suppress(rt, { address: EMAIL, scope: 'marketing', reason: 'complaint', evidence: 'ARF' });
    await comeBackToAll(rt, about, { ...read, text: '' });
    expect(may()).toBe('suppressed');
    expect(await consentsOf(rt.store.read, about.contactId)).toEqual([]);
  });

  test('how often, language and measuring are kept; measuring in full is a consent, with the words read', async () => {
    const { rt, about, contact } = await stand(await open());
    const now = async () => contactById(rt.store.read, contact);
    await choosePreferences(rt, about, { frequency: 'monthly', language: 'fr', tracking: 'full' }, read);
    expect(await now()).toMatchObject({ max_frequency: 'monthly', language: 'fr', tracking: 'full' });
    await choosePreferences(rt, about, { tracking: 'hygiene' }, read);
    expect(await now()).toMatchObject({ max_frequency: 'monthly', language: 'fr', tracking: 'hygiene' });
    await choosePreferences(rt, about, { tracking: 'none' }, read);
    const rows = await consentsOf(rt.store.read, contact);
    expect(rows.map((row) => `${row.purpose} ${row.state}`)).toEqual([
      'tracking withdrawn',
      'tracking given',
    ]);
    expect(rows[1]).toMatchObject({ text: 'the words beside it', ip: '192.0.2.1', method: 'preferences' });
  });
});
