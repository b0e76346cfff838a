import { createPrivateKey } from 'node:crypto';
import { PassThrough } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { DKIMSign } from 'dkim-signer';
import { dkimVerify } from 'mailauth/lib/dkim/verify.js';
import NodemailerDkim from 'nodemailer/lib/dkim';
import { beforeAll, expect, test } from 'vitest';
import { composeReply, wireForm, type OutgoingMessage, type Reply } from '../core/mail/compose.ts';
import { generateDkimKey, type DkimKeyPair } from '../core/mail/dkim-key.ts';
import { listFrame, listHeaders } from '../core/mail/list-headers.ts';
import { createSigner, relaxedBody, relaxedField, signingKey, type SigningKey } from './sign.ts';

const now = Date.UTC(2026, 10, 22, 13);
let rsa: DkimKeyPair;
let ed: DkimKeyPair;
let keys: SigningKey[];
const signer = createSigner();

beforeAll(async () => {
  rsa = await generateDkimKey('rsa-sha256');
  ed = await generateDkimKey('ed25519-sha256');
  // Handed in the wrong way round: the signer puts RSA first.
  keys = [signingKey('example.org', 'ed', ed.privateDer), signingKey('Example.org', 'rsa', rsa.privateDer)];
});

const base: Reply = {
  from: { name: 'Émilie', address: 'support@example.org' },
  to: [{ name: 'Doe, John', address: 'john@example.net' }],
  replyTo: { name: '', address: 'support+r0@replies.example.org' },
  subject: 'Re: Été',
  text: 'Bonjour,\n\nvoici.',
  messageId: '<c.1@example.org>',
  date: now,
  seed: 'seed0123456789',
};

function bulk(reply: Partial<Reply> = {}): OutgoingMessage {
  const message = composeReply({ ...base, ...reply });
  const list = listHeaders({
    unsubscribeUrl: 'https://mail.example.org/u/token',
    unsubscribeAddress: 'u.token@bounces.example.org',
    frame: listFrame({
      list: { id: 3, name: 'News' },
      domain: 'example.org',
      feedback: { campaign: 'c1', stream: 'marketing', sender: 'example.org' },
    }),
    reference: 'token',
  });
  return { ...message, headers: [...message.headers.slice(0, 4), ...list, ...message.headers.slice(4)] };
}

async function verify(wire: Buffer) {
  const resolver = async (name: string) => [[name.startsWith('rsa') ? rsa.record : ed.record]];
  const { results } = await dkimVerify(wire, { resolver } as Parameters<typeof dkimVerify>[1]);
  return results.map((result) => [result.algo, result.status.result, result.status.comment ?? '']);
}

const both = [
  ['rsa-sha256', 'pass', ''],
  ['ed25519-sha256', 'pass', ''],
];

const contents: Record<string, Partial<Reply>> = {
  plain: {},
  'an empty body': { text: '' },
  'nothing but empty lines': { text: '\n\n\n' },
  'empty lines at the end': { text: 'x\n\n\n\n' },
  'trailing spaces and tabs': { text: 'a  \nb\t \n   \n c\t\td' },
  'no-break and ideographic spaces': { text: 'a\u00a0\u00a0b\u3000c\u00a0\n\u00a0\n' },
  'vertical tab and form feed': { text: 'a\u000b\u000cb' },
  'dots and a From line': { text: '.\n..\n.x\nFrom me\n' },
  'a long subject, folded': { subject: `Re: ${'été '.repeat(60)}end` },
  'spaces in the subject': { subject: '  two  spaces  ' },
  'many recipients, folded': {
    to: Array.from({ length: 40 }, (_, i) => ({ name: `N ${i}, x`, address: `n${i}@example.net` })),
  },
  'an address beyond ASCII': { to: [{ name: '', address: '用户@example.net' }] },
  'HTML and a file': {
    html: `<p>   a${'é'.repeat(500)}  </p>\n\n`,
    attachments: [{ fileName: 'é.bin', mediaType: 'application/x-y', content: Buffer.alloc(5000, 255) }],
  },
};

test('both signatures verify, whatever the content', async () => {
  for (const [name, content] of Object.entries(contents)) {
    const message = bulk(content);
    const wire = wireForm(message, await signer.sign(message, keys, now));
    expect(await verify(wire), name).toEqual(both);
  }
});

test('one changed character is seen, in the body and in every signed field', async () => {
  const message = bulk();
  const wire = wireForm(message, await signer.sign(message, keys, now)).toString('latin1');
  const spoil = async (from: string, to: string, expected = 'fail') => {
    expect(wire).toContain(from);
    const results = await verify(Buffer.from(wire.replace(from, to), 'latin1'));
    for (const [, result] of results) expect(result, from).toBe(expected);
  };
  // What mailauth says of a body hash that does not agree.
  await spoil('voici', 'voila', 'neutral');
  await spoil('John', 'Jane');
  await spoil('List-Unsubscribe=One-Click', 'List-Unsubscribe=Two-Click');
  await spoil('/u/token', '/u/other');
  await spoil('c1::marketing', 'c2::marketing');
  await spoil('<c.1@example.org>', '<c.2@example.org>');
});

test('a field that a forger adds breaks the signature, even one that was absent', async () => {
  const message = composeReply({ ...base, replyTo: undefined as never });
  const wire = wireForm(message, await signer.sign(message, keys, now)).toString('latin1');
  expect(await verify(Buffer.from(wire, 'latin1'))).toEqual(both);
  for (const field of [
    'From: x@evil.example',
    'Subject: x',
    'To: x@evil.example',
    'Date: Mon, 1 Jan 2024 00:00:00 +0000',
    'Reply-To: x@evil.example',
    'List-Unsubscribe: <https://evil.example>',
    'List-Unsubscribe-Post: List-Unsubscribe=One-Click',
  ]) {
    const results = await verify(Buffer.from(`${field}\r\n${wire}`, 'latin1'));
    for (const [, result] of results) expect(result, field).not.toBe('pass');
  }
});

test('the field names what bulk mail must have signed, RSA first, no l= and no x=', async () => {
  const [first, second] = await signer.sign(bulk(), keys, now);
  const tags = (field: string) =>
    Object.fromEntries(
      field
        .slice('DKIM-Signature:'.length)
        .replace(/\s/g, '')
        .split(';')
        .map((tag) => tag.split(/=(.*)/s).slice(0, 2)),
    );
  expect(tags(first!)).toMatchObject({
    v: '1',
    a: 'rsa-sha256',
    c: 'relaxed/relaxed',
    d: 'example.org',
    s: 'rsa',
    t: String(now / 1000),
  });
  expect(tags(second!)).toMatchObject({ a: 'ed25519-sha256', s: 'ed' });
  const names = String(tags(first!)['h']).split(':');
  const count = (name: string) => names.filter((n) => n === name).length;
  for (const name of [
    'from',
    'to',
    'subject',
    'date',
    'reply-to',
    'list-unsubscribe',
    'list-unsubscribe-post',
  ])
    expect(count(name), name).toBe(2);
  for (const name of [
    'feedback-id',
    'list-id',
    'message-id',
    'x-parley-reference',
    'mime-version',
    'content-type',
  ])
    expect(count(name), name).toBe(1);
  expect(Object.keys(tags(first!))).not.toEqual(expect.arrayContaining(['l']));
  expect(Object.keys(tags(first!))).not.toEqual(expect.arrayContaining(['x']));
  for (const line of `${first}\r\n${second}`.split('\r\n')) expect(line.length).toBeLessThanOrEqual(78);
});

test('the same message and date give the same signature, so a retry repeats it', async () => {
  const message = bulk();
  expect(await signer.sign(message, keys, now)).toEqual(
    await signer.sign(structuredClone(message), keys, now),
  );
});

test('independent signers agree on what they can sign', async () => {
  const privateKey = createPrivateKey({ key: rsa.privateDer, format: 'der', type: 'pkcs8' }).export({
    type: 'pkcs1',
    format: 'pem',
  });
  for (const name of [
    'plain',
    'empty lines at the end',
    'trailing spaces and tabs',
    'a long subject, folded',
    'HTML and a file',
  ]) {
    const message = bulk(contents[name]);
    const wire = wireForm(message);
    const bodyHash = (field: string) => /bh=([^;]+);/.exec(field.replace(/\s/g, ''))![1];
    const [ours] = await signer.sign(message, keys, now);

    const other = DKIMSign(wire, {
      domainName: 'example.org',
      keySelector: 'rsa',
      privateKey: String(privateKey),
    });
    expect(bodyHash(other), name).toBe(bodyHash(ours!));
    const source = new PassThrough();
    source.end(wire);
    const options = {
      domainName: 'example.org',
      keySelector: 'rsa',
      privateKey: String(privateKey),
      skipFields: '',
    };
    const third = await buffer(new NodemailerDkim(options).sign(source));
    expect(bodyHash(third.toString('latin1').split('\r\nDate:')[0]!), name).toBe(bodyHash(ours!));
    // All three pass the same judge.
    const passes = [['rsa-sha256', 'pass', '']];
    expect(await verify(Buffer.concat([Buffer.from(`${other}\r\n`), wire])), name).toEqual(passes);
    expect(await verify(third), name).toEqual(passes);
    expect(await verify(wireForm(message, [ours!])), name).toEqual(passes);
  }
});

test('the canonical body that a message brings along is the one of its wire form', () => {
  for (const [name, content] of Object.entries(contents)) {
    const message = bulk(content);
    expect(message.canonicalBody, name).toBe(relaxedBody(message.body));
  }
});

test('bodies and fields take their relaxed form (RFC 6376 3.4.2, 3.4.4 and 3.4.5)', () => {
  const check = (body: string, expected: string) =>
    expect(relaxedBody(body), JSON.stringify(body)).toBe(expected);
  check(' C \r\nD \t E\r\n\r\n\r\n', ' C\r\nD E\r\n');
  check('', '');
  check('\r\n\r\n', '');
  check('a', 'a\r\n');
  check('a \t', 'a\r\n');
  check('\u00a0 x\u00a0\r\n', '\u00a0 x\u00a0\r\n');
  expect(relaxedField('A: X')).toBe('a:X');
  expect(relaxedField('B : Y\t\r\n\tZ  ')).toBe('b:Y Z');
});

test('nothing is signed for another domain than the one in From', async () => {
  const stranger = signingKey('mail.example.org', 'rsa', rsa.privateDer);
  await expect(signer.sign(bulk(), [stranger], now)).rejects.toThrow('may not sign for example.org');
  const hidden = composeReply({ ...base, from: { name: 'x@other.example', address: 'support@example.org' } });
  expect(await signer.sign(hidden, keys, now)).toHaveLength(2);
});

test('no more signatures are made at once than allowed, and all get their turn', async () => {
  const small = createSigner({ atOnce: 2 });
  const message = bulk();
  const all = Array.from({ length: 30 }, () => small.sign(message, keys, now));
  expect(small.inFlight).toBe(2);
  expect(small.waiting).toBe(58);
  expect(new Set((await Promise.all(all)).map((fields) => fields.join())).size).toBe(1);
  expect([small.inFlight, small.waiting]).toEqual([0, 0]);
});
