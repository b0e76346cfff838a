import { generateKeyPairSync } from 'node:crypto';
import { sealMessage } from 'mailauth';
import { dkimSign } from 'mailauth/lib/dkim/sign.js';
import { describe, expect, test } from 'vitest';
import { DnsError, type Resolver } from '../core/dns.ts';
import { fromJson } from '../core/store/json.ts';
import { authenticate, isForged, isFromProved } from './authenticate.ts';
import { Forwarders } from './forwarder.ts';
import { openHouse, silentDns } from './testing.ts';

const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
const key = `v=DKIM1; k=rsa; p=${publicKey.export({ type: 'spki', format: 'der' }).toString('base64')}`;

/** bank.example: SPF names 45.33.32.9 alone, DMARC says reject. No other host may send for it. */
const zone: Record<string, string> = {
  'bank.example': 'v=spf1 ip4:45.33.32.9 -all',
  '_dmarc.bank.example': 'v=DMARC1; p=reject',
  's1._domainkey.bank.example': key,
  'forward.example': 'v=spf1 ip4:46.105.1.1 -all',
  's1._domainkey.forward.example': key,
  's1._domainkey.evil.example': key,
};
const dns = new Proxy({} as Resolver, {
  get: (_, type) => async (name: string) => {
    const text = type === 'txt' ? zone[name.toLowerCase().replace(/\.$/, '')] : undefined;
    if (text === undefined) throw new DnsError('NXDOMAIN', name);
    return [text];
  },
});

const FORWARDER = '46.105.1.1';
const settings = { addresses: ['46.105.0.0/16', '2001:41d0::/32'], arc_domains: ['forward.example'] };
const byAddress = new Forwarders({ ...settings, arc_domains: [] });
const bySeal = new Forwarders({ ...settings, addresses: [] });

const letter = ({ from = 'ana@bank.example', received = [] as string[], to = 'support@shop.example' } = {}) =>
  Buffer.from(
    [
      ...received.map((ip) => `Received: from h.example (h.example [${ip}]) by x.example with ESMTP; x`),
      `From: Ana <${from}>`,
      `To: ${to}`,
      'Subject: Hello',
      'Message-ID: <1@bank.example>',
      'Date: Mon, 1 Jan 2024 10:00:00 +0000',
      '',
      'Hello there.',
      '',
    ].join('\r\n'),
  );

async function signed(raw: Buffer): Promise<Buffer> {
  const signer = { signingDomain: 'bank.example', selector: 's1', privateKey: pem };
  const { signatures } = await dkimSign(raw, { ...signer, signatureData: [signer] });
  return Buffer.concat([Buffer.from(signatures), raw]);
}

/** As a forwarder seals: its findings about what came to it, then the seal. */
async function sealed(
  raw: Buffer,
  { domain = 'forward.example', says, i = 1 }: { domain?: string; says: string; i?: number },
): Promise<Buffer> {
  const seal = {
    i,
    cv: i === 1 ? 'none' : 'pass',
    signingDomain: domain,
    selector: 's1',
    privateKey: pem,
    authResults: `mx.${domain}; ${says}`,
  };
  return Buffer.concat([await sealMessage(raw, seal as never), raw]);
}

const judge = async (
  raw: Buffer,
  {
    ip = FORWARDER,
    mailFrom = 'ana@bank.example',
    forwarders,
  }: { ip?: string; mailFrom?: string; forwarders?: Forwarders },
) => {
  const found = await authenticate(
    { raw, mailFrom, remoteIp: ip, helo: 'mx.forward.example', hostname: 'mx.shop.example', forwarders },
    dns,
  );
  return {
    spf: found.spf.result,
    dmarc: found.dmarc.result,
    proved: isFromProved(found, 'ana@bank.example'),
    forged: isForged(found) ?? 'no',
    origin: found.forwarding?.origin,
    why: found.forwarding?.why,
  };
};
const PASS =
  'spf=pass (forward.example: domain of ana@bank.example designates 45.33.32.9 as permitted sender) smtp.mailfrom=ana@bank.example; dmarc=pass header.from=bank.example';
const FAIL =
  'spf=fail (sender ip is 5.9.9.9) smtp.mailfrom=bank.example; dmarc=fail header.from=bank.example';

describe('without trust', () => {
  test('a forward breaks SPF, and the From is refuted', async () => {
    expect(await judge(letter({ received: ['45.33.32.9'] }), {})).toMatchObject({
      spf: 'fail',
      dmarc: 'fail',
      forged: 'reject',
      why: undefined,
    });
  });

  test('a host that is not trusted cannot claim to forward', async () => {
    const forged = letter({ received: ['45.33.32.9'] });
    expect(await judge(forged, { ip: '5.9.9.9', forwarders: byAddress })).toMatchObject({ forged: 'reject' });
  });
});

describe('a forwarder that is trusted by its address', () => {
  test.each<[string, { raw: Buffer | Promise<Buffer>; mailFrom?: string }, object]>([
    [
      'SPF is asked about the host before it',
      { raw: letter({ received: ['45.33.32.9'] }) },
      { spf: 'pass', dmarc: 'pass', proved: true, forged: 'no', origin: '45.33.32.9' },
    ],
    [
      'through two of its own machines, with a sender that SRS rewrote',
      {
        raw: letter({ received: ['46.105.7.7', '10.1.1.1', '45.33.32.9'] }),
        mailFrom: 'srs0=hhhh=tt=bank.example=ana@forward.example',
      },
      { spf: 'pass', dmarc: 'pass', proved: true, origin: '45.33.32.9' },
    ],
    [
      'a liar before it is still a liar, whatever he wrote further down',
      { raw: letter({ received: ['5.9.9.9', '45.33.32.9'] }) },
      { spf: 'fail', dmarc: 'fail', proved: false, forged: 'reject', origin: '5.9.9.9' },
    ],
    [
      'a liar with a sender of his own is one too',
      { raw: letter({ received: ['5.9.9.9'] }), mailFrom: 'x@evil.example' },
      { dmarc: 'fail', proved: false, forged: 'reject' },
    ],
    [
      'a sender that nobody can restore refutes nothing and proves nothing',
      { raw: letter({ received: ['5.9.9.9'] }), mailFrom: 'support+caf_=a=shop.example@gmail.com' },
      { spf: 'none', dmarc: 'none', proved: false, forged: 'no', origin: '5.9.9.9' },
    ],
    [
      'nor does the mailbox itself as the sender',
      { raw: letter({ received: ['5.9.9.9'] }), mailFrom: 'support@shop.example' },
      { spf: 'none', dmarc: 'none', proved: false, forged: 'no' },
    ],
    [
      'nor a forwarder that does not say from whom it had the mail',
      { raw: letter() },
      { spf: 'none', dmarc: 'none', proved: false, forged: 'no', origin: '' },
    ],
    [
      'then the original DKIM decides: for it',
      { raw: signed(letter()), mailFrom: 'support+caf_=a=shop.example@gmail.com' },
      { dmarc: 'pass', proved: true },
    ],
    [
      'and against it, when the message was changed',
      {
        raw: signed(letter()).then((raw) => Buffer.from(raw.toString().replace('Hello there.', 'Pay here.'))),
        mailFrom: 'support+caf_=a=shop.example@gmail.com',
      },
      { dmarc: 'fail', proved: false, forged: 'reject' },
    ],
  ])('%s', async (_, { raw, mailFrom = 'ana@bank.example' }, expected) => {
    expect(await judge(await raw, { mailFrom, forwarders: byAddress })).toMatchObject(expected);
  });

  test('says so', async () => {
    const { why } = await judge(letter({ received: ['45.33.32.9'] }), { forwarders: byAddress });
    expect(why).toBe(`through the trusted forwarder ${FORWARDER}: judged by the host before it, 45.33.32.9`);
  });
});

describe('a forwarder that is trusted by its ARC seal', () => {
  const raw = letter({ received: ['45.33.32.9'] });
  test.each<[string, Promise<Buffer>, object]>([
    [
      'what it found when it took the mail decides',
      sealed(raw, { says: PASS }),
      { spf: 'pass', dmarc: 'pass', proved: true, forged: 'no', origin: '45.33.32.9' },
    ],
    [
      'also when it found a liar',
      sealed(raw, { says: FAIL }),
      { spf: 'fail', dmarc: 'fail', proved: false, forged: 'reject', origin: '5.9.9.9' },
    ],
    [
      'an aligned signature that it saw is enough where it names no DMARC',
      sealed(raw, { says: 'spf=fail smtp.mailfrom=x@y.example; dkim=pass header.i=@bank.example' }),
      { dmarc: 'pass', proved: true },
    ],
    [
      'a signature of somebody else is not',
      sealed(raw, { says: 'dkim=pass header.d=evil.example; spf=pass smtp.mailfrom=a@evil.example' }),
      { dmarc: 'fail', proved: false },
    ],
    [
      'what it found about another From is not about this one',
      sealed(raw, { says: 'dmarc=pass header.from=evil.example' }),
      { dmarc: 'fail', proved: false, why: undefined },
    ],
    [
      'a seal of a stranger is no evidence',
      sealed(raw, { domain: 'evil.example', says: PASS }),
      { dmarc: 'fail', proved: false, why: undefined },
    ],
    [
      'a message changed after the seal has no valid chain',
      sealed(raw, { says: PASS }).then((mail) => Buffer.from(mail.toString().replace('Hello', 'Pay'))),
      { dmarc: 'fail', proved: false, why: undefined },
    ],
    [
      'a second From put above the sealed one takes its proof away',
      sealed(raw, { says: PASS }).then((mail) =>
        Buffer.concat([Buffer.from('From: Ana <ana@bank.example>\r\n'), mail]),
      ),
      { proved: false, why: undefined },
    ],
    [
      'a stranger’s findings that a trusted one sealed over are not believed',
      sealed(raw, { domain: 'evil.example', says: PASS }).then((mail) => sealed(mail, { says: FAIL, i: 2 })),
      { dmarc: 'fail', proved: false, forged: 'reject' },
    ],
    [
      'two trusted sealers: what the first of them found',
      sealed(raw, { says: PASS }).then((mail) => sealed(mail, { says: FAIL, i: 2 })),
      { dmarc: 'pass', proved: true },
    ],
  ])('%s', async (_, mail, expected) => {
    expect(
      await judge(await mail, { mailFrom: 'srs0=h=t=bank.example=ana@forward.example', forwarders: bySeal }),
    ).toMatchObject(expected);
  });

  test('a liar whom it found is one also where its address is trusted and the sender cannot be had back', async () => {
    const terms = {
      mailFrom: 'support+caf_=a=shop.example@gmail.com',
      forwarders: new Forwarders(settings),
    };
    expect(await judge(await sealed(raw, { says: FAIL }), terms)).toMatchObject({ forged: 'reject' });
    expect(await judge(await sealed(raw, { says: PASS }), terms)).toMatchObject({
      dmarc: 'pass',
      proved: true,
    });
  });

  test('says so', async () => {
    const { why } = await judge(await sealed(raw, { says: PASS }), { forwarders: bySeal });
    expect(why).toBe('forwarded by forward.example, whose ARC seal is valid: it found spf=pass, dmarc=pass');
  });
});

test.each([
  ['46.105.200.1', true],
  ['::ffff:46.105.200.1', true],
  ['46.106.0.1', false],
  ['2001:41d0:1::1', true],
  ['2001:41d1::1', false],
  ['', false],
])('%s is a trusted address: %s', (ip, expected) => {
  expect(byAddress.trusts(ip)).toBe(expected);
});

test('block lists are asked about the host before the forwarder, and "why" says through whom it came', async () => {
  const asked: string[] = [];
  const a = (name: string) => {
    asked.push(name);
    return Promise.resolve(['127.0.0.2']);
  };
  const house = await openHouse({ dns: Object.assign(Object.create(silentDns), { a }) as Resolver });
  Object.assign(house.rt.config.inbound, {
    forwarders: settings,
    spam: { ...house.rt.config.inbound.spam, block_lists: ['zone.example'] },
  });
  const raw = letter({ from: 'eve@elsewhere.example', received: ['46.105.3.3', '45.33.32.9'] }).toString();
  await house.receive({ from: 'eve@elsewhere.example', to: 'support@shop.example', raw, ip: FORWARDER });
  await house.settle();
  expect(asked).toEqual(['9.32.33.45.zone.example']);
  const row = await house.store.read.selectFrom('inbound').select('rules').executeTakeFirstOrThrow();
  const rules = fromJson<{ id: string; why: string }[]>(row.rules, []);
  expect(rules.map((rule) => rule.id)).toContain('spam-block-list');
  expect(rules.find((rule) => rule.id === 'forwarded')?.why).toContain('45.33.32.9');
});
