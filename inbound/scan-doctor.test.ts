import { expect, test } from 'vitest';
import { schema } from '../config/schema.ts';
import { examineScanners } from './scan-doctor.ts';
import { rspamdSays, spamdSays, testClamd, testRspamd, testSpamd } from './scanner.testing.ts';

const examine = (scan: object) =>
  examineScanners({ config: schema.parse({ inbound: { scan: { timeout_ms: 5000, ...scan } } }) });

test('with no scanner set the doctor has nothing to say', async () => {
  expect(await examine({})).toEqual([]);
});

test('scanners that know the test files are well', async () => {
  const findings = await examine({
    clamav: (await testClamd((raw) => (raw.includes('$EICAR-') ? 'stream: Eicar FOUND\0' : 'stream: OK\0')))
      .place,
    rspamd: (await testRspamd((raw) => rspamdSays(raw.includes('*GTUBE-') ? 'reject' : 'no action', 0))).url,
    spamassassin: (await testSpamd((raw) => spamdSays(raw.includes('*GTUBE-'), 1000, 'GTUBE'))).place,
  });
  expect(findings.map(({ id, level }) => [id, level])).toEqual([
    ['scan.clamav', 'ok'],
    ['scan.rspamd', 'ok'],
    ['scan.spamassassin', 'ok'],
  ]);
});

test('one that answers and knows nothing is no scanner', async () => {
  const findings = await examine({
    clamav: (await testClamd(() => 'stream: OK\0')).place,
    rspamd: (await testRspamd(() => rspamdSays('no action', 0))).url,
    spamassassin: (await testSpamd(() => spamdSays(false, 0))).place,
  });
  expect(findings.map(({ level, fix }) => [level, fix !== ''])).toEqual(findings.map(() => ['fail', true]));
  expect(findings).toHaveLength(3);
  expect(findings[0]?.says).toContain('does not know EICAR');
  expect(findings[1]?.says).toContain('does not know GTUBE');
});

test('one that is away or late fails with the reason, and with what becomes of mail', async () => {
  const mute = await testClamd(() => undefined);
  const [late] = await examine({ clamav: mute.place, timeout_ms: 60 });
  expect(late).toMatchObject({ level: 'fail', says: expect.stringContaining('no answer in time') });
  const [away] = await examine({ spamassassin: '/nowhere/spamd.sock' });
  expect(away?.says).toContain('there is no such socket; mail comes in and is not scanned');
});
