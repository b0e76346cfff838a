/**
 * A tiny world whole: fifty people get a signed newsletter from nodemailer, a stranger to both sides, and what they
 * send back arrives at a plain smtp-server, authentic, in the form that the real ones give it.
 */
import { generateKeyPairSync } from 'node:crypto';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Resolver } from 'node:dns/promises';
import { authenticate, type AuthenticateResult } from 'mailauth';
import { simpleParser, type ParsedMail } from 'mailparser';
import { createTransport } from 'nodemailer';
import { SMTPServer } from 'smtp-server';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Fate } from './fate.ts';
import { providerOf } from './providers.ts';
import { spawnWorld } from './spawn.ts';
import { startWorld, type World } from './world.ts';
import type { LabRecord } from './zone.ts';

const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
const RECORDS: LabRecord[] = [
  { name: 'shop.example', type: 'MX', data: { preference: 10, exchange: 'in.shop.example' } },
  { name: 'bounce.shop.example', type: 'MX', data: { preference: 10, exchange: 'in.shop.example' } },
  { name: 'bounce.shop.example', type: 'TXT', data: 'v=spf1 ip4:127.0.0.1 -all' },
  { name: 'in.shop.example', type: 'A', data: '127.0.0.1' },
  { name: 'click.shop.example', type: 'A', data: '127.0.0.1' },
  {
    name: 'k1._domainkey.shop.example',
    type: 'TXT',
    data: `v=DKIM1; k=rsa; p=${publicKey.export({ type: 'spki', format: 'der' }).toString('base64')}`,
  },
  { name: '_dmarc.shop.example', type: 'TXT', data: 'v=DMARC1; p=reject' },
];

/** The named ones have a fate; the rest are readers, to make fifty. */
const CAST: Record<string, Fate> = {
  'gone@gmail.com': 'unknown-user',
  'gone@orange.fr': 'unknown-user',
  'stuffed@free.fr': 'full',
  'late@gmail.com': 'bounces-later',
  'late@hotmail.fr': 'bounces-later',
  'late@yahoo.fr': 'bounces-later',
  'late@free.fr': 'bounces-later',
  'late@gmx.de': 'bounces-later',
  'late@bbox.fr': 'bounces-later',
  'cross@yahoo.fr': 'complains',
  'cross@hotmail.fr': 'complains',
  'silent@gmail.com': 'complains',
  'click@gmail.com': 'one-click',
  'mailto@icloud.com': 'mailto',
  'words@sfr.fr': 'in-words',
  'anne.durand@gmail.com': 'replies',
  'paul.petit@outlook.fr': 'replies',
  'zoe.roux@icloud.com': 'replies',
  'hans.meier@gmx.de': 'replies',
  'jack.hall@mill-lane.co.uk': 'replies',
  'away@atelier-rhone.fr': 'away',
  'away@orange.fr': 'away',
  'left@harbour-legal.co.uk': 'left',
  'victim@laposte.net': 'forged',
};
const PEOPLE = [
  ...Object.keys(CAST),
  ...Array.from(
    { length: 50 - Object.keys(CAST).length },
    (_, at) => `reader${at}@${at % 2 ? 'gmail.com' : 'lycee-verne.fr'}`,
  ),
];

interface Came {
  to: string;
  returnPath: string;
  raw: Buffer;
  mail: ParsedMail;
  auth: AuthenticateResult;
}

let world: World;
let inbound: SMTPServer;
let web: Server;
const came: Came[] = [];
const posts: { url: string; host: string; body: string; type: string }[] = [];
let refusals = 3;

beforeAll(async () => {
  inbound = new SMTPServer({
    disabledCommands: ['AUTH'],
    hideSTARTTLS: false,
    onRcptTo({ address }, _session, callback) {
      // The receiver is busy at first, and knows a token that is not its own.
      if (refusals-- > 0) return callback(Object.assign(new Error('4.3.2 busy'), { responseCode: 451 }));
      const token = /^b\+(\w+)@bounce/.exec(address)?.[1];
      if (token !== undefined && !/^p\d+signed$/.test(token))
        return callback(Object.assign(new Error('5.1.1 no such token'), { responseCode: 550 }));
      callback();
    },
    onData(stream, session, callback) {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => {
        const raw = Buffer.concat(chunks);
        const returnPath = session.envelope.mailFrom === false ? '' : session.envelope.mailFrom.address;
        void Promise.all([
          simpleParser(raw),
          authenticate(raw, {
            resolver,
            ip: session.remoteAddress,
            helo: session.hostNameAppearsAs,
            sender: returnPath,
            mta: 'in.shop.example',
          }),
        ]).then(([mail, auth]) => {
          came.push({ to: session.envelope.rcptTo[0]?.address ?? '', returnPath, raw, mail, auth });
          callback();
        }, callback);
      });
    },
  });
  await new Promise<void>((resolve) => inbound.listen(0, '127.0.0.1', resolve));
  web = createServer((request, response) => {
    void bodyOf(request).then((body) => {
      posts.push({
        url: request.url ?? '',
        host: request.headers.host ?? '',
        body,
        type: request.headers['content-type'] ?? '',
      });
      response.end();
    });
  });
  await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve));
  world = await startWorld({
    seed: 5,
    speed: 3000,
    records: RECORDS,
    inboundPort: (inbound.server.address() as AddressInfo).port,
    web: { http: (web.address() as AddressInfo).port },
    feedbackTo: 'fbl@shop.example',
    shares: none(),
    cast: CAST,
    verifyShare: 1,
  });
  dns.setServers([`127.0.0.1:${world.dnsPort}`]);
  await Promise.all(PEOPLE.map((address, at) => send(address, at)));
  await world.settled();
}, 60_000);

afterAll(async () => {
  await world?.stop();
  await new Promise<void>((resolve) => inbound.close(() => resolve()));
  web.close();
});

const dns = new Resolver();
const resolver = async (name: string, type: string) => (await dns.resolve(name, type)) as never;

/** One message by nodemailer, tried again while the answer is temporary. */
async function send(address: string, at: number): Promise<void> {
  const transport = createTransport({
    host: providerOf(address.split('@')[1] ?? '').mx[0]?.address,
    port: world.smtpPort,
    name: 'mail.shop.example',
    tls: { rejectUnauthorized: false },
    dkim: {
      domainName: 'shop.example',
      keySelector: 'k1',
      privateKey: pem,
      headerFieldNames: 'from:to:subject:date:message-id:list-unsubscribe:list-unsubscribe-post',
    },
  });
  const token = `p${at}signed`;
  const mail = {
    envelope: { from: `b+${token}@bounce.shop.example`, to: address },
    from: { name: 'Léa de la Boutique', address: 'news@shop.example' },
    to: { name: '', address },
    replyTo: `r+${token}@shop.example`,
    messageId: `<m${at}@shop.example>`,
    subject: 'Les nouveautés d’été',
    text: 'Bonjour,\n\nvoici nos nouveautés.\n\nPour vous désinscrire, cliquez ici.',
    html: '<p>Bonjour,</p><p>voici nos <b>nouveautés</b>.</p>',
    headers: {
      'List-Unsubscribe': `<https://click.shop.example/u/${token}>, <mailto:u+${token}@shop.example?subject=unsubscribe>`,
      'List-Unsubscribe-Post': 'List-Unsubscribe=One-Click',
    },
  };
  for (;;) {
    try {
      await transport.sendMail(mail);
      return;
    } catch (cause) {
      const code = (cause as { responseCode?: number }).responseCode ?? 0;
      if (code >= 500) return;
    }
  }
}

const from = (address: string): Came => {
  const found = came.find((one) => one.mail.from?.value[0]?.address === address);
  if (found === undefined) throw new Error(`nothing came from ${address}`);
  return found;
};
const indexOf = (address: string): number => PEOPLE.indexOf(address);

test('everybody is in the ledger once, with an end that fits the fate', async () => {
  const ledger = await world.ledger();
  expect(ledger.map((one) => one.address).sort()).toEqual([...PEOPLE].sort());
  const refused = ['gone@gmail.com', 'gone@orange.fr', 'stuffed@free.fr'];
  for (const { address, accepted, refused: no } of ledger) {
    expect([address, accepted.length, no.length]).toEqual(
      refused.includes(address) ? [address, 0, 1] : [address, 1, 0],
    );
  }
  expect(await world.duplicates()).toEqual([]);
});

test('every message was seen to be signed, verified by mailauth, and sent from where SPF allows', async () => {
  const verdicts = (await world.ledger()).flatMap((one) => one.accepted.map((receipt) => receipt.verdict));
  expect(new Set(verdicts.map((one) => `${one.dkim} ${one.spf} ${one.problems.join()}`))).toEqual(
    new Set(['pass pass ']),
  );
});

test('what the world did is what it says is to be expected', async () => {
  const expected = await world.expected();
  const cast = (fate: Fate) =>
    Object.keys(CAST)
      .filter((one) => CAST[one] === fate)
      .sort();
  expect(expected).toEqual({
    refused: ['gone@gmail.com', 'gone@orange.fr', 'stuffed@free.fr'],
    unknownUser: ['gone@gmail.com', 'gone@orange.fr'],
    bouncedLater: cast('bounces-later'),
    // Gmail tells nobody who pressed the button.
    complained: ['cross@hotmail.fr', 'cross@yahoo.fr'],
    unsubscribedOneClick: ['click@gmail.com'],
    unsubscribedByMail: ['mailto@icloud.com'],
    unsubscribedInWords: ['words@sfr.fr'],
    replied: cast('replies'),
    autoReplied: cast('away'),
    left: cast('left'),
    forged: ['victim@laposte.net'],
    undone: [],
  });
});

test('all that people sent is authentic: DMARC passes for their own domain', () => {
  const byPeople = came.filter((one) => one.returnPath !== '' || one.mail.headers.has('auto-submitted'));
  expect(byPeople.length).toBeGreaterThan(8);
  for (const one of byPeople) {
    const dmarc = one.auth.dmarc === false ? 'none' : one.auth.dmarc.status.result;
    expect([one.mail.from?.text, dmarc]).toEqual([one.mail.from?.text, 'pass']);
  }
});

describe('replies', () => {
  test.each(Object.keys(CAST).filter((one) => CAST[one] === 'replies'))(
    '%s answers to Reply-To, in the thread',
    (address) => {
      const { to, mail } = from(address);
      expect(to).toBe(`r+p${indexOf(address)}signed@shop.example`);
      expect(mail.inReplyTo).toBe(`<m${indexOf(address)}@shop.example>`);
      expect(mail.references).toContain(`<m${indexOf(address)}@shop.example>`);
      expect(mail.subject).toMatch(/^(Re|RE|AW): Les nouveautés d’été$/);
      expect(mail.text).toContain('voici nos nouveautés');
    },
  );

  const marks = [
    ['anne.durand@gmail.com', /class="gmail_quote|a écrit :|wrote:|escribió:|schrieb/],
    ['paul.petit@outlook.fr', /id="divRplyFwdMsg"/],
    ['zoe.roux@icloud.com', /iPhone/],
  ] as const;
  test.each(marks)('%s quotes as the program does', (address, mark) => {
    const { mail } = from(address);
    expect(`${String(mail.html)}${mail.text}`).toMatch(mark);
  });
});

describe('bounces that come later', () => {
  const dialects = [
    ['late@gmail.com', /^Final-Recipient: rfc822; late@gmail\.com\r\nAction: failed\r\nStatus: 5\.1\.1/m],
    ['late@hotmail.fr', /^Status: 5\.1\.10/m],
    ['late@yahoo.fr', /^554: delivery error: dd Not a valid recipient/m],
    ['late@free.fr', /^This is the mail system at host mx1-g20\.free\.fr/m],
    ['late@gmx.de', /^X-Failed-Recipients: late@gmx\.de/m],
    ['late@bbox.fr', /^Hi\. This is the qmail-send program/m],
  ] as const;
  test.each(dialects)(
    '%s: in the dialect of its server, to the return path, from nobody',
    (address, mark) => {
      const found = came.find(
        (one) => one.to === `b+p${indexOf(address)}signed@bounce.shop.example` && one.returnPath === '',
      );
      expect(found?.raw.toString('latin1')).toMatch(mark);
      expect(found?.raw.toString('latin1')).toContain(`<m${indexOf(address)}@shop.example>`);
    },
  );
});

test('complaints are feedback reports to the address given, with the message inside', () => {
  const reports = came.filter((one) => one.to === 'fbl@shop.example');
  expect(reports).toHaveLength(2);
  for (const { raw } of reports) {
    expect(raw.toString('latin1')).toMatch(/report-type=feedback-report/);
    expect(raw.toString('latin1')).toMatch(/^Feedback-Type: abuse\r\nUser-Agent: .+\r\nVersion: 1\r$/m);
  }
  const hotmail =
    reports.find((one) => one.mail.from?.text.includes('hotmail'))?.raw.toString('latin1') ?? '';
  // The complainer is left out; the identifiers of the message are not.
  expect(hotmail).not.toContain('cross@hotmail.fr');
  expect(hotmail).toContain(`b+p${indexOf('cross@hotmail.fr')}signed@bounce.shop.example`);
});

test('one click is a POST of exactly one pair to the https address, as through a proxy', () => {
  expect(posts).toEqual([
    {
      url: `/u/p${indexOf('click@gmail.com')}signed`,
      host: 'click.shop.example',
      body: 'List-Unsubscribe=One-Click',
      type: 'application/x-www-form-urlencoded',
    },
  ]);
});

test('unsubscribing by mail goes to the mailto address with its subject, in words to Reply-To', () => {
  expect(from('mailto@icloud.com')).toMatchObject({
    to: `u+p${indexOf('mailto@icloud.com')}signed@shop.example`,
    mail: { subject: 'unsubscribe' },
  });
  expect(from('words@sfr.fr').to).toBe(`r+p${indexOf('words@sfr.fr')}signed@shop.example`);
  expect(from('words@sfr.fr').mail.text).toMatch(/désinscrire|Désabonnez|ne souhaite plus/);
});

test('machines answer from nobody and say so: Exchange to From, others to the return path', () => {
  const exchange = from('away@atelier-rhone.fr');
  const vacation = from('away@orange.fr');
  expect([exchange.returnPath, vacation.returnPath]).toEqual(['', '']);
  expect([exchange.to, vacation.to]).toEqual([
    'news@shop.example',
    `b+p${indexOf('away@orange.fr')}signed@bounce.shop.example`,
  ]);
  expect(exchange.raw.toString()).toMatch(/^X-Auto-Response-Suppress: All\r$/m);
  expect(vacation.raw.toString()).toMatch(/^Auto-Submitted: auto-replied \(vacation\)\r$/m);
  expect(vacation.mail.text).toMatch(/\d{1,2} \p{L}+ \d{4}/u);
  expect(from('left@harbour-legal.co.uk').mail.text).toContain('no longer works here');
});

test('the forged bounce names a real recipient and lacks the token', async () => {
  const [act] = (await world.acts()).filter((one) => one.kind === 'forged');
  expect(act).toMatchObject({
    address: 'victim@laposte.net',
    outcome: 'refused',
    answer: '550 5.1.1 no such token',
  });
});

test('the same world in a process of its own answers the same calls', async () => {
  const other = await spawnWorld({ seed: 5, speed: 3000, records: RECORDS, cast: CAST });
  try {
    const ask = new Resolver();
    ask.setServers([`127.0.0.1:${other.dnsPort}`]);
    expect(await ask.resolveMx('shop.example')).toMatchObject([{ exchange: 'in.shop.example' }]);
    await other.dnsFault('shop.example', 'NXDOMAIN');
    await expect(ask.resolveMx('shop.example')).rejects.toMatchObject({ code: 'ENOTFOUND' });
    await other.settled();
    expect(await other.status()).toEqual({ received: 0, addresses: 0, pending: 0, acts: 0 });
    await other.dnsFault('shop.example', null);
    await other.reach({ inboundPort: (inbound.server.address() as AddressInfo).port });
    const raw = Buffer.from('From: <eve@gmail.com>\r\nSubject: hello\r\n\r\nhi\r\n');
    const sent = await other.send({
      provider: 'gmail',
      returnPath: 'eve@gmail.com',
      to: 'postmaster@shop.example',
      raw,
    });
    expect(sent).toMatchObject({ kind: 'accepted', code: 250, attempts: 1 });
    expect(came.at(-1)).toMatchObject({ to: 'postmaster@shop.example', returnPath: 'eve@gmail.com' });
  } finally {
    await other.stop();
  }
  await expect(other.status()).rejects.toThrow('the lab has ended');
});

function none() {
  return {
    'unknown-user': 0,
    full: 0,
    'full-for-a-while': 0,
    'bounces-later': 0,
    complains: 0,
    'one-click': 0,
    mailto: 0,
    'in-words': 0,
    replies: 0,
    away: 0,
    left: 0,
    forged: 0,
  };
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}
