import { expect, test } from 'vitest';
import { crashInboundRun } from './crash-inbound.ts';

test('ten kills while mail comes in: what was answered 250 is there, and nothing was done twice', async () => {
  const figures = await crashInboundRun({ runs: 10, seed: 7, longestLifeMs: 600, say: () => undefined });
  expect(figures.lost).toEqual([]);
  expect(figures.twice).toEqual([]);
  expect(figures.promised).toBeGreaterThan(0);
  expect(figures.with_mail_unread).toBeGreaterThan(0);
}, 300_000);
