/** The ways out over HTTP: pools, sources with their health and names, smarthosts. A password goes in and never comes out. */
import { Problem } from '../../core/errors.ts';
import type { Runtime } from '../../core/runtime.ts';
import { createPool, dropPool, updatePool } from '../../core/sending/pool-service.ts';
import {
  askForTest,
  createSmarthost,
  dropSmarthost,
  shownSmarthost,
  updateSmarthost,
} from '../../core/sending/smarthost-service.ts';
import { checkSources, ticksOf } from '../../core/sending/source-check.ts';
import { changeSource } from '../../core/store/identity.ts';
import { openOrders, type QueueOrder } from '../../core/store/queue-order.ts';
import { poolById, pools, setPoolsOf, sourcesInPools, type SourceInPools } from '../../core/store/pool.ts';
import { smarthostById, smarthosts, type Smarthost } from '../../core/store/smarthost.ts';
import { addAudit } from '../../core/store/user.ts';
import type { SomeHandlers } from '../http/route.ts';

interface Aside {
  aside_since: number | null;
  aside_until: number | null;
  aside_reason: string | null;
  aside_host?: string;
}

function asideOf(
  { aside_since, aside_until, aside_reason, aside_host }: Aside,
  now: number,
): { since: number; until: number; reason: string; host: string } | null {
  if (aside_until === null || aside_until <= now) return null;
  return {
    since: aside_since ?? 0,
    until: aside_until,
    reason: aside_reason ?? '',
    host: aside_host ?? '',
  };
}

const orderOf = (orders: readonly QueueOrder[], sourceId: number) => {
  const order = orders.find(
    (one) => one.by_kind === 'source' && one.target_id === sourceId && one.released_at === null,
  );
  if (order === undefined || (order.kind !== 'hold' && order.kind !== 'drain')) return null;
  return { id: order.id, kind: order.kind, reason: order.reason };
};

const sourceLine = (row: SourceInPools, orders: readonly QueueOrder[], now: number) => ({
  ...row,
  order: orderOf(orders, row.id),
  paused: row.paused === 1,
  aside: asideOf(row, now),
  ticks: ticksOf(row),
});

const smarthostLine = (row: Smarthost, now: number) => ({ ...shownSmarthost(row), aside: asideOf(row, now) });

async function sourceLineOf(rt: Runtime, id: number, now: number) {
  const [row, orders] = await Promise.all([sourceById(rt, id), openOrders(rt.store.read)]);
  return sourceLine(row, orders, now);
}

async function sourceById(rt: Runtime, id: number): Promise<SourceInPools> {
  const row = (await sourcesInPools(rt.store.read)).find((one) => one.id === id);
  if (row === undefined) throw new Problem('not-found', 'there is no such source');
  return row;
}

async function smarthostLineOf(rt: Runtime, id: number, now: number) {
  const row = await smarthostById(rt.store.read, id);
  if (row === undefined) throw new Problem('not-found', 'there is no such smarthost');
  return smarthostLine(row, now);
}

async function poolLine(rt: Runtime, id: number) {
  const row = await poolById(rt.store.read, id);
  if (row === undefined) throw new Problem('not-found', 'there is no such pool');
  return row;
}

const audited = (rt: Runtime, userId: number, action: string, subject: string, now: number): Promise<void> =>
  rt.store.write(async (tx) => void (await addAudit(tx, { userId, action, subject }, now)));

export const egressHandlers = {
  async egress({ rt, now }) {
    const db = rt.store.read;
    const [poolRows, sources, relays, orders] = await Promise.all([
      pools(db),
      sourcesInPools(db),
      smarthosts(db),
      openOrders(db),
    ]);
    return {
      pools: poolRows,
      sources: sources.map((row) => sourceLine(row, orders, now)),
      smarthosts: relays.map((row) => smarthostLine(row, now)),
    };
  },

  async addPool({ rt, body: { name, ...rest }, user, now }) {
    const none = { smarthost_id: null, smarthost_mode: 'off' as const, smarthost_share: 0 };
    const id = await createPool(rt, name, { ...rest, ...none });
    await audited(rt, user.id, 'pool added', `pool:${name}`, now);
    return poolLine(rt, id);
  },
  async updatePool({ rt, params, body, user, now }) {
    await updatePool(rt, params.id, body);
    const row = await poolLine(rt, params.id);
    await audited(rt, user.id, 'pool changed', `pool:${row.name}`, now);
    return row;
  },
  async removePool({ rt, params, user, now }) {
    const { name } = await poolLine(rt, params.id);
    await dropPool(rt, params.id);
    await audited(rt, user.id, 'pool removed', `pool:${name}`, now);
    return {};
  },

  async setSourcePools({ rt, params, body, user, now }) {
    const { name } = await sourceById(rt, params.id);
    if (new Set(body.pools.map((one) => one.pool)).size < body.pools.length)
      throw new Problem('invalid', 'a pool is there twice', { fields: { pools: 'is there twice' } });
    await rt.store.write((tx) => setPoolsOf(tx, params.id, body.pools, now));
    await audited(rt, user.id, 'source moved', `source:${name}`, now);
    rt.wake.ring('settings');
    return sourceLineOf(rt, params.id, now);
  },
  async checkSource({ rt, params, now }) {
    await sourceById(rt, params.id);
    await checkSources(rt, params.id);
    rt.wake.ring('settings');
    return sourceLineOf(rt, params.id, now);
  },
  async releaseSource({ rt, params, user, now }) {
    const { name } = await sourceById(rt, params.id);
    await rt.store.write((tx) =>
      changeSource(tx, params.id, { aside_since: null, aside_until: null, aside_reason: null }),
    );
    await audited(rt, user.id, 'source tried again', `source:${name}`, now);
    rt.wake.ring('settings');
    return sourceLineOf(rt, params.id, now);
  },

  async addSmarthost({ rt, body: { name, ...wanted }, user, now }) {
    const id = await createSmarthost(rt, name, wanted);
    await audited(rt, user.id, 'smarthost added', `smarthost:${name}`, now);
    return smarthostLineOf(rt, id, now);
  },
  async updateSmarthost({ rt, params, body, user, now }) {
    await updateSmarthost(rt, params.id, body);
    const line = await smarthostLineOf(rt, params.id, now);
    await audited(rt, user.id, 'smarthost changed', `smarthost:${line.name}`, now);
    return line;
  },
  async removeSmarthost({ rt, params, user, now }) {
    const { name } = await smarthostLineOf(rt, params.id, now);
    await dropSmarthost(rt, params.id);
    await audited(rt, user.id, 'smarthost removed', `smarthost:${name}`, now);
    return {};
  },
  async testSmarthost({ rt, params, now }) {
    await askForTest(rt, params.id);
    return smarthostLineOf(rt, params.id, now);
  },
} satisfies SomeHandlers;
