import { describe, expect, test } from 'vitest';
import { baseSubject } from './thread.ts';
import { FROM_DOMAIN, openHouse, type House } from './testing.ts';

interface Mail {
  from: string;
  subject?: string;
  to?: string;
  id?: string;
  fields?: string[];
  text?: string;
}

let serial = 0;
const receive = (house: House, { from, to, subject = 'Hello', id, fields = [], text = 'Hi.' }: Mail) =>
  house.receive({
    from,
    to: to ?? `support@${FROM_DOMAIN}`,
    raw: [
      `From: ${from}`,
      `To: support@${FROM_DOMAIN}`,
      `Subject: ${subject}`,
      `Message-ID: <${id ?? `n${++serial}@remote.example`}>`,
      ...fields,
      '',
      text,
      '',
    ].join('\n'),
  });

/** Who is in which conversation: senders in the order they came. */
async function conversations(house: House): Promise<string[][]> {
  await house.settle();
  const rows = await house.store.read
    .selectFrom('message')
    .select(['conversation_id', 'from_address'])
    .orderBy('id')
    .execute();
  const groups = new Map<number, string[]>();
  for (const row of rows)
    groups.set(row.conversation_id, [...(groups.get(row.conversation_id) ?? []), row.from_address]);
  return [...groups.values()];
}

const ana = 'ana@remote.example';
const eve = 'eve@elsewhere.example';
const first: Mail = { from: ana, subject: 'Order 7', id: 'First.1@Remote.example' };
const answers = (id: string) => [`In-Reply-To: <${id}>`];

describe('threading', () => {
  test.each<[string, Mail, string[][]]>([
    [
      'a stranger who copies the Message-ID of a conversation does not get into it',
      { from: eve, subject: 'Re: Order 7', fields: answers('First.1@Remote.example') },
      [[ana], [eve]],
    ],
    [
      'a changed subject stays in the conversation that it answers',
      { from: ana, subject: 'Something else', fields: answers('First.1@Remote.example') },
      [[ana, ana]],
    ],
    [
      'a Message-ID that came back in other case is known',
      { from: ana, fields: answers('FIRST.1@remote.EXAMPLE') },
      [[ana, ana]],
    ],
    [
      'only References, longer than 10 kB, with ours the last of them',
      {
        from: ana,
        fields: [
          `References: ${Array.from({ length: 300 }, (_, i) => `<old${i}.0123456789012345@remote.example>`).join('\n ')}`,
          ' <First.1@Remote.example>',
        ],
      },
      [[ana, ana]],
    ],
    [
      'the same subject alone, with "Re:" and from a sender who proves nothing, merges nothing',
      { from: ana, subject: 'Re: Order 7' },
      [[ana], [ana]],
    ],
    [
      'a fresh mail with the same subject is a conversation of its own',
      { from: ana, subject: 'Order 7' },
      [[ana], [ana]],
    ],
    [
      'a stranger who uses the same Message-ID again is kept, and apart',
      { from: eve, id: 'First.1@Remote.example', text: 'Other words.' },
      [[ana], [eve]],
    ],
  ])('%s', async (_, second, expected) => {
    const house = await openHouse();
    await receive(house, first);
    await house.settle();
    await receive(house, second);
    expect(await conversations(house)).toEqual(expected);
  });

  test('two readers who answer one campaign, and a stranger with the address of one, are three conversations', async () => {
    const house = await openHouse();
    const sent = await house.delivery(ana);
    const other = await house.delivery('bob@remote.example');
    await receive(house, { from: ana, to: sent.replyTo, subject: 'Re: Summer letter' });
    await receive(house, { from: other.address, to: other.replyTo, subject: 'Re: Summer letter' });
    await house.settle();
    await receive(house, { from: eve, to: sent.replyTo, subject: 'Re: Summer letter' });
    expect(await conversations(house)).toEqual([[ana], [other.address], [eve]]);
  });

  test.each([
    ['RE: [EXTERNAL] Aw: Order 7', 'order 7', true, false],
    ['TR : Order 7', 'order 7', false, true],
    ['回复：Order 7', 'order 7', true, false],
    ['Regarding: Order 7', 'regarding: order 7', false, false],
  ])('%s has the subject %s', (subject, base, isReply, isForward) => {
    expect(baseSubject(subject)).toEqual({ base, isReply, isForward });
  });
});
