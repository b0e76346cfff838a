/**
 * What a provider's replies made us do at a site, so that it is shown, and outlives a restart. A limit has an end; a block
 * has none: it waits for a green look at our own facts, for a message that is accepted, or for a person.
 */
import { fromJson, toJson } from './json.ts';
import type { BlockCause, Db, Row } from './tables.ts';

/** What a provider's postmaster asks for before a block is lifted. */
export interface BlockFacts {
  ip: string;
  ehlo: string;
  /** Its names in the DNS then; empty: none. */
  ptr: string;
  /** The sending domain (of From, and of DKIM's d=). */
  domain: string;
  domainId: number | null;
  /** The host that answered. */
  mx: string;
  at: number;
  reply: string;
}

/** A block is asked again with one message, this long after it began or was asked last. */
export const PROBE_EVERY_MS = 3_600_000;

export interface Recheck {
  green: boolean;
  /** Each thing that was looked at, in one sentence. */
  findings: { what: string; ok: boolean; words: string }[];
}

export interface NewThrottle {
  sourceId: number;
  site: string;
  provider?: string | null;
  kind: Row<'throttle'>['kind'];
  rule: string;
  reply: string;
  since: number;
  until: number | null;
  cause?: BlockCause | null;
  facts?: BlockFacts | null;
}

export interface Throttle extends Omit<Row<'throttle'>, 'facts' | 'check'> {
  facts: BlockFacts | null;
  check: Recheck | null;
}

/** The same rule again at the same place lasts from now on; what was learnt of a block that stands is kept. */
export async function addThrottle(db: Db, throttle: NewThrottle): Promise<void> {
  const { sourceId, provider = null, cause = null, facts = null, kind, reply, since, until } = throttle;
  const says = { provider, kind, reply, since, until, cause, facts: facts && toJson(facts) };
  await db
    .insertInto('throttle')
    .values({ source_id: sourceId, site: throttle.site, rule: throttle.rule, ...says })
    .onConflict((conflict) => conflict.columns(['source_id', 'site', 'rule']).doUpdateSet(says))
    .execute();
}

/** What holds now, newest first, with the provider whose limits it is about. */
export async function activeThrottles(db: Db, now: number): Promise<Throttle[]> {
  const rows = await db
    .selectFrom('throttle')
    .selectAll('throttle')
    .select(({ selectFrom }) =>
      selectFrom('domain')
        .select('provider')
        .whereRef('domain.site', '=', 'throttle.site')
        .limit(1)
        .as('of_site'),
    )
    .where((eb) => eb.or([eb('until', '>', now), eb('until', 'is', null)]))
    .orderBy('since', 'desc')
    .orderBy('id', 'desc')
    .execute();
  return rows.map(({ of_site, provider, ...row }) => ({ ...read(row), provider: provider ?? of_site }));
}

const read = <T extends Pick<Row<'throttle'>, 'facts' | 'check'>>(row: T) => ({
  ...row,
  facts: fromJson<BlockFacts | null>(row.facts, null),
  check: fromJson<Recheck | null>(row.check, null),
});

export async function throttleById(db: Db, id: number): Promise<Throttle | undefined> {
  const row = await db.selectFrom('throttle').selectAll().where('id', '=', id).executeTakeFirst();
  return row === undefined ? undefined : read(row);
}

/** A message went out to see whether the block still stands. */
export async function noteProbe(
  db: Db,
  { sourceId, site, rule }: Pick<NewThrottle, 'sourceId' | 'site' | 'rule'>,
  at: number,
): Promise<void> {
  await db
    .updateTable('throttle')
    .set({ probed_at: at })
    .where('source_id', '=', sourceId)
    .where('site', '=', site)
    .where('rule', '=', rule)
    .execute();
}

export async function noteRecheck(db: Db, id: number, check: Recheck, at: number): Promise<void> {
  await db
    .updateTable('throttle')
    .set({ checked_at: at, check: toJson(check) })
    .where('id', '=', id)
    .execute();
}

/** Whether it was there to be released. */
export async function releaseThrottle(db: Db, id: number): Promise<boolean> {
  const { numDeletedRows } = await db.deleteFrom('throttle').where('id', '=', id).executeTakeFirst();
  return numDeletedRows > 0n;
}

/** A source's block at a place is over: a message was accepted. */
export async function endBlock(
  db: Db,
  { sourceId, site, rule }: Pick<NewThrottle, 'sourceId' | 'site' | 'rule'>,
): Promise<void> {
  await db
    .deleteFrom('throttle')
    .where('source_id', '=', sourceId)
    .where('site', '=', site)
    .where('rule', '=', rule)
    .where('kind', '=', 'blocked')
    .execute();
}
