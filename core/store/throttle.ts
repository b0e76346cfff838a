/** What a provider's replies made us do at a site, so that it is shown, and outlives a restart. */
import type { Db, Row } from './tables.ts';

export interface NewThrottle {
  sourceId: number;
  site: string;
  kind: Row<'throttle'>['kind'];
  rule: string;
  reply: string;
  since: number;
  until: number | null;
}

export async function addThrottle(db: Db, { sourceId, site, ...rest }: NewThrottle): Promise<void> {
  await db
    .insertInto('throttle')
    .values({ source_id: sourceId, site, ...rest })
    .onConflict((conflict) => conflict.columns(['source_id', 'site']).doUpdateSet(rest))
    .execute();
}

/** What holds now, newest first, with the provider whose limits it is about. */
export const activeThrottles = (
  db: Db,
  now: number,
): Promise<(Row<'throttle'> & { provider: string | null })[]> =>
  db
    .selectFrom('throttle')
    .selectAll('throttle')
    .select(({ selectFrom }) =>
      selectFrom('domain')
        .select('provider')
        .whereRef('domain.site', '=', 'throttle.site')
        .limit(1)
        .as('provider'),
    )
    .where((eb) => eb.or([eb('until', '>', now), eb('until', 'is', null)]))
    .orderBy('since', 'desc')
    .execute();

export async function releaseThrottle(db: Db, id: number): Promise<void> {
  await db.deleteFrom('throttle').where('id', '=', id).execute();
}
