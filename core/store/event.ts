/** The one log of what happened to whom. Rows are added, in batches, and never changed. */
import { sql } from 'kysely';
import { jsonOfRows, rowsFromJson, type ColumnKind } from './batch.ts';
import type { EventKind } from './event-kind.ts';
import { prepared } from './prepared.ts';
import type { Db } from './tables.ts';

export interface NewEvent {
  kind: EventKind;
  at: number;
  contact_id?: number | null;
  campaign_id?: number | null;
  delivery_id?: number | null;
  conversation_id?: number | null;
  inbound_id?: number | null;
  data?: unknown;
}

const COLUMNS = {
  kind: 'text',
  at: 'int',
  contact_id: 'int',
  campaign_id: 'int',
  delivery_id: 'int',
  conversation_id: 'int',
  inbound_id: 'int',
  data: 'json',
} satisfies Record<string, ColumnKind>;

const insertEvents = prepared<{ rows: string }>(
  (db, of) => sql`
    insert into event (kind, at, contact_id, campaign_id, delivery_id, conversation_id, inbound_id, data)
    select kind, at, contact_id, campaign_id, delivery_id, conversation_id, inbound_id, data
    from ${rowsFromJson(db, of.rows, COLUMNS)} as r where true`,
);

/** Adds events in one statement. */
export async function addEvents(db: Db, events: readonly NewEvent[]): Promise<void> {
  if (events.length === 0) return;
  const rows = events.map((event) => ({
    kind: event.kind,
    at: event.at,
    contact_id: event.contact_id ?? null,
    campaign_id: event.campaign_id ?? null,
    delivery_id: event.delivery_id ?? null,
    conversation_id: event.conversation_id ?? null,
    inbound_id: event.inbound_id ?? null,
    data: event.data ?? {},
  }));
  await insertEvents(db, { rows: jsonOfRows(rows, COLUMNS) });
}
