/** Mailboxes elsewhere: pulled once each, from where we were, through cuts and new numbers; marked or moved when safe. */
import { createServer, type AddressInfo } from 'node:net';
import { createServer as createHttpServer } from 'node:http';
import { expect, onTestFinished, test } from 'vitest';
import {
  createImapAccount,
  dropImapAccount,
  openImapSecret,
  updateImapAccount,
  type ImapWanted,
} from '../core/imap-account.ts';
import { imapAccountById } from '../core/store/imap-account.ts';
import { startImapHost, type ImapHost } from '../lab/imap-host.ts';
import { ImapPuller } from './imap-puller.ts';
import { pulledEnvelope } from './imap-recipient.ts';
import { Recipients } from './recipient.ts';
import { openHouse, type House } from './testing.ts';

const mail = (subject: string, more = ''): string =>
  `Return-Path: <ana@client.example>\r\nFrom: Ana <ana@client.example>\r\nTo: support@elsewhere.example\r\n${more}Subject: ${subject}\r\nMessage-ID: <${subject}@client.example>\r\nDate: Mon, 23 Nov 2026 10:00:00 +0000\r\n\r\nBonjour\r\n`;

async function connected(change: Partial<ImapWanted> = {}) {
  const host = await startImapHost();
  onTestFinished(() => host.stop());
  const house = await openHouse();
  const { rt } = house;
  const id = await createImapAccount(rt, 'support', {
    host: '127.0.0.1',
    port: host.port,
    tls: 'implicit',
    verify: false,
    username: 'support@elsewhere.example',
    auth: 'password',
    password: host.password,
    token_url: '',
    folder: 'INBOX',
    after: 'keep',
    move_to: '',
    mailbox_id: house.mailboxId,
    ...change,
  });
  const recipients = new Recipients(rt.store.read, rt.tokens);
  const puller = new ImapPuller({ rt, judge: (address) => recipients.judge(address, rt.clock.now()) });
  onTestFinished(() => puller.stop());
  return { host, house, rt, id, puller };
}

/** Until it is so: the line and the store have their own pace. */
async function until<T>(look: () => Promise<T | undefined | false>): Promise<T> {
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

const rows = ({ store }: House) =>
  store.read.selectFrom('inbound').select(['mail_from', 'rcpt_to', 'raw_hash']).orderBy('id').execute();
const begun = (house: House, id: number) =>
  until(async () => (await imapAccountById(house.store.read, id))?.checked_at ?? undefined);
const heardIdle = (host: ImapHost) =>
  until(async () => host.heard.at(-1)?.toUpperCase() === 'IDLE' || undefined);

test('what lies there stays, what comes is pulled at once by IDLE and applied like any mail', async () => {
  const { host, house, id, puller } = await connected();
  host.put(mail('old'));
  await puller.start();
  await begun(house, id);
  await heardIdle(host);
  host.put(mail('new'));
  await until(async () => (await rows(house)).length === 1);
  await house.settle();
  const [conversation] = await house.store.read.selectFrom('conversation').selectAll().execute();
  expect(conversation).toMatchObject({
    subject: 'new',
    address: 'ana@client.example',
    mailbox_id: house.mailboxId,
  });
  expect(await imapAccountById(house.store.read, id)).toMatchObject({ taken: 1, last_uid: 2, error: null });
});

test('after a cut line and a restart nothing comes twice and nothing is passed over', async () => {
  const { host, house, id, puller, rt } = await connected();
  await puller.start();
  await begun(house, id);
  await heardIdle(host);
  host.put(mail('one'));
  await until(async () => (await rows(house)).length === 1);
  await puller.stop();
  host.put(mail('two'));
  host.put(mail('three'));
  const recipients = new Recipients(rt.store.read, rt.tokens);
  const again = new ImapPuller({ rt, judge: (address) => recipients.judge(address, rt.clock.now()) });
  onTestFinished(() => again.stop());
  await again.start();
  await until(async () => (await rows(house)).length === 3);
  expect(new Set((await rows(house)).map((row) => row.raw_hash)).size).toBe(3);
});

test('a folder that is numbered anew is read again, and what is here already is passed over', async () => {
  const { host, house, id, puller } = await connected();
  await puller.start();
  await begun(house, id);
  await heardIdle(host);
  host.put(mail('one'));
  await until(async () => (await rows(house)).length === 1);
  await puller.stop();
  host.renumber();
  host.put(mail('two'));
  const { rt } = house;
  const recipients = new Recipients(rt.store.read, rt.tokens);
  const again = new ImapPuller({ rt, judge: (address) => recipients.judge(address, rt.clock.now()) });
  onTestFinished(() => again.stop());
  await again.start();
  await until(async () => (await rows(house)).length === 2);
  expect(await imapAccountById(house.store.read, id)).toMatchObject({
    uid_validity: '2',
    taken: 2,
    skipped: 1,
  });
});

test('a message is moved over there only when it is safe here', async () => {
  const { host, house, id, puller } = await connected({ after: 'move', move_to: 'Done' });
  await puller.start();
  await begun(house, id);
  await heardIdle(host);
  host.put(mail('one'));
  await until(async () => host.folder('Done').length === 1);
  expect(await rows(house)).toHaveLength(1);
  expect(host.folder('INBOX')).toHaveLength(0);
});

test('a message is marked as read over there', async () => {
  const { host, house, id, puller } = await connected({ after: 'seen' });
  await puller.start();
  await begun(house, id);
  await heardIdle(host);
  host.put(mail('one'));
  await until(async () => host.folder()[0]?.flags.has('\\SEEN'));
  expect(await rows(house)).toHaveLength(1);
});

test('a token of ours in a plus-address or in what the host wrote acts as if it had come by SMTP', async () => {
  const { host, house, id, puller } = await connected();
  const sent = await house.delivery('ana@client.example');
  await puller.start();
  await begun(house, id);
  await heardIdle(host);
  host.put(mail('Re: hello', `Delivered-To: ${sent.replyTo}\r\n`));
  await until(async () => (await rows(house)).length === 1);
  await house.settle();
  const [row] = await house.store.read.selectFrom('inbound').selectAll().execute();
  expect(row).toMatchObject({ delivery_id: sent.id, trust: 'verified', kind: 'reply' });
});

test('a wrong password is said with the step, and not tried again at once', async () => {
  const { host, house, id, puller } = await connected({ password: 'wrong' });
  await puller.start();
  const error = await until(async () => (await imapAccountById(house.store.read, id))?.error ?? undefined);
  expect(error).toMatch(/^auth: /);
  expect(host.heard.filter((line) => /^login/i.test(line))).toHaveLength(1);
});

test('a certificate that nobody vouches for is refused unless this machine says otherwise', async () => {
  const { house, id, puller } = await connected({ verify: true });
  await puller.start();
  const error = await until(async () => (await imapAccountById(house.store.read, id))?.error ?? undefined);
  expect(error).toMatch(/^tls: /);
});

test('a host that is not there is said, and the others go on', async () => {
  const closed = createServer();
  await new Promise<void>((resolve) => closed.listen(0, '127.0.0.1', resolve));
  const { port } = closed.address() as AddressInfo;
  await new Promise((resolve) => closed.close(resolve));
  const { host, house, id, puller, rt } = await connected();
  const row = await imapAccountById(rt.store.read, id);
  const other = await createImapAccount(rt, 'gone', {
    ...(row as NonNullable<typeof row>),
    verify: false,
    password: 'x',
    port,
  });
  await puller.start();
  await until(async () => (await imapAccountById(rt.store.read, other))?.error ?? undefined);
  await begun(house, id);
  await heardIdle(host);
  host.put(mail('one'));
  await until(async () => (await rows(house)).length === 1);
});

test('OAuth2: the refresh token becomes an access token, and a replaced one is kept', async () => {
  const asked: string[] = [];
  const http = createHttpServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => (body += chunk));
    request.on('end', () => {
      asked.push(body);
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ access_token: 'fresh', expires_in: 3600, refresh_token: 'second' }));
    });
  });
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void http.close());
  const { port } = http.address() as AddressInfo;
  const { host, house, id, puller, rt } = await connected({
    auth: 'oauth2',
    client_id: 'app',
    refresh_token: 'first',
    token_url: `http://127.0.0.1:${port}/token`,
  });
  host.tokens.add('fresh');
  await puller.start();
  await begun(house, id);
  await heardIdle(host);
  host.put(mail('one'));
  await until(async () => (await rows(house)).length === 1);
  expect(asked[0]).toBe('grant_type=refresh_token&client_id=app&refresh_token=first');
  const row = await imapAccountById(rt.store.read, id);
  expect(openImapSecret(rt.secrets, row as NonNullable<typeof row>).refresh_token).toBe('second');
});

test('a message that is larger than what is taken is passed over and counted', async () => {
  const { host, house, id, puller, rt } = await connected();
  rt.config.inbound.max_size = 2000;
  await puller.start();
  await begun(house, id);
  await heardIdle(host);
  host.put(`${mail('huge')}${'x'.repeat(3000)}\r\n`);
  host.put(mail('small'));
  await until(async () => (await rows(house)).length === 1);
  expect(await imapAccountById(house.store.read, id)).toMatchObject({ taken: 1, skipped: 1 });
});

test('a paused or removed mailbox is left alone at once; another folder begins anew', async () => {
  const { host, house, id, puller, rt } = await connected();
  await puller.start();
  await begun(house, id);
  await heardIdle(host);
  await updateImapAccount(rt, id, { paused: true });
  await until(async () => /^logout/i.test(host.heard.at(-1) ?? '') || undefined);
  host.put(mail('one'));
  await updateImapAccount(rt, id, { paused: false });
  await until(async () => (await rows(house)).length === 1);
  await updateImapAccount(rt, id, { folder: 'Done' });
  expect(await imapAccountById(rt.store.read, id)).toMatchObject({ uid_validity: null, last_uid: null });
  await dropImapAccount(rt, id);
  expect(await imapAccountById(rt.store.read, id)).toBeUndefined();
});

test('who a pulled message was for: what the host wrote first, then To and Cc', () => {
  const raw = Buffer.from(
    'Return-Path: <>\r\nDelivered-To: b.token@bounce.example\r\nX-Original-To: <team@here.example>\r\nFrom: x@y.example\r\nTo: A <a@b.example>,\r\n c@d.example\r\nCc: e@f.example\r\n\r\nbody\r\n',
  );
  expect(pulledEnvelope(raw)).toEqual({
    mailFrom: '',
    candidates: ['b.token@bounce.example', 'team@here.example', 'a@b.example', 'c@d.example', 'e@f.example'],
  });
  expect(pulledEnvelope(Buffer.from('From: X <X@Y.example>\r\n\r\n')).mailFrom).toBe('x@y.example');
});

test('a secret is not sent to another host than it was given for', async () => {
  const { rt, id } = await connected();
  await expect(updateImapAccount(rt, id, { host: 'imap.thief.example' })).rejects.toMatchObject({
    fields: { password: 'is missing', verify: 'may be left out on this machine only' },
  });
});
