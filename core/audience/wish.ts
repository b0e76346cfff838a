/**
 * A wish to leave that was not said plainly enough to act alone: marketing is paused the moment it is read, and somebody of
 * the team decides. Either answer ends the pause; the words and the message stay with it as evidence.
 */
import { Problem } from '../errors.ts';
import type { Runtime } from '../runtime.ts';
import { addEvents } from '../store/event.ts';
import { liftSuppression } from '../store/person-wish.ts';
import { wishesIn } from '../store/suppression.ts';
import type { Row } from '../store/tables.ts';
import { suppressIn, unsubscribeScope } from './suppress.ts';

/** `leave`: they get no more of this. `stay`: they meant something else. */
export type WishDecision = 'leave' | 'stay';

/** Decides the wish that waits in a conversation; in force when it resolves. */
export async function decideWish(
  { store, suppressions, wake, clock }: Pick<Runtime, 'store' | 'suppressions' | 'wake' | 'clock'>,
  { conversationId, decision, by }: { conversationId: number; decision: WishDecision; by: number },
): Promise<void> {
  const now = clock.now();
  const { lifted, added } = await store.write(async (tx) => {
    const asked = (await wishesIn(tx, conversationId)).find((one) => one.scope === 'pause');
    const pause = asked && (await liftSuppression(tx, asked.id, by, now));
    if (asked === undefined || pause == null)
      throw new Problem('conflict', 'nothing waits for a decision here any more');
    const left: Row<'suppression'>[] =
      decision === 'stay'
        ? []
        : await suppressIn(
            tx,
            [
              {
                address: asked.address,
                scope: unsubscribeScope(asked.list_id),
                reason: 'unsubscribe-in-words',
                contact_id: asked.contact_id,
                delivery_id: asked.delivery_id,
                inbound_id: asked.inbound_id,
                evidence: asked.evidence,
                created_by: by,
              },
            ],
            now,
          );
    await addEvents(tx, [
      decision === 'stay'
        ? {
            kind: 'unsuppressed' as const,
            at: now,
            contact_id: asked.contact_id,
            conversation_id: conversationId,
            data: { scope: 'pause', reason: 'pause', by },
          }
        : {
            kind: 'unsubscribed' as const,
            at: now,
            contact_id: asked.contact_id,
            conversation_id: conversationId,
            delivery_id: asked.delivery_id,
            data: { method: 'words', by, scope: unsubscribeScope(asked.list_id), evidence: asked.evidence },
          },
    ]);
    return { lifted: pause, added: left };
  });
  // What stops them first, so that there is no moment in between.
  for (const row of added) suppressions.add(row);
  suppressions.remove(lifted);
  wake.ring('suppression');
  wake.ring('conversation');
}
