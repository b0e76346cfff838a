import { expect, test } from 'vitest';
import { htmlToText } from './html-text.ts';
import { readReply } from './reply.ts';

const visible = (text: string) => readReply(text).visible;

test.each([
  ['nothing old', 'Bonjour,\n\nMerci !', 'Bonjour,\n\nMerci !'],
  [
    'On … wrote with marks',
    'Yes.\n\nOn Tue, 5 Jan 2026 at 10:00, Shop <a@shop.example> wrote:\n> hello',
    'Yes.',
  ],
  [
    'On … wrote over three lines',
    'Yes.\n\nOn Tue, 5 Jan 2026\nat 10:00, Shop\n<a@shop.example> wrote:\n\nhello there',
    'Yes.',
  ],
  [
    'Le … a écrit',
    'Oui.\n\nLe lun. 5 janv. 2026 à 10:00, Boutique <a@shop.example> a écrit :\n\n> bonjour',
    'Oui.',
  ],
  ['Am … schrieb', 'Ja.\n\nAm 05.01.2026 um 10:00 schrieb Shop <a@shop.example>:\n> hallo', 'Ja.'],
  [
    'El … escribió',
    'Sí.\n\nEl lun, 5 ene 2026 a las 10:00, Tienda (<a@shop.example>) escribió:\n\n> hola',
    'Sí.',
  ],
  [
    'Outlook in French',
    'Oui.\n\nDe : Boutique <a@shop.example>\nEnvoyé : lundi 5 janvier 2026 10:00\nÀ : Ana\nObjet : Été\n\nBonjour',
    'Oui.',
  ],
  [
    'Outlook in German',
    'Ja.\n\nVon: Shop\nGesendet: Montag, 5. Januar 2026 10:00\nAn: Ana\nBetreff: Sommer\n\nHallo',
    'Ja.',
  ],
  ['Original Message', 'Yes.\n\n-----Original Message-----\nhello', 'Yes.'],
  [
    'answer below the quotation',
    'On 5 Jan 2026, a@shop.example wrote:\n> shall we?\n\nYes, gladly.',
    'Yes, gladly.',
  ],
  ['answers between quotations stay', '> one?\nYes.\n> two?\nNo.', '> one?\nYes.\n> two?\nNo.'],
  ['signature after two dashes', 'Yes.\n\n-- \nAna\nRoy & Co', 'Yes.'],
  ['sent from a phone', 'Oui\n\nEnvoyé de mon iPhone', 'Oui'],
  [
    'a sentence that begins with On is no header',
    'On Monday I wrote: nothing.',
    'On Monday I wrote: nothing.',
  ],
  ['only a quotation is shown whole', '> hello', '> hello'],
])('%s', (_, text, expected) => {
  expect(visible(text)).toBe(expected);
});

test.each([
  [
    'a line of dashes is no signature when words follow',
    'Hi\n---\nyes, cancel my order 123',
    /cancel my order/,
  ],
  ['a postscript after the greeting', 'Ok.\n\nBest regards\nAna\nPS: ship to 12 rue X', /12 rue X/],
  [
    'a wish after the greeting',
    'Bonne journée\nCordialement\nAu fait : désinscrivez-moi',
    /désinscrivez-moi/,
  ],
  ['a question after the greeting', 'Ok.\n\nThanks,\nAna\nWhen does it arrive?', /When does it arrive/],
])('no word is hidden: %s', (_, text, expected) => {
  expect(visible(text)).toMatch(expected);
});

test('segments cover the whole text, in order, so that nothing is ever lost', () => {
  const text = 'Yes.\n\n-- \nAna\n\nOn 5 Jan 2026, a@shop.example wrote:\n> one\n> two\n';
  const { segments } = readReply(text);
  expect(segments.map((segment) => segment.kind)).toEqual(['new', 'signature', 'quoted']);
  expect(segments.map((segment) => text.slice(segment.start, segment.end)).join('')).toBe(text);
});

test('what we sent is known again without any mark', () => {
  const ownText = 'Discover our summer selection, made in Lyon with love.\nUnsubscribe here if you like.';
  expect(
    readReply(`Great!\n\nDiscover our summer selection, made in Lyon with love.\n`, { ownText }).visible,
  ).toBe('Great!');
});

test.each([
  [
    'gmail',
    '<div>Oui</div><div class="gmail_quote"><div class="gmail_attr">Le 5 janv. 2026 à 10:00, a@shop.example a écrit :<br></div><blockquote>hello</blockquote></div>',
  ],
  ['outlook', '<p>Oui</p><div id="divRplyFwdMsg"><b>From:</b> Shop</div><div>hello</div>'],
  [
    'thunderbird',
    '<p>Oui</p><div class="moz-cite-prefix">Le 05/01/2026 à 10:00, Shop a écrit :</div><blockquote type="cite">hello</blockquote>',
  ],
  ['yahoo', '<div>Oui</div><div class="yahoo_quoted"><div>hello</div></div>'],
])('HTML of %s', (_, html) => {
  const { text, marks } = htmlToText(html);
  expect(readReply(text, { marks }).visible).toBe('Oui');
});

// inbox.md section 4: twenty kilobytes of this take eleven seconds in a popular library.
test.each([
  ['a thousand unfinished headers', 'Op x y schreef\n'.repeat(1320)],
  ['eight thousand empty lines', `a${'\n'.repeat(8000)}b`],
  ['a megabyte of quotes', '>'.repeat(1024 * 1024)],
  ['a hundred thousand spaces', `On ${' '.repeat(100_000)} wrote`],
  ['deep HTML', '<div>'.repeat(20_000)],
  ['stray end tags', '</b>'.repeat(50_000)],
])('%s cost little', (_, text) => {
  const began = performance.now();
  const html = htmlToText(text);
  readReply(text);
  readReply(html.text, { marks: html.marks });
  expect(performance.now() - began).toBeLessThan(500);
});
