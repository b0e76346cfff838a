import { expect, onTestFinished, test } from 'vitest';
import { fromJson } from '../core/store/json.ts';
import { eachEngine } from '../core/store/testing.ts';
import { Cage } from './cage.ts';
import { Forwarders } from './forwarder.ts';
import { process as processRows } from './receive.ts';
import { BOUNCE_HOST, FROM_DOMAIN, openHouse, type House, type Sent } from './testing.ts';

const dsn = (
  sent: Pick<Sent, 'address'>,
  { status = '5.1.1', words = '550 5.1.1 user unknown', action = 'failed' } = {},
) =>
  [
    'From: MAILER-DAEMON@mx.remote.example',
    'To: <bounces>',
    'Subject: Undelivered Mail Returned to Sender',
    'MIME-Version: 1.0',
    'Content-Type: multipart/report; report-type=delivery-status; boundary="b"',
    '',
    '--b',
    '',
    'I could not deliver your message.',
    '--b',
    'Content-Type: message/delivery-status',
    '',
    'Reporting-MTA: dns; mx.remote.example',
    '',
    `Final-Recipient: rfc822; ${sent.address}`,
    `Action: ${action}`,
    `Status: ${status}`,
    `Diagnostic-Code: smtp; ${words}`,
    '--b--',
    '',
  ].join('\n');

const letter = (from: string, subject: string, text: string, fields: string[] = []) =>
  [
    `From: ${from}`,
    `To: support@${FROM_DOMAIN}`,
    `Subject: ${subject}`,
    `Message-ID: <${subject.length}.${text.length}@remote.example>`,
    ...fields,
    '',
    text,
    '',
  ].join('\n');

const arf = (messageId: string, type = 'abuse') =>
  [
    'From: fbl@provider.example',
    'Subject: complaint',
    'MIME-Version: 1.0',
    'Content-Type: multipart/report; report-type=feedback-report; boundary="b"',
    '',
    '--b',
    '',
    'This is an email abuse report.',
    '--b',
    'Content-Type: message/feedback-report',
    '',
    `Feedback-Type: ${type}`,
    'User-Agent: Provider/1.0',
    'Version: 1',
    '--b',
    'Content-Type: message/rfc822',
    '',
    `Message-ID: <${messageId}>`,
    'Subject: Summer letter',
    '',
    'hello',
    '--b--',
    '',
  ].join('\n');

const contact = (house: House, id: number) =>
  house.store.read.selectFrom('contact').selectAll().where('id', '=', id).executeTakeFirstOrThrow();
const kinds = async (house: House) =>
  (await house.store.read.selectFrom('event').select('kind').orderBy('id').execute()).map((row) => row.kind);
const conversations = (house: House) =>
  house.store.read.selectFrom('conversation').selectAll().orderBy('id').execute();
const mayMail = (house: House, address: string) =>
  house.rt.suppressions.mayMail({ address, lane: 'bulk' }).kind;

eachEngine((_name, open) => {
  test('a bounce with our token suppresses the person, marks the delivery and is kept as a bounce', async () => {
    const house = await openHouse({ open });
    const sent = await house.delivery('ana@remote.example');
    await house.receive({ to: sent.returnPath, raw: dsn(sent) });
    await house.settle();
    expect(mayMail(house, sent.address)).toBe('suppressed');
    const delivery = await house.store.read
      .selectFrom('delivery')
      .selectAll()
      .where('id', '=', sent.id)
      .executeTakeFirstOrThrow();
    expect(delivery).toMatchObject({ state: 'delivered', class: 'invalid-recipient' });
    expect(delivery.bounced_after_at).not.toBeNull();
    expect(await kinds(house)).toEqual(['bounced', 'suppressed']);
    expect(await conversations(house)).toMatchObject([
      { category: 'bounce', unread: 0, delivery_id: sent.id },
    ]);
  });

  test('a reply becomes a conversation with the person, and the contact knows that he wrote', async () => {
    const house = await openHouse({ open });
    const sent = await house.delivery('ana@remote.example');
    await house.receive({
      from: sent.address,
      to: sent.replyTo,
      raw: letter('Ana Roy <ana@remote.example>', 'Re: Summer letter', 'Combien coûte la robe bleue ?', [
        `In-Reply-To: <${sent.messageId}>`,
      ]),
    });
    await house.settle();
    expect(await conversations(house)).toMatchObject([
      {
        category: 'human',
        state: 'open',
        waiting_on: 'us',
        unread: 1,
        contact_id: sent.contactId,
        campaign_id: sent.campaignId,
        mailbox_id: house.mailboxId,
        message_count: 1,
        preview: 'Combien coûte la robe bleue ?',
      },
    ]);
    expect(await contact(house, sent.contactId)).toMatchObject({
      last_human_reply_at: house.clock.now(),
      reply_intent_last: 'interested',
    });
    expect(await kinds(house)).toEqual(['replied']);
  });

  test('two workers that hold the same row apply it once', async () => {
    const house = await openHouse({ open });
    const sent = await house.delivery('ana@remote.example');
    await house.receive({
      to: sent.replyTo,
      from: sent.address,
      raw: letter(sent.address, 'Re: Summer letter', 'Merci !'),
    });
    const cage = new Cage({ workers: 1 });
    onTestFinished(() => cage.close());
    const row = await house.store.read.selectFrom('inbound').selectAll().executeTakeFirstOrThrow();
    const forwarders = new Forwarders(house.rt.config.inbound.forwarders);
    const reader = { rt: house.rt, cage, forwarders, hostname: 'mx.shop.example' };
    await Promise.all([processRows(reader, [row]), processRows(reader, [row])]);
    await processRows(reader, [row]);
    expect(await conversations(house)).toMatchObject([{ message_count: 1 }]);
    expect(await kinds(house)).toEqual(['replied']);
  });
});

test('a forged bounce is kept as unverified and suppresses nobody', async () => {
  const house = await openHouse();
  const sent = await house.delivery('ana@remote.example');
  const forged = sent.returnPath.replace(/.@/, (end) => (end === '0@' ? '1@' : '0@'));
  for (const to of [forged, `support@${FROM_DOMAIN}`]) {
    await house.receive({ to, raw: dsn(sent, { words: `550 5.1.1 unknown ${to.length}` }) });
    await house.settle();
  }
  expect(mayMail(house, sent.address)).toBe('may');
  expect(await kinds(house)).toEqual([]);
  expect((await conversations(house)).map((row) => row.category)).toEqual(['unverified', 'unverified']);
  const rows = await house.store.read.selectFrom('inbound').select(['trust', 'kind', 'rules']).execute();
  expect(rows.map((row) => [row.kind, row.trust])).toEqual([
    ['bounce', 'unverified'],
    ['bounce', 'unverified'],
  ]);
  expect(fromJson<{ id: string }[]>(rows[0]?.rules, []).map((rule) => rule.id)).toContain('unverified');
});

test('a token counts once: a replayed bounce is kept and does nothing more', async () => {
  const house = await openHouse();
  const sent = await house.delivery('ana@remote.example');
  await house.receive({
    to: sent.returnPath,
    raw: dsn(sent, { status: '5.2.2', words: '552 5.2.2 mailbox full' }),
  });
  await house.receive({ to: sent.returnPath, raw: dsn(sent) });
  await house.settle();
  expect(mayMail(house, sent.address)).toBe('may');
  expect(await kinds(house)).toEqual(['bounced']);
  expect(await contact(house, sent.contactId)).toMatchObject({ soft_bounces: 1 });
});

test('a token that is too old is kept and does nothing', async () => {
  const house = await openHouse();
  const sent = await house.delivery('ana@remote.example');
  await house.clock.advance(40 * 24 * 3_600_000);
  await house.receive({ to: sent.returnPath, raw: dsn(sent) });
  await house.settle();
  expect(mayMail(house, sent.address)).toBe('may');
});

test('a bounce that names somebody else is a soft sign about the person', async () => {
  const house = await openHouse();
  const sent = await house.delivery('ana@remote.example');
  await house.receive({ to: sent.returnPath, raw: dsn({ address: 'other@elsewhere.example' }) });
  await house.settle();
  expect(mayMail(house, sent.address)).toBe('may');
  expect(await contact(house, sent.contactId)).toMatchObject({ soft_bounces: 1 });
});

test('a delayed notice is no bounce', async () => {
  const house = await openHouse();
  const sent = await house.delivery('ana@remote.example');
  await house.receive({
    to: sent.returnPath,
    raw: dsn(sent, { action: 'delayed', status: '4.4.1', words: 'timed out' }),
  });
  await house.settle();
  expect(await kinds(house)).toEqual([]);
  expect(await conversations(house)).toEqual([]);
});

test('a complaint counts by the token in the mail that came back, a forged one does not', async () => {
  const house = await openHouse();
  const sent = await house.delivery('ana@remote.example');
  await house.receive({
    to: `abuse@${FROM_DOMAIN}`,
    raw: arf('m.00000000000000000000000000000000@shop.example'),
  });
  await house.settle();
  expect(mayMail(house, sent.address)).toBe('may');
  await house.receive({ to: `abuse@${FROM_DOMAIN}`, raw: arf(sent.messageId) });
  await house.settle();
  expect(house.rt.suppressions.mayMail({ address: sent.address, lane: 'bulk' })).toMatchObject({
    kind: 'suppressed',
    reason: 'complaint',
    scope: 'marketing',
  });
  expect(await kinds(house)).toEqual(['complained', 'suppressed']);
});

test('not-spam is noted and suppresses nobody', async () => {
  const house = await openHouse();
  const sent = await house.delivery('ana@remote.example');
  await house.receive({ to: `abuse@${FROM_DOMAIN}`, raw: arf(sent.messageId, 'not-spam') });
  await house.settle();
  expect(mayMail(house, sent.address)).toBe('may');
  expect(await kinds(house)).toEqual(['complained']);
});

test('mail to the unsubscribe address unsubscribes, silently', async () => {
  const house = await openHouse();
  const sent = await house.delivery('ana@remote.example');
  await house.receive({
    from: sent.address,
    to: sent.unsubscribe,
    raw: letter(sent.address, 'unsubscribe', ''),
  });
  await house.settle();
  expect(house.rt.suppressions.mayMail({ address: sent.address, lane: 'bulk' })).toMatchObject({
    reason: 'unsubscribe',
    scope: 'marketing',
  });
  expect(await conversations(house)).toEqual([]);
});

test.each([
  ['short and plain, from the person', 'ana@remote.example', 'Désinscrivez-moi merci', 'suppressed'],
  ['from somebody else', 'bob@remote.example', 'Unsubscribe me please', 'may'],
  [
    'with more than a plain request: paused until somebody decides',
    'ana@remote.example',
    'The parcel came late again, the colour is wrong and nobody answers the telephone. Unsubscribe me, I mean it, and call my husband about the money.',
    'suppressed',
  ],
  [
    'long and with a question',
    'ana@remote.example',
    'How do I unsubscribe my colleague who left us last year from all of this?',
    'may',
  ],
])('an unsubscribe in words, %s', async (_, from, text, result) => {
  const house = await openHouse();
  const sent = await house.delivery('ana@remote.example');
  await house.receive({ from, to: sent.replyTo, raw: letter(from, 'Re: Summer letter', text) });
  await house.settle();
  expect(mayMail(house, sent.address)).toBe(result);
});

test('an out-of-office answer pauses marketing until the date and is no reply', async () => {
  const house = await openHouse();
  const sent = await house.delivery('ana@remote.example');
  await house.receive({
    to: sent.returnPath,
    raw: letter(
      sent.address,
      'Réponse automatique : Summer letter',
      'Bonjour, je suis absente jusqu’au 16 janvier 2026.',
      ['Auto-Submitted: auto-replied'],
    ),
  });
  await house.settle();
  const row = await contact(house, sent.contactId);
  expect(new Date(row.away_until ?? 0).toISOString().slice(0, 10)).toBe('2026-01-19');
  expect(row.last_human_reply_at).toBeNull();
  expect(await kinds(house)).toEqual(['auto_replied']);
  expect(await conversations(house)).toMatchObject([{ category: 'autoreply', unread: 0 }]);
});

test('two strangers who answer the same campaign never share a conversation, and neither joins the reader of whom they have the mail', async () => {
  const house = await openHouse();
  const [ana, bob] = [await house.delivery('ana@remote.example'), await house.delivery('bob@remote.example')];
  const answer = (from: string, sent: Sent, text: string) =>
    house.receive({
      from,
      to: sent.replyTo,
      raw: letter(from, 'Re: Summer letter', text, [`In-Reply-To: <${sent.messageId}>`]),
    });
  await answer('ana@remote.example', ana, 'one');
  await answer('bob@remote.example', bob, 'two two');
  await answer('colleague@remote.example', ana, 'three three three');
  await answer('ana@remote.example', ana, 'four four four four');
  await house.settle();
  expect((await conversations(house)).map((row) => [row.address, row.message_count, row.contact_id])).toEqual(
    [
      ['ana@remote.example', 2, ana.contactId],
      ['bob@remote.example', 1, bob.contactId],
      ['colleague@remote.example', 1, null],
    ],
  );
});

test.each(['postmaster', 'abuse'])('%s@ lands in a shared mailbox', async (role) => {
  const house = await openHouse();
  await house.receive({
    from: 'admin@remote.example',
    to: `${role}@${BOUNCE_HOST}`,
    raw: letter('admin@remote.example', 'Your server', 'Please look at your server.'),
  });
  await house.settle();
  expect(await conversations(house)).toMatchObject([
    { category: 'human', mailbox_id: house.mailboxId, unread: 1 },
  ]);
});

test('a peer that did not hear our 250 and sends again changes nothing', async () => {
  const house = await openHouse();
  const sent = await house.delivery('ana@remote.example');
  const raw = letter(sent.address, 'Re: Summer letter', 'Bonjour');
  await house.receive({ from: sent.address, to: sent.replyTo, raw });
  await house.receive({ from: sent.address, to: sent.replyTo, raw });
  await house.settle();
  expect(await conversations(house)).toMatchObject([{ message_count: 1 }]);
  const rows = await house.store.read.selectFrom('inbound').select('detail_kind').orderBy('id').execute();
  expect(rows[1]).toEqual({ detail_kind: 'duplicate' });
});
