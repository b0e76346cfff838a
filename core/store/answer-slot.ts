/**
 * What providers answered, counted by half hours: small enough to keep for months and to ask at any moment, where the
 * attempts themselves are millions. Half hours, so that they add up to local days of any zone but a few.
 */
import { sql } from 'kysely';
import { rowsFrom } from './batch.ts';
import type { Settlement } from './queue.ts';
import type { Db } from './tables.ts';

export const SLOT_MS = 30 * 60_000;
const KEPT_MS = 100 * 24 * 60 * 60_000;

/** Provider of a recipient domain that none is known of. */
export const OTHER_PROVIDER = 'default';

type Answered = Pick<
  Settlement,
  'id' | 'source_id' | 'outcome' | 'code' | 'class' | 'began_at' | 'ms' | 'reply'
>;

/** Counts a batch of attempts that was just written, in its transaction. What was never asked of a provider is left out. */
export async function countAnswers(db: Db, settled: readonly Answered[]): Promise<void> {
  const rows = settled
    .filter((one) => one.outcome !== 'withheld' && one.outcome !== 'started')
    .map((one) => ({
      id: one.id,
      slot: one.began_at - (one.began_at % SLOT_MS),
      source_id: one.source_id ?? 0,
      outcome: one.outcome,
      code: one.code ?? 0,
      class: one.class ?? '',
      ms: Math.round(one.ms),
      reply: one.reply.slice(0, 300),
    }));
  if (rows.length === 0) return;
  await sql`insert into answer_slot (slot, source_id, provider, outcome, code, class, answers, ms, reply)
    select r.slot, r.source_id, coalesce(domain.provider, ${OTHER_PROVIDER}), r.outcome, r.code, r.class, count(*), sum(r.ms), max(r.reply)
    from ${rowsFrom(db, rows, {
      id: 'int',
      slot: 'int',
      source_id: 'int',
      outcome: 'text',
      code: 'int',
      class: 'text',
      ms: 'int',
      reply: 'text',
    })} as r join delivery on delivery.id = r.id join domain on domain.id = delivery.domain_id
    where true group by 1, 2, 3, 4, 5, 6
    on conflict (slot, source_id, provider, outcome, code, class)
    do update set answers = answer_slot.answers + excluded.answers, ms = answer_slot.ms + excluded.ms`.execute(
    db,
  );
}

export interface Answers {
  provider: string;
  outcome: string;
  code: number;
  class: string;
  answers: number;
  ms: number;
  reply: string;
}

/** What was answered since a moment, by provider and kind of answer, the most frequent first. */
export async function answersSince(db: Db, since: number): Promise<Answers[]> {
  const { rows } =
    await sql<Answers>`select provider, outcome, code, class, sum(answers) as answers, sum(ms) as ms, max(reply) as reply
    from answer_slot where slot >= ${since - (since % SLOT_MS)} group by provider, outcome, code, class
    order by 5 desc, 1, 2, 3, 4`.execute(db);
  return rows.map((row) => ({ ...row, answers: Number(row.answers), ms: Number(row.ms) }));
}

/** One source's answers between two moments, by provider. */
export async function answersOf(
  db: Db,
  sourceId: number,
  from: number,
  to: number,
): Promise<{ provider: string; outcome: string; class: string; answers: number }[]> {
  const { rows } = await sql<{ provider: string; outcome: string; class: string; answers: number }>`
    select provider, outcome, class, sum(answers) as answers from answer_slot
    where slot >= ${from - (from % SLOT_MS)} and slot < ${to} and source_id = ${sourceId}
    group by provider, outcome, class`.execute(db);
  return rows.map((row) => ({ ...row, answers: Number(row.answers) }));
}

/** Old counts go; the day's keeper calls it. */
export async function forgetOldAnswers(db: Db, now: number): Promise<void> {
  await db
    .deleteFrom('answer_slot')
    .where('slot', '<', now - KEPT_MS)
    .execute();
}
