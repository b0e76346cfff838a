/** Orders over the queue, over HTTP: what is in force, how far it is, and giving or ending one. */
import { Problem } from '../../core/errors.ts';
import type { Runtime } from '../../core/runtime.ts';
import { deliveryStory } from '../../core/store/delivery.ts';
import {
  addOrder,
  countMeant,
  orderById,
  orderLines,
  releaseOrder,
  type OrderTarget,
} from '../../core/store/queue-order.ts';
import { queueBySource } from '../../core/store/queue-source.ts';
import { cancelSlice, holdSlice, releaseSlice, retryNow } from '../../core/store/queue-sweep.ts';
import { poolNames, targetNamed } from '../../core/store/queue-target.ts';
import type { Db, QueueOrderBy, Row } from '../../core/store/tables.ts';
import { addAudit } from '../../core/store/user.ts';
import type { SomeHandlers } from '../http/route.ts';

/** Words for the person who made it; nobody else is told who held one delivery. */
const acts = {
  hold: (tx: Db, delivery: number, now: number) => holdSlice(tx, { delivery }, 'held by a person', now),
  release: (tx: Db, delivery: number, now: number) => releaseSlice(tx, { delivery }, now),
  cancel: (tx: Db, delivery: number, now: number) =>
    cancelSlice(tx, { delivery }, 'cancelled by a person', now),
  retry: (tx: Db, delivery: number, now: number) => retryNow(tx, { delivery }, now),
};

export const orderHandlers = {
  async orders({ rt, now }) {
    const db = rt.store.read;
    const [rows, sources, pools] = await Promise.all([orderLines(db), queueBySource(db, now), poolNames(db)]);
    return { rows, sources, pools, at: now };
  },

  async countMeant({ rt, query }) {
    const target = await targetOf(rt.store.read, query);
    return { deliveries: await countMeant(rt.store.read, query.kind, target) };
  },

  async giveOrder({ rt, body, user, now }) {
    const { kind, to_pool: toPool, reason } = body;
    const db = rt.store.read;
    const target = await targetOf(db, body);
    if (toPool !== undefined && !(await poolNames(db)).includes(toPool))
      throw new Problem('invalid', 'no source sends for that pool', {
        fields: { to_pool: 'no source sends for it' },
      });
    const meant = await countMeant(db, kind, target);
    const order = await rt.store.write(async (tx) => {
      const made = await addOrder(tx, { kind, ...target, toPool, reason, userId: user.id }, meant, now);
      await addAudit(
        tx,
        { userId: user.id, action: `queue ${kind}`, subject: `${target.by}:${target.name}`, detail: body },
        now,
      );
      return made;
    });
    return rung(rt, order, user.name);
  },

  async releaseOrder({ rt, params, user, now }) {
    const order = await orderById(rt.store.read, params.id);
    if (order === undefined) throw new Problem('not-found', 'there is no such order');
    if (order.by_kind === 'credential')
      throw new Problem('conflict', 'a credential is let go of where it is held, so that its state agrees');
    await rt.store.write(async (tx) => {
      await releaseOrder(tx, order, user.id, now);
      const subject = `${order.by_kind}:${order.target}`;
      await addAudit(tx, { userId: user.id, action: `queue ${order.kind} released`, subject }, now);
    });
    return rung(rt, (await orderById(rt.store.read, params.id)) ?? order, user.name);
  },

  async actOnDelivery({ rt, params, body, user, now }) {
    await deliveryStory(rt.store.read, params.id, now);
    const moved = await rt.store.write(async (tx) => {
      const count = await acts[body.act](tx, params.id, now);
      await addAudit(
        tx,
        { userId: user.id, action: `delivery ${body.act}`, subject: `delivery:${params.id}` },
        now,
      );
      return count;
    });
    rt.wake.ring('queue');
    return { moved };
  },
} satisfies SomeHandlers;

function rung(rt: Runtime, order: Row<'queue_order'>, madeBy: string) {
  rt.wake.ring('order');
  rt.wake.ring('queue');
  return { ...order, made_by_name: madeBy };
}

function targetOf(
  db: Db,
  { by, name }: { by: Exclude<QueueOrderBy, 'credential'>; name: string },
): Promise<OrderTarget> {
  return targetNamed(db, by === 'campaign' ? { campaign: Number(name) || 0 } : { [by]: name });
}
