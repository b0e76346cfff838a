/** A campaign sent back without a mark is known again, however the answer reached us. */
import { describe, expect, test } from 'vitest';
import { linksFor } from '../core/mail/identifiers.ts';
import { fromJson, toJson } from '../core/store/json.ts';
import type { Segment } from '../core/store/conversation.ts';
import { eachEngine } from '../core/store/testing.ts';
import { linksIn, ownIdsIn } from './answered-text.ts';
import { FROM_DOMAIN, openHouse, type House, type Sent } from './testing.ts';

const OFFER = 'Discover our new selection of linen dresses, made in Lyon with love by people we know.';
const FOOTER =
  'You receive this mail because you are a customer of ours. Unsubscribe here whenever you like.';

/** Gives a delivery the words that it was sent with. */
async function sendWords(house: House, sent: Sent): Promise<void> {
  await house.store.write(async (tx) => {
    const domain = await tx.selectFrom('sending_domain').select('id').executeTakeFirstOrThrow();
    const { id } = await tx
      .insertInto('template_version')
      .values({
        campaign_id: sent.campaignId,
        subject: 'Summer letter',
        preheader: '',
        html: `<p>Dear {{ contact.first_name }}</p><p>${OFFER}</p><p>${FOOTER}</p>`,
        text: '',
        from_name: 'Shop',
        from_address: `hello@${FROM_DOMAIN}`,
        reply_to: '',
        sending_domain_id: domain.id,
        list_id: null,
        settings: toJson({}),
        created_at: 0,
      })
      .returning('id')
      .executeTakeFirstOrThrow();
    await tx.updateTable('delivery').set({ template_version_id: id }).where('id', '=', sent.id).execute();
  });
}

const answer = (fields: string[], text: string) =>
  [
    'From: Ana Roy <ana@remote.example>',
    `To: support@${FROM_DOMAIN}`,
    'Subject: Re: Summer letter',
    'Message-ID: <1@remote.example>',
    ...fields,
    '',
    text,
    '',
  ].join('\n');

async function readBack(house: House): Promise<{ kind: string; text: string }[]> {
  const { text, segments } = await house.store.read
    .selectFrom('message')
    .select(['text', 'segments'])
    .executeTakeFirstOrThrow();
  return fromJson<Segment[]>(segments, []).map(({ kind, start, end }) => ({
    kind,
    text: text.slice(start, end).replace(/\s+/g, ' ').trim(),
  }));
}

const BODY = `J'adore !\n\n${OFFER}\n\n${FOOTER}`;
const EXPECTED = [
  { kind: 'new', text: "J'adore !" },
  { kind: 'quoted', text: `${OFFER} ${FOOTER}` },
];

eachEngine((_name, open) => {
  describe('the campaign in an answer without any mark is folded', () => {
    test('when it came to the address with our token', async () => {
      const house = await openHouse({ open });
      const sent = await house.delivery('ana@remote.example');
      await sendWords(house, sent);
      await house.receive({ from: sent.address, to: sent.replyTo, raw: answer([], BODY) });
      await house.settle();
      expect(await readBack(house)).toEqual(EXPECTED);
    });

    test('when it came to a plain address and names our Message-ID', async () => {
      const house = await openHouse({ open });
      const sent = await house.delivery('ana@remote.example');
      await sendWords(house, sent);
      const raw = answer([`References: <x@other.example>\n <${sent.messageId}>`], BODY);
      await house.receive({ from: sent.address, to: `support@${FROM_DOMAIN}`, raw });
      await house.settle();
      expect(await readBack(house)).toEqual(EXPECTED);
    });

    test('when only the link of our footer came back', async () => {
      const house = await openHouse({ open });
      const sent = await house.delivery('ana@remote.example');
      await sendWords(house, sent);
      const { unsubscribe } = linksFor(
        house.tokens,
        { id: sent.id, now: house.clock.now() },
        'https://shop.example',
      );
      const raw = answer([], `${BODY}\n<${unsubscribe}>`);
      await house.receive({ from: sent.address, to: `support@${FROM_DOMAIN}`, raw });
      await house.settle();
      expect((await readBack(house))[0]).toEqual(EXPECTED[0]);
    });
  });

  test('without any sign of ours nothing is folded', async () => {
    const house = await openHouse({ open });
    const sent = await house.delivery('ana@remote.example');
    await sendWords(house, sent);
    const forged = `m.${'0'.repeat(32)}@${FROM_DOMAIN}`;
    const raw = answer([`In-Reply-To: <${forged}>`], BODY);
    await house.receive({ from: sent.address, to: `support@${FROM_DOMAIN}`, raw });
    await house.settle();
    expect((await readBack(house)).map((segment) => segment.kind)).toEqual(['new']);
  });
});

test('Message-IDs are read from In-Reply-To first, then from References, newest first, folded or not', () => {
  const id = (letter: string) => `m.${letter.repeat(32)}@shop.example`;
  const raw = Buffer.from(
    `Subject: x\r\nReferences: <${id('a')}>\r\n <${id('b')}>\r\nIn-Reply-To: <${id('c')}>\r\n\r\nReferences: <${id('d')}>`,
  );
  expect(ownIdsIn(raw)).toEqual([id('c'), id('b'), id('a')]);
});

test('a link that quoted-printable broke is found', () => {
  const token = 'a1'.repeat(16);
  expect(linksIn(Buffer.from(`x https://shop.example/u/a1a1a1=\r\n${token.slice(6)} y`))).toEqual([token]);
});
