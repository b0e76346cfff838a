/**
 * Who a campaign is for: its lists and segments, without those it excludes. One condition on a contact, for counting, for
 * the fan-out's slices and for a preview; and apart from it, who of them may not be mailed.
 */
import { sql, type RawBuilder } from 'kysely';
import { inlineSegments, readDefinition } from '../audience/segment.ts';
import { conditionOf } from '../audience/segment-sql.ts';
import { fromJson } from '../store/json.ts';
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
  `brand:${brandId}`,
  ...(listId === null ? [] : [`list:${listId}`]),
];

/** True where an active suppression stops this mailing. Index: suppression_active. */
export const suppressedCondition = (scopes: readonly string[]): RawBuilder<boolean> =>
  sql<boolean>`exists (select 1 from suppression where suppression.address = contact.email and suppression.lifted_at is null
    and suppression.scope in (${sql.join([...scopes])}))`;

export interface AudienceSize {
  selected: number;
  suppressed: number;
  mailable: number;
}

export async function audienceSize(
  db: Db,
  condition: RawBuilder<boolean>,
  scopes: readonly string[],
): Promise<AudienceSize> {
  const { rows } = await sql<{ selected: number; suppressed: number }>`select count(*) as selected,
      coalesce(sum(case when ${suppressedCondition(scopes)} then 1 else 0 end), 0) as suppressed
    from contact where ${condition}`.execute(db);
  const { selected = 0, suppressed = 0 } = rows[0] ?? {};
  return {
    selected: Number(selected),
    suppressed: Number(suppressed),
    mailable: Number(selected) - Number(suppressed),
  };
}

/** Who gets it, by recipient domain: the largest first, with the provider as far as it is known. */
export async function audienceByProvider(
  db: Db,
  condition: RawBuilder<boolean>,
): Promise<{ provider: string; count: number }[]> {
  const { rows } = await sql<{ provider: string; count: number }>`
    select coalesce(domain.provider, contact.email_domain) as provider, count(*) as count
    from contact left join domain on domain.name = contact.email_domain where ${condition}
    group by 1 order by 2 desc limit 12`.execute(db);
  return rows.map((row) => ({ provider: row.provider, count: Number(row.count) }));
}

/** The first contact of the audience, to show the mail as a real person gets it. */
export async function firstOfAudience(
  db: Db,
  condition: RawBuilder<boolean>,
): Promise<Row<'contact'> | undefined> {
  return db.selectFrom('contact').selectAll().where(condition).orderBy('id').limit(1).executeTakeFirst();
}
