/** Everything that happened with one person, newest first: sent, received, bounced, agreed, left. */
import type { Db, Row } from './tables.ts';

export interface TimelineEntry extends Pick<
  Row<'event'>,
  'id' | 'kind' | 'at' | 'campaign_id' | 'delivery_id' | 'conversation_id' | 'data'
> {
  campaign_name: string | null;
  /** Of the conversation, else of the campaign. */
  subject: string | null;
}

/** Index: event_contact finds a person's events; they are some hundreds. `cursor` is the id of the last one seen. */
export async function timelineOf(
  db: Db,
  contactId: number,
  { cursor, limit = 50 }: { cursor?: string | undefined; limit?: number | undefined } = {},
): Promise<{ rows: TimelineEntry[]; next: string | null }> {
  let query = db
    .selectFrom('event')
    .leftJoin('campaign', 'campaign.id', 'event.campaign_id')
    .leftJoin('conversation', 'conversation.id', 'event.conversation_id')
    .select([
      'event.id',
      'event.kind',
      'event.at',
      'event.campaign_id',
      'event.delivery_id',
      'event.conversation_id',
      'event.data',
      'campaign.name as campaign_name',
      'campaign.subject as campaign_subject',
      'conversation.subject as conversation_subject',
    ])
    .where('event.contact_id', '=', contactId)
    .orderBy('event.id', 'desc')
    .limit(limit + 1);
  if (cursor !== undefined && /^\d{1,16}$/.test(cursor)) query = query.where('event.id', '<', Number(cursor));
  const found = await query.execute();
  const rows = found.slice(0, limit).map(({ campaign_subject, conversation_subject, ...row }) => ({
    ...row,
    subject: conversation_subject ?? campaign_subject,
  }));
  return { rows, next: found.length > limit ? String(rows.at(-1)?.id) : null };
}
