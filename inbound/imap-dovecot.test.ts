/** A real IMAP server, when it is installed: Dovecot with a maildir, TLS and a password. Mail put there comes in by itself. */
import { spawn, type ChildProcess } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { createImapAccount } from '../core/imap-account.ts';
import { imapAccountById } from '../core/store/imap-account.ts';
import { labCert, labKey } from '../lab/ca.ts';
import { connectImap } from './imap-client.ts';
import { ImapPuller } from './imap-puller.ts';
import { Recipients } from './recipient.ts';
import { openHouse } from './testing.ts';

const DOVECOT = '/usr/sbin/dovecot';
const NOBODY = 65_534;
const isHere = existsSync(DOVECOT) && process.getuid?.() === 0;

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function startDovecot(): Promise<{
  port: number;
  put(name: string, raw: string): void;
  folder(name: string): string[];
}> {
  const home = mkdtempSync(join(tmpdir(), 'parley-dovecot-'));
  const port = await freePort();
  for (const path of ['', 'mail', 'mail/cur', 'mail/new', 'mail/tmp']) {
    mkdirSync(join(home, path), { recursive: true });
    chownSync(join(home, path), NOBODY, NOBODY);
  }
  chmodSync(home, 0o755);
  writeFileSync(join(home, 'cert.pem'), labCert);
  writeFileSync(join(home, 'key.pem'), labKey, { mode: 0o600 });
  writeFileSync(
    join(home, 'dovecot.conf'),
    `protocols = imap
listen = 127.0.0.1
base_dir = ${home}/run
state_dir = ${home}/state
log_path = ${home}/log
ssl = required
ssl_cert = <${home}/cert.pem
ssl_key = <${home}/key.pem
mail_location = maildir:${home}/mail
first_valid_uid = 1
passdb {
  driver = static
  args = password=secret
}
userdb {
  driver = static
  args = uid=${NOBODY} gid=${NOBODY} home=${home}
}
service imap-login {
  inet_listener imap {
    port = 0
  }
  inet_listener imaps {
    port = ${port}
    ssl = yes
  }
}
`,
  );
  const child: ChildProcess = spawn(DOVECOT, ['-F', '-c', join(home, 'dovecot.conf')], { stdio: 'ignore' });
  onTestFinished(async () => {
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGTERM');
    await ended;
    rmSync(home, { recursive: true, force: true });
  });
  const where = {
    host: '127.0.0.1',
    port,
    tls: 'implicit',
    verify: 0,
    username: 'team',
    auth: 'password',
  } as const;
  for (let tries = 1; ; tries++) {
    try {
      await (await connectImap(where, 'secret')).close();
      break;
    } catch (error) {
      if (tries === 100) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
  return {
    port,
    put(name, raw) {
      const file = join(home, 'mail/tmp', name);
      writeFileSync(file, raw);
      chownSync(file, NOBODY, NOBODY);
      renameSync(file, join(home, 'mail/new', name));
    },
    folder: (name) => {
      const path = join(home, 'mail', name === 'INBOX' ? 'cur' : `.${name}/cur`);
      return existsSync(path) ? readdirSync(path) : [];
    },
  };
}

const mail = (subject: string) =>
  `Return-Path: <ana@client.example>\r\nFrom: Ana <ana@client.example>\r\nTo: team@elsewhere.example\r\nSubject: ${subject}\r\nMessage-ID: <${subject}@client.example>\r\nDate: Mon, 23 Nov 2026 10:00:00 +0000\r\n\r\nBonjour\r\n`;

test.skipIf(!isHere)(
  'a real Dovecot: new mail comes by IDLE, and lies in the other folder after',
  async () => {
    const dovecot = await startDovecot();
    const house = await openHouse();
    const { rt } = house;
    dovecot.put('old', mail('old'));
    const session = await connectImap(
      {
        host: '127.0.0.1',
        port: dovecot.port,
        tls: 'implicit',
        verify: 0,
        username: 'team',
        auth: 'password',
      },
      'secret',
    );
    expect(await session.folders()).toContain('INBOX');
    await session.close();
    const id = await createImapAccount(rt, 'team', {
      host: '127.0.0.1',
      port: dovecot.port,
      tls: 'implicit',
      verify: false,
      username: 'team',
      auth: 'password',
      password: 'secret',
      token_url: '',
      folder: 'INBOX',
      after: 'seen',
      move_to: '',
      mailbox_id: house.mailboxId,
    });
    const recipients = new Recipients(rt.store.read, rt.tokens);
    const puller = new ImapPuller({ rt, judge: (address) => recipients.judge(address, rt.clock.now()) });
    onTestFinished(() => puller.stop());
    await puller.start();
    const row = () => imapAccountById(house.store.read, id);
    const until = async (look: () => Promise<boolean>) => {
      while (!(await look())) await new Promise((resolve) => setTimeout(resolve, 20));
    };
    await until(async () => (await row())?.checked_at !== null);
    for (const subject of ['one', 'two', 'three']) dovecot.put(subject, mail(subject));
    await until(async () => (await row())?.taken === 3);
    await house.settle();
    const subjects = await house.store.read.selectFrom('conversation').select('subject').execute();
    expect(subjects.map((one) => one.subject).sort()).toEqual(['one', 'three', 'two']);
    // Maildir: ",S" is read. What lay there before is none of ours.
    await until(async () => dovecot.folder('INBOX').filter((name) => /,\w*S/.test(name)).length === 3);
    expect(dovecot.folder('INBOX').find((name) => name.startsWith('old'))).not.toMatch(/,\w*S/);
    expect((await row())?.error).toBeNull();
  },
);
