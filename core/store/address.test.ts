/** One person with several addresses, on every engine: each address has one owner, and any of them finds the person. */
import { sql } from 'kysely';
import { expect, test } from 'vitest';
import {
  addAddress,
  addressesOf,
  makePrimary,
  otherAddress,
  ownerOf,
  setAddressState,
  withAllOfTheirs,
} from './address.ts';
import { placeAtCompanies } from './company.ts';
import { addContact, addContacts, contactByEmail, contactRow, contactsByEmail } from './contact.ts';
import type { Db } from './tables.ts';
import { eachEngine } from './testing.ts';

const NOW = Date.UTC(2026, 0, 5, 9);
const made = async (tx: Db, email: string): Promise<number> =>
  (await addContact(tx, contactRow({ email, source: '' }, NOW))) as number;
const given = (tx: Db, contact_id: number, address: string) =>
  addAddress(tx, { contact_id, address, source: 'test' }, NOW);
const companyIn = async (db: Db, id: number): Promise<string | null> =>
  (await db.selectFrom('contact').select('company_domain').where('id', '=', id).executeTakeFirstOrThrow())
    .company_domain;

eachEngine((_name, open) => {
  test('whoever is looked for by any of their addresses is found', async () => {
    const { read, write } = await open();
    const id = await write(async (tx) => {
      const anna = await made(tx, 'anna@example.org');
      await given(tx, anna, 'anna@work.example');
      return anna;
    });
    expect((await contactByEmail(read, 'anna@work.example'))?.email).toBe('anna@example.org');
    expect(await ownerOf(read, 'anna@example.org')).toBe(id);
    expect(await ownerOf(read, 'nobody@example.org')).toBeUndefined();
    const found = await contactsByEmail(read, ['anna@work.example', 'anna@example.org', 'x@example.org']);
    expect([...found].map(([asked, row]) => [asked, row.id]).sort()).toEqual([
      ['anna@example.org', id],
      ['anna@work.example', id],
    ]);
    const all = await withAllOfTheirs(read, ['anna@work.example', 'x@example.org']);
    expect([...all].sort()).toEqual([
      ['anna@example.org', id],
      ['anna@work.example', id],
    ]);
  });

  test('an address has one owner: who adds one that is taken, by whichever door, adds nothing', async () => {
    const { read, write } = await open();
    await write(async (tx) => {
      const anna = await made(tx, 'anna@example.org');
      const ben = await made(tx, 'ben@example.org');
      await given(tx, anna, 'anna@work.example');
      expect(await given(tx, ben, 'anna@work.example')).toBeUndefined();
      expect(await given(tx, ben, 'anna@example.org')).toBeUndefined();
      expect(
        await addContact(tx, contactRow({ email: 'anna@work.example', source: '' }, NOW)),
      ).toBeUndefined();
      // Of a batch the others go in.
      const added = await addContacts(
        tx,
        ['anna@work.example', 'carl@example.org', 'dora@example.org'].map((email) => ({ email, source: '' })),
        NOW,
      );
      expect([...added.keys()].sort()).toEqual(['carl@example.org', 'dora@example.org']);
    });
    await expect(
      write((tx) =>
        sql`update contact set email = 'anna@work.example' where email = 'ben@example.org'`.execute(tx),
      ),
    ).rejects.toThrow(/another contact/);
    expect((await contactByEmail(read, 'ben@example.org'))?.email).toBe('ben@example.org');
  });

  test('of two who add the same address at the same moment one has it', async () => {
    const { read, write } = await open();
    const anna = await write((tx) => made(tx, 'anna@example.org'));
    await Promise.all(
      Array.from({ length: 12 }, (_, at) => [
        write((tx) => given(tx, anna, `both${at}@example.org`)),
        write((tx) => made(tx, `both${at}@example.org`)),
      ]).flat(),
    );
    const { rows } = await sql<{ n: number }>`select count(*) as n from contact
      join contact_address on contact_address.address = contact.email`.execute(read);
    expect(Number(rows[0]?.n)).toBe(0);
  });

  test('one of the others becomes primary and nothing is lost', async () => {
    const { read, write } = await open();
    const id = await write(async (tx) => {
      const anna = await made(tx, 'anna@gmail.com');
      await given(tx, anna, 'anna@work.example');
      await given(tx, anna, 'anna@old.example');
      const work = await otherAddress(tx, anna, 'anna@work.example');
      await makePrimary(tx, work!, NOW);
      return anna;
    });
    expect(await addressesOf(read, id)).toEqual(['anna@work.example', 'anna@old.example', 'anna@gmail.com']);
    expect((await contactByEmail(read, 'anna@gmail.com'))?.email_domain).toBe('work.example');
  });

  test('the company is that of the primary address, else of the first other one that tells; none for shared domains', async () => {
    const { read, write } = await open();
    await write(async (tx) => {
      const anna = await made(tx, 'anna@gmail.com');
      expect(await companyIn(tx, anna)).toBeNull();
      const work = await given(tx, anna, 'anna@work.example');
      await given(tx, anna, 'anna@later.example');
      await placeAtCompanies(tx, [anna]);
      expect(await companyIn(tx, anna)).toBe('work.example');
      await setAddressState(tx, work!.id, 'retired');
      await placeAtCompanies(tx, [anna]);
      expect(await companyIn(tx, anna)).toBe('later.example');
      await tx
        .insertInto('company')
        .values({ domain: 'later.example', kind: 'shared', updated_at: NOW })
        .execute();
      await placeAtCompanies(tx, [anna]);
      expect(await companyIn(tx, anna)).toBeNull();
    });
    // Who comes later finds the domain marked.
    await write(async (tx) => {
      await addContacts(tx, [{ email: 'ben@later.example', source: '' }], NOW);
      await made(tx, 'carl@later.example');
      await made(tx, 'dora@other.example');
    });
    const { rows } = await sql<{ email: string; company_domain: string | null }>`select email, company_domain
      from contact order by id`.execute(read);
    expect(rows.map((row) => [row.email, row.company_domain])).toEqual([
      ['anna@gmail.com', null],
      ['ben@later.example', null],
      ['carl@later.example', null],
      ['dora@other.example', 'other.example'],
    ]);
  });
});
