/**
 * The caps at the claim: of what was just claimed, what may go on the wire. Within the claim's own transaction, so that two
 * campaigns, two nodes or a crash never send somebody one mail too many. Costs one look at an index while nobody has set a
 * cap or asked for less.
 */
import { sql } from 'kysely';
import { Problem } from '../errors.ts';
import { inlineSegments, readDefinition } from '../audience/segment.ts';
import { conditionOf } from '../audience/segment-sql.ts';
import { rowsFrom } from '../store/batch.ts';
import {
  aboutOf,
  limitsInForce,
  lockPeople,
  mailsToward,
  wishesOf,
  type FrequencyCap,
} from '../store/pressure.ts';
import type { Delivery } from '../store/queue.ts';
import { leaveOut, putOff } from '../store/queue-limit.ts';
import { segmentById } from '../store/segment.ts';
import type { Db } from '../store/tables.ts';
import { capOfWish, isAbout, judge, reasonOf, reasonOfWish, type Cap, type MailOf } from './cap.ts';

const DAY_MS = 86_400_000;

interface Limit extends Cap {
  reason: string;
}

/** Answers those that may go. The others wait for their room, or have ended as suppressed. */
export async function limitClaim<
  D extends Pick<
    Delivery,
    'id' | 'lane' | 'attempt' | 'contact_id' | 'queued_at' | 'template_version_id' | 'sending_domain_id'
  >,
>(tx: Db, owner: string, claimed: readonly D[], now: number): Promise<D[]> {
  // A retry has its place since the first attempt, which may have arrived. Letters, receipts and tests are never capped.
  const asked = claimed.filter(
    (row) =>
      row.lane === 'bulk' && row.attempt === 1 && row.contact_id !== null && row.template_version_id !== null,
  );
  if (asked.length === 0) return [...claimed];
  const { caps, hasWishes } = await limitsInForce(tx);
  if (caps.length === 0 && !hasWishes) return [...claimed];
  const about = await aboutOf(tx, asked);
  const wishes = hasWishes ? await wishesOf(tx, peopleOf(asked)) : new Map<number, 'weekly' | 'monthly'>();
  const concerned = asked
    .filter((row) => wishes.has(row.contact_id ?? 0) || caps.some((cap) => isAbout(cap, about(row))))
    .sort((a, b) => a.queued_at - b.queued_at || a.id - b.id);
  if (concerned.length === 0) return [...claimed];
  const people = peopleOf(concerned);
  await lockPeople(tx, people);
  const members = await membersOf(tx, caps, people, now);
  const limitsOf = (row: D): Limit[] => {
    const wish = wishes.get(row.contact_id ?? 0);
    return [
      ...(wish === undefined ? [] : [{ ...capOfWish(wish), reason: reasonOfWish(wish) }]),
      ...caps
        .filter((cap) => cap.segment_id === null || members.get(cap.segment_id)?.has(row.contact_id ?? 0))
        .map((cap) => ({ ...cap, reason: reasonOf(cap) })),
    ];
  };
  const limits = new Map(concerned.map((row) => [row.id, limitsOf(row)]));
  const longest = Math.max(0, ...[...limits.values()].flat().map((cap) => cap.days));
  const asking = new Set(concerned.map((row) => row.id));
  const toward = Map.groupBy(
    // What is being judged holds no place yet.
    (await mailsToward(tx, people, now - longest * DAY_MS)).filter((mail) => !asking.has(mail.delivery_id)),
    (mail) => mail.contact_id,
  );
  const later: { id: number; dueAt: number; reason: string }[] = [];
  const never: { id: number; reason: string }[] = [];
  const held = new Set<number>();
  for (const row of concerned) {
    const person = row.contact_id ?? 0;
    const mails: MailOf[] = toward.get(person) ?? [];
    const mail = about(row);
    const verdict = judge(limits.get(row.id) ?? [], mails, { ...mail, queuedAt: row.queued_at }, now);
    if (verdict.kind === 'go') {
      // Two mails to one person in one claim: the first one has its place before the second is asked.
      const taken = { ...mail, at: null, contact_id: person, delivery_id: row.id };
      toward.set(person, [...(toward.get(person) ?? []), taken]);
      continue;
    }
    held.add(row.id);
    if (verdict.kind === 'later')
      later.push({ id: row.id, dueAt: verdict.dueAt, reason: verdict.cap.reason });
    else never.push({ id: row.id, reason: verdict.cap.reason });
  }
  await putOff(tx, owner, later);
  await leaveOut(tx, owner, never, now);
  return claimed.filter((row) => !held.has(row.id));
}

const peopleOf = (rows: readonly Pick<Delivery, 'contact_id'>[]): number[] => [
  ...new Set(rows.flatMap((row) => row.contact_id ?? [])),
];

/** Who of these people is in the segments that caps are about, as of now. A segment that is gone has nobody. */
export async function membersOf(
  tx: Db,
  caps: readonly FrequencyCap[],
  people: readonly number[],
  now: number,
): Promise<Map<number, Set<number>>> {
  const members = new Map<number, Set<number>>();
  for (const id of new Set(caps.flatMap((cap) => cap.segment_id ?? []))) {
    const condition = await segmentCondition(tx, id, now);
    if (condition === undefined) continue;
    const these = rowsFrom(
      tx,
      people.map((person) => ({ id: person })),
      { id: 'int' },
    );
    const { rows } = await sql<{ id: number }>`select contact.id from contact
      where contact.id in (select id from ${these} as r) and ${condition}`.execute(tx);
    members.set(id, new Set(rows.map((row) => row.id)));
  }
  return members;
}

/** The condition on `contact` that a segment is; undefined when it is gone. */
export async function segmentCondition(db: Db, id: number, now: number) {
  const segment = await segmentById(db, id);
  if (segment === undefined) return undefined;
  try {
    const { root } = readDefinition(JSON.parse(segment.definition));
    return conditionOf(db, await inlineSegments(db, root, id), now, 'slice');
  } catch (error) {
    // It names one that is gone. Mail does not stop for that.
    if (error instanceof Problem) return undefined;
    throw error;
  }
}
