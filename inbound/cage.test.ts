import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { Breach, Cage } from './cage.ts';

const context = { mailFrom: '', purposes: [], now: 0 };

/** A cage whose inside does what the message says. */
function cageThat(body: string, options: { timeMs?: number; heapMb?: number; residentMb?: number } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'parley-cage-'));
  const program = join(folder, 'child.mjs');
  writeFileSync(
    program,
    `process.on('message', (tasks) => {
      const answers = [];
      for (const { id, raw } of tasks) { const word = Buffer.from(raw).toString(); const together = tasks.length; ${body} }
      process.send(answers);
    });`,
  );
  const cage = new Cage({ workers: 1, program, timeMs: 300, ...options });
  onTestFinished(async () => {
    await cage.close();
    rmSync(folder, { recursive: true, force: true });
  });
  return cage;
}

const ANSWER = 'answers.push({ id, json: JSON.stringify({ word }) });';

test.each([
  ['hangs', "if (word === 'evil') for (;;);", 'time'],
  ['dies', "if (word === 'evil') process.exit(3);", 'crash'],
  [
    'eats memory',
    "if (word === 'evil') { globalThis.kept = []; const eat = () => { globalThis.kept.push(Buffer.alloc(32 * 1024 * 1024, 1)); setTimeout(eat, 5); }; return eat(); }",
    'memory',
  ],
])('a message that %s is given up, and the next one is read', async (_, body, kind) => {
  const cage = cageThat(`${body} ${ANSWER}`, kind === 'memory' ? { residentMb: 200, timeMs: 20_000 } : {});
  expect(await cage.read(Buffer.from('good'), context)).toEqual({ word: 'good' });
  const breach = await cage.read(Buffer.from('evil'), context).catch((error: unknown) => error);
  expect(breach).toBeInstanceOf(Breach);
  expect((breach as Breach).kind).toBe(kind);
  expect(await cage.read(Buffer.from('good'), context)).toEqual({ word: 'good' });
});

test('messages that come together go in together, and a hostile one takes none of them along', async () => {
  const cage = cageThat(
    `if (word === 'evil') process.exit(3); answers.push({ id, json: JSON.stringify({ word, together }) });`,
  );
  const all = (words: string[]) =>
    Promise.allSettled(words.map((word) => cage.read(Buffer.from(word), context)));
  expect(await all(['one', 'two', 'three'])).toMatchObject([
    { value: { word: 'one', together: 3 } },
    { value: { word: 'two', together: 3 } },
    { value: { word: 'three', together: 3 } },
  ]);
  expect(await all(['one', 'evil', 'three'])).toMatchObject([
    { value: { word: 'one', together: 1 } },
    { reason: { kind: 'crash' } },
    { value: { word: 'three', together: 1 } },
  ]);
});

test('large messages go in one by one', async () => {
  const cage = cageThat('answers.push({ id, json: JSON.stringify({ together }) });');
  const large = Buffer.alloc(400 * 1024, 'x');
  const readings = await Promise.all([cage.read(large, context), cage.read(large, context)]);
  expect(readings).toEqual([{ together: 1 }, { together: 1 }]);
});

test('the real inside reads a message and knows nothing of our settings', async () => {
  const cage = new Cage({ workers: 1 });
  onTestFinished(() => cage.close());
  const { letter, verdict } = await cage.read(
    Buffer.from('From: a@b.example\r\nSubject: hi\r\n\r\nHello?\r\n'),
    context,
  );
  expect([letter.subject, verdict.kind]).toEqual(['hi', 'reply']);
});
