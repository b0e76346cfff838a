/** The machinery over HTTP: domains and their records, sources, what waits in the queue and why, one delivery's life. */
import { Problem } from '../../core/errors.ts';
import {
  checkDomain,
  createSendingDomain,
  createSource,
  dnsRecordsFor,
  type DnsRecord,
  type DomainCheck,
} from '../../core/identity.ts';
import { beginRotation, KEEP_RECORD_MS, LOOK_EVERY_MS, lookForKeys } from '../../core/dkim-rotation.ts';
import { dkimRecordName } from '../../core/mail/dkim-key.ts';
import type { Runtime } from '../../core/runtime.ts';
import {
  deliveryStory,
  holdDestination,
  queueByDestination,
  queueTotals,
  waitingDeliveries,
} from '../../core/store/delivery.ts';
import { dkimKeysOf, type DkimKey } from '../../core/store/dkim-key.ts';
import { changeSource, sendingDomainById, sendingDomains, sources } from '../../core/store/identity.ts';
import { fromJson } from '../../core/store/json.ts';
import { setPoolsOf, sourcesInPools, type SourceInPools } from '../../core/store/pool.ts';
import { addOrder, openOrders, releaseOrder } from '../../core/store/queue-order.ts';
import { retryNow } from '../../core/store/queue-sweep.ts';
import type { Row } from '../../core/store/tables.ts';
import { activeThrottles } from '../../core/store/throttle.ts';
import { withWarmupReasons } from '../../core/sending/warmup-reason.ts';
import { addAudit } from '../../core/store/user.ts';
import type { SomeHandlers } from '../http/route.ts';

/** A domain with its records: as last checked, or as they must be when nobody looked yet. */
async function domainLine(rt: Runtime, row: Row<'sending_domain'>) {
  const [expected, keys] = await Promise.all([dnsRecordsFor(rt, row.id), dkimKeysOf(rt.store.read, row.id)]);
  const checked = fromJson<DomainCheck | null>(row.check, null)?.records ?? [];
  // A check speaks of the records that were needed then: one that changed since counts as unchecked.
  const records: DnsRecord[] = expected.map(
    (record) =>
      checked.find(
        (one) => one.purpose === record.purpose && one.name === record.name && one.value === record.value,
      ) ?? record,
  );
  return {
    ...row,
    keys: keys.map((key) => keyLine(key, row.name)),
    records,
    ready: records.every((record) => record.status === 'ok'),
  };
}

function keyLine(key: DkimKey, domain: string) {
  const until =
    key.state === 'pending' && key.seen_at !== null
      ? key.seen_at + LOOK_EVERY_MS
      : key.state === 'retiring' && key.retiring_at !== null
        ? key.retiring_at + KEEP_RECORD_MS
        : null;
  return { ...key, record_name: dkimRecordName(key.selector, domain), until };
}

async function domainById(rt: Runtime, id: number) {
  const row = await sendingDomainById(rt.store.read, id);
  if (row === undefined) throw new Problem('not-found', 'there is no such sending domain');
  return domainLine(rt, row);
}

const sourceLine = (row: SourceInPools) => ({
  ...row,
  pool: row.pools[0]?.pool ?? '',
  weight: row.pools[0]?.weight ?? 0,
  paused: row.paused === 1,
});

async function sourceById(rt: Runtime, id: number): Promise<SourceInPools> {
  const row = (await sourcesInPools(rt.store.read)).find((one) => one.id === id);
  if (row === undefined) throw new Problem('not-found', 'there is no such source');
  return row;
}

export const sendingHandlers = {
  async domains({ rt }) {
    const rows = await sendingDomains(rt.store.read);
    return { rows: await Promise.all(rows.map((row) => domainLine(rt, row))) };
  },
  async addDomain({ rt, body }) {
    const id = await createSendingDomain(rt, { name: body.name, brandId: body.brand_id });
    return domainById(rt, id);
  },
  domain: ({ rt, params }) => domainById(rt, params.id),
  async checkDomain({ rt, params }) {
    const domain = await domainById(rt, params.id);
    await lookForKeys(rt, domain);
    await checkDomain(rt, params.id);
    rt.wake.ring('settings');
    return domainById(rt, params.id);
  },
  async rotateDomainKeys({ rt, params, user, now }) {
    const { name } = await domainById(rt, params.id);
    await beginRotation(rt, params.id);
    await rt.store.write((tx) =>
      addAudit(tx, { userId: user.id, action: 'dkim rotation begun', subject: `domain:${name}` }, now),
    );
    return domainById(rt, params.id);
  },

  async sources({ rt }) {
    return { rows: (await sourcesInPools(rt.store.read)).map(sourceLine) };
  },
  async addSource({ rt, body, user, now }) {
    const id = await createSource(rt, body);
    if (body.note !== '') await rt.store.write((tx) => changeSource(tx, id, { note: body.note }));
    await rt.store.write((tx) =>
      addAudit(tx, { userId: user.id, action: 'source added', subject: `source:${id}` }, now),
    );
    return sourceLine(await sourceById(rt, id));
  },
  async updateSource({ rt, params, body, user, now }) {
    const before = await sourceById(rt, params.id);
    const { paused, pool, weight, ...rest } = body;
    await rt.store.write(async (tx) => {
      const patch = { ...rest, ...(paused === undefined ? {} : { paused: paused ? 1 : 0 }) };
      if (Object.keys(patch).length > 0) await changeSource(tx, params.id, patch);
      if (pool !== undefined || weight !== undefined) {
        const [first] = before.pools;
        await setPoolsOf(
          tx,
          params.id,
          [{ pool: pool ?? first?.pool ?? 'marketing', weight: weight ?? first?.weight ?? 1 }],
          now,
        );
      }
      await addAudit(
        tx,
        { userId: user.id, action: 'source changed', subject: `source:${params.id}`, detail: body },
        now,
      );
    });
    rt.wake.ring('settings');
    rt.wake.ring('queue');
    return sourceLine(await sourceById(rt, params.id));
  },

  async queue({ rt, query, now }) {
    const db = rt.store.read;
    const [totals, found, throttles, egress] = await Promise.all([
      queueTotals(db),
      queueByDestination(db, now, { search: query.search, limit: query.limit }),
      activeThrottles(db, now),
      sources(db),
    ]);
    const rows = await withWarmupReasons(db, found, now);
    const nameOf = new Map(egress.map((source) => [source.id, source.name]));
    return {
      totals,
      rows,
      throttles: throttles.map((one) => ({ ...one, source_name: nameOf.get(one.source_id) ?? '' })),
      at: now,
    };
  },

  async destination({ rt, params, query }) {
    await existingDestination(rt, params.id);
    return waitingDeliveries(rt.store.read, params.id, query);
  },
  async holdDestination({ rt, params, body, user, now }) {
    const found = await existingDestination(rt, params.id);
    await rt.store.write(async (tx) => {
      const open = (await openOrders(tx)).filter(
        (order) => order.kind === 'hold' && order.by_kind === 'destination' && order.target_id === params.id,
      );
      if (body.held)
        await addOrder(
          tx,
          { kind: 'hold', by: 'destination', id: params.id, name: found.name, userId: user.id },
          found.waiting + found.deferred,
          now,
        );
      else {
        for (const order of open) await releaseOrder(tx, order, user.id, now);
        // One that was held before orders were rows.
        await holdDestination(tx, params.id, false);
      }
      await addAudit(
        tx,
        {
          userId: user.id,
          action: body.held ? 'destination held' : 'destination released',
          subject: `destination:${found.name}`,
        },
        now,
      );
    });
    rt.wake.ring('order');
    rt.wake.ring('queue');
    return { moved: found.waiting + found.deferred };
  },
  async retryDestination({ rt, params, now }) {
    await existingDestination(rt, params.id);
    const moved = await rt.store.write((tx) => retryNow(tx, { domain: params.id }, now));
    rt.wake.ring('queue');
    return { moved };
  },

  async delivery({ rt, params, now }) {
    const { delivery, domain, events, ...story } = await deliveryStory(rt.store.read, params.id, now);
    const waiting =
      story.waiting === null || delivery.lane !== 'bulk'
        ? story.waiting
        : (await withWarmupReasons(rt.store.read, [{ ...story.waiting, provider: domain.provider }], now))[0];
    return {
      ...delivery,
      ...story,
      waiting: waiting ?? null,
      domain: domain.name,
      site: domain.site,
      provider: domain.provider,
      events: events.map((event) => ({ ...event, data: fromJson<unknown>(event.data, {}) })),
    };
  },
} satisfies SomeHandlers;

async function existingDestination(rt: Runtime, id: number) {
  const [found] = await queueByDestination(rt.store.read, rt.clock.now(), { domainId: id });
  if (found === undefined) throw new Problem('not-found', 'there is no such destination');
  return found;
}
