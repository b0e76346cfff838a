/**
 * Who a campaign is for: its lists and segments, without those it excludes. One condition on a contact, for counting, for
 * the fan-out's slices and for a preview; and apart from it, who of them may not be mailed.
 */
import { sql, type RawBuilder } from 'kysely';
import { inlineSegments, readDefinition } from '../audience/segment.ts';
import { conditionOf } from '../audience/segment-sql.ts';
import { reckon } from '../pressure/reckon.ts';
import { fromJson } from '../store/json.ts';
import { OTHER_PROVIDER } from '../store/answer-slot.ts';
import type { DomainShare } from '../store/campaign-audience.ts';
import type { ProviderShare } from '../store/forecast.ts';
import { segmentById } from '../store/segment.ts';
import type { Db, Row } from '../store/tables.ts';

export interface Audience {
  lists: number[];
  segments: number[];
  excludeSegments: number[];
  excludeOpenConversations: boolean;
  /** Frozen at the start: contacts made later are not in it. */
  upTo?: number;
}

export const audienceOf = (campaign: Pick<Row<'campaign'>, 'audience'>): Audience => ({
  lists: [],
  segments: [],
  excludeSegments: [],
  excludeOpenConversations: false,
  ...fromJson<Partial<Audience>>(campaign.audience, {}),
});

export const isEmptyAudience = ({ lists, segments }: Audience): boolean =>
  lists.length + segments.length === 0;

/** The condition on `contact` that the audience is. A segment that is gone selects nobody. */
export async function audienceCondition(
  db: Db,
  audience: Audience,
  now: number,
): Promise<RawBuilder<boolean>> {
  const segment = async (id: number): Promise<RawBuilder<boolean>> => {
    const row = await segmentById(db, id);
    if (row === undefined) return sql<boolean>`1 = 0`;
    const { root } = readDefinition(JSON.parse(row.definition));
    return conditionOf(db, await inlineSegments(db, root, id), now, 'slice');
  };
  const included = await Promise.all(audience.segments.map(segment));
  if (audience.lists.length > 0) {
    included.push(sql<boolean>`exists (select 1 from list_member where list_member.contact_id = contact.id
      and list_member.status = 'subscribed' and list_member.list_id in (${sql.join(audience.lists)}))`);
  }
  if (included.length === 0) return sql<boolean>`1 = 0`;
  const parts = [sql<boolean>`(${sql.join(included, sql` or `)})`];
  for (const excluded of await Promise.all(audience.excludeSegments.map(segment)))
    parts.push(sql<boolean>`not (${excluded})`);
  if (audience.excludeOpenConversations) {
    parts.push(sql<boolean>`not exists (select 1 from conversation where conversation.contact_id = contact.id
      and conversation.category = 'human' and conversation.state = 'open')`);
  }
  if (audience.upTo !== undefined) parts.push(sql<boolean>`contact.id <= ${audience.upTo}`);
  return sql<boolean>`(${sql.join(parts, sql` and `)})`;
}

/** The scopes that stop a mailing to a list (or to nobody's list) of a brand. */
export const stoppingScopes = (listId: number | null, brandId: number): string[] => [
  'everything',
  'marketing',
  'pause',
  `brand:${brandId}`,
  ...(listId === null ? [] : [`list:${listId}`]),
];

/** True where an active suppression of this address stops the mailing. Index: suppression_active. */
const stopsAt = (address: RawBuilder<unknown>, scopes: readonly string[]): RawBuilder<boolean> =>
  sql<boolean>`exists (select 1 from suppression where suppression.address = ${address} and suppression.lifted_at is null
    and suppression.scope in (${sql.join([...scopes])}))`;

/**
 * The other address that somebody gets this mailing at, whose primary one takes none: the first that is in use and not stopped;
 * its id, else null. A wish is never passed by so: it stands for all of their addresses. Index: contact_address_contact.
 */
export const insteadOfPrimary = (scopes: readonly string[]): RawBuilder<number | null> =>
  sql<
    number | null
  >`case when ${stopsAt(sql.ref('contact.email'), scopes)} then (select other.id from contact_address as other
    where other.contact_id = contact.id and other.state = 'active' and not ${stopsAt(sql.ref('other.address'), scopes)}
    order by other.id limit 1) end`;

/** True where this mailing reaches somebody at none of their addresses. */
export const suppressedCondition = (scopes: readonly string[]): RawBuilder<boolean> =>
  sql<boolean>`(${stopsAt(sql.ref('contact.email'), scopes)} and not exists (select 1 from contact_address as other
    where other.contact_id = contact.id and other.state = 'active' and not ${stopsAt(sql.ref('other.address'), scopes)}))`;

/** True for who gets nothing of this campaign now: suppressed, or left out by a cap or their own wish. */
export async function stoppedFor(
  db: Db,
  campaign: { id: number; list_id: number | null; brand_id: number },
  now: number,
): Promise<RawBuilder<boolean>> {
  const stopped = suppressedCondition(stoppingScopes(campaign.list_id, campaign.brand_id));
  const frequency = await reckon(db, campaign, now);
  return frequency === undefined ? stopped : sql<boolean>`(${stopped} or ${frequency.leftOut})`;
}

export interface AudienceSize {
  selected: number;
  suppressed: number;
  mailable: number;
}

export function audienceSize(domains: readonly DomainShare[]): AudienceSize {
  let selected = 0;
  let suppressed = 0;
  for (const one of domains) {
    selected += one.selected;
    suppressed += one.stopped;
  }
  return { selected, suppressed, mailable: selected - suppressed };
}

const SHOWN = 12;

/** Who is selected, by provider as far as it is known, else by recipient domain: the largest first. */
export function audienceByProvider(domains: readonly DomainShare[]): { provider: string; count: number }[] {
  const counts = new Map<string, number>();
  for (const { name, provider, selected } of domains)
    counts.set(provider ?? name, (counts.get(provider ?? name) ?? 0) + selected);
  return [...counts]
    .map(([provider, count]) => ({ provider, count }))
    .sort((a, b) => b.count - a.count)
    .slice(0, SHOWN);
}

/** Who is to get it, by provider; destinations that nobody has resolved yet are among the others. */
export function providerShares(domains: readonly DomainShare[]): ProviderShare[] {
  const sites = Map.groupBy(domains, ({ provider }) => provider ?? OTHER_PROVIDER);
  return [...sites]
    .map(([provider, all]) => {
      const bySite = new Map<string, number>();
      for (const { site, name, selected, stopped } of all)
        bySite.set(site || name, (bySite.get(site || name) ?? 0) + selected - stopped);
      let recipients = 0;
      let longest = 0;
      for (const people of bySite.values()) {
        recipients += people;
        longest = Math.max(longest, people);
      }
      return { provider, recipients, longest };
    })
    .filter((share) => share.recipients > 0)
    .sort((a, b) => b.recipients - a.recipients);
}

/** The largest domains to which no way was found when last looked, to be looked at again. */
export function domainsWithoutWay(
  domains: readonly DomainShare[],
  limit: number,
): { name: string; people: number }[] {
  return domains
    .filter((one) => one.site === '' && one.selected > one.stopped)
    .map(({ name, selected, stopped }) => ({ name, people: selected - stopped }))
    .sort((a, b) => b.people - a.people)
    .slice(0, limit);
}

/** The first contact of the audience, to show the mail as a real person gets it. */
export async function firstOfAudience(
  db: Db,
  condition: RawBuilder<boolean>,
): Promise<Row<'contact'> | undefined> {
  return db.selectFrom('contact').selectAll().where(condition).orderBy('id').limit(1).executeTakeFirst();
}
