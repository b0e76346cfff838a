/** Every bad input of the list has its answer: sessions are played, letters are read, the rest is proved where it is named. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, expect, onTestFinished, test } from 'vitest';
import { silentLog } from '../core/log.ts';
import { rawPath } from '../core/store/raw-message.ts';
import { selfSigned } from '../core/tls.ts';
import { Doorkeeper } from './admission.ts';
import { provedElsewhere } from './bad-elsewhere.testing.ts';
import { badLetters } from './bad-letter.testing.ts';
import { badSessions } from './bad-session.testing.ts';
import { listen, type ListenerOptions } from './listener.ts';
import { read } from './read.ts';
import { Recipients } from './recipient.ts';
import { openHouse, Wire } from './testing.ts';

let certificate: { key: string; cert: string };
beforeAll(async () => {
  certificate = await selfSigned('mx.shop.example', Date.now());
});

/** Whom we take mail for: as a real house judges, where that is what is asked. */
async function realJudge(): Promise<ListenerOptions['judge']> {
  const house = await openHouse();
  const recipients = new Recipients(house.store.read, house.tokens);
  return (address) => recipients.judge(address, house.clock.now());
}
const anyOfOurs: ListenerOptions['judge'] = async (address) => ({ kind: 'accept', address, why: 'mailbox' });

async function start(judge: ListenerOptions['judge']) {
  const dataDir = mkdtempSync(join(tmpdir(), 'parley-bad-'));
  const kept: string[] = [];
  const listener = await listen({
    host: '127.0.0.1',
    port: 0,
    hostname: 'mx.shop.example',
    maxSize: 1024 * 1024,
    greetingDelayMs: 0,
    ...certificate,
    dataDir,
    doorkeeper: new Doorkeeper({ connections: 50, connectionsPerAddress: 50, connectionsPerMinute: 1000 }),
    judge,
    keep: async (_envelope, spool) => {
      const raw = await spool.keep();
      const whole = raw.encoding === 'file' ? readFileSync(rawPath(dataDir, raw.hash)) : spool.head;
      kept.push(whole.toString('latin1'));
      return kept.length;
    },
    log: silentLog,
  });
  onTestFinished(async () => {
    await listener.close();
    rmSync(dataDir, { recursive: true, force: true });
  });
  return { port: listener.port, kept };
}

test.each(badSessions)(
  'row $row: $input: $answer',
  async ({ row, from, sent, heard, hungUp = false, kept = [] }) => {
    const house = await start(row === '14–23' ? await realJudge() : anyOfOurs);
    const wire = await Wire.open(house.port);
    if (from === 'data')
      expect(await wire.begin('ana@remote.example', 'support@shop.example')).toMatch(/^354/);
    else expect(await wire.reply()).toMatch(/^220/);
    if (from === 'ehlo') expect(await wire.say('EHLO mx.remote.example')).not.toContain('AUTH');
    for (const piece of sent) {
      wire.write(piece);
      await new Promise((resolve) => setImmediate(resolve));
    }
    for (const beginning of heard) {
      const reply = await wire.reply();
      expect(reply.slice(0, beginning.length)).toBe(beginning);
    }
    if (hungUp) expect(await wire.isClosed()).toBe(true);
    else expect(await wire.say('NOOP')).toMatch(/^250/);
    expect(house.kept.map((text) => text.length)).toEqual(kept.map((text) => text.length));
    expect(house.kept).toEqual(kept);
  },
);

test('the 1,001st recipient hears 452 and the message goes to the first thousand', async () => {
  const house = await start(anyOfOurs);
  const wire = await Wire.open(house.port);
  await wire.reply();
  expect(await wire.say('EHLO mx.remote.example')).toContain('LIMITS RCPTMAX=1000');
  await wire.say('MAIL FROM:<ana@remote.example>');
  wire.write(Array.from({ length: 1001 }, (_, n) => `RCPT TO:<u${n}@shop.example>\r\n`).join(''));
  for (let at = 0; at < 1000; at++) expect(await wire.reply()).toMatch(/^250/);
  expect(await wire.reply()).toMatch(/^452 4\.5\.3/);
  await wire.say('DATA');
  expect(await wire.say('x\r\n.')).toMatch(/^250/);
  expect(house.kept).toHaveLength(1);
});

test.each(badLetters)('row $row: $input: $answer', ({ raw, look, sees }) => {
  const begun = process.cpuUsage();
  const reading = read(raw(), { mailFrom: 'a@b.example', purposes: [], now: Date.UTC(2026, 0, 5) });
  const { user, system } = process.cpuUsage(begun);
  expect(look(reading)).toEqual(sees);
  // The cage ends a reader after two seconds.
  expect((user + system) / 1000).toBeLessThan(1500);
});

test.each(provedElsewhere)('row $row: $input: there is a test of that name', ({ file, test: name }) => {
  const source = readFileSync(new URL(`../${file}`, import.meta.url), 'utf8');
  expect(source).toContain(`'${name}'`);
});

/** The page that says all this to who runs it, made from the lists. */
function asPage(): string {
  const cell = (words: string) => words.replaceAll('|', '\\|').replaceAll('<', '&lt;');
  const row = (one: { row: string; input: string; answer: string }, proof: string) =>
    `| ${one.row} | ${cell(one.input)} | ${cell(one.answer)} | ${proof} |`;
  const here = 'inbound/bad-inputs.test.ts';
  const lines = [
    ...badSessions.map((one) => row(one, `\`${here}\``)),
    ...badLetters.map((one) => row(one, `\`${here}\``)),
    ...provedElsewhere.map((one) => row(one, `\`${one.file}\`: ${cell(one.test)}`)),
  ];
  const firstOf = (line: string) => Number(/^\| (\d+)/.exec(line)?.[1]);
  return `# Bad input on the way in

What strangers send to port 25 and in mail, what Parley answers, and the test that holds it to that. Made from the lists
beside the tests (\`inbound/bad-session.testing.ts\`, \`bad-letter.testing.ts\`, \`bad-elsewhere.testing.ts\`); \`vitest run ${here} -u\`
writes it anew, and without \`-u\` the test fails where the page and the lists differ. ${lines.length} inputs.

| # | What comes | What happens | Test |
|---|---|---|---|
${lines.toSorted((a, b) => firstOf(a) - firstOf(b)).join('\n')}
`;
}

test('docs/bad-inputs.md says what the lists say', async () => {
  await expect(asPage()).toMatchFileSnapshot('../docs/bad-inputs.md');
});
