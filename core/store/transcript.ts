/**
 * What was said in attempts that did not deliver, without bodies: the last few of a delivery, for a while. Attempts that
 * delivered keep none, since at full speed they would cost more than the mail itself.
 */
import { sql } from 'kysely';
import { rowsFrom } from './batch.ts';
import type { Db, Row } from './tables.ts';

export interface NewTranscript {
  delivery_id: number;
  /** Of the attempt. */
  number: number;
  lines: string;
}

/** Attempts of one delivery whose words are kept. */
const KEPT = 5;

export async function addTranscripts(
  db: Db,
  transcripts: readonly NewTranscript[],
  now: number,
): Promise<void> {
  if (transcripts.length === 0) return;
  const batch = rowsFrom(
    db,
    transcripts.map((one) => ({ ...one, at: now })),
    { delivery_id: 'int', number: 'int', at: 'int', lines: 'text' },
  );
  await sql`insert into attempt_transcript (delivery_id, number, at, lines)
    select delivery_id, number, at, lines from ${batch} as r where true
    on conflict (delivery_id, number) do nothing`.execute(db);
  for (const { delivery_id, number } of transcripts.filter((one) => one.number > KEPT)) {
    await db
      .deleteFrom('attempt_transcript')
      .where('delivery_id', '=', delivery_id)
      .where('number', '<=', number - KEPT)
      .execute();
  }
}

export const transcriptsOf = (db: Db, deliveryId: number): Promise<Row<'attempt_transcript'>[]> =>
  db
    .selectFrom('attempt_transcript')
    .selectAll()
    .where('delivery_id', '=', deliveryId)
    .orderBy('number')
    .execute();

/** Forgets a slice of those from before a time. Index: attempt_transcript_at. */
export async function forgetTranscripts(db: Db, before: number, limit: number): Promise<number> {
  const { numAffectedRows } = await sql`delete from attempt_transcript where (delivery_id, number) in
    (select delivery_id, number from attempt_transcript where at < ${before} order by at limit ${limit})`.execute(
    db,
  );
  return Number(numAffectedRows ?? 0);
}
