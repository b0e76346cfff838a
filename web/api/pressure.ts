/** How often people hear of us over HTTP: caps, the histogram, and what was put off or left out. */
import { Problem } from '../../core/errors.ts';
import { reasonOf } from '../../core/pressure/cap.ts';
import { pressureOf } from '../../core/pressure/person.ts';
import type { Runtime } from '../../core/runtime.ts';
import { brandById } from '../../core/store/identity.ts';
import { listById } from '../../core/store/list.ts';
import {
  campaignPressure,
  leftOutSince,
  pressed,
  waitingForRoom,
  wishCounts,
} from '../../core/store/pressure-facts.ts';
import { addCap, caps, changeCap, removeCap, type FrequencyCap } from '../../core/store/pressure.ts';
import { lookAgain } from '../../core/store/queue-limit.ts';
import { segmentById } from '../../core/store/segment.ts';
import { campaignById } from '../../core/store/campaign.ts';
import type { Db } from '../../core/store/tables.ts';
import { addAudit } from '../../core/store/user.ts';
import type { SomeHandlers } from '../http/route.ts';

const MONTH_MS = 30 * 86_400_000;
/** A walk over what everybody got, at a million people some seconds of a reader. */
const KEPT_MS = 60_000;
const SLICE = 2000;
const ROWS = 20;

type Facts = Awaited<ReturnType<typeof lookAt>>;
const known = new WeakMap<Runtime, { at: number; facts: Promise<Facts> }>();

async function lookAt(rt: Runtime, now: number) {
  const db = rt.store.read;
  const [got, wishes, waiting, left_out] = await Promise.all([
    pressed(db, now),
    wishCounts(db),
    waitingForRoom(db, now),
    leftOutSince(db, now - MONTH_MS, ROWS),
  ]);
  return { at: now, ...got, wishes, waiting, left_out };
}

/** Small audiences are looked at anew each time; a large one at most once a minute. */
async function factsOf(rt: Runtime, now: number): Promise<Facts> {
  const kept = known.get(rt);
  if (kept !== undefined && now - kept.at < KEPT_MS) {
    const facts = await kept.facts;
    if (facts.people > 50_000) return facts;
  }
  const facts = lookAt(rt, now);
  known.set(rt, { at: now, facts });
  facts.catch(() => known.delete(rt));
  return facts;
}

interface Draft {
  most: number;
  days: number;
  wait_days: number;
  segment_id: number | null;
  list_id: number | null;
  brand_id: number | null;
}

/** What it names must be there. */
async function proved(tx: Db, draft: Draft): Promise<Draft> {
  const missing: Record<string, string> = {};
  if (draft.segment_id !== null && (await segmentById(tx, draft.segment_id)) === undefined)
    missing['segment_id'] = 'names no segment';
  if (draft.list_id !== null && (await listById(tx, draft.list_id)) === undefined)
    missing['list_id'] = 'names no list';
  if (draft.brand_id !== null && (await brandById(tx, draft.brand_id)) === undefined)
    missing['brand_id'] = 'names no brand';
  if (Object.keys(missing).length > 0)
    throw new Problem('invalid', 'the cap is about something that is not there', { fields: missing });
  return draft;
}

const inWords = (cap: Draft) => ({ ...cap, says: reasonOf(cap) });
const note = (tx: Db, userId: number | null, action: string, cap: FrequencyCap, now: number) =>
  addAudit(tx, { userId, action, subject: `cap:${cap.id}`, detail: inWords(cap) }, now);

/** What waits for a cap that was changed comes up again; the claim judges it by what is true then. */
async function lookAgainAt(rt: Runtime, cap: FrequencyCap, now: number): Promise<void> {
  while ((await rt.store.write((tx) => lookAgain(tx, reasonOf(cap), now, SLICE))) > 0) rt.wake.ring('queue');
}

export const pressureHandlers = {
  async pressure({ rt, now }) {
    const [facts, all] = await Promise.all([factsOf(rt, now), caps(rt.store.read)]);
    return { ...facts, caps: all };
  },

  async createCap({ rt, user, body, now }) {
    return rt.store.write(async (tx) => {
      const draft = await proved(tx, body);
      const cap = await addCap(tx, { ...draft, made_by: user.id, created_at: now, updated_at: now });
      await note(tx, user.id, 'frequency cap made', cap, now);
      return cap;
    });
  },

  async updateCap({ rt, user, params, body, now }) {
    const { before, after } = await rt.store.write(async (tx) => {
      const draft = await proved(tx, body);
      const old = (await caps(tx)).find((one) => one.id === params.id);
      const cap = old && (await changeCap(tx, params.id, { ...draft }, now));
      if (old === undefined || cap === undefined) throw new Problem('not-found', 'there is no such cap');
      await note(tx, user.id, 'frequency cap changed', cap, now);
      return { before: old, after: cap };
    });
    await lookAgainAt(rt, before, now);
    return after;
  },

  async deleteCap({ rt, user, params, now }) {
    const cap = await rt.store.write(async (tx) => {
      const old = (await caps(tx)).find((one) => one.id === params.id);
      if (old === undefined || !(await removeCap(tx, params.id)))
        throw new Problem('not-found', 'there is no such cap');
      await note(tx, user.id, 'frequency cap lifted', old, now);
      return old;
    });
    await lookAgainAt(rt, cap, now);
    return {};
  },

  async contactPressure({ rt, params, now }) {
    const found = await pressureOf(rt.store.read, params.id, now);
    if (found === undefined) throw new Problem('not-found', 'there is no such contact');
    return found;
  },

  async campaignPressure({ rt, params, now }) {
    if ((await campaignById(rt.store.read, params.id)) === undefined)
      throw new Problem('not-found', 'there is no such campaign');
    return campaignPressure(rt.store.read, params.id, now);
  },
} satisfies SomeHandlers;
