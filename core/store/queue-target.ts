/** What a person named for an order over the queue, found among the rows: refused in words when there is no such thing. */
import { Problem } from '../errors.ts';
import { sourcesInPools } from './pool.ts';
import type { OrderTarget } from './queue-order.ts';
import type { Db, QueueOrderBy } from './tables.ts';

/** A credential is held and released as itself, so that its state and its mail agree (core/submission/credential.ts). */
type By = Exclude<QueueOrderBy, 'credential'>;

/** One of these. */
export type Named = Partial<Record<Exclude<By, 'campaign'>, string>> & { campaign?: number };

const KINDS: readonly By[] = ['campaign', 'destination', 'site', 'provider', 'source', 'pool'];

/**
 * The target of an order by what a person called it: a campaign's number, the name of anything else.
 *
 *     await targetNamed(store.read, { destination: 'gmail.com' })
 */
export async function targetNamed(db: Db, named: Named): Promise<OrderTarget> {
  const given = KINDS.filter((kind) => named[kind] !== undefined);
  const [by] = given;
  if (by === undefined || given.length > 1) throw new Problem('invalid', `give one of ${KINDS.join(', ')}`);
  const name = String(named[by]).trim().toLowerCase();
  switch (by) {
    case 'campaign':
      return found(
        by,
        await db
          .selectFrom('campaign')
          .select(['id', 'name'])
          .where('id', '=', named.campaign ?? 0)
          .executeTakeFirst(),
        `there is no campaign ${named.campaign}`,
      );
    case 'destination':
      return found(
        by,
        await db.selectFrom('domain').select(['id', 'name']).where('name', '=', name).executeTakeFirst(),
        `nothing was ever queued for ${name}`,
      );
    case 'source':
      return found(
        by,
        await db
          .selectFrom('source')
          .select(['id', 'name'])
          .where('name', '=', String(named.source).trim())
          .executeTakeFirst(),
        `there is no source ${named.source}`,
      );
    case 'site':
    case 'provider': {
      const known = await db
        .selectFrom('domain')
        .select('id')
        .where(by, '=', name)
        .limit(1)
        .executeTakeFirst();
      if (known === undefined) throw new Problem('not-found', `nothing was ever sent to the ${by} ${name}`);
      return { by, id: null, name };
    }
    case 'pool':
      return { by, id: null, name: String(named.pool).trim() };
    default:
      return by satisfies never;
  }
}

function found(
  by: QueueOrderBy,
  row: { id: number; name: string } | undefined,
  otherwise: string,
): OrderTarget {
  if (row === undefined) throw new Problem('not-found', otherwise);
  return { by, id: row.id, name: row.name };
}

/** Pools that mail may be re-routed to: those that a source sends for. */
export async function poolNames(db: Db): Promise<string[]> {
  const all = await sourcesInPools(db);
  return [...new Set(all.flatMap((source) => source.pools.map((one) => one.pool)))].toSorted();
}
