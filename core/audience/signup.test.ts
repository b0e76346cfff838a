/** Signing up in two steps, and what a stranger cannot do with it. On every engine. */
import { expect, test } from 'vitest';
import { manualClock } from '../clock.ts';
import { createTokens } from '../mail/tokens.ts';
import { consentsOf } from '../store/consent.ts';
import { addContact, contactByEmail, contactRow } from '../store/contact.ts';
import { addForm, formById } from '../store/form.ts';
import { addBrand, addSendingDomain } from '../store/identity.ts';
import { addList, membershipsOf, setMembership } from '../store/list.ts';
import type { Store } from '../store/open.ts';
import { forgetSignups } from '../store/signup.ts';
import { eachEngine } from '../store/testing.ts';
import type { Row, SuppressionReason, SuppressionScope } from '../store/tables.ts';
import { createWake } from '../wake.ts';
import { askToSignUp, confirmSignUp, signupOf, type Asked } from './signup.ts';
import { suppress, SuppressionView } from './suppress.ts';

const NOW = Date.UTC(2026, 2, 3, 9);
const DAY = 24 * 60 * 60 * 1000;
const BY = { ip: '198.51.100.9', agent: 'Mail/1' };

async function stand(store: Store) {
  const clock = manualClock(NOW);
  const rt = {
    store,
    clock,
    wake: createWake(),
    suppressions: new SuppressionView(),
    tokens: createTokens([{ id: 0, secret: Buffer.alloc(32, 7) }]),
  };
  const made = await store.write(async (tx) => {
    const brand = await addBrand(tx, { name: 'Maison', language: 'fr', postal_address: '', created_at: NOW });
    await addSendingDomain(tx, {
      brand_id: brand,
      name: 'maison.example',
      bounce_host: 'b.maison.example',
      reply_host: 'r.maison.example',
      created_at: NOW,
    });
    const list = await addList(tx, { name: 'Lettre', brand_id: brand }, NOW);
    const other = await addList(tx, { name: 'Soldes', brand_id: brand }, NOW);
    const form = (await addForm(tx, {
      public_id: 'abc',
      name: 'Site',
      brand_id: brand,
      list_id: list,
      purposes: '["marketing","tracking"]',
      fields: '[]',
      texts: '{}',
      privacy_url: '',
      redirect: '',
      version: 4,
      active: 1,
      created_at: NOW,
      updated_at: NOW,
    })) as number;
    return { list, other, form };
  });
  const form = (await formById(store.read, made.form)) as Row<'form'>;
  const links: string[] = [];
  const goTo = (at: number) => clock.advance(at - clock.now());
  const ask = async (email = 'ana@example.org', more: Partial<Asked> = {}) =>
    (
      await askToSignUp(
        rt,
        form,
        {
          email,
          language: 'fr',
          fields: {},
          choices: [
            { purpose: `list:${made.list}`, state: 'given', text: 'La lettre' },
            { purpose: 'marketing', state: 'given', text: 'J’accepte.' },
            { purpose: 'tracking', state: 'refused', text: 'Mesure.' },
          ],
          ip: '192.0.2.1',
          agent: 'Browser/1',
          ...more,
        },
        (token) => (links.push(token), `https://x/${token}`),
      )
    ).mailed;
  const mails = () => store.read.selectFrom('submission').selectAll().orderBy('id').execute();
  const confirmLast = async () => {
    const waiting = await signupOf(rt, links.at(-1) as string);
    if (waiting !== undefined) await confirmSignUp(rt, waiting, BY);
    return waiting;
  };
  return { rt, ...made, form, goTo, ask, mails, links, confirmLast };
}

eachEngine((_name, open) => {
  test('nobody is a contact before the confirmation; after it the list, the ledger and its proof are there', async () => {
    const { rt, ask, mails, confirmLast, list, form } = await stand(await open());
    expect(await ask('ana@example.org', { fields: { first_name: 'Ana', city: 'Lyon' } })).toBe(true);
    expect(await contactByEmail(rt.store.read, 'ana@example.org')).toBeUndefined();
    const [mail] = await mails();
    expect(mail).toMatchObject({ credential_id: 0, subject: 'Confirmez votre inscription à Maison' });
    const [delivery] = await rt.store.read.selectFrom('delivery').selectAll().execute();
    expect(delivery).toMatchObject({ lane: 'transactional', address: 'ana@example.org' });
    await confirmLast();
    const ana = (await contactByEmail(rt.store.read, 'ana@example.org'))!;
    expect(ana).toMatchObject({ first_name: 'Ana', language: 'fr', tracking: 'none' });
    expect(JSON.parse(ana.fields)).toEqual({ city: 'Lyon' });
    expect(await membershipsOf(rt.store.read, ana.id)).toMatchObject([
      { list_id: list, status: 'subscribed' },
    ]);
    const rows = await consentsOf(rt.store.read, ana.id);
    expect(rows.map((row) => [row.purpose, row.state, row.text]).toSorted()).toEqual([
      [`list:${list}`, 'given', 'La lettre'],
      ['marketing', 'given', 'J’accepte.'],
      ['tracking', 'refused', 'Mesure.'],
    ]);
    expect(rows[0]).toMatchObject({
      method: 'form',
      form_id: form.id,
      form_version: 4,
      language: 'fr',
      ip: '192.0.2.1',
      agent: 'Browser/1',
    });
    expect(JSON.parse(rows[0]!.evidence)).toMatchObject({ confirmed: { at: NOW, ...BY } });
  });

  test('a second press of the button changes nothing, and brings nobody back who left meanwhile', async () => {
    const { rt, ask, confirmLast, list } = await stand(await open());
    await ask();
    await confirmLast();
    const ana = (await contactByEmail(rt.store.read, 'ana@example.org'))!;
    const before = await consentsOf(rt.store.read, ana.id);
    await suppress(rt, {
      address: ana.email,
      scope: `list:${list}`,
      reason: 'unsubscribe',
      contact_id: ana.id,
      evidence: 'page',
    });
    await confirmLast();
    expect(await consentsOf(rt.store.read, ana.id)).toHaveLength(before.length + 1);
    expect(await membershipsOf(rt.store.read, ana.id)).toMatchObject([{ status: 'unsubscribed' }]);
    expect(rt.suppressions.mayMail({ address: ana.email, lane: 'bulk', listId: list }).kind).toBe(
      'suppressed',
    );
  });

  test('one confirmation a day and three a week, whoever asks how often', async () => {
    const { goTo, ask, mails } = await stand(await open());
    const mailed: boolean[] = [];
    for (let hour = 0; hour < 8 * 24; hour += 6) {
      await goTo(NOW + hour * 3_600_000);
      mailed.push(await ask());
    }
    const at = mailed.flatMap((did, place) => (did ? [place / 4] : []));
    // Days 0, 1 and 2; then none until the first is a week old.
    expect(at).toEqual([0, 1, 2, 7]);
    expect(await mails()).toHaveLength(4);
    expect(await ask('bob@example.org')).toBe(true);
  });

  test('many at once for one address are one mail', async () => {
    const { ask, mails } = await stand(await open());
    const mailed = await Promise.all(Array.from({ length: 6 }, () => ask()));
    expect(mailed.filter(Boolean)).toHaveLength(1);
    expect(await mails()).toHaveLength(1);
  });

  test.each<[SuppressionScope, SuppressionReason, boolean]>([
    ['everything', 'hard-bounce', false],
    ['marketing', 'complaint', false],
    ['everything', 'manual', false],
    ['marketing', 'unsubscribe', true],
    ['marketing', 'unsubscribe-in-words', true],
    ['everything', 'unsubscribe', false],
  ])('suppressed for %s by %s: mailed a confirmation %s', async (scope, reason, mailed) => {
    const { rt, ask } = await stand(await open());
    await suppress(rt, { address: 'ana@example.org', scope, reason, evidence: '' });
    expect(await ask()).toBe(mailed);
  });

  test('who left marketing as a whole comes back to this list alone', async () => {
    const { rt, ask, confirmLast, list, other } = await stand(await open());
    const id = await rt.store.write(async (tx) => {
      const made = (await addContact(
        tx,
        contactRow({ email: 'ana@example.org', source: 't' }, NOW),
      )) as number;
      for (const list_id of [list, other])
        await setMembership(tx, { list_id, contact_id: made, status: 'subscribed', source: 't' }, NOW);
      return made;
    });
    await suppress(rt, {
      address: 'ana@example.org',
      scope: 'marketing',
      reason: 'unsubscribe',
      contact_id: id,
      evidence: 'page',
    });
    await ask();
    await confirmLast();
    const may = (listId: number) =>
      rt.suppressions.mayMail({ address: 'ana@example.org', lane: 'bulk', listId }).kind;
    expect([may(list), may(other)]).toEqual(['may', 'suppressed']);
    const memberships = await membershipsOf(rt.store.read, id);
    expect(new Map(memberships.map((one) => [one.list_id, one.status]))).toEqual(
      new Map([
        [list, 'subscribed'],
        [other, 'unsubscribed'],
      ]),
    );
  });

  test('what is known of a person is not written over by what a stranger may have typed', async () => {
    const { rt, ask, confirmLast } = await stand(await open());
    await rt.store.write((tx) =>
      addContact(
        tx,
        contactRow(
          {
            email: 'ana@example.org',
            first_name: 'Ana',
            language: 'en',
            fields: '{"city":"Lyon"}',
            source: 't',
          },
          NOW,
        ),
      ),
    );
    await ask('ana@example.org', { fields: { first_name: 'Rude', city: 'Nowhere', job: 'baker' } });
    await confirmLast();
    const ana = (await contactByEmail(rt.store.read, 'ana@example.org'))!;
    expect(ana).toMatchObject({ first_name: 'Ana', language: 'en' });
    expect(JSON.parse(ana.fields)).toEqual({ city: 'Lyon', job: 'baker' });
  });

  test('a link is good for seven days, and an unconfirmed form is forgotten', async () => {
    const { rt, goTo, ask, links } = await stand(await open());
    await ask();
    const token = links[0] as string;
    await goTo(NOW + 7 * DAY);
    expect(await signupOf(rt, token)).toBeDefined();
    await goTo(NOW + 7 * DAY + 1);
    expect(await signupOf(rt, token)).toBeUndefined();
    // A link of another kind with the same number is none.
    expect(
      await signupOf(rt, rt.tokens.mint({ purpose: 'u', domain: 'links', id: 1, now: NOW })),
    ).toBeUndefined();
    expect(await rt.store.write((tx) => forgetSignups(tx, NOW))).toBe(0);
    expect(await rt.store.write((tx) => forgetSignups(tx, NOW + 1))).toBe(1);
  });
});
