/** A stolen credential writes to thousands of strangers as fast as it can: what escapes is bounded by its brake. */
import { SMTPServer } from 'smtp-server';
import { expect, onTestFinished, test, vi } from 'vitest';
import { systemClock } from '../core/clock.ts';
import { credentialById } from '../core/store/credential.ts';
import { addSource } from '../core/store/identity.ts';
import { accept } from '../core/submission/accept.ts';
import { handed, submissionHouse } from '../core/submission/testing.ts';
import { mta } from '../mta/service.ts';

/** A receiver of everything: whom mail arrived for. */
async function receiver(): Promise<{ port: number; got: string[] }> {
  const got: string[] = [];
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['AUTH', 'STARTTLS'],
    logger: false,
    disableReverseLookup: true,
    onData(stream, session, callback) {
      stream.on('end', () => {
        got.push(...session.envelope.rcptTo.map((one) => one.address));
        callback();
      });
      stream.resume();
    },
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  onTestFinished(() => new Promise<void>((resolve) => server.close(() => resolve())));
  return { port: (server.server.address() as { port: number }).port, got };
}

test('of 5,000 strangers a stolen credential mails at most 200; the shop’s own mail goes on', async () => {
  const { port, got } = await receiver();
  const house = await submissionHouse({
    clock: systemClock(),
    overrides: { mta: { remote_port: port, allow_private_targets: true, drain_ms: 1000 } },
  });
  const { runtime } = house;
  await runtime.store.write((tx) =>
    addSource(tx, {
      name: 'one',
      ip: '127.0.0.1',
      ehlo: 'out.shop.example',
      pool: 'transactional',
      paused: 0,
      note: '',
      created_at: 0,
    }),
  );
  const stolen = (await house.issue({ name: 'Stolen' })).credential;
  const own = (await house.issue({ name: 'Till' })).credential;
  const role = mta(runtime);
  await role.start();
  onTestFinished(() => role.stop());

  // Single messages, then packs, at once and without waiting for the queue: whatever a thief may think of.
  const strangers = Array.from({ length: 5000 }, (_, at) => `s${at}@d${at % 40}.example`);
  const packs: string[][] = [
    ...strangers.slice(0, 300).map((one) => [one]),
    ...Array.from({ length: 47 }, (_, at) => strangers.slice(300 + at * 100, 400 + at * 100)),
  ];
  await Promise.all(packs.map((to) => accept(runtime, { credential: stolen }, [handed(to)])));
  await accept(runtime, { credential: own }, [handed(['ana@client.example'])]);

  expect((await credentialById(runtime.store.read, stolen.id))?.state).toBe('held');
  await vi.waitFor(() => expect(got).toContain('ana@client.example'), { timeout: 20_000 });
  // Nothing of the thief's is left to be claimed: all that did not leave is held.
  await vi.waitFor(
    async () => {
      const rows = await runtime.store.read
        .selectFrom('any_delivery')
        .select(['state', ({ fn }) => fn.countAll<number>().as('n')])
        .where('origin_kind', '=', 'submission')
        .where('origin_id', '=', stolen.id)
        .groupBy('state')
        .execute();
      const states = Object.fromEntries(rows.map((row) => [row.state, Number(row.n)]));
      expect(Object.keys(states).filter((state) => state !== 'held' && state !== 'delivered')).toEqual([]);
      expect((states['held'] ?? 0) + (states['delivered'] ?? 0)).toBe(5000);
    },
    { timeout: 40_000, interval: 100 },
  );
  const escaped = got.filter((address) => address.startsWith('s'));
  // On a busy machine the brake may come before the first of them has left.
  expect(escaped.length).toBeLessThanOrEqual(200);
  // The owner hears of it, by mail, though the thief's mail is held.
  await vi.waitFor(() => expect(got).toContain('owner@shop.example'), { timeout: 20_000 });
}, 90_000);
