import { expect, test } from 'vitest';
import { Transcript } from './transcript.ts';

test('on a connection with many messages the opening and the present message are told', () => {
  const transcript = new Transcript();
  transcript.note('< 220 mx.test');
  transcript.ours('EHLO us');
  for (const to of ['a', 'b', 'c']) {
    transcript.begin();
    transcript.ours(`RCPT TO:<${to}@x.example>`);
  }
  expect(transcript.lines()).toEqual(['< 220 mx.test', '> EHLO us', '> RCPT TO:<c@x.example>']);
});

test('a server that talks without end loses its middle, and long lines their end', () => {
  const transcript = new Transcript();
  transcript.ours('EHLO us');
  transcript.begin();
  for (let line = 0; line < 1000; line++) transcript.note(`${line} ${'x'.repeat(1000)}`);
  const lines = transcript.lines();
  expect(lines).toHaveLength(202);
  expect(lines[1]).toMatch(/^0 x{498}…$/);
  expect(lines.at(-1)).toMatch(/^999 /);
  expect(lines.join('\n')).toContain('… 800 lines left out …');
});
