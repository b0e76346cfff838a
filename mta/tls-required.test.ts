/**
 * RFC 8689 5: `TLS-Required: No` says that a message is worth more than its secrecy: it goes although the recipient's
 * domain asks for a proof that its host does not give. Everything else to the same host waits.
 */
import { expect, onTestFinished, test, vi } from 'vitest';
import { systemClock } from '../core/clock.ts';
import { createResolver } from '../core/dns.ts';
import { accept, type Handed } from '../core/submission/accept.ts';
import { handed, prepared, submissionHouse } from '../core/submission/testing.ts';
import { startDns } from '../lab/dns.ts';
import { Zone } from '../lab/zone.ts';
import { saysTlsRequiredNo } from './content.ts';
import { Receiver } from './house.testing.ts';
import { mta } from './service.ts';

test.each([
  [['TLS-Required: No'], true],
  [['tls-required:no'], true],
  [['TLS-Required: No\r\n '], true],
  [['TLS-Required: Yes'], false],
  [['TLS-Required: No', 'TLS-Required: No'], false],
  [['X-TLS-Required: No'], false],
  [[], false],
] as const)('the field %j means it: %s', (fields, means) => {
  expect(saysTlsRequiredNo(['From: a@b.test', ...fields])).toBe(means);
});

const letter = (to: string, ...fields: string[]) =>
  prepared(['From: till@shop.example', `To: ${to}`, 'Subject: Alarm', ...fields, '', 'The cellar is wet.']);

test('a message that says so goes where DANE cannot be proved, keeps its field, and the others wait', async () => {
  const receiver = await new Receiver().start();
  const zone = new Zone();
  zone.publish([
    { name: 'there.test', type: 'MX', data: { preference: 10, exchange: 'mx.there.test' } },
    { name: 'mx.there.test', type: 'A', data: '127.0.0.1' },
  ]);
  zone.prove('there.test');
  zone.fail('_tcp.mx.there.test', 'SERVFAIL');
  const names = await startDns(zone);
  onTestFinished(() => names.stop());
  const { runtime, issue } = await submissionHouse({
    clock: systemClock(),
    overrides: { mta: { remote_port: receiver.port, allow_private_targets: true } },
  });
  const { credential } = await issue();
  const house = {
    ...runtime,
    dns: createResolver({ servers: [`127.0.0.1:${names.port}`], timeout_ms: 300 }),
  };
  const role = mta(house);
  const hand = async (to: string, message: Handed['message'], more: Partial<Handed> = {}) =>
    accept(house, { credential }, [handed([to], { message, ...more })]);
  await hand('waits@there.test', letter('waits@there.test'));
  await hand('goes@there.test', letter('goes@there.test', 'TLS-Required: No'));
  // RFC 8689 4.1: who says both means the stronger.
  await hand('both@there.test', letter('both@there.test', 'TLS-Required: No'), { requireTls: true });
  await role.start();
  onTestFinished(() => role.stop());
  const states = async () => {
    const rows = await house.store.read.selectFrom('any_delivery').select(['address', 'state']).execute();
    return Object.fromEntries(rows.map(({ address, state }) => [address, state]));
  };
  await vi.waitFor(
    async () =>
      expect(await states()).toEqual({
        'waits@there.test': 'deferred',
        'goes@there.test': 'delivered',
        'both@there.test': 'deferred',
      }),
    { timeout: 15_000, interval: 20 },
  );
  expect(receiver.messages.map(({ to }) => to)).toEqual(['goes@there.test']);
  expect(receiver.messages[0]?.raw).toMatch(/^TLS-Required: No\r\n/m);
});
