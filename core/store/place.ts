/**
 * The place that a campaign is stopped at, and whose usual is known: a provider that we know by name, else the mail host
 * (site) itself. Thousands of small domains share no provider, and one of them says nothing about another.
 */
import { sql } from 'kysely';
import { hardBounceClasses } from '../mail/bounce-class.ts';

/** The place of a route; the same as `placeColumn` reads from a `domain` row. */
export const placeOf = (provider: string | null, site: string | null, domain: string): string =>
  provider !== null && provider !== '' && provider !== 'default' ? provider : site || domain;

export const placeColumn = sql<string>`case when coalesce(domain.provider, '') in ('', 'default')
  then coalesce(nullif(domain.site, ''), domain.name) else domain.provider end`;

export const domainsAt = (place: string) =>
  sql`(select domain.id from domain where ${placeColumn} = ${place})`;

/** The classes of a refusal that says for good that the address takes no mail. */
export const hardClasses = sql`(${sql.join(hardBounceClasses.map((name) => sql.lit(name)))})`;
