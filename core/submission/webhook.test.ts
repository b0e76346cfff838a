import { createHmac } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { manualClock } from '../clock.ts';
import { addEvents } from '../store/event.ts';
import { hardBounceClasses } from '../mail/bounce-class.ts';
import { eachEngine, openTestStore } from '../store/testing.ts';
import { attemptsOf, webhookById } from '../store/webhook.ts';
import { accept } from './accept.ts';
import { watchBounces } from './bounce-watch.ts';
import { credentialById } from '../store/credential.ts';
import { handed, submissionHouse } from './testing.ts';
import {
  afterPost,
  GIVE_UP_MS,
  makeWebhook,
  replayFrom,
  RETRY_MS,
  tellWebhooks,
  testWebhook,
} from './webhook.ts';
import { postOnce } from './webhook-post.ts';

interface Heard {
  headers: IncomingMessage['headers'];
  body: string;
}

async function endpoint(answer: (response: ServerResponse, request: IncomingMessage) => void) {
  const heard: Heard[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      heard.push({ headers: request.headers, body });
      answer(response, request);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return { heard, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook` };
}

const status = (code: () => number) => (response: ServerResponse) => {
  response.statusCode = code();
  response.end('fine');
};

describe('what an answer comes to', () => {
  const fresh = {
    cursor: 1,
    upto: null,
    failures: 0,
    failing_since: null,
    next_at: 0,
    state: 'active' as const,
    reason: '',
  };
  const posted = (code: number | null) => ({ ok: code === 200, status: code, ms: 1, answer: 'x' });
  test('good: the cursor moves', () => {
    expect(afterPost({ ...fresh, failures: 3 }, 9, posted(200), 50)).toMatchObject({
      cursor: 9,
      failures: 0,
    });
  });
  test('bad: the same batch again, later and later', () => {
    let state = fresh as Parameters<typeof afterPost>[0];
    const waits = [...RETRY_MS, 0].map(() => {
      state = afterPost(state, 9, posted(500), 0);
      return state.next_at;
    });
    expect(waits).toEqual([...RETRY_MS, RETRY_MS.at(-1)]);
    expect(state).toMatchObject({ cursor: 1, upto: 9, failures: 7, state: 'active' });
  });
  test('410, or bad for five days: switched off, and nothing is lost', () => {
    expect(afterPost(fresh, 9, posted(410), 0)).toMatchObject({ state: 'disabled', cursor: 1 });
    const old = { ...fresh, failures: 9, failing_since: 0 };
    expect(afterPost(old, 9, posted(null), GIVE_UP_MS - 1).state).toBe('active');
    expect(afterPost(old, 9, posted(null), GIVE_UP_MS).state).toBe('disabled');
  });
});

eachEngine((_, open) => {
  const begin = async (code: () => number = () => 200) => {
    const clock = manualClock();
    const house = await submissionHouse({
      store: await open(clock),
      clock,
      overrides: { mta: { allow_private_targets: true } },
    });
    const { heard, url } = await endpoint(status(code));
    const made = await makeWebhook(house.runtime, { name: 'Shop', url, kinds: [], userId: null });
    const { credential } = await house.issue();
    const send = (to: string[]) => accept(house.runtime, { credential }, [handed(to, { tags: ['order'] })]);
    /** On PostgreSQL the log is read up to a gap that is old enough. */
    const round = () => {
      clock.advance(60_000);
      return tellWebhooks(house.runtime);
    };
    return { ...house, ...made, clock, heard, credential, send, round };
  };

  test('events come in their order, signed so that the secret proves them', async () => {
    const { send, round, heard, secret } = await begin();
    await send(['a@x.example', 'b@x.example']);
    await round();
    expect(heard).toHaveLength(1);
    const { headers, body } = heard[0]!;
    const { data, type } = JSON.parse(body);
    expect(type).toBe('events');
    expect(data.events.map((event: Record<string, unknown>) => [event['type'], event['recipient']])).toEqual([
      ['message.queued', 'a@x.example'],
      ['message.queued', 'b@x.example'],
    ]);
    expect(data.events[0]).toMatchObject({ tags: ['order'] });
    const key = Buffer.from(secret.replace('whsec_', ''), 'base64');
    const text = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`;
    expect(headers['webhook-signature']).toBe(
      `v1,${createHmac('sha256', key).update(text).digest('base64')}`,
    );
    await round();
    expect(heard).toHaveLength(1);
  });

  test('a failure is told again as the same batch with the same id, though more came meanwhile', async () => {
    let code = 500;
    const { send, round, heard, runtime, webhook } = await begin(() => code);
    await send(['a@x.example']);
    await round();
    await send(['b@x.example']);
    code = 200;
    await round();
    const bodies = heard.map((one) =>
      JSON.parse(one.body).data.events.map((e: { recipient: string }) => e.recipient),
    );
    expect(bodies).toEqual([['a@x.example'], ['a@x.example'], ['b@x.example']]);
    expect(heard[0]!.headers['webhook-id']).toBe(heard[1]!.headers['webhook-id']);
    const attempts = await attemptsOf(runtime.store.read, webhook.id);
    expect(attempts.map((one) => [one.status, one.ok])).toEqual([
      [200, 1],
      [200, 1],
      [500, 0],
    ]);
  });

  test('two nodes do not both tell it', async () => {
    const { send, runtime, clock, heard } = await begin();
    await send(['a@x.example']);
    clock.advance(60_000);
    const other = { ...runtime, node: 'test/2' };
    await tellWebhooks(runtime);
    await send(['b@x.example']);
    clock.advance(40_000);
    await tellWebhooks(other);
    expect(heard).toHaveLength(1);
    clock.advance(60_000);
    await tellWebhooks(other);
    expect(heard).toHaveLength(2);
  });

  test('a replay tells everything since a time again; a test tells nothing real', async () => {
    const { send, round, heard, runtime, webhook, clock } = await begin();
    await send(['a@x.example']);
    await round();
    await replayFrom(runtime, webhook.id, clock.now() - 3_600_000);
    await round();
    expect(heard.map((one) => JSON.parse(one.body).data.events.length)).toEqual([1, 1]);
    const row = await webhookById(runtime.store.read, webhook.id);
    expect((await testWebhook(runtime, row!)).ok).toBe(true);
    expect(JSON.parse(heard.at(-1)!.body).type).toBe('test');
  });

  test('too many bounces hold the credential, few do not', async () => {
    const { runtime, credential, send, clock } = await begin();
    await send(Array.from({ length: 40 }, (_, at) => `p${at}@x.example`));
    clock.advance(1000);
    const end = (from: number, to: number, state: 'delivered' | 'bounced') =>
      runtime.store.write(async (tx) => {
        const rows = await tx
          .updateTable('delivery')
          .set({
            state,
            class: state === 'bounced' ? hardBounceClasses[0] : null,
            finished_at: clock.now(),
          } as never)
          .where('id', '>', from)
          .where('id', '<=', to)
          .returning('id')
          .execute();
        await addEvents(
          tx,
          rows.map((row) => ({ kind: state, at: clock.now(), delivery_id: row.id })),
        );
      });
    await end(0, 28, 'delivered');
    await end(28, 30, 'bounced');
    expect(await watchBounces(runtime, 0)).toEqual([]);
    await end(30, 40, 'bounced');
    expect(await watchBounces(runtime, 0)).toEqual([credential.id]);
    expect(await credentialById(runtime.store.read, credential.id)).toMatchObject({ state: 'held' });
    expect(await watchBounces(runtime, 0)).toEqual([]);
  });
});

describe('row 61: an endpoint that means harm', () => {
  const posting = { body: '{}', headers: {}, allowPrivate: true };
  test('one that never answers is given up in time', async () => {
    const { url } = await endpoint(() => undefined);
    const posted = await postOnce(url, { ...posting, timeoutMs: 200 });
    expect(posted).toMatchObject({ ok: false, status: null, answer: 'no answer in time' });
  });
  test('one that never stops is cut at 64 KiB', async () => {
    let written = 0;
    const { url } = await endpoint((response) => {
      const more = () => {
        while (!response.destroyed && response.write('x'.repeat(16_384))) written += 16_384;
        if (!response.destroyed) response.once('drain', more);
      };
      more();
    });
    expect((await postOnce(url, posting)).status).toBe(200);
    expect(written).toBeLessThan(50_000_000);
  });
  test('a redirect is a refusal', async () => {
    const { url, heard } = await endpoint((response) => {
      response.writeHead(302, { Location: '/elsewhere' }).end();
    });
    expect(await postOnce(url, posting)).toMatchObject({ ok: false, status: 302 });
    expect(heard).toHaveLength(1);
  });
  test.each([
    'http://127.0.0.1:1/',
    'http://[::1]:1/',
    'http://169.254.169.254/latest/',
    'http://localhost:1/',
  ])('the inside of our network is not dialled: %s', async (url) => {
    const posted = await postOnce(url, { ...posting, allowPrivate: false });
    expect(posted.answer).toContain('private network');
  });
});

test('a webhook must be a web address, without a password in it', async () => {
  const house = await submissionHouse({ store: await openTestStore() });
  for (const url of ['ftp://x.example', 'javascript:alert(1)', 'http://a:b@x.example', 'nonsense'])
    await expect(makeWebhook(house.runtime, { name: 'x', url, kinds: [], userId: null })).rejects.toThrow(
      'url',
    );
});
