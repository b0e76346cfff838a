/** What nobody takes up is given up with the reason; what a person keeps back is not. Words of attempts are kept, bounded. */
import { expect, test } from 'vitest';
import { domainIds, enqueueMessage } from './queue.ts';
import { deliveryStory, holdDestination } from './delivery.ts';
import { addOrder } from './queue-order.ts';
import { expire, overdue } from './queue-expiry.ts';
import { holdSlice } from './queue-sweep.ts';
import { eachEngine } from './testing.ts';
import { addTranscripts, forgetTranscripts, transcriptsOf } from './transcript.ts';

const NOW = Date.UTC(2026, 0, 5, 9);
const DAY = 86_400_000;

eachEngine((_, open) => {
  test('what has been due for four days expires with the reason; held, paused and younger mail stays', async () => {
    const store = await open();
    const names = [
      'lost.example',
      'routed.example',
      'held.example',
      'site.example',
      'young.example',
      'one.example',
    ];
    const ids = await store.write(async (tx) => {
      const made: number[] = [];
      for (const [place, name] of names.entries())
        made.push(
          ...(await enqueueMessage(
            tx,
            { messageId: place + 1, recipients: [`a@${name}`], sendingDomainId: 1 },
            name === 'young.example' ? NOW - DAY : NOW - 5 * DAY,
          )),
        );
      const domains = await domainIds(tx, names);
      await tx
        .updateTable('domain')
        .set({ site: 'mx.routed' })
        .where('name', '=', 'routed.example')
        .execute();
      await tx.updateTable('domain').set({ site: 'mx.kept' }).where('name', '=', 'site.example').execute();
      await holdDestination(tx, domains.get('held.example') as number, true);
      await addOrder(tx, { kind: 'hold', by: 'site', id: null, name: 'mx.kept' }, 0, NOW);
      await holdSlice(tx, { delivery: made.at(-1) as number }, 'a person', NOW);
      return made;
    });
    const before = NOW - 4 * DAY;
    const found = await overdue(store.read, before, 100);
    expect(found.toSorted((a, b) => a - b)).toEqual(ids.slice(0, 2));
    expect(await store.write((tx) => expire(tx, found, before, NOW))).toBe(2);
    const story = await deliveryStory(store.read, ids[0] as number, NOW);
    expect(story.delivery).toMatchObject({ state: 'expired', finished_at: NOW });
    expect(story.delivery.reason).toBe('given up: no route to its destination was found in 4 days');
    expect(story.events.map((one) => one.kind)).toEqual(['queued', 'expired']);
    const routed = await deliveryStory(store.read, ids[1] as number, NOW);
    expect(routed.delivery.reason).toBe('given up: no turn came for it in 4 days');
    expect(await store.write((tx) => expire(tx, found, before, NOW))).toBe(0);
  });

  test('the words of the last five attempts are kept, once each, and forgotten in time', async () => {
    const store = await open();
    await store.write(async (tx) => {
      for (let number = 1; number <= 7; number++)
        await addTranscripts(
          tx,
          [
            { delivery_id: 3, number, lines: `> RCPT ${number}` },
            { delivery_id: 4, number: 1, lines: 'first' },
          ],
          NOW + number,
        );
    });
    expect((await transcriptsOf(store.read, 3)).map((one) => one.number)).toEqual([3, 4, 5, 6, 7]);
    expect(await transcriptsOf(store.read, 4)).toMatchObject([{ lines: 'first', at: NOW + 1 }]);
    expect(await store.write((tx) => forgetTranscripts(tx, NOW + 6, 2))).toBe(2);
    expect(await store.write((tx) => forgetTranscripts(tx, NOW + 6, 99))).toBe(2);
    expect((await transcriptsOf(store.read, 3)).map((one) => one.number)).toEqual([6, 7]);
  });
});
