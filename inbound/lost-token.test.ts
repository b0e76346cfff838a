import { describe, expect, test } from 'vitest';
import { clickUrl, linksFor, replyAddress, returnPath } from '../core/mail/identifiers.ts';
import { createTokens } from '../core/mail/tokens.ts';
import { readEnvelopeTokens } from './envelope-token.ts';
import { readHeaders } from './header.ts';
import { deliveryInBody, withLostToken } from './lost-token.ts';
import { BOUNCE_HOST, FROM_DOMAIN, openHouse, REPLY_HOST, type House } from './testing.ts';

const now = Date.UTC(2026, 0, 5);
const tokens = createTokens([{ id: 1, secret: Buffer.alloc(32, 7) }]);
const origin = { id: 41, now };
const reply = (id: number) => replyAddress(tokens, { id, now }, { mailbox: 'support', host: REPLY_HOST });
const bounce = returnPath(tokens, origin, BOUNCE_HOST);
const [bounceLocal, bounceHost] = bounce.split('@');
const plain = `support@${FROM_DOMAIN}`;

describe('a token that the envelope lost', () => {
  test.each<[string, { rcpt?: string; fields: string[] }, string]>([
    ['is in To', { fields: [`To: Shop <${reply(41)}>`] }, 'r41 To'],
    ['is in To among others', { fields: [`To: a@b.example, ${reply(41)}, c@d.example`] }, 'r41 To'],
    ['is in Delivered-To', { fields: [`To: ${plain}`, `Delivered-To: ${reply(41)}`] }, 'r41 Delivered-To'],
    ['is in X-Original-To', { fields: [`X-Original-To: ${reply(41)}`] }, 'r41 X-Original-To'],
    ['is in Envelope-To', { fields: [`Envelope-To: ${reply(41)}`] }, 'r41 Envelope-To'],
    [
      'is in X-Gm-Original-To, of Google’s routing',
      { fields: [`X-Gm-Original-To: ${reply(41)}`] },
      'r41 X-Gm-Original-To',
    ],
    ['is in Cc, for who answered all', { fields: [`To: a@b.example`, `Cc: ${reply(41)}`] }, 'r41 Cc'],
    [
      'in To comes before one in Delivered-To',
      { fields: [`Delivered-To: ${reply(42)}`, `To: ${reply(41)}`] },
      'r41 To',
    ],
    [
      'is found below the first of several Delivered-To',
      { fields: [`Delivered-To: ${plain}`, `Delivered-To: ${reply(41)}`] },
      'r41 Delivered-To',
    ],
    ['of a return path is in the To of the report', { fields: [`To: <${bounce}>`] }, 'b41 To'],
    [
      'is inside what SRS made of it',
      { fields: [`To: SRS0=abcd=ef=${bounceHost}=${bounceLocal}@forward.example`] },
      'b41 To',
    ],
    ['is inside what BATV made of it', { fields: [`To: prvs=2123a4b5c6=${bounce}`] }, 'b41 To'],
    [
      'is not asked for when the envelope has one',
      { rcpt: reply(7), fields: [`To: ${reply(41)}`] },
      'r7 envelope',
    ],
    ['is not taken from Reply-To, where our own mail has it', { fields: [`Reply-To: ${reply(41)}`] }, 'none'],
    ['that somebody made up is none', { fields: [`To: support+r${'0'.repeat(32)}@${REPLY_HOST}`] }, 'none'],
    [
      'at another host than it was made for is none',
      { fields: [`To: ${reply(41).replace(REPLY_HOST, 'evil.example')}`] },
      'none',
    ],
  ])('%s', (_, { rcpt = plain, fields }, expected) => {
    const envelope = readEnvelopeTokens([rcpt], tokens, now);
    const { valid } = withLostToken(envelope, () => readHeaders(fields.join('\r\n')), { tokens, now });
    const [token] = valid;
    expect(
      token === undefined ? 'none' : `${token.purpose}${token.deliveryId} ${token.field ?? 'envelope'}`,
    ).toBe(expected);
  });
});

describe('a delivery that the quotation names', () => {
  const links = linksFor(tokens, origin, 'https://mail.shop.example');
  test.each<[string, string, string | null, number | undefined]>([
    ['by the unsubscribe link', `Hi\n> Unsubscribe: ${links.unsubscribe}`, null, 41],
    ['by the preferences link', `> ${links.preferences}.`, null, 41],
    ['by the view link', `> ${links.view}`, null, 41],
    ['by a counted link', `> ${clickUrl(tokens, origin, 'https://mail.shop.example', 3)}`, null, 41],
    ['by a link in the HTML alone', 'Hi', `<a href="${links.unsubscribe}">x</a>`, 41],
    [
      'by a link that another host wrapped',
      `<https://safelinks.example/?url=${encodeURIComponent(links.unsubscribe)}&data=05>`,
      null,
      41,
    ],
    ['by our address in the head of the quotation', `De : Shop <${reply(41)}>\nEnvoyé : lundi`, null, 41],
    ['by nothing: a link of others', `> https://shop.example/u/${'0'.repeat(32)}`, null, undefined],
    ['by nothing: no link', 'Hello', '<p>Hello</p>', undefined],
  ])('%s', (_, text, html, expected) => {
    expect(deliveryInBody({ text, html }, { tokens, now })).toBe(expected);
  });
});

const ana = 'ana@remote.example';
const stop = 'Please unsubscribe me.';
async function receive(house: House, fields: string[], text = stop, from = ana): Promise<void> {
  const head = [`From: ${from}`, 'Subject: Re: Summer letter', `Message-ID: <${fields.length}@x.example>`];
  await house.receive({ from, to: plain, raw: [...head, ...fields, '', text, ''].join('\n') });
  await house.settle();
}
async function outcome(house: House) {
  const row = await house.store.read.selectFrom('inbound').selectAll().executeTakeFirstOrThrow();
  const suppressed = await house.store.read.selectFrom('suppression').select('address').execute();
  const conversation = await house.store.read
    .selectFrom('conversation')
    .select('delivery_id')
    .executeTakeFirst();
  return {
    delivery: row.delivery_id,
    trust: row.trust,
    suppressed: suppressed.length,
    shown: conversation?.delivery_id,
  };
}

describe('what a recovered token does', () => {
  test('one in To acts as one in the envelope would', async () => {
    const house = await openHouse();
    const sent = await house.delivery(ana);
    await receive(house, [`To: ${sent.replyTo}`]);
    expect(await outcome(house)).toEqual({
      delivery: sent.id,
      trust: 'verified',
      suppressed: 1,
      shown: sent.id,
    });
  });

  test('mail that a host forwards to the mailbox’s name at our reply host lands in that mailbox', async () => {
    const house = await openHouse();
    const raw = `From: ${ana}\nTo: ${plain}\nSubject: Hello\n\nHi.\n`;
    await house.receive({ from: ana, to: `support@${REPLY_HOST}`, raw });
    await house.settle();
    const rows = await house.store.read.selectFrom('conversation').select('mailbox_id').execute();
    expect(rows).toEqual([{ mailbox_id: house.mailboxId }]);
  });

  test('one in the quotation places the answer and suppresses nobody', async () => {
    const house = await openHouse();
    const sent = await house.delivery(ana);
    const { unsubscribe } = linksFor(
      house.tokens,
      { id: sent.id, now: house.clock.now() },
      'https://x.example',
    );
    await receive(house, [`To: ${plain}`], `${stop}\n\n> Our letter\n> ${unsubscribe}`);
    expect(await outcome(house)).toEqual({ delivery: sent.id, trust: 'none', suppressed: 0, shown: sent.id });
  });

  test('a quotation in the mail of somebody else brings him into nobody’s conversation', async () => {
    const house = await openHouse();
    const sent = await house.delivery(ana);
    const { unsubscribe } = linksFor(
      house.tokens,
      { id: sent.id, now: house.clock.now() },
      'https://x.example',
    );
    await receive(house, [`To: ${sent.replyTo}`], 'Merci');
    await receive(house, [`To: ${plain}`, 'X-A: 1'], `Hello\n> ${unsubscribe}`, 'eve@elsewhere.example');
    const rows = await house.store.read
      .selectFrom('conversation')
      .select(['address', 'message_count'])
      .orderBy('id')
      .execute();
    expect(rows).toEqual([
      { address: ana, message_count: 1 },
      { address: 'eve@elsewhere.example', message_count: 1 },
    ]);
  });
});
