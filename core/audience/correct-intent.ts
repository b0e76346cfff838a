/**
 * Staff say what a reply means, and Parley learns from it (learnt-intent.ts). What is learnt only proposes and re-orders:
 * a person takes the proposal or says that the rules were right, and either is one more lesson. Nobody is unsubscribed,
 * paused or mailed by a correction; that stays its own press.
 */
import type { Intent } from '../../config/intent-phrases.ts';
import { Problem } from '../errors.ts';
import type { Runtime } from '../runtime.ts';
import {
  correctedAmong,
  correctionById,
  corrections,
  correctionsMark,
  dropCorrection,
  keepCorrection,
  readReplyById,
  setReplyIntent,
  uncorrectedReplies,
} from '../store/intent-correction.ts';
import type { Db } from '../store/tables.ts';
import { addAudit } from '../store/user.ts';
import { countedWords, LearntIntents } from './learnt-intent.ts';

/** What is learnt from: the newest corrections, and as background the newest replies that nobody touched. */
const MOST_CORRECTIONS = 2000;
const BACKGROUND = 400;
const BACKGROUND_KEPT_MS = 10 * 60_000;

interface Kept {
  mark: string;
  at: number;
  learnt: LearntIntents;
}
const kept = new WeakMap<object, Kept>();

/** What this workspace has learnt. Read anew once a correction came or went: undo and erasure are forgotten at once. */
export async function learntIntents({ store }: Pick<Runtime, 'store'>, now: number): Promise<LearntIntents> {
  const db: Db = store.read;
  const mark = await correctionsMark(db);
  const before = kept.get(store);
  if (before?.mark === mark && now - before.at < BACKGROUND_KEPT_MS) return before.learnt;
  const taught = await corrections(db, { limit: MOST_CORRECTIONS });
  const background = taught.length === 0 ? [] : await uncorrectedReplies(db, BACKGROUND);
  const learnt = new LearntIntents([
    ...taught.map(({ words, intent }) => ({
      words: countedWords(words),
      intent: intent as Intent,
      from: 'staff' as const,
    })),
    ...background.map(({ words, intent }) => ({
      words: countedWords(words),
      intent: intent as Intent,
      from: 'rules' as const,
    })),
  ]);
  kept.set(store, { mark, at: now, learnt });
  return learnt;
}

type Needs = Pick<Runtime, 'store' | 'wake' | 'clock'>;

/** One of the team says what a reply means; the conversation it stands in is answered. */
export async function correctIntent(
  { store, wake, clock }: Needs,
  { messageId, intent, by }: { messageId: number; intent: Intent; by: number },
): Promise<number> {
  const now = clock.now();
  const conversationId = await store.write(async (tx) => {
    const reply = await readReplyById(tx, messageId);
    if (reply === undefined)
      throw new Problem('not-found', 'there is no such reply: only what a person wrote has an intent');
    await keepCorrection(tx, reply, { intent, by }, now);
    // Said again what the rules had read: their evidence holds again.
    const first = (await correctedAmong(tx, [messageId])).get(messageId);
    const evidence = intent === first?.was ? first.was_evidence : null;
    await setReplyIntent(tx, reply, { intent, evidence }, now);
    await addAudit(
      tx,
      {
        userId: by,
        action: 'intent corrected',
        subject: `message:${messageId}`,
        detail: { from: reply.intent, to: intent },
      },
      now,
    );
    return reply.conversation_id;
  });
  wake.ring('conversation');
  return conversationId;
}

/** Takes a correction back: the reply means again what the rules read, and what it taught is forgotten. */
export async function undoCorrection(
  { store, wake, clock }: Needs,
  { id, by }: { id: number; by: number },
): Promise<void> {
  const now = clock.now();
  await store.write(async (tx) => {
    const correction = await correctionById(tx, id);
    if (correction === undefined) throw new Problem('not-found', 'there is no such correction');
    const reply = await readReplyById(tx, correction.message_id);
    await dropCorrection(tx, id);
    if (reply !== undefined)
      await setReplyIntent(tx, reply, { intent: correction.was, evidence: correction.was_evidence }, now);
    await addAudit(
      tx,
      {
        userId: by,
        action: 'intent correction undone',
        subject: `message:${correction.message_id}`,
        detail: { from: correction.intent, to: correction.was },
      },
      now,
    );
  });
  wake.ring('conversation');
}
