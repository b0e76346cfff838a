/**
 * Real receivers beside the lab's own ones: Postfix with OpenDKIM as its judge, and Exim, which judges itself, where they
 * are installed and we are root.
 * What Parley's MTA hands over must lie in the maildir to the byte, and be verified.
 */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { composeReply, wireForm, type OutgoingMessage, type Reply } from '../core/mail/compose.ts';
import { generateDkimKey } from '../core/mail/dkim-key.ts';
import { connect } from '../mta/connect.ts';
import { BrokenTls } from '../mta/policy.ts';
import { Quirks } from '../mta/quirks.ts';
import { createSigner, relaxedBody, signingKey, type SigningKey } from '../mta/sign.ts';
import { startDns, type DnsServer } from './dns.ts';
import { until } from './office.ts';
import { freePort } from './parley.ts';
import { Zone } from './zone.ts';

const runs = (program: string, ...words: string[]): boolean =>
  spawnSync(program, words, { stdio: 'ignore' }).error === undefined;
const missing =
  process.getuid?.() !== 0
    ? 'not root'
    : !existsSync('/usr/sbin/postfix')
      ? 'no postfix here'
      : !runs('opendkim', '-V')
        ? 'no opendkim here'
        : undefined;

const MESSAGES = 50;

describe.skipIf(missing !== undefined)(
  `postfix${missing === undefined ? '' : ` (skipped: ${missing})`}`,
  () => {
    // Outside of a directory that only root may enter: Postfix's own users must reach their files.
    const home = mkdtempSync(join(tmpdir(), 'parley-postfix-'));
    const etc = join(home, 'etc');
    const inbox = join(home, 'mail', 'in', 'new');
    let port = 0;
    let plainPort = 0;
    let judge: ReturnType<typeof spawn> | undefined;
    let keys: SigningKey[];

    beforeAll(async () => {
      const rsa = await generateDkimKey('rsa-sha256');
      const ed = await generateDkimKey('ed25519-sha256');
      keys = [
        signingKey('example.org', 'rsa', rsa.privateDer),
        signingKey('example.org', 'ed', ed.privateDer),
      ];
      port = await freePort();
      plainPort = await freePort();
      for (const name of ['etc', 'spool', 'data', 'mail', 'dkim']) mkdirSync(join(home, name));
      chmodSync(home, 0o755);
      await startJudge(`rsa._domainkey.example.org ${rsa.record}\ned._domainkey.example.org ${ed.record}\n`);
      startPostfix();
    }, 60_000);

    afterAll(() => {
      spawnSync('postfix', ['-c', etc, 'stop'], { stdio: 'ignore' });
      judge?.kill();
      rmSync(home, { recursive: true, force: true });
    });

    async function startJudge(zone: string): Promise<void> {
      const socket = join(home, 'dkim', 'socket');
      writeFileSync(join(home, 'dkim', 'keys'), zone);
      writeFileSync(
        join(home, 'dkim', 'conf'),
        [
          `Socket local:${socket}`,
          'UMask 000',
          'Mode v',
          'AuthservID judge.test',
          'AlwaysAddARHeader yes',
          `TestPublicKeys ${join(home, 'dkim', 'keys')}`,
          'Syslog no',
          'Background no',
          '',
        ].join('\n'),
      );
      judge = spawn('opendkim', ['-f', '-x', join(home, 'dkim', 'conf')], { stdio: 'ignore' });
      await until('the judge', async () => (existsSync(socket) ? true : undefined), 20_000, 50);
    }

    function startPostfix(): void {
      const [uid = '0', gid = '0'] = ['-u', '-g'].map((flag) =>
        execFileSync('id', [flag, 'postfix'], { encoding: 'utf8' }).trim(),
      );
      chownSync(join(home, 'data'), Number(uid), 0);
      chownSync(join(home, 'mail'), Number(uid), Number(gid));
      const master = ['/etc/postfix/master.cf', '/usr/share/postfix/master.cf.dist'].find(
        existsSync,
      ) as string;
      const services = readFileSync(master, 'utf8')
        .replace(
          /^smtp +inet .*$/m,
          [
            `127.0.0.1:${port} inet n - n - - smtpd`,
            `127.0.0.1:${plainPort} inet n - n - - smtpd`,
            '  -o smtpd_discard_ehlo_keywords=pipelining,chunking',
          ].join('\n'),
        )
        // No cages of their own: there is nothing in them here.
        .replace(/^(\w+ +unix +[-ny] +[-n] +)y/gm, '$1n');
      writeFileSync(join(etc, 'master.cf'), services);
      for (const name of ['dynamicmaps.cf', 'postfix-files'])
        for (const place of ['/etc/postfix', '/usr/share/postfix'])
          if (existsSync(join(place, name)) && !existsSync(join(etc, name)))
            copyFileSync(join(place, name), join(etc, name));
      writeFileSync(
        join(etc, 'main.cf'),
        `compatibility_level = 3.6
myhostname = mx.receiver.test
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks =
queue_directory = ${home}/spool
data_directory = ${home}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
maillog_file = ${home}/mail.log
maillog_file_prefixes = ${home}
disable_dns_lookups = yes
smtpd_peername_lookup = no
smtpd_recipient_restrictions = reject_unauth_destination
smtpd_client_connection_rate_limit = 0
virtual_mailbox_domains = receiver.test
virtual_mailbox_base = ${home}/mail
virtual_mailbox_maps = static:in/
virtual_uid_maps = static:${uid}
virtual_gid_maps = static:${gid}
virtual_minimum_uid = 1
smtputf8_enable = yes
smtpd_milters = unix:${home}/dkim/socket
milter_default_action = tempfail
`,
      );
      execFileSync('postfix', ['-c', etc, 'start'], { stdio: 'ignore' });
    }

    test(
      `${MESSAGES} messages of every kind arrive to the byte, verified`,
      { timeout: 120_000 },
      async () => {
        const sent = new Map<string, Buffer>();
        for (let at = 0; at < MESSAGES; at++) {
          const to = at % 4 === 3 ? plainPort : port;
          sent.set(`<real.${at}@example.org>`, await deliver(to, keys, letter(at), at));
        }
        await until(
          'the maildir to fill',
          async () => (existsSync(inbox) && readdirSync(inbox).length >= MESSAGES ? true : undefined),
          60_000,
          100,
        );
        expect(readdirSync(inbox)).toHaveLength(MESSAGES);
        for (const name of readdirSync(inbox)) {
          const stored = readFileSync(join(inbox, name), 'latin1');
          const id = /^message-id:\s*(<real\.\d+@example\.org>)/im.exec(stored)?.[1] ?? '';
          const wire = sent.get(id)?.toString('latin1').replaceAll('\r\n', '\n') ?? 'nothing was sent';
          sent.delete(id);
          // A maildir has bare line ends, and the receiver's own fields on top; below them is what we sent, to the byte.
          expect(stored.endsWith(wire), `${id} is not what was sent`).toBe(true);
          const above = stored.slice(0, stored.length - wire.length).replace(/\n[ \t]+/g, ' ');
          expect(above, id).toMatch(
            /^Authentication-Results: judge\.test;.*dkim=pass.*header\.d=example\.org/m,
          );
          expect(above, id).not.toMatch(/dkim=(fail|neutral|permerror|temperror)/);
        }
        expect([...sent.keys()]).toEqual([]);
      },
    );
  },
);

/** Over a connection of its own, with and without CHUNKING. Answers what was on the wire. */
async function deliver(
  port: number,
  keys: readonly SigningKey[],
  { message, body8bit }: ReturnType<typeof letter>,
  at: number,
): Promise<Buffer> {
  const wire = wireForm(message, await createSigner().sign(message, keys, Date.now()));
  const quirks = new Quirks();
  if (at % 2 === 1) quirks.lied('mx.receiver.test', 'chunking', Date.now());
  const connected = await connect(
    { host: 'mx.receiver.test', address: '127.0.0.1', port },
    {
      ehlo: 'mail.example.org',
      policy: { kind: 'opportunistic' },
      brokenTls: new BrokenTls(),
      now: Date.now(),
      allowPrivateTargets: true,
      quirks,
    },
  );
  if (connected.kind !== 'session') throw new Error(`no session: ${JSON.stringify(connected)}`);
  const { session } = connected;
  const done = await session.transact(
    {
      mailFrom: `b${at}@example.org`,
      rcptTo: message.needsSmtputf8 ? `用户${at}@receiver.test` : `user${at}@receiver.test`,
      smtputf8: message.needsSmtputf8,
      body8bit,
      maySend: () => true,
    },
    wire,
  );
  expect(done.kind, JSON.stringify(done)).toBe('accepted');
  session.quit();
  return wire;
}

const eximPath = ['/usr/sbin/exim4', '/usr/sbin/exim', `${process.env['PARLEY_EXIM'] ?? ''}/exim4`].find(
  existsSync,
);
const noExim =
  process.getuid?.() !== 0
    ? 'not root'
    : eximPath === undefined
      ? 'no exim here'
      : !runs('unshare', '-m', 'true')
        ? 'no mount namespaces here'
        : undefined;

describe.skipIf(noExim !== undefined)(`exim${noExim === undefined ? '' : ` (skipped: ${noExim})`}`, () => {
  const home = mkdtempSync(join(tmpdir(), 'parley-exim-'));
  const inbox = join(home, 'mail', 'new');
  // Exim asks whom the system asks: in a namespace of its own that is the lab, on the one port that it knows.
  const nameServer = '127.77.0.53';
  let port = 0;
  let server: ReturnType<typeof spawn> | undefined;
  let dns: DnsServer;
  let keys: SigningKey[];

  beforeAll(async () => {
    const rsa = await generateDkimKey('rsa-sha256');
    const ed = await generateDkimKey('ed25519-sha256');
    keys = [signingKey('example.org', 'rsa', rsa.privateDer), signingKey('example.org', 'ed', ed.privateDer)];
    const zone = new Zone();
    zone.publish([
      { name: 'rsa._domainkey.example.org', type: 'TXT', data: rsa.record },
      { name: 'ed._domainkey.example.org', type: 'TXT', data: ed.record },
    ]);
    dns = await startDns(zone, 53, nameServer);
    port = await freePort();
    const id = (flag: string) => Number(execFileSync('id', [flag, 'nobody'], { encoding: 'utf8' }).trim());
    chmodSync(home, 0o755);
    for (const name of ['spool', 'log', 'mail']) {
      mkdirSync(join(home, name));
      chownSync(join(home, name), id('-u'), id('-g'));
    }
    writeFileSync(join(home, 'resolv.conf'), `nameserver ${nameServer}\n`);
    writeFileSync(
      join(home, 'conf'),
      `primary_hostname = mx.receiver.test
exim_path = ${eximPath}
exim_user = ${id('-u')}
exim_group = ${id('-g')}
local_interfaces = 127.0.0.1
daemon_smtp_ports = ${port}
spool_directory = ${home}/spool
log_file_path = ${home}/log/%slog
keep_environment =
host_lookup =
rfc1413_query_timeout = 0s
smtputf8_advertise_hosts = *
chunking_advertise_hosts = *
tls_advertise_hosts =
smtp_accept_max = 100
acl_smtp_rcpt = take
acl_smtp_dkim = judge
begin acl
take:
  accept
judge:
  warn add_header = :at_start:X-Judged: $dkim_verify_status $dkim_cur_signer $dkim_algo
  accept
begin routers
everybody:
  driver = accept
  transport = box
begin transports
box:
  driver = appendfile
  maildir_format
  directory = ${home}/mail
  create_directory
  user = ${id('-u')}
  group = ${id('-g')}
`,
    );
    server = spawn(
      'unshare',
      [
        '-m',
        'sh',
        '-c',
        'mount --bind "$0/resolv.conf" /etc/resolv.conf && exec "$1" -C "$0/conf" -bdf -q1m',
        home,
        eximPath as string,
      ],
      { stdio: 'ignore' },
    );
  }, 60_000);

  afterAll(async () => {
    server?.kill();
    await dns.stop();
    rmSync(home, { recursive: true, force: true });
  });

  test(`${MESSAGES} messages of every kind arrive, verified`, { timeout: 120_000 }, async () => {
    const bodies = new Map<string, string>();
    await until('exim to listen', () => answers(port), 30_000, 50);
    for (let at = 0; at < MESSAGES; at++) {
      const wire = (await deliver(port, keys, letter(at), at)).toString('latin1').replaceAll('\r\n', '\n');
      bodies.set(`<real.${at}@example.org>`, wire.slice(wire.indexOf('\n\n')));
    }
    await until(
      'the maildir to fill',
      async () => (existsSync(inbox) && readdirSync(inbox).length >= MESSAGES ? true : undefined),
      30_000,
      100,
    );
    for (const name of readdirSync(inbox)) {
      const stored = readFileSync(join(inbox, name), 'latin1');
      const message = /^message-id:\s*(<real\.\d+@example\.org>)/im.exec(stored)?.[1] ?? '';
      const body = bodies.get(message);
      bodies.delete(message);
      expect(stored.slice(stored.indexOf('\n\n')), message).toBe(body);
      expect(stored, message).toMatch(/^X-Judged: pass example\.org rsa-sha256$/m);
      expect(stored, message).not.toMatch(/^X-Judged: (?!pass)/m);
    }
    expect([...bodies.keys()]).toEqual([]);
  });
});

/** Somebody listens there. */
const answers = (port: number): Promise<true | undefined> =>
  new Promise((resolve) => {
    const socket = createConnection(port, '127.0.0.1');
    socket.once('data', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(undefined));
  });

const base = (at: number): Reply => ({
  from: { name: 'Émilie', address: 'news@example.org' },
  to: [{ name: 'Doe, John', address: `user${at}@receiver.test` }],
  subject: `Été n° ${at}`,
  text: `Bonjour ${at},\n\nvoici.`,
  messageId: `<real.${at}@example.org>`,
  date: Date.now(),
  seed: `seed${at}x0123456789`,
});

const kinds: ((at: number) => Partial<Reply>)[] = [
  () => ({}),
  (at) => ({ html: `<p>Bonjour <b>${at}</b>,${' é'.repeat(400)}</p>` }),
  () => ({ text: '.\n..\n.x\n...\nFrom me\n.' }),
  () => ({ text: `${'x'.repeat(5000)}\n${'é '.repeat(3000)}` }),
  () => ({ text: 'a  \nb\t \n   \n c\t\td\n\n\n\n' }),
  (at) => ({ to: [{ name: '', address: `用户${at}@receiver.test` }], subject: '你好' }),
  () => ({
    attachments: [{ fileName: 'é.bin', mediaType: 'application/x-y', content: Buffer.alloc(200_000, 255) }],
  }),
  () => ({ text: '' }),
];

/** Every kind in turn; the last of them written as it is, in 8 bits, with lines as long as SMTP takes them. */
function letter(at: number): { message: OutgoingMessage; body8bit: boolean } {
  const kind = at % (kinds.length + 1);
  const make = kinds[kind];
  if (make !== undefined) return { message: composeReply({ ...base(at), ...make(at) }), body8bit: false };
  const composed = composeReply(base(at));
  const text = Buffer.from(`.é${'ü'.repeat(490)}\r\n..\r\n${'y'.repeat(998)}\r\nfin ${at} \r\n`);
  const body = text.toString('latin1');
  const headers = composed.headers.map((field) =>
    /^content-transfer-encoding:/i.test(field) ? 'Content-Transfer-Encoding: 8bit' : field,
  );
  return { message: { ...composed, headers, body, canonicalBody: relaxedBody(body) }, body8bit: true };
}
