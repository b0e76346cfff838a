/** Requests that come at once share their statements, and nothing else: not a refusal, not a cap, not an answer. */
import { expect, test } from 'vitest';
import { manualClock } from '../clock.ts';
import { credentialById, credentialLines } from '../store/credential.ts';
import { eachEngine } from '../store/testing.ts';
import { accept } from './accept.ts';
import { Overload } from './pressure.ts';
import { handed, prepared, submissionHouse } from './testing.ts';

eachEngine((_, open) => {
  const begin = async () => {
    const clock = manualClock();
    return submissionHouse({ store: await open(clock), clock });
  };
  const settled = async <T>(all: Promise<T>[]) =>
    (await Promise.allSettled(all)).map((one) => (one.status === 'fulfilled' ? 'taken' : 'refused'));

  test('a refused sender among twenty requests refuses nobody else', async () => {
    const { runtime, issue } = await begin();
    const { credential } = await issue({ limits: { new_recipients_per_hour: 0 } });
    const requests = Array.from({ length: 20 }, (_one, at) =>
      accept(runtime, { credential }, [
        handed(
          [`p${at}@client.example`],
          at === 7
            ? { message: prepared(['From: x@elsewhere.example', 'To: a@b.example', 'Subject: x', '', 'x']) }
            : {},
        ),
      ]),
    );
    const outcomes = await settled(requests);
    expect(outcomes.filter((one) => one === 'refused')).toHaveLength(1);
    expect(outcomes[7]).toBe('refused');
    const rows = await runtime.store.read.selectFrom('delivery').select('address').execute();
    expect(rows).toHaveLength(19);
  });

  test('a cap is not passed by coming all at once, and another credential is not counted', async () => {
    const { runtime, issue } = await begin();
    const { credential } = await issue({ limits: { daily_cap: 5, new_recipients_per_hour: 0 } });
    const other = await issue({ limits: { daily_cap: 5, new_recipients_per_hour: 0 } });
    const requests = Array.from({ length: 8 }, (_one, at) =>
      accept(runtime, { credential }, [handed([`p${at}@client.example`])]),
    );
    const theirs = accept(runtime, { credential: other.credential }, [handed(['q@client.example'])]);
    const results = await Promise.allSettled(requests);
    expect(results.filter((one) => one.status === 'fulfilled')).toHaveLength(5);
    for (const one of results) if (one.status === 'rejected') expect(one.reason).toBeInstanceOf(Overload);
    await theirs;
    const lines = await credentialLines(runtime.store.read, runtime.clock.now());
    expect(lines.map((line) => line.recipients_today).sort()).toEqual([1, 5]);
  });

  test('the brake counts strangers across a group, once each, and what comes after it is held', async () => {
    const { runtime, issue } = await begin();
    const { credential } = await issue({ limits: { new_recipients_per_hour: 3 } });
    const addresses = ['a', 'b', 'a', 'b', 'c', 'd', 'e'].map((name) => `${name}@strangers.example`);
    const taken = await Promise.all(
      addresses.map((address) => accept(runtime, { credential }, [handed([address])])),
    );
    // In whatever order they came to be judged: three strangers, and from the fourth on everything is held.
    const free = addresses.filter((_address, at) => taken[at]?.[0]?.held === false);
    expect(new Set(free).size).toBe(3);
    expect(addresses.length - free.length).toBeGreaterThanOrEqual(2);
    expect((await credentialById(runtime.store.read, credential.id))?.state).toBe('held');
  });

  test('one key twice in a group is one message, and another body with it a conflict', async () => {
    const { runtime, issue } = await begin();
    const { credential } = await issue({ limits: { new_recipients_per_hour: 0 } });
    const ask = (bodyHash: string) =>
      accept(runtime, { credential, idempotency: { key: 'order-7', bodyHash } }, [
        handed(['ana@client.example']),
      ]);
    const [first, again, other] = await Promise.allSettled([ask('x'), ask('x'), ask('y')]);
    expect(first).toMatchObject({ status: 'fulfilled' });
    expect(again).toEqual(first);
    expect(other).toMatchObject({ status: 'rejected', reason: { code: 'conflict' } });
    const rows = await runtime.store.read.selectFrom('submission').select('id').execute();
    expect(rows).toHaveLength(1);
  });

  test('a request that the store cannot take fails alone', async () => {
    const { runtime, issue } = await begin();
    const { credential } = await issue({ limits: { new_recipients_per_hour: 0 } });
    const twice = { ...handed(['a@client.example']), publicId: 'msg_twice' };
    const outcomes = await settled([
      accept(runtime, { credential }, [handed(['b@client.example'])]),
      // One public id for two messages: the table refuses the set.
      accept(runtime, { credential }, [twice, twice]),
      accept(runtime, { credential }, [handed(['c@client.example'])]),
    ]);
    expect(outcomes).toEqual(['taken', 'refused', 'taken']);
    const rows = await runtime.store.read
      .selectFrom('delivery')
      .select('address')
      .orderBy('address')
      .execute();
    expect(rows.map((row) => row.address)).toEqual(['b@client.example', 'c@client.example']);
  });
});
