import { expect, test } from 'vitest';
import { addRawMessage, RawSpool } from '../../core/store/raw-message.ts';
import { fixture } from '../fixture.testing.ts';
import { startWeb, type TestServer } from '../testing.ts';

const GIF = Buffer.from('GIF89a\x01\x00\x01\x00', 'latin1').toString('base64');
const RAW = [
  'Content-Type: multipart/mixed; boundary=b',
  '',
  '--b',
  'Content-Type: image/gif',
  'Content-ID: <logo@x>',
  'Content-Transfer-Encoding: base64',
  '',
  GIF,
  '--b',
  'Content-Type: text/html; name=invoice',
  '',
  '<script>alert(1)</script>',
  '--b--',
].join('\r\n');

/** A message with a picture in its HTML and a page attached under a hostile name. */
async function received({ rt }: TestServer, message: number) {
  const spool = new RawSpool(rt.config.data_dir);
  await spool.write(Buffer.from(RAW));
  const kept = await spool.keep();
  return rt.store.write(async (tx) => {
    await addRawMessage(tx, kept, rt.clock.now());
    const { id: inbound } = await tx
      .insertInto('inbound')
      .values({
        received_at: 1,
        mail_from: '',
        rcpt_to: '[]',
        remote_ip: '',
        helo: '',
        tls: '',
        size: 1,
        raw_hash: kept.hash,
        state: 'applied',
        attempts: 1,
      } as never)
      .returning('id')
      .executeTakeFirstOrThrow();
    await tx
      .updateTable('message')
      .set({ inbound_id: inbound, html: '<img src="cid:logo@x"><img src="cid:other@x">' })
      .where('id', '=', message)
      .execute();
    const add = async (part: string, fileName: string, contentId: string | null) =>
      (
        await tx
          .insertInto('attachment')
          .values({
            message_id: message,
            file_name: fileName,
            media_type: 'text/html',
            size: 1,
            part,
            content_id: contentId,
          })
          .returning('id')
          .executeTakeFirstOrThrow()
      ).id;
    await add('1', 'logo.gif', 'logo@x');
    return add('2', '../../facture\r\nX: y\u202efdp.html', null);
  });
}

test('an attachment is a file to be saved, whatever it is and says it is', async () => {
  const server = await startWeb();
  const { message } = await fixture(server.rt);
  const attachment = await received(server, message);
  const agent = await server.as('agent');
  const { status, headers, body } = await agent.get(`/api/attachments/${attachment}`);
  expect([status, body]).toEqual([200, '<script>alert(1)</script>']);
  expect(headers.get('content-type')).toBe('application/octet-stream');
  expect(headers.get('content-disposition')).toBe("attachment; filename*=UTF-8''factureX%3A%20yfdp.html");
  expect(headers.get('content-security-policy')).toContain('sandbox');
  expect((await server.browser().get(`/api/attachments/${attachment}`)).status).toBe(401);
  expect((await agent.get('/api/attachments/999')).status).toBe(404);
});

test('a picture that came with the message is shown in it, one of another message is not', async () => {
  const server = await startWeb();
  const { message } = await fixture(server.rt);
  await received(server, message);
  const agent = await server.as('agent');
  const { body } = await agent.get(`/api/messages/${message}/body`);
  expect(body).toContain(`src="data:image/gif;base64,${GIF}"`);
  expect(body).toContain('src="cid:other@x"');
});

test('a file of a message with malware is locked for everybody, and an administrator who says what it is may take it', async () => {
  const server = await startWeb();
  const { message } = await fixture(server.rt);
  const attachment = await received(server, message);
  const { store } = server.rt;
  await store.write((tx) =>
    tx.updateTable('message').set({ malware: 'Win.Own-1' }).where('id', '=', message).execute(),
  );
  const [admin, agent] = [await server.as('admin'), await server.as('agent')];
  for (const who of [admin, agent])
    expect((await who.get(`/api/attachments/${attachment}`)).status).toBe(409);
  const path = `/api/attachments/${attachment}/malware`;
  expect((await agent.post(path, { malware: 'Win.Own-1' })).status).toBe(403);
  expect((await admin.post(path, {})).status).toBe(422);
  expect((await admin.post(path, { malware: 'something' })).status).toBe(409);
  const events = () =>
    store.read.selectFrom('event').selectAll().where('kind', '=', 'malware_taken').execute();
  expect(await events()).toEqual([]);
  const { status, headers, body } = await admin.post(path, { malware: 'Win.Own-1' });
  expect([status, body]).toEqual([200, '<script>alert(1)</script>']);
  expect(headers.get('content-disposition')).toMatch(/\.html\.malware$/);
  expect(headers.get('content-type')).toBe('application/octet-stream');
  expect(await events()).toHaveLength(1);
  expect(String((await events())[0]?.data)).toContain('Win.Own-1');
});

test('the confirmation opens no file in which nothing was found', async () => {
  const server = await startWeb();
  const { message } = await fixture(server.rt);
  const attachment = await received(server, message);
  const admin = await server.as('admin');
  expect((await admin.post(`/api/attachments/${attachment}/malware`, { malware: 'x' })).status).toBe(409);
  expect((await admin.post('/api/attachments/999/malware', { malware: 'x' })).status).toBe(404);
});

test('a message with malware is shown by its words: neither its HTML nor a picture of it', async () => {
  const server = await startWeb();
  const { message } = await fixture(server.rt);
  await received(server, message);
  await server.rt.store.write((tx) =>
    tx.updateTable('message').set({ malware: 'Win.Own-1' }).where('id', '=', message).execute(),
  );
  const { body } = await (await server.as('agent')).get(`/api/messages/${message}/body`);
  expect(body).not.toContain(GIF);
  expect(body).not.toContain('<img');
  const [row] = await server.rt.store.read
    .selectFrom('message')
    .select('conversation_id')
    .where('id', '=', message)
    .execute();
  const { body: whole } = await (await server.as('agent')).get(`/api/conversations/${row!.conversation_id}`);
  expect(whole.messages.find((one: { id: number }) => one.id === message)).toMatchObject({
    has_html: false,
    malware: 'Win.Own-1',
  });
});
