/**
 * What we sign, judged by programs that share no line with us: dkimpy (Debian's python3-dkim) and OpenDKIM, each where it is
 * installed.
 */
import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { composeReply, wireForm, type Reply } from '../core/mail/compose.ts';
import { generateDkimKey, type DkimKeyPair } from '../core/mail/dkim-key.ts';
import { listFrame, listHeaders } from '../core/mail/list-headers.ts';
import { createSigner, signingKey, type SigningKey } from './sign.ts';

const now = Date.now();
const directory = mkdtempSync(join(tmpdir(), 'parley-dkim-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

let pairs: Record<'rsa' | 'ed', DkimKeyPair>;
let keys: SigningKey[];
beforeAll(async () => {
  pairs = { rsa: await generateDkimKey('rsa-sha256'), ed: await generateDkimKey('ed25519-sha256') };
  keys = [
    signingKey('example.org', 'rsa', pairs.rsa.privateDer),
    signingKey('example.org', 'ed', pairs.ed.privateDer),
  ];
});

const base: Reply = {
  from: { name: 'Émilie', address: 'news@example.org' },
  to: [{ name: 'Doe, John', address: 'john@example.net' }],
  replyTo: { name: '', address: 'news+r0@replies.example.org' },
  subject: 'Été à la campagne',
  text: 'Bonjour,\n\nvoici.',
  messageId: '<c.1@example.org>',
  date: now,
  seed: 'seed0123456789',
};

const letters: Record<string, Partial<Reply>> = {
  plain: {},
  'an empty body': { text: '' },
  'empty lines at the end': { text: 'x\n\n\n\n' },
  'spaces and tabs at line ends': { text: 'a  \nb\t \n   \n c\t\td' },
  dots: { text: '.\n..\n.x\nFrom me\n' },
  'a long subject': { subject: `Re: ${'été '.repeat(60)}end` },
  'many recipients': {
    to: Array.from({ length: 40 }, (_, i) => ({ name: `N ${i}, x`, address: `n${i}@example.net` })),
  },
  'HTML and a file': {
    html: `<p>   a${'é'.repeat(500)}  </p>\n\n`,
    attachments: [{ fileName: 'é.bin', mediaType: 'application/x-y', content: Buffer.alloc(5000, 255) }],
  },
};

async function signed(letter: Partial<Reply>, by = keys): Promise<Buffer> {
  const message = composeReply({ ...base, ...letter });
  const list = listHeaders({
    unsubscribeUrl: 'https://mail.example.org/u/token',
    unsubscribeAddress: 'u.token@bounces.example.org',
    frame: listFrame({
      list: { id: 3, name: 'News' },
      domain: 'example.org',
      feedback: { campaign: 'c1', segment: 'l3', stream: 'marketing', sender: 'example.org' },
    }),
    reference: 'token',
  });
  const whole = {
    ...message,
    headers: [...message.headers.slice(0, 4), ...list, ...message.headers.slice(4)],
  };
  return wireForm(whole, await createSigner().sign(whole, by, now));
}

const spoilt = (wire: Buffer): Buffer =>
  Buffer.from(wire.toString('latin1').replace('/u/token', '/u/other'), 'latin1');

function answers(program: string, ...words: string[]): boolean {
  try {
    execFileSync(program, words, { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

// ── dkimpy ────────────────────────────────────────────────────────────────────────────────────────────────────────

const PYTHON = '/usr/bin/python3';
const JUDGE = `
import dkim, json, sys
keys = json.loads(sys.argv[1])
def dns(name, timeout=5):
    name = name.decode() if isinstance(name, bytes) else name
    return keys[name.split('.')[0]].encode()
message = sys.stdin.buffer.read()
judge = dkim.DKIM(message)
said = []
for at in range(2):
    try:
        said.append([judge.verify(idx=at, dnsfunc=dns), judge.domain.decode(), judge.selector.decode(),
                     sorted(h.decode() for h in judge.include_headers)])
    except dkim.DKIMException as error:
        said.append([False, str(error)])
print(json.dumps(said))
`;

type Said = [boolean, string, string, string[]][];

function dkimpy(wire: Buffer): Promise<Said> {
  const records = JSON.stringify({ rsa: pairs.rsa.record, ed: pairs.ed.record });
  return new Promise((resolve, reject) => {
    const child = execFile(PYTHON, ['-c', JUDGE, records], (error, out, words) =>
      error === null ? resolve(JSON.parse(out) as Said) : reject(new Error(words, { cause: error })),
    );
    child.stdin?.end(wire);
  });
}

const hasDkimpy = answers(PYTHON, '-c', 'import dkim, nacl');

test.skipIf(!hasDkimpy)(
  `dkimpy verifies both signatures of every kind of letter, and refuses a changed one${hasDkimpy ? '' : ' (skipped: no python3-dkim with python3-nacl here)'}`,
  { timeout: 60_000 },
  async () => {
    for (const [name, letter] of Object.entries(letters)) {
      const wire = await signed(letter);
      const said = await dkimpy(wire);
      expect(
        said.map(([verified, domain, selector]) => [verified, domain, selector]),
        name,
      ).toEqual([
        [true, 'example.org', 'rsa'],
        [true, 'example.org', 'ed'],
      ]);
      for (const [, , , covered] of said)
        expect(covered).toEqual(
          expect.arrayContaining([
            'from',
            'list-unsubscribe',
            'list-unsubscribe-post',
            'feedback-id',
            'list-id',
          ]),
        );
    }
    for (const [verified] of await dkimpy(spoilt(await signed({})))) expect(verified).toBe(false);
  },
);

// ── OpenDKIM ──────────────────────────────────────────────────────────────────────────────────────────────────────

function opendkim(wire: Buffer): string {
  const zone = join(directory, 'keys');
  const letter = join(directory, 'letter');
  const conf = join(directory, 'opendkim.conf');
  writeFileSync(
    zone,
    `rsa._domainkey.example.org ${pairs.rsa.record}\ned._domainkey.example.org ${pairs.ed.record}\n`,
  );
  writeFileSync(conf, `Mode v\nTestPublicKeys ${zone}\nSyslog no\n`);
  writeFileSync(letter, wire);
  try {
    return execFileSync('opendkim', ['-x', conf, '-t', letter], { encoding: 'utf8', stdio: 'pipe' });
  } catch (error) {
    return `${(error as { stdout?: string }).stdout ?? ''} failed`;
  }
}

const hasOpendkim = answers('opendkim', '-V');

test.skipIf(!hasOpendkim)(
  `opendkim verifies every kind of letter, and refuses a changed one${hasOpendkim ? '' : ' (skipped: no opendkim here)'}`,
  async () => {
    for (const [name, letter] of Object.entries(letters)) {
      // It names one signature, the first that verifies: so each is shown alone, and then both.
      for (const by of [keys, ...keys.map((key) => [key])])
        expect(opendkim(await signed(letter, by)), name).toMatch(
          new RegExp(`verification \\(s=${by[0]?.selector}, d=example\\.org, .*succeeded`),
        );
    }
    expect(opendkim(spoilt(await signed({})))).not.toMatch(/succeeded/);
  },
);
