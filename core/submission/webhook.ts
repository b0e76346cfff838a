/**
 * Tells programs what became of their mail, in the way of Standard Webhooks: signed, in the order of the event log, from a
 * cursor. A failure is tried again later with the same batch and the same webhook-id; nothing of it touches the mail queue.
 */
import { createHmac, randomBytes } from 'node:crypto';
import { Problem } from '../errors.ts';
import type { Runtime } from '../runtime.ts';
import { fromJson, toJson } from '../store/json.ts';
import {
  addAttempt,
  addWebhook,
  changeWebhook,
  eventBefore,
  eventsAfter,
  lastEventId,
  takeLease,
  webhookById,
  webhooks,
  type ToldEvent,
  type Webhook,
} from '../store/webhook.ts';
import { addEvents } from '../store/event.ts';
import { owners } from '../store/user.ts';
import { addNotice } from './notice.ts';
import { postOnce, type Posted } from './webhook-post.ts';

/** After each failure in a row; the last one goes on. */
export const RETRY_MS = [5_000, 300_000, 1_800_000, 7_200_000, 18_000_000, 36_000_000] as const;
/** Failing for so long, it is switched off. */
export const GIVE_UP_MS = 5 * 86_400_000;
const BATCH = 100;
const LEASE_MS = 60_000;
/** Batches of one endpoint in a round: one that is far behind lets the others have their turn. */
const TURN = 20;

export const WEBHOOK_KINDS = [
  'queued',
  'delivered',
  'deferred',
  'bounced',
  'expired',
  'cancelled',
  'suppressed',
  'complained',
] as const;

export interface NewWebhook {
  name: string;
  url: string;
  kinds: readonly string[];
  userId: number | null;
}

/** Makes one that hears of what happens from now on. Its secret is shown once. */
export async function makeWebhook(
  rt: Runtime,
  { name, url, kinds, userId }: NewWebhook,
): Promise<{ webhook: Webhook; secret: string }> {
  checkUrl(url);
  const key = randomBytes(32);
  const now = rt.clock.now();
  const webhook = await rt.store.write(async (tx) =>
    addWebhook(tx, {
      name: name.slice(0, 100),
      url,
      sealed: rt.secrets.seal('webhook', key),
      kinds: toJson(kinds),
      state: 'active',
      reason: '',
      cursor: await lastEventId(tx),
      upto: null,
      failures: 0,
      failing_since: null,
      next_at: now,
      created_by: userId,
      created_at: now,
    }),
  );
  return { webhook, secret: `whsec_${key.toString('base64')}` };
}

export function checkUrl(url: string): void {
  const words = 'must be an http:// or https:// address without a password';
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  const isFit = parsed !== undefined && /^https?:$/.test(parsed.protocol) && parsed.username === '';
  if (!isFit || url.length > 2000) throw new Problem('invalid', `url: ${words}`, { fields: { url: words } });
}

/** Goes back (or on) to a time: everything since then is told again, in order. */
export async function replayFrom(rt: Runtime, id: number, at: number): Promise<void> {
  await rt.store.write(async (tx) => {
    if ((await webhookById(tx, id)) === undefined) throw new Problem('not-found', 'there is no such webhook');
    const cursor = await eventBefore(tx, at);
    await changeWebhook(tx, id, { cursor, upto: null, ...FRESH, next_at: rt.clock.now() });
  });
}

const FRESH = { state: 'active' as const, reason: '', failures: 0, failing_since: null };

export const switchOn = (rt: Runtime, id: number): Promise<void> =>
  rt.store.write((tx) => changeWebhook(tx, id, { ...FRESH, next_at: rt.clock.now() }));

/** Sends one made-up event now, whatever waits, and says what was answered. */
export async function testWebhook(rt: Runtime, webhook: Webhook): Promise<Posted> {
  const now = rt.clock.now();
  const id = `test_${randomBytes(9).toString('base64url')}`;
  const posted = await post(rt, webhook, id, bodyOf('test', [], now), now);
  await rt.store.write((tx) => addAttempt(tx, attemptOf(webhook, id, 0, posted, now)));
  return posted;
}

/** One round over all endpoints, by one process at a time. Answers how many batches were sent. */
export async function tellWebhooks(rt: Runtime): Promise<number> {
  const { store, clock } = rt;
  const due = (await webhooks(store.read)).filter(
    (one) => one.state === 'active' && one.next_at <= clock.now(),
  );
  if (due.length === 0) return 0;
  const now = clock.now();
  const mine = { name: 'webhooks', holder: rt.node, until: now + LEASE_MS };
  if (!(await store.write((tx) => takeLease(tx, mine, now)))) return 0;
  const sent = await Promise.all(due.map((one) => tellOne(rt, one)));
  return sent.reduce((sum, n) => sum + n, 0);
}

async function tellOne(rt: Runtime, first: Webhook): Promise<number> {
  let webhook = first;
  let sent = 0;
  while (sent < TURN) {
    const next = await tellBatch(rt, webhook);
    if (next === undefined) return sent;
    sent += 1;
    if (next.failures > 0) return sent;
    webhook = next;
  }
  return sent;
}

/** The webhook as it stands after its next batch; undefined when there was none. */
async function tellBatch(rt: Runtime, webhook: Webhook): Promise<Webhook | undefined> {
  const { store, clock } = rt;
  const kinds = fromJson<string[]>(webhook.kinds, []);
  const slice = await eventsAfter(store.read, { ...webhook, kinds, limit: BATCH }, clock.now());
  if (slice.events.length === 0) {
    if (slice.upto === webhook.cursor) return undefined;
    // Nothing in it for this one: passed over without a word.
    await store.write((tx) => changeWebhook(tx, webhook.id, { cursor: slice.upto, upto: null }));
    return { ...webhook, cursor: slice.upto, upto: null };
  }
  const now = clock.now();
  const id = `evt_${webhook.id}_${slice.events[0]?.id}_${slice.upto}`;
  const posted = await post(rt, webhook, id, bodyOf('events', slice.events, now), now);
  const after = afterPost(webhook, slice.upto, posted, now);
  await store.write(async (tx) => {
    await addAttempt(tx, attemptOf(webhook, id, slice.events.length, posted, now));
    await changeWebhook(tx, webhook.id, after);
    if (after.state === 'disabled') await tellDisabled(rt, tx, webhook, after.reason, now);
  });
  return { ...webhook, ...after };
}

type After = Pick<Webhook, 'cursor' | 'upto' | 'failures' | 'failing_since' | 'next_at' | 'state' | 'reason'>;

/** What an answer comes to. */
export function afterPost(webhook: After, upto: number, posted: Posted, now: number): After {
  if (posted.ok) return { cursor: upto, upto: null, next_at: now, ...FRESH };
  const since = webhook.failing_since ?? now;
  const wait = RETRY_MS[Math.min(webhook.failures, RETRY_MS.length - 1)] as number;
  const failing = {
    cursor: webhook.cursor,
    upto,
    failures: webhook.failures + 1,
    failing_since: since,
    next_at: now + wait,
  };
  // Standard Webhooks: 410 says that nobody wants to hear any more.
  if (posted.status === 410) return { ...failing, state: 'disabled', reason: 'it answered 410 Gone' };
  if (now - since >= GIVE_UP_MS)
    return {
      ...failing,
      state: 'disabled',
      reason: `no answer was good for five days: ${posted.answer.slice(0, 100)}`,
    };
  return { ...failing, state: 'active', reason: '' };
}

async function tellDisabled(
  rt: Runtime,
  tx: Parameters<typeof addNotice>[1],
  { id, name, url }: Webhook,
  reason: string,
  now: number,
): Promise<void> {
  await addEvents(tx, [{ kind: 'webhook_disabled', at: now, data: { webhook: id, name, reason } }]);
  await addNotice(
    rt,
    tx,
    {
      to: (await owners(tx)).map((owner) => owner.email),
      subject: `Webhook switched off: ${name}`,
      text: `The webhook "${name}" was switched off: ${reason}.\n\n${url}\n\nNothing is lost: switch it on again, and it goes on where it stopped.\n`,
    },
    now,
  );
}

const attemptOf = (webhook: Webhook, delivery: string, events: number, posted: Posted, now: number) => ({
  webhook_id: webhook.id,
  delivery,
  events,
  at: now,
  ok: posted.ok ? 1 : 0,
  status: posted.status,
  ms: posted.ms,
  answer: posted.answer,
});

function bodyOf(type: 'events' | 'test', events: readonly ToldEvent[], now: number): string {
  return JSON.stringify({
    type,
    timestamp: new Date(now).toISOString(),
    data: {
      events: events.map((event) => ({
        id: event.id,
        type: `message.${event.kind}`,
        timestamp: new Date(event.at).toISOString(),
        message_id: event.message,
        recipient: event.recipient,
        tags: fromJson<string[]>(event.tags, []),
        metadata: fromJson<Record<string, string>>(event.metadata, {}),
        code: event.code,
        reply: event.reply,
        class: event.class,
      })),
    },
  });
}

async function post(rt: Runtime, webhook: Webhook, id: string, body: string, now: number): Promise<Posted> {
  const timestamp = String(Math.floor(now / 1000));
  const key = rt.secrets.open('webhook', webhook.sealed);
  return postOnce(webhook.url, {
    body,
    allowPrivate: rt.config.mta.allow_private_targets,
    headers: {
      'content-type': 'application/json',
      'user-agent': 'Parley',
      'webhook-id': id,
      'webhook-timestamp': timestamp,
      'webhook-signature': signatureOf(key, id, timestamp, body),
    },
  });
}

/** Standard Webhooks: `v1,` and the HMAC-SHA256 of `id.timestamp.body` in base64. */
export const signatureOf = (key: Uint8Array, id: string, timestamp: string, body: string): string =>
  `v1,${createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')}`;
