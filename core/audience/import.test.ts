import { mkdtempSync, readFileSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { expect, onTestFinished, test } from 'vitest';
import { schema } from '../../config/schema.ts';
import { writeContactsCsv } from '../../lab/audience.ts';
import { manualClock } from '../clock.ts';
import { firstBrand } from '../identity.ts';
import { silentLog } from '../log.ts';
import { consentsOf } from '../store/consent.ts';
import { contactByEmail, countContacts } from '../store/contact.ts';
import { importById, importErrors } from '../store/import.ts';
import { addList, lists, setMembership } from '../store/list.ts';
import type { Store } from '../store/open.ts';
import { eachEngine, openTestStore } from '../store/testing.ts';
import { createWake } from '../wake.ts';
import { previewImport, receiveImport, runImport, startImport, type ImportStart } from './import.ts';
import { SuppressionView, suppressIn } from './suppress.ts';

const never = new AbortController().signal;

function runtimeOn(store: Store) {
  const data_dir = mkdtempSync(join(tmpdir(), 'parley-import-'));
  onTestFinished(() => rmSync(data_dir, { recursive: true, force: true }));
  const clock = manualClock();
  return {
    store,
    clock,
    wake: createWake(),
    log: silentLog,
    config: { ...schema.parse({}), data_dir },
    suppressions: new SuppressionView(),
  };
}
type Rt = ReturnType<typeof runtimeOn>;

const upload = (rt: Rt, text: string | Buffer) =>
  receiveImport(rt, Readable.from([Buffer.from(text)]), { fileName: 'people.csv' });

/** Uploads, takes the suggestions, runs to the end. */
async function take(rt: Rt, text: string | Buffer, start: Partial<ImportStart> = {}) {
  const id = await upload(rt, text);
  const { columns } = await previewImport(rt, id);
  await startImport(rt, id, {
    mapping: Object.fromEntries(columns.map((one) => [one.name, one.suggestion])),
    newFields: columns.flatMap((one) =>
      one.suggestion?.startsWith('fields.')
        ? [{ name: one.suggestion.slice(7), label: one.name, kind: one.kind }]
        : [],
    ),
    ...start,
  });
  await runImport(rt, id, never);
  return {
    job: (await importById(rt.store.read, id))!,
    errors: (await importErrors(rt.store.read, id)).rows,
  };
}

const addListTo = (store: Store, name: string) =>
  store.write(async (tx) => addList(tx, { name, brand_id: await firstBrand(tx, 1) }, 1));

test('columns are guessed from French and English headers, and fields get the kind of their values', async () => {
  const rt = runtimeOn(await openTestStore());
  const id = await upload(
    rt,
    Buffer.from(
      'Prénom;NOM;Adresse e-mail;Dernière commande;Commandes;VIP;Code postal\nAndré;Élie;a@example.org;31/01/2026;3;oui;01000\n',
      'latin1',
    ),
  );
  const preview = await previewImport(rt, id);
  expect(preview).toMatchObject({ encoding: 'windows-1252', delimiter: ';' });
  expect(preview.columns.map((one) => [one.name, one.suggestion, one.kind])).toEqual([
    ['Prénom', 'first_name', 'text'],
    ['NOM', 'last_name', 'text'],
    ['Adresse e-mail', 'email', 'text'],
    ['Dernière commande', 'fields.derniere_commande', 'date'],
    ['Commandes', 'fields.commandes', 'number'],
    ['VIP', 'fields.vip', 'boolean'],
    ['Code postal', 'fields.code_postal', 'text'],
  ]);
});

eachEngine((_name, open) => {
  test('a file goes in: fields, tags, list, consent with its source and date', async () => {
    const rt = runtimeOn(await open());
    const listId = await addListTo(rt.store, 'News');
    const { job, errors } = await take(
      rt,
      '\ufeffemail,first name,city,orders,last_order,tags,consent_source,consent_at\r\n' +
        'Ana@Example.ORG,Ana,Lyon,4,2026-01-02,vip|paris,shop,2024-03-01\r\n' +
        'bob@example.org,"Bob ""the""\r\nBuilder",,,,,,\r\n',
      { listId, consent: { purpose: 'marketing', method: 'import', source: 'fair', text: 'Yes please' } },
    );
    expect(errors).toEqual([]);
    expect(job).toMatchObject({ state: 'done', rows_done: 2, created: 2, failed: 0 });
    const ana = (await contactByEmail(rt.store.read, 'ana@example.org'))!;
    expect(JSON.parse(ana.fields)).toEqual({ city: 'Lyon', orders: 4, last_order: '2026-01-02' });
    expect(JSON.parse(ana.tags)).toEqual(['vip', 'paris']);
    expect((await contactByEmail(rt.store.read, 'bob@example.org'))!.first_name).toBe('Bob "the" Builder');
    expect((await lists(rt.store.read, listId))[0]).toMatchObject({ subscribed: 2 });
    expect(await consentsOf(rt.store.read, ana.id)).toMatchObject([
      { purpose: 'marketing', state: 'given', source: 'shop', text: 'Yes please', at: Date.UTC(2024, 2, 1) },
    ]);
  });

  test('who left or may not be mailed is not put back, and gets no new consent', async () => {
    const rt = runtimeOn(await open());
    const listId = await addListTo(rt.store, 'News');
    await take(rt, 'email\nleft@example.org\nstopped@example.org\nfine@example.org\n');
    const contact = async (email: string) => (await contactByEmail(rt.store.read, email))!.id;
    const left = await contact('left@example.org');
    await rt.store.write(async (tx) => {
      await setMembership(
        tx,
        { list_id: listId, contact_id: left, status: 'unsubscribed', source: 'self' },
        5,
      );
      await suppressIn(
        tx,
        [{ address: 'stopped@example.org', scope: 'everything', reason: 'hard-bounce', evidence: '550' }],
        5,
      );
    });
    const consent = { purpose: 'marketing', method: 'import', source: 'fair', text: '' };
    await take(rt, 'email\nleft@example.org\nstopped@example.org\nfine@example.org\n', { listId, consent });
    const members = await rt.store.read.selectFrom('list_member').selectAll().orderBy('contact_id').execute();
    expect(members.map((one) => [one.contact_id, one.status])).toEqual([
      [left, 'unsubscribed'],
      [await contact('fine@example.org'), 'subscribed'],
    ]);
    expect(await consentsOf(rt.store.read, await contact('stopped@example.org'))).toEqual([]);
  });

  test('what people told us is not overwritten unless asked for', async () => {
    const rt = runtimeOn(await open());
    await take(rt, 'email,first_name,city\na@example.org,Ana,Lyon\n');
    const kept = await take(rt, 'email,first_name,city\na@example.org,Anna,Paris\n');
    expect(kept.job).toMatchObject({ created: 0, updated: 0, unchanged: 1 });
    expect(await contactByEmail(rt.store.read, 'a@example.org')).toMatchObject({ first_name: 'Ana' });
    const changed = await take(rt, 'email,first_name,city\na@example.org,,Paris\n', { updateExisting: true });
    expect(changed.job).toMatchObject({ updated: 1 });
    const row = (await contactByEmail(rt.store.read, 'a@example.org'))!;
    // An empty cell says nothing.
    expect([row.first_name, JSON.parse(row.fields)]).toEqual(['Ana', { city: 'Paris' }]);
  });

  test('each broken row is told with its line and reason, and costs only itself', async () => {
    const rt = runtimeOn(await open());
    const { job, errors } = await take(
      rt,
      [
        'email,first_name,city',
        'a@example.org,"Ana,Lyon',
        'b@example.org,Bob,Lyon',
        'nobody,Cy,Lyon',
        'd@example.org,Jean "le Grand",Lyon',
        'e@example.org,Eve\u0000,Lyon',
        'f@example.org,Fay',
        ',Gus,Lyon',
        'h@example.org,Hal,Lyon,more',
        '',
        'i@example.org,Ivy,Lyon,,',
        'B@EXAMPLE.org,Again,Lyon',
        '"j@example.org\r\nBcc: x@example.org",Jo,Lyon',
      ].join('\n'),
    );
    expect(errors.map((one) => [one.line, one.column_name, one.reason])).toEqual([
      [2, '', 'has a quote that is never closed'],
      [4, 'email', 'has no @'],
      [5, '', 'has a quote in the middle of a cell'],
      [6, 'first_name', 'contains a control character'],
      [7, '', 'has 2 cells where the header has 3'],
      [8, 'email', 'is empty'],
      [9, '', 'has 4 cells where the header has 3'],
      [13, 'email', 'contains a line break or control character'],
    ]);
    expect(errors.every((one) => !one.raw.includes('\u0000'))).toBe(true);
    expect(job).toMatchObject({ state: 'done', rows_done: 11, created: 2, duplicates: 1, failed: 8 });
  });

  test('a value that is not of its field’s kind is left out and told, and the person is taken', async () => {
    const rt = runtimeOn(await open());
    await take(rt, 'email,orders\na@example.org,4\n');
    const { job, errors } = await take(rt, 'email,orders\nb@example.org,many\n');
    expect(job).toMatchObject({ created: 1, failed: 0 });
    expect(errors).toMatchObject([{ line: 2, column_name: 'orders', reason: 'is not a number: left out' }]);
  });

  test('stopped at any slice, it goes on at the next row: nobody is missing, nobody twice, counts are right', async () => {
    const rt = runtimeOn(await open());
    const rows = Array.from({ length: 3500 }, (_, at) =>
      at % 10 === 9 ? `P${at - 5}@example.org` : at % 100 === 50 ? 'broken' : `p${at}@example.org`,
    );
    const id = await upload(rt, `email\n${rows.join('\n')}\n`);
    await startImport(rt, id, { mapping: { email: 'email' } });
    // A kill after each slice, as the store sees it: the signal stops the reader once a slice is committed.
    // Slices go by time: how many there are is the machine's affair.
    for (let runs = 0; runs < 200; runs++) {
      const stop = new AbortController();
      const off = rt.wake.on('import', () => stop.abort());
      await runImport(rt, id, stop.signal);
      off();
      if ((await importById(rt.store.read, id))!.state === 'done') break;
    }
    expect(await importById(rt.store.read, id)).toMatchObject({
      state: 'done',
      rows_done: 3500,
      created: 3115,
      duplicates: 350,
      failed: 35,
    });
    expect(await countContacts(rt.store.read)).toBe(3115);
  });

  test('a slice that somebody else committed is taken back whole', async () => {
    const rt = runtimeOn(await open());
    const id = await upload(rt, 'email\na@example.org\n');
    await startImport(rt, id, { mapping: { email: 'email' } });
    await Promise.all([runImport(rt, id, never), runImport(rt, id, never)]);
    expect(await importById(rt.store.read, id)).toMatchObject({ state: 'done', rows_done: 1, created: 1 });
    const kinds = await rt.store.read.selectFrom('event').select('kind').execute();
    expect(kinds).toEqual([{ kind: 'imported' }]);
  });
});

test('an import starts once, and not without a column for the address', async () => {
  const rt = runtimeOn(await openTestStore());
  const id = await upload(rt, 'email,a\na@example.org,b\n');
  await expect(startImport(rt, id, { mapping: { a: 'first_name' } })).rejects.toThrow(
    /no column for the address/,
  );
  await expect(startImport(rt, id, { mapping: { email: 'email', a: 'email' } })).rejects.toThrow(
    /two columns/,
  );
  await expect(startImport(rt, id, { mapping: { email: 'email', a: 'fields.A b' } })).rejects.toThrow(
    /no field/,
  );
  await startImport(rt, id, { mapping: { email: 'email' } });
  await expect(startImport(rt, id, { mapping: { email: 'email' } })).rejects.toThrow(/running already/);
});

test('a file that is gone ends its import with the reason', async () => {
  const rt = runtimeOn(await openTestStore());
  const id = await upload(rt, 'email\na@example.org\n');
  await startImport(rt, id, { mapping: { email: 'email' } });
  unlinkSync(join(rt.config.data_dir, (await importById(rt.store.read, id))!.path));
  await runImport(rt, id, never);
  expect(await importById(rt.store.read, id)).toMatchObject({
    state: 'failed',
    error: 'the uploaded file is no longer there',
  });
});

test('the lab’s customer file goes in as it was planted', async () => {
  const rt = runtimeOn(await openTestStore());
  const path = join(rt.config.data_dir, 'lab.csv');
  const planted = await writeContactsCsv(path, { count: 2000, seed: 7, now: rt.clock.now() });
  const { job, errors } = await take(rt, readFileSync(path));
  expect(job).toMatchObject({
    state: 'done',
    rows_done: planted.rows,
    created: planted.addresses.length,
    duplicates: planted.duplicates.length,
    failed: planted.broken.length,
  });
  expect(errors.map((one) => one.line)).toEqual(planted.broken.map((one) => one.line));
  writeFileSync(path, '');
});
