import { describe, expect, test } from 'vitest';
import { manualClock } from '../clock.ts';
import { credentialById, credentialLines } from '../store/credential.ts';
import { recipientsOf, submissionOf } from '../store/submission.ts';
import { addContact, contactRow } from '../store/contact.ts';
import { openOrders } from '../store/queue-order.ts';
import { eachEngine } from '../store/testing.ts';
import { accept } from './accept.ts';
import { bounceBrake, brakeOn } from './brake.ts';
import {
  keyCredential,
  maySendAs,
  releaseCredential,
  revokeCredential,
  smtpCredential,
} from './credential.ts';
import { Overload, Pressure } from './pressure.ts';
import { handed, submissionHouse } from './testing.ts';

const people = (count: number, from = 0) =>
  Array.from({ length: count }, (_, at) => `p${from + at}@strangers.example`);

describe('the brake', () => {
  const limits = { state: 'active', reason: '', daily_cap: 100, new_recipients_per_hour: 10 } as const;
  const usage = { wanted: 1, today: 0, strangers: 0, strangersThisHour: 0 };
  test.each([
    ['known people up to the cap', limits, { ...usage, wanted: 100 }, 'go'],
    ['one more than the cap', limits, { ...usage, wanted: 1, today: 100 }, 'capped'],
    ['no cap at all', { ...limits, daily_cap: 0 }, { ...usage, wanted: 1_000_000 }, 'go'],
    ['as many strangers as allowed', limits, { ...usage, strangers: 4, strangersThisHour: 6 }, 'go'],
    ['one stranger more', limits, { ...usage, strangers: 5, strangersThisHour: 6 }, 'hold'],
    ['known people after many strangers', limits, { ...usage, strangersThisHour: 10 }, 'go'],
    ['no brake', { ...limits, new_recipients_per_hour: 0 }, { ...usage, strangers: 99 }, 'go'],
    ['held already', { ...limits, state: 'held' }, usage, 'hold'],
    ['held, and over the cap', { ...limits, state: 'held' }, { ...usage, today: 100 }, 'capped'],
  ] as const)('%s', (_, credential, used, kind) => expect(brakeOn(credential, used).kind).toBe(kind));

  test.each([
    ['few messages say nothing', 10, { ended: 19, hard: 19 }, false],
    ['a share as allowed', 10, { ended: 20, hard: 2 }, false],
    ['a share above', 10, { ended: 20, hard: 3 }, true],
    ['no brake', 0, { ended: 100, hard: 100 }, false],
  ] as const)('bounces: %s', (_, percent, counted, trips) =>
    expect(bounceBrake({ bounce_percent: percent }, counted) !== undefined).toBe(trips),
  );
});

test.each([
  ['till@shop.example', true],
  ['TILL@Shop.example', true],
  ['other@shop.example', false],
  ['any@news.shop.example', true],
  ['any@sub.news.shop.example', false],
  ['till@shop.example.evil.test', false],
])('from %s is allowed: %s', (address, allowed) =>
  expect(maySendAs({ senders: '["till@shop.example","@news.shop.example"]' }, address)).toBe(allowed),
);

test('too many writes at once are refused with a time, and room comes back', () => {
  const pressure = new Pressure(2);
  const first = pressure.enter();
  pressure.enter();
  expect(() => pressure.enter()).toThrow(Overload);
  first();
  expect(() => pressure.enter()).not.toThrow();
});

eachEngine((_, open) => {
  const begin = async () => {
    const clock = manualClock();
    return { ...(await submissionHouse({ store: await open(clock), clock })), clock };
  };

  test('a key opens, half of it or another kind does not, and not after it was revoked', async () => {
    const { runtime, issue } = await begin();
    const api = await issue();
    const smtp = await issue({ kind: 'smtp' });
    const { read } = runtime.store;
    expect((await keyCredential(read, api.secret))?.id).toBe(api.credential.id);
    expect(await keyCredential(read, `${api.secret.slice(0, -1)}x`)).toBeUndefined();
    expect(await keyCredential(read, '')).toBeUndefined();
    const { username } = smtp.credential;
    expect((await smtpCredential(read, username, smtp.secret))?.id).toBe(smtp.credential.id);
    expect(await smtpCredential(read, username, '')).toBeUndefined();
    expect(await smtpCredential(read, api.credential.username, api.secret.slice(-43))).toBeUndefined();
    expect(JSON.stringify(api.credential)).not.toContain(api.secret.slice(-43));
    await runtime.store.write((tx) =>
      revokeCredential(tx, api.credential.id, { userId: null, cancel: false }, 1),
    );
    expect(await keyCredential(read, api.secret)).toBeUndefined();
  });

  test('senders that are not ours, or none, make no credential', async () => {
    const { issue } = await begin();
    await expect(issue({ senders: ['@other.example'] })).rejects.toThrow('not one of the sending domains');
    await expect(issue({ senders: [] })).rejects.toThrow('at least one');
    await expect(issue({ senders: ['till@shop.example\r\nx'] })).rejects.toThrow('line break');
  });

  test('a message is queued for each recipient, ahead of bulk, and can be looked up by its own program alone', async () => {
    const { runtime, issue } = await begin();
    const { credential } = await issue();
    const other = await issue();
    const [one] = await accept(runtime, { credential }, [handed(['a@x.example', 'b@y.example'])]);
    const row = await submissionOf(runtime.store.read, credential.id, one!.id);
    const states = await recipientsOf(runtime.store.read, row!.id);
    expect(states.map(({ address, state }) => [address, state])).toEqual([
      ['a@x.example', 'queued'],
      ['b@y.example', 'queued'],
    ]);
    expect(await submissionOf(runtime.store.read, other.credential.id, one!.id)).toBeUndefined();
    const lanes = await runtime.store.read.selectFrom('delivery').select('lane').distinct().execute();
    expect(lanes).toEqual([{ lane: 'transactional' }]);
  });

  test('a scheduled message is due at its time', async () => {
    const { runtime, issue, clock } = await begin();
    const { credential } = await issue();
    const at = clock.now() + 3_600_000;
    await accept(runtime, { credential }, [handed(['a@x.example'], { sendAt: at })]);
    const row = await runtime.store.read.selectFrom('delivery').selectAll().executeTakeFirstOrThrow();
    expect([row.due_at, row.queued_at]).toEqual([at, at]);
  });

  test('whoever bounced for good is refused, whoever left a list is not', async () => {
    const { runtime, issue } = await begin();
    const { credential } = await issue();
    const { suppressions } = runtime;
    suppressions.add({ id: 1, address: 'gone@x.example', scope: 'everything', reason: 'hard-bounce' });
    suppressions.add({ id: 2, address: 'left@x.example', scope: 'marketing', reason: 'unsubscribe' });
    const [one] = await accept(runtime, { credential }, [handed(['gone@x.example', 'left@x.example'])]);
    expect(one!.recipients).toEqual([
      { address: 'gone@x.example', refused: 'suppressed: hard-bounce' },
      { address: 'left@x.example', refused: null },
    ]);
  });

  test('a From that is not the credential’s takes back the whole request', async () => {
    const { runtime, issue } = await begin();
    const { credential } = await issue({ senders: ['other@shop.example'] });
    await expect(accept(runtime, { credential }, [handed(['a@x.example'])])).rejects.toThrow('not allowed');
    expect(await runtime.store.read.selectFrom('submission').selectAll().execute()).toEqual([]);
    expect((await credentialLines(runtime.store.read, 0))[0]?.recipients_today).toBe(0);
  });

  test('the same key and body are answered the same once more, another body is a conflict', async () => {
    const { runtime, issue } = await begin();
    const { credential } = await issue();
    const terms = { credential, idempotency: { key: 'order-7', bodyHash: 'h' } };
    const [first] = await accept(runtime, terms, [handed(['a@x.example'])]);
    const [again] = await accept(runtime, terms, [handed(['a@x.example'])]);
    expect(again).toEqual(first);
    const both = await Promise.all(
      [1, 2].map(() =>
        accept(runtime, { credential, idempotency: { key: 'twice', bodyHash: 'h' } }, [
          handed(['b@x.example']),
        ]),
      ),
    );
    expect(both[0]).toEqual(both[1]);
    expect(await runtime.store.read.selectFrom('delivery').select('address').execute()).toHaveLength(2);
    await expect(
      accept(runtime, { credential, idempotency: { key: 'order-7', bodyHash: 'other' } }, [
        handed(['a@x.example']),
      ]),
    ).rejects.toThrow('used for another request');
  });

  test('the day’s cap refuses with the time until midnight, and tomorrow begins anew', async () => {
    const { runtime, issue, clock } = await begin();
    const { credential } = await issue({ limits: { daily_cap: 2 } });
    await accept(runtime, { credential }, [handed(people(2))]);
    const refused = await accept(runtime, { credential }, [handed(['late@x.example'])]).catch(
      (error: unknown) => error,
    );
    expect(refused).toBeInstanceOf(Overload);
    expect((refused as Overload).retryAfter).toBeLessThanOrEqual(86_400);
    clock.advance((refused as Overload).retryAfter * 1000);
    await accept(runtime, { credential }, [handed(['late@x.example'])]);
  });

  test('too many strangers in an hour: the message is taken and held, the owner is told, a release lets it go on', async () => {
    const { runtime, issue, clock } = await begin();
    const { credential } = await issue({ limits: { new_recipients_per_hour: 20 } });
    expect((await accept(runtime, { credential }, [handed(people(20))]))[0]!.held).toBe(false);
    // Whom it mailed before is no stranger.
    expect((await accept(runtime, { credential }, [handed(people(20))]))[0]!.held).toBe(false);
    expect((await accept(runtime, { credential }, [handed(people(1, 20))]))[0]!.held).toBe(true);
    const { read } = runtime.store;
    expect((await credentialById(read, credential.id))?.state).toBe('held');
    const [order] = await openOrders(read);
    expect(order).toMatchObject({ kind: 'hold', by_kind: 'credential', target_id: credential.id });
    const notices = await read.selectFrom('submission').selectAll().where('credential_id', '=', 0).execute();
    expect(notices.map((row) => row.subject)).toEqual(['Held: mail of Shop']);
    const events = await read
      .selectFrom('event')
      .select('kind')
      .where('kind', '=', 'credential_held')
      .execute();
    expect(events).toHaveLength(1);
    clock.advance(1000);
    await runtime.store.write((tx) => releaseCredential(tx, credential.id, { userId: null }, clock.now()));
    expect((await openOrders(read))[0]?.released_at).not.toBeNull();
    expect((await accept(runtime, { credential }, [handed(people(20, 40))]))[0]!.held).toBe(false);
  });

  test('a contact who was mailed by a campaign is no stranger to the brake', async () => {
    const { runtime, issue, domainId } = await begin();
    const { credential } = await issue({ limits: { new_recipients_per_hour: 1 } });
    await runtime.store.write(async (tx) => {
      for (const email of ['one@x.example', 'two@x.example']) {
        const contact = await addContact(tx, contactRow({ email, source: 'test' }, 0));
        await tx
          .insertInto('delivery')
          .values({
            lane: 'bulk',
            origin_kind: 'campaign',
            origin_id: 1,
            recipient_key: email,
            contact_id: contact as number,
            address: email,
            domain_id: 1,
            sending_domain_id: domainId,
            pool: 'marketing',
            state: 'delivered',
            due_at: 0,
            queued_at: 0,
            attempt: 1,
          } as never)
          .execute();
      }
    });
    const [one] = await accept(runtime, { credential }, [handed(['one@x.example', 'two@x.example'])]);
    expect(one!.held).toBe(false);
  });
});
