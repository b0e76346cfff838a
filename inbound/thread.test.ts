import { closeConversation } from '../core/store/conversation.ts';
import { describe, expect, test } from 'vitest';
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
/** 22 bytes: a one, the time and a GUID. */
const threadIndex = Buffer.from([1, ...Array.from({ length: 21 }, (_, i) => i * 7)])
  .toString('base64')
  .slice(0, -2);
const first: Mail = {
  from: ana,
  subject: 'Order 7',
  id: 'First.1@Remote.example',
  fields: [`Thread-Index: ${threadIndex}`],
};
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
      'ids that a gateway dropped: Outlook’s Thread-Index, the same sender and subject',
      { from: ana, subject: 'RE: Order 7', fields: [`Thread-Index: ${threadIndex}AAAAAAA=`] },
      [[ana, ana]],
    ],
    [
      'a Thread-Index under another subject is not enough',
      { from: ana, subject: 'RE: Order 8', fields: [`Thread-Index: ${threadIndex}AAAAAAA=`] },
      [[ana], [ana]],
    ],
    [
      'a Thread-Index of somebody else brings him into no conversation',
      { from: eve, subject: 'RE: Order 7', fields: [`Thread-Index: ${threadIndex}`] },
      [[ana], [eve]],
    ],
    [
      'a Thread-Index that is none is nothing',
      { from: ana, subject: 'RE: Order 7', fields: ['Thread-Index: AQ=='] },
      [[ana], [ana]],
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
});

const DAY = 24 * 60 * 60 * 1000;

describe('an answer to a closed conversation', () => {
  /** First mail, closed, and an answer to it so many days later. */
  async function answered(days: number, mail: Partial<Mail> = {}): Promise<House> {
    const house = await openHouse();
    await receive(house, first);
    await house.settle();
    await house.store.write((tx) => closeConversation(tx, 1, house.clock.now()));
    house.clock.advance(days * DAY);
    await receive(house, { from: ana, fields: answers('First.1@Remote.example'), ...mail });
    await house.settle();
    return house;
  }
  const rows = (house: House) =>
    house.store.read
      .selectFrom('conversation')
      .select(['id', 'state', 'continues_id', 'message_count', 'address'])
      .orderBy('id')
      .execute();
  const old = { id: 1, state: 'closed', continues_id: null, message_count: 1, address: ana };
  const next = { id: 2, state: 'open', continues_id: 1, message_count: 1, address: ana };

  test('opens it again within thirty days', async () => {
    expect(await rows(await answered(29))).toEqual([{ ...old, state: 'open', message_count: 2 }]);
  });

  test('begins a new one that names the old after that, and later answers land in the new', async () => {
    const house = await answered(31);
    expect(await rows(house)).toEqual([old, next]);
    await receive(house, { from: ana, subject: 'Again', fields: answers('First.1@Remote.example') });
    await house.settle();
    expect(await rows(house)).toEqual([old, { ...next, message_count: 2 }]);
  });

  test('and so on: the new one that was closed long ago stays closed too', async () => {
    const house = await answered(31);
    await house.store.write((tx) => closeConversation(tx, 2, house.clock.now()));
    house.clock.advance(31 * DAY);
    await receive(house, { from: ana, fields: answers('First.1@Remote.example') });
    await house.settle();
    expect(await rows(house)).toEqual([
      old,
      { ...next, state: 'closed' },
      { ...next, id: 3, continues_id: 2 },
    ]);
  });

  test('by a program joins it without waking it', async () => {
    const house = await answered(31, {
      fields: [...answers('First.1@Remote.example'), 'Auto-Submitted: auto-replied'],
      subject: 'Out of office: Order 7',
      text: 'I am out of the office until 5 May.',
    });
    expect(await rows(house)).toEqual([{ ...old, message_count: 2 }]);
  });

  test('of a stranger is a conversation of his own, that names nothing', async () => {
    const house = await answered(31, { from: eve });
    expect(await rows(house)).toEqual([old, { ...next, continues_id: null, address: eve }]);
  });
});
