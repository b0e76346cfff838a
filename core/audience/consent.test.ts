/** The ledger of consents: only added to, exact in what was read, and obeyed at once. */
import { expect, test } from 'vitest';
import { manualClock } from '../clock.ts';
import { addConsents, consentFor, consentsOf, consentTextHash } from '../store/consent.ts';
import { addContact, contactById, contactRow } from '../store/contact.ts';
import { addPurpose, changePurpose, purposes } from '../store/purpose.ts';
import { eachEngine } from '../store/testing.ts';
import type { Store } from '../store/open.ts';
import { createWake } from '../wake.ts';
import { recordConsent } from './consent.ts';
import { exportConsents } from './consent-export.ts';
import { suppress, SuppressionView } from './suppress.ts';

const NOW = Date.UTC(2026, 2, 3, 9);
const BY = { id: 1, name: 'Léa' };

const person = (store: Store, email: string) =>
  store.write(async (tx) => (await addContact(tx, contactRow({ email, source: 'test' }, NOW))) as number);

function runtime(store: Store) {
  const clock = manualClock(NOW);
  return { store, clock, wake: createWake(), suppressions: new SuppressionView() };
}

async function file(pieces: AsyncGenerator<string>): Promise<string[]> {
  let text = '';
  for await (const piece of pieces) text += piece;
  return text.trimEnd().split('\r\n');
}

eachEngine((_name, open) => {
  test('a row keeps exactly what was read with its hash, and the database lets nobody change it', async () => {
    const store = await open();
    const id = await person(store, 'ana@example.org');
    const text = 'J’accepte de recevoir vos nouvelles.';
    await store.write((tx) =>
      addConsents(tx, [
        {
          contact_id: id,
          purpose: 'marketing',
          state: 'given',
          method: 'form',
          source: 'shop page',
          text,
          form_id: 3,
          form_version: 2,
          language: 'fr',
          ip: '192.0.2.7',
          agent: 'Browser/1',
          evidence: { signup: 9 },
          at: NOW,
        },
      ]),
    );
    const [row] = await consentsOf(store.read, id);
    expect(row).toMatchObject({
      text,
      text_hash: consentTextHash(text),
      form_id: 3,
      form_version: 2,
      language: 'fr',
      ip: '192.0.2.7',
      agent: 'Browser/1',
    });
    for (const patch of [{ state: 'withdrawn' as const }, { text: 'other' }, { at: 1 }])
      await expect(
        store.write((tx) => tx.updateTable('consent').set(patch).where('id', '=', row!.id).execute()),
      ).rejects.toThrow('only added to');
    expect(await consentsOf(store.read, id)).toEqual([row]);
  });

  test('taking marketing back by hand stops marketing in the same moment, and is one row of the ledger', async () => {
    const store = await open();
    const rt = runtime(store);
    const id = await person(store, 'ana@example.org');
    await recordConsent(rt, id, { purpose: 'marketing', state: 'given', source: 'fair', text: 'Yes' }, BY);
    expect(rt.suppressions.mayMail({ address: 'ana@example.org', lane: 'bulk' }).kind).toBe('may');
    await recordConsent(rt, id, { purpose: 'marketing', state: 'withdrawn', source: 'call', text: '' }, BY);
    expect(rt.suppressions.mayMail({ address: 'ana@example.org', lane: 'bulk' })).toMatchObject({
      kind: 'suppressed',
      scope: 'marketing',
    });
    const rows = await consentsOf(store.read, id);
    expect(rows.map((row) => [row.purpose, row.state, row.source])).toEqual([
      ['marketing', 'withdrawn', 'call'],
      ['marketing', 'given', 'fair'],
    ]);
  });

  test('measuring begins with a consent to it and ends with its withdrawal', async () => {
    const store = await open();
    const rt = runtime(store);
    const id = await person(store, 'ana@example.org');
    const mode = async () => (await contactById(store.read, id))?.tracking;
    await recordConsent(rt, id, { purpose: 'tracking', state: 'given', source: 'fair', text: '' }, BY);
    expect(await mode()).toBe('full');
    await recordConsent(rt, id, { purpose: 'tracking', state: 'withdrawn', source: 'call', text: '' }, BY);
    expect(await mode()).toBe('none');
    expect(rt.suppressions.size).toBe(0);
  });

  test('who unsubscribes takes consent back in the ledger; who bounces does not', async () => {
    const store = await open();
    const rt = runtime(store);
    const [leaver, gone] = [await person(store, 'ana@example.org'), await person(store, 'bob@example.org')];
    await suppress(
      rt,
      {
        address: 'ana@example.org',
        scope: 'list:4',
        reason: 'unsubscribe',
        contact_id: leaver,
        evidence: 'page',
      },
      {
        address: 'bob@example.org',
        scope: 'everything',
        reason: 'hard-bounce',
        contact_id: gone,
        evidence: '550',
      },
    );
    expect(await consentFor(store.read, leaver, 'list:4')).toMatchObject({
      state: 'withdrawn',
      source: 'page',
    });
    expect(await consentsOf(store.read, gone)).toEqual([]);
  });

  test('the ledger as a file: of everybody in the order written, of one person alone, no formula runs', async () => {
    const store = await open();
    const rt = runtime(store);
    const [ana, bob] = [await person(store, 'ana@example.org'), await person(store, 'bob@example.org')];
    await recordConsent(
      rt,
      ana,
      { purpose: 'marketing', state: 'given', source: '=cmd()', text: 'Oui, "tout"' },
      BY,
    );
    await recordConsent(rt, bob, { purpose: 'marketing', state: 'refused', source: 'fair', text: '' }, BY);
    const all = await file(exportConsents(store.read));
    expect(all).toHaveLength(3);
    expect(all[0]).toMatch(/^\ufeffid,email,contact_id,at,purpose,state/);
    expect(all[1]).toContain('ana@example.org,');
    expect(all[1]).toContain(",'=cmd(),");
    expect(all[1]).toContain('"Oui, ""tout"""');
    expect(all[1]).toContain(consentTextHash('Oui, "tout"'));
    expect(all[2]).toContain(',refused,by hand,');
    expect(await file(exportConsents(store.read, bob))).toEqual([all[0], all[2]]);
  });

  test('purposes: two are there from the start, a name is one purpose, words may change', async () => {
    const store = await open();
    expect((await purposes(store.read)).map((one) => one.name)).toEqual(['marketing', 'tracking']);
    const words = { name_fr: 'Salons', name_en: 'Fairs', description_fr: 'Oui.', description_en: 'Yes.' };
    const id = await store.write((tx) => addPurpose(tx, { name: 'fairs', ...words }, NOW));
    expect(await store.write((tx) => addPurpose(tx, { name: 'fairs', ...words }, NOW))).toBeUndefined();
    const changed = await store.write((tx) => changePurpose(tx, id as number, { name_en: 'Trade fairs' }));
    expect(changed).toMatchObject({ name: 'fairs', name_en: 'Trade fairs', description_en: 'Yes.' });
  });
});
