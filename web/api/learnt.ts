/** What replies mean, by staff's word, over HTTP: correct it, see what was learnt, take it back. */
import type { Intent } from '../../config/intent-phrases.ts';
import { correctIntent, learntIntents, undoCorrection } from '../../core/audience/correct-intent.ts';
import { countedWords, type Tipping } from '../../core/audience/learnt-intent.ts';
import { Problem } from '../../core/errors.ts';
import type { Runtime } from '../../core/runtime.ts';
import { conversationById, type ConversationMessage } from '../../core/store/conversation.ts';
import {
  correctedAmong,
  corrections,
  countCorrections,
  ownWordsOf,
} from '../../core/store/intent-correction.ts';
import type { Message } from '../contract.ts';
import type { SomeHandlers } from '../http/route.ts';

type Reading = Pick<Message, 'intents' | 'intent_proposed' | 'intent_corrected'>;

const MOST_WORDS = 6;
const EXCERPT = 220;

const named = (words: readonly Tipping[], most = MOST_WORDS) =>
  words.slice(0, most).map(({ word, seen }) => ({ word, seen }));

/** What the picker beside each reply offers, and what Parley would propose. */
export async function intentReadings(
  rt: Pick<Runtime, 'store'>,
  messages: readonly ConversationMessage[],
  now: number,
): Promise<Map<number, Reading>> {
  const replies = messages.filter(({ direction, intent }) => direction === 'in' && intent !== null);
  if (replies.length === 0) return new Map();
  const [learnt, corrected] = await Promise.all([
    learntIntents(rt, now),
    correctedAmong(
      rt.store.read,
      replies.map(({ id }) => id),
    ),
  ]);
  return new Map(
    replies.map((message) => {
      const words = countedWords(ownWordsOf(message.text, message.segments));
      const reads = message.intent as Intent;
      const known = corrected.get(message.id);
      const proposal = known === undefined ? learnt.propose(words, reads) : undefined;
      return [
        message.id,
        {
          intents: learnt.rank(words, reads).map(({ intent }) => intent),
          intent_proposed: proposal === undefined ? null : { ...proposal, words: named(proposal.words) },
          intent_corrected:
            known === undefined
              ? null
              : { id: known.id, was: known.was, by: known.made_by_name, at: known.made_at },
        },
      ];
    }),
  );
}

export const learntHandlers = {
  async correctIntent({ rt, params, body, user }) {
    const id = await correctIntent(rt, { messageId: params.id, intent: body.intent, by: user.id });
    const row = await conversationById(rt.store.read, id);
    if (row === undefined) throw new Problem('not-found', 'there is no such conversation');
    return { conversation: { ...row, unread: row.unread === 1 } };
  },

  async learnt({ rt, query, now }) {
    const before = query.cursor === undefined ? undefined : Number(query.cursor);
    if (before !== undefined && !Number.isSafeInteger(before))
      throw new Problem('invalid', 'the cursor is not one of ours', {
        fields: { cursor: 'is not a cursor' },
      });
    const [model, rows, total] = await Promise.all([
      learntIntents(rt, now),
      corrections(rt.store.read, { ...(before === undefined ? {} : { before }), limit: query.limit + 1 }),
      countCorrections(rt.store.read),
    ]);
    const page = rows.slice(0, query.limit);
    return {
      total,
      taught: model.taught().map((one) => ({ ...one, words: named(one.words, 10) })),
      rows: page.map(({ words, correction_id, id, ...row }) => ({
        id: correction_id,
        message_id: id,
        conversation_id: row.conversation_id,
        from_name: row.from_name,
        from_address: row.from_address,
        subject: row.subject,
        excerpt: words.replace(/\s+/g, ' ').trim().slice(0, EXCERPT),
        was: row.was,
        intent: row.intent,
        made_by_name: row.made_by_name,
        made_at: row.made_at,
        words: named(model.lesson(countedWords(words), row.intent as Intent)),
      })),
      next: rows.length > query.limit ? String(page.at(-1)?.correction_id) : null,
    };
  },

  async undoCorrection({ rt, params, user }) {
    await undoCorrection(rt, { id: params.id, by: user.id });
    return {};
  },
} satisfies SomeHandlers;
