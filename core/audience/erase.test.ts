/** Erasing a person: nothing of them in any row, nor in the bytes on the disk; what others need stays. On every engine. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { sql } from 'kysely';
import { expect, onTestFinished, test } from 'vitest';
import type { Config } from '../../config/schema.ts';
import { manualClock } from '../clock.ts';
import { createSecrets } from '../secrets.ts';
import { addAddress } from '../store/address.ts';
import { addContact, contactByEmail, contactRow } from '../store/contact.ts';
import { addEvents } from '../store/event.ts';
import type { Store } from '../store/open.ts';
import { addRawMessage, rawPath } from '../store/raw-message.ts';
import { eachEngine } from '../store/testing.ts';
import { createWake } from '../wake.ts';
import { learntIntents } from './correct-intent.ts';
import { readCall, type EventCall } from './event-call.ts';
import { takeCalls } from './event-group.ts';
import { erasedHash, erasePerson, exportPerson, STAND_IN } from './erase.ts';
import { countedWords } from './learnt-intent.ts';
import { suppress, SuppressionView } from './suppress.ts';

const NOW = Date.UTC(2026, 2, 3, 9);
const ANA = 'ana.torres@example.org';
const BOB = 'bob@example.net';
const OTHER = 'ana.before@example.com';

async function stand(store: Store) {
  const directory = mkdtempSync(join(tmpdir(), 'parley-erase-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const secrets = createSecrets(Buffer.alloc(32, 3));
  const suppressions = new SuppressionView();
  await suppressions.loadErased(store.read, erasedHash(secrets));
  return {
    store,
    secrets,
    suppressions,
    clock: manualClock(NOW),
    wake: createWake(),
    config: { data_dir: directory } as Config,
    directory,
  };
}

/** One row, with only the columns that matter; text for what else must be there. */
const put = async (
  store: Store,
  table: string,
  row: Record<string, string | number | null>,
): Promise<number> => {
  const columns = sql.join(Object.keys(row).map((name) => sql.ref(name)));
  const values = sql.join(Object.values(row));
  const { rows } = await store.write((tx) =>
    sql<{ id: number }>`insert into ${sql.table(table)} (${columns}) values (${values}) returning *`.execute(
      tx,
    ),
  );
  return Number(rows[0]?.id ?? 0);
};

/** Somebody in every corner: mail sent and answered, a complaint in a receiver's words, a form, a file, a program's receipt. */
async function plant(rt: Awaited<ReturnType<typeof stand>>, email: string, n: number) {
  const { store } = rt;
  const contact = await store.write(
    async (tx) =>
      (await addContact(
        tx,
        contactRow({ email, first_name: `Person ${n}`, fields: `{"alias":"${email}"}`, source: 't' }, NOW),
      )) as number,
  );
  const hash = `${n}`.repeat(64);
  const big = `f${n}`.repeat(32);
  await store.write(async (tx) => {
    const body = Buffer.from(`From: ${email}\r\n\r\nhello`);
    await addRawMessage(tx, { hash, size: body.length, encoding: 'identity', body }, NOW);
    await addRawMessage(tx, { hash: big, size: 999_999, encoding: 'file', body: null }, NOW);
  });
  mkdirSync(dirname(rawPath(rt.directory, big)), { recursive: true });
  writeFileSync(rawPath(rt.directory, big), `From: ${email}\r\n\r\nlong`);
  const delivery = await put(store, 'delivery', {
    lane: 'bulk',
    origin_kind: 'campaign',
    origin_id: 1,
    recipient_key: String(contact),
    contact_id: contact,
    address: email,
    domain_id: 1,
    sending_domain_id: 1,
    pool: 'p',
    state: 'bounced',
    due_at: NOW,
    queued_at: NOW,
    fill: `{"values":["${email}"]}`,
    last_reply: `550 <${email}> unknown`,
    finished_at: NOW,
  });
  await put(store, 'delivery', {
    lane: 'bulk',
    origin_kind: 'campaign',
    origin_id: 2,
    recipient_key: String(contact),
    contact_id: contact,
    address: email,
    domain_id: 1,
    sending_domain_id: 1,
    pool: 'p',
    state: 'queued',
    due_at: NOW,
    queued_at: NOW,
  });
  for (const row of [
    { delivery_id: delivery, list_id: null },
    { delivery_id: 90 + n, list_id: 1 },
  ])
    await put(store, 'mail_got', { contact_id: contact, at: NOW, brand_id: 1, ...row });
  await put(store, 'person_hour', { contact_id: contact, hour: 5, weight: n });
  for (const domain of [email.slice(email.indexOf('@') + 1), ''])
    await store.write((tx) =>
      sql`insert into domain_hour (domain, hour, weight) values (${domain}, 5, ${n})
        on conflict (domain, hour) do update set weight = domain_hour.weight + ${n}`.execute(tx),
    );
  await put(store, 'attempt', {
    delivery_id: delivery,
    number: 1,
    at: NOW,
    outcome: 'bounced',
    reply: `550 ${email}`,
  });
  await put(store, 'attempt_transcript', {
    delivery_id: delivery,
    number: 1,
    at: NOW,
    lines: `RCPT TO:<${email}>`,
  });
  const conversation = await put(store, 'conversation', {
    mailbox_id: 1,
    contact_id: contact,
    address: email,
    subject: 'Re',
    state: 'open',
    category: 'human',
    waiting_on: 'us',
    last_message_at: NOW,
    created_at: NOW,
    preview: `I am ${email}`,
  });
  const inbound = await put(store, 'inbound', {
    received_at: NOW,
    mail_from: email,
    rcpt_to: '[]',
    remote_ip: '',
    helo: '',
    tls: '',
    size: 1,
    raw_hash: hash,
    state: 'applied',
    conversation_id: conversation,
  });
  await put(store, 'inbound', {
    received_at: NOW,
    mail_from: '',
    rcpt_to: '[]',
    remote_ip: '',
    helo: '',
    tls: '',
    size: 1,
    raw_hash: big,
    state: 'applied',
    delivery_id: delivery,
    facts: `{"recipient":"${email}"}`,
  });
  const message = await put(store, 'message', {
    conversation_id: conversation,
    direction: 'in',
    kind: 'reply',
    from_address: email,
    to_addresses: '[]',
    cc_addresses: '[]',
    references: '[]',
    segments: '[]',
    text: `Write to ${email}`,
    inbound_id: inbound,
    created_at: NOW,
  });
  // What staff said it means, with the words that the rules had gone by.
  await put(store, 'intent_correction', {
    message_id: message,
    was: 'negative',
    was_evidence: `Write to ${email}`,
    intent: 'interested',
    made_at: NOW,
  });
  await store.write((tx) =>
    store.engine === 'sqlite'
      ? sql`insert into message_text (rowid, subject, text, from_address) values (${message}, 'Re', ${`Write to ${email}`}, ${email})`.execute(
          tx,
        )
      : sql`insert into message_text (rowid, document) values (${message}, to_tsvector('simple', ${email}))`.execute(
          tx,
        ),
  );
  const submission = await put(store, 'submission', {
    public_id: `msg_${n}`,
    credential_id: 1,
    via: 'api',
    sending_domain_id: 1,
    envelope_from: '',
    from_address: 'a@maison.example',
    subject: `Receipt for ${email}`,
    message_id: `<${n}@x>`,
    tags: '[]',
    metadata: `{"to":"${email}"}`,
    raw_hash: hash,
    size: 1,
    smtputf8: 0,
    send_at: NOW,
    created_at: NOW,
  });
  await store.write((tx) =>
    sql`insert into submission_recipient (submission_id, place, address) values (${submission}, 0, ${email})`.execute(
      tx,
    ),
  );
  await store.write((tx) =>
    sql`insert into consent (contact_id, purpose, state, method, source, text, evidence, at)
      values (${contact}, 'marketing', 'given', 'form', ${email}, '', '{}', ${NOW})`.execute(tx),
  );
  await put(store, 'signup', {
    form_id: 1,
    form_version: 1,
    email,
    language: 'fr',
    fields: '{}',
    consents: '[]',
    ip: '',
    agent: '',
    asked_at: NOW,
  });
  await put(store, 'import_error', { import_id: 1, line: n, reason: 'x', raw: `${email.toUpperCase()} | x` });
  await put(store, 'audit', { at: NOW, action: 'a', subject: email, detail: `{"address":"${email}"}` });
  await put(store, 'person_key', {
    kind: 'email',
    key: email,
    contact_id: contact,
    traits: `{"email":"${email}"}`,
    created_at: NOW,
    last_at: NOW,
  });
  await store.write((tx) =>
    addEvents(tx, [
      { kind: 'ordered', at: NOW, contact_id: contact, data: { email } },
      {
        kind: 'bounced',
        at: NOW,
        contact_id: contact,
        campaign_id: 1,
        delivery_id: delivery,
        data: { reply: email },
      },
    ]),
  );
  await suppress(rt, {
    address: email,
    scope: 'marketing',
    reason: 'complaint',
    contact_id: contact,
    evidence: email,
  });
  mkdirSync(join(rt.directory, 'imports'), { recursive: true });
  writeFileSync(join(rt.directory, 'imports', `${n}.csv`), `email\n${email.toUpperCase()}\n`);
  await put(store, 'import', {
    file_name: 'f',
    path: `imports/${n}.csv`,
    file_hash: '',
    mapping: '{}',
    consent: 'null',
    state: 'done',
    created_at: NOW,
  });
  return { contact, delivery, hash, big };
}

/** Every value of every table that has the words. */
async function rowsWith(store: Store, words: string): Promise<string[]> {
  const { rows: tables } = await (
    store.engine === 'sqlite'
      ? sql<{
          name: string;
        }>`select name from sqlite_master where type = 'table' and name not like 'message_text%'`
      : sql<{
          name: string;
        }>`select table_name as name from information_schema.tables where table_schema = 'public'
        and table_type = 'BASE TABLE'`
  ).execute(store.read);
  const found: string[] = [];
  for (const { name } of tables) {
    const { rows } = await sql`select * from ${sql.table(name)}`.execute(store.read);
    for (const row of rows)
      for (const [column, value] of Object.entries(row as object)) {
        const text =
          value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : JSON.stringify(value);
        if (text.toLowerCase().includes(words)) found.push(`${name}.${column}`);
      }
  }
  return found;
}

/** Every file below a directory that has the words in its bytes. */
const filesWith = (directory: string, words: string): string[] =>
  readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => readFileSync(path).toString('latin1').toLowerCase().includes(words));

const databaseOf = async (store: Store): Promise<string> => {
  const { rows } = await sql<{ file: string }>`pragma database_list`.execute(store.read);
  return dirname(rows[0]!.file);
};

eachEngine((_name, open) => {
  test('after an erasure no row and no byte on the disk has the address; the other person is whole', async () => {
    const store = await open();
    const rt = await stand(store);
    const ana = await plant(rt, ANA, 1);
    await plant(rt, BOB, 2);
    // The scan finds what is there: before, the address is in more than twenty columns and on the disk.
    expect((await rowsWith(store, ANA)).length).toBeGreaterThan(20);
    const bobBefore = (await rowsWith(store, BOB)).toSorted();
    const disk = store.engine === 'sqlite' ? await databaseOf(store) : undefined;
    if (disk !== undefined) expect(filesWith(disk, ANA)).not.toEqual([]);
    expect(filesWith(rt.directory, ANA)).toHaveLength(2);

    const mail = countedWords('showroom portail');
    const learnt = () => learntIntents(rt, NOW);
    await store.write((tx) =>
      tx
        .updateTable('message')
        .set((eb) => ({ intent: 'interested', text: eb('text', '||', ' showroom portail') }))
        .where('from_address', '=', ANA)
        .execute(),
    );
    expect((await learnt()).propose(mail, 'other')).toMatchObject({ intent: 'interested' });

    const erased = await erasePerson(rt, ANA, null);

    // What their letter taught is forgotten with it; the other's correction teaches on.
    expect((await learnt()).propose(mail, 'other')).toBeUndefined();
    expect((await learnt()).taught()).toMatchObject([{ intent: 'interested', replies: 1 }]);
    expect(await rowsWith(store, ANA)).toEqual([]);
    expect(filesWith(rt.directory, ANA)).toEqual([]);
    expect(erased.rewritten).toBe(store.engine === 'sqlite');
    if (disk !== undefined) {
      expect(filesWith(disk, ANA)).toEqual([]);
      // Nor the name in pieces, as an index of words would keep it.
      expect(filesWith(disk, 'torres')).toEqual([]);
    }
    expect((await rowsWith(store, BOB)).toSorted()).toEqual(bobBefore);
    expect(filesWith(rt.directory, BOB)).toHaveLength(2);
    expect(erased.counts).toMatchObject({
      contact: 1,
      consent: 1,
      conversation: 1,
      message: 1,
      intent_correction: 1,
      raw_message: 2,
      import_file: 1,
      mail_got: 2,
      person_hour: 1,
    });
    // Nor what they got and when they act, by their number; everybody's hours are Bob's alone now.
    for (const table of ['mail_got', 'person_hour'] as const)
      expect(
        await store.read
          .selectFrom(table)
          .select('contact_id')
          .where('contact_id', '=', ana.contact)
          .execute(),
      ).toEqual([]);
    expect(await store.read.selectFrom('mail_got').select('delivery_id').execute()).toHaveLength(2);
    expect(
      await store.read.selectFrom('domain_hour').select(['domain', 'weight']).orderBy('domain').execute(),
    ).toEqual([
      { domain: '', weight: 2 },
      { domain: 'example.net', weight: 2 },
      { domain: 'example.org', weight: 0 },
    ]);
    // The ledger still knows that something was sent, and what waited is cancelled.
    const rows = await store.read
      .selectFrom('delivery')
      .selectAll()
      .where('address', '=', STAND_IN)
      .orderBy('id')
      .execute();
    expect(rows.map((row) => [row.state, row.contact_id, row.fill])).toEqual([
      ['bounced', null, null],
      ['cancelled', null, null],
    ]);
    const events = await store.read
      .selectFrom('event')
      .selectAll()
      .where('delivery_id', '=', ana.delivery)
      .execute();
    expect(events.map((row) => [row.kind, row.contact_id, row.data])).toEqual([['bounced', null, '{}']]);
  });

  test('the objection outlives the person as a keyed hash: bulk mail to the address stays stopped', async () => {
    const store = await open();
    const rt = await stand(store);
    await plant(rt, ANA, 1);
    await erasePerson(rt, ANA, null);
    const may = (view: SuppressionView) => view.mayMail({ address: ANA, lane: 'bulk' }).kind;
    expect(may(rt.suppressions)).toBe('suppressed');
    expect(rt.suppressions.mayMail({ address: ANA, lane: 'transactional' }).kind).toBe('may');
    expect(rt.suppressions.mayMail({ address: BOB, lane: 'bulk' }).kind).toBe('may');
    // After a restart, on another node; and with another key nobody finds out.
    const again = new SuppressionView();
    await again.loadErased(store.read, erasedHash(rt.secrets));
    expect(may(again)).toBe('suppressed');
    const stranger = new SuppressionView();
    await stranger.loadErased(store.read, erasedHash(createSecrets(Buffer.alloc(32, 4))));
    expect(may(stranger)).toBe('may');
    // A second time, and of somebody who was never here, it does no harm.
    expect((await erasePerson(rt, ANA, null)).counts).not.toHaveProperty('contact');
    expect(await contactByEmail(store.read, ANA)).toBeUndefined();
  });

  test('what programs told goes, with their names for the person and the values in its summary', async () => {
    const store = await open();
    const rt = await stand(store);
    const calls = [
      { type: 'identify', userId: 'u-ana', anonymousId: 'v-ana', traits: { email: ANA, city: 'Zwolle' } },
      { type: 'track', userId: 'u-ana', event: 'form_submitted', properties: { wish: 'zither' } },
      { type: 'track', userId: 'u-bob', event: 'form_submitted', properties: { wish: 'banjo' } },
    ].map((call) => readCall(call, { now: NOW }) as EventCall);
    await store.write((tx) => takeCalls(tx, [{ credentialId: 1, calls }], NOW));
    expect(await rowsWith(store, 'zither')).not.toEqual([]);
    await erasePerson(rt, ANA, null);
    for (const words of ['zither', 'u-ana', 'v-ana', 'Zwolle', ANA])
      expect(await rowsWith(store, words)).toEqual([]);
    expect(await rowsWith(store, 'banjo')).not.toEqual([]);
  });

  test('whoever has several addresses goes with all of them, asked by any, also out of what a merge kept', async () => {
    const store = await open();
    const rt = await stand(store);
    const ana = await plant(rt, ANA, 1);
    const bob = await plant(rt, BOB, 2);
    await store.write(async (tx) => {
      await addAddress(tx, { contact_id: ana.contact, address: OTHER, source: 'test' }, NOW);
      await tx
        .insertInto('contact_merge')
        .values({
          kept_id: ana.contact,
          gone_id: 99,
          at: NOW,
          made_by: null,
          snapshot: `{"gone":{"email":"${OTHER}"}}`,
        })
        .execute();
      await tx
        .insertInto('duplicate_pair')
        .values({ a_id: ana.contact, b_id: bob.contact, reasons: '[]', score: 1, found_at: NOW })
        .execute();
    });
    await suppress(rt, { address: OTHER, scope: 'everything', reason: 'hard-bounce', evidence: OTHER });
    await put(store, 'audit', { at: NOW, action: 'a', subject: OTHER, detail: '{}' });
    writeFileSync(join(rt.directory, 'imports', '1.csv'), `email\n${OTHER}\n`);
    expect((await exportPerson(rt, OTHER))!['other_addresses']).toMatchObject([{ address: OTHER }]);
    const disk = store.engine === 'sqlite' ? await databaseOf(store) : undefined;
    if (disk !== undefined) expect(filesWith(disk, OTHER)).not.toEqual([]);

    const erased = await erasePerson(rt, OTHER, null);

    for (const address of [ANA, OTHER]) {
      expect(await rowsWith(store, address)).toEqual([]);
      expect(filesWith(rt.directory, address)).toEqual([]);
      if (disk !== undefined) expect(filesWith(disk, address)).toEqual([]);
      expect(rt.suppressions.isErased(address)).toBe(true);
    }
    expect(erased.counts).toMatchObject({ contact_address: 1, duplicate_pair: 1, contact_merge: 1 });
    expect(await contactByEmail(store.read, BOB)).toBeDefined();
  });

  test('while a message to them is on the wire nothing is erased', async () => {
    const store = await open();
    const rt = await stand(store);
    const { delivery } = await plant(rt, ANA, 1);
    await store.write((tx) =>
      tx.updateTable('delivery').set({ state: 'active' }).where('id', '=', delivery).execute(),
    );
    await expect(erasePerson(rt, ANA, null)).rejects.toThrow('on the wire');
    expect(await contactByEmail(store.read, ANA)).toBeDefined();
  });

  test('the export has everything of one person and nothing of another', async () => {
    const store = await open();
    const rt = await stand(store);
    await plant(rt, ANA, 1);
    await plant(rt, BOB, 2);
    const found = (await exportPerson(rt, ANA))!;
    expect(JSON.stringify(found)).not.toContain(BOB);
    for (const part of [
      'contact',
      'consents',
      'signups',
      'suppressions',
      'events',
      'mail_sent',
      'mail_submitted',
      'messages',
      'mail_received',
    ])
      expect(found[part], part).not.toEqual([]);
    expect(found['contact']).toMatchObject([{ email: ANA, fields: { alias: ANA } }]);
    expect(await exportPerson(rt, 'nobody@example.org')).toBeUndefined();
  });
});
