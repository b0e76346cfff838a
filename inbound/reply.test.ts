/** What is read as new in an answer: the orders people write in, signatures, disclaimers, our own mail sent back. */
import { describe, expect, test } from 'vitest';
import { htmlToText } from './html-text.ts';
import { headerAt } from './quote-header.ts';
import { linesOf } from './reply-line.ts';
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

describe('the order of answers', () => {
  const header = 'On Mon, 5 Jan 2026 at 10:00, Shop <a@shop.example> wrote:';

  test.each([
    ['above the old message', `Yes.\n\n${header}\n> hello\n> there`, 'Yes.'],
    ['below it', `${header}\n> hello\n> there\n\nYes.`, 'Yes.'],
    ['below it at once', `${header}\n\n> hello\n>\nYes.`, 'Yes.'],
    ['above and below', `Yes.\n\n${header}\n> hello\n> there\n\nAnd no.`, 'Yes.\n\nAnd no.'],
    [
      'between, each below what it answers',
      `${header}\n> size?\n\n38.\n\n> colour?\n\nBlue.\n\n> thanks\n> Shop`,
      `${header}\n> size?\n\n38.\n\n> colour?\n\nBlue.`,
    ],
    [
      'between, under a greeting',
      `See below.\n\n${header}\n> size?\n\n38.\n\n> colour?\nBlue.`,
      `See below.\n\n${header}\n> size?\n\n38.\n\n> colour?\nBlue.`,
    ],
    ['below a citation of their own choice', '> size?\n\n38.', '> size?\n\n38.'],
    ['over an older exchange', `Yes.\n\n${header}\n> No.\n>\n> ${header}\n>> Maybe?`, 'Yes.'],
    [
      'over two old messages without marks',
      `Yes.\n\n${header}\n\nNo.\n\nOn Sun, 4 Jan 2026 at 9:00, B <b@b.example> wrote:\n\nMaybe?`,
      'Yes.',
    ],
    [
      'over a quoted line that was broken',
      `Yes.\n\n${header}\n> a long line that goes on and on until the program breaks it at seventy-six or\nso letters\n> and more`,
      'Yes.',
    ],
    ['on the line of the announcement', `Yes.--- On Mon, 1/5/26, a@shop.example wrote:\n> hello`, 'Yes.'],
  ])('%s', (_, text, expected) => {
    expect(visible(text)).toBe(expected);
  });

  test('quotations that are answered stay quotations, so that no rule takes their words for the writer’s', () => {
    const text = `${header}\n> unsubscribe here?\n\nNo!\n\n> else?\n\nNo.`;
    const { segments } = readReply(text);
    expect(segments.map(({ kind, shown }) => (shown ? `${kind}, shown` : kind))).toEqual([
      'quoted, shown',
      'new',
      'quoted, shown',
      'new',
    ]);
  });

  test('a long quotation without announcement above the answer is folded', () => {
    expect(visible(`${'> line\n'.repeat(60)}\nYes.`)).toBe('Yes.');
  });
});

describe('signatures', () => {
  test.each([
    ['two dashes', 'Yes.\n\n-- \nAna\nRoy & Co', 'Yes.'],
    ['two dashes without the space', 'Yes.\n\n--\nAna', 'Yes.'],
    [
      'between the answer and the old message',
      'Yes.\n\n-- \nAna\n\nOn 5 Jan 2026 at 10:00, Shop wrote:\n> hi',
      'Yes.',
    ],
    ['below the old message', 'Yes.\n\nOn 5 Jan 2026 at 10:00, Shop wrote:\n> hi\n\n-- \nAna', 'Yes.'],
    ['a card under a leave-taking', 'Yes.\n\nKind regards,\n\nAna Roy\nBuyer, Roy & Co\n+33 1 23 45', 'Yes.'],
    ['a card in German', 'Ja.\n\nMit freundlichen Grüßen\n\nAna Roy\nRoy GmbH\nHamburg', 'Ja.'],
    ['a card in Spanish', 'Sí.\n\nUn saludo,\n\nAna Roy\nRoy SL', 'Sí.'],
    ['a card in French', 'Oui.\n\nBien cordialement,\nAna Roy\nAcheteuse', 'Oui.'],
    ['a name alone is a person speaking', 'Yes.\n\nThanks,\nAna', 'Yes.\n\nThanks,\nAna'],
    ['iPhone', 'Yes\n\nSent from my iPhone', 'Yes'],
    ['iPhone in French', 'Oui\n\nEnvoyé de mon iPhone', 'Oui'],
    ['iPhone in German', 'Ja\n\nVon meinem iPhone gesendet', 'Ja'],
    ['iPhone in Spanish', 'Sí\n\nEnviado desde mi iPhone', 'Sí'],
    ['iPhone in Italian', 'Sì\n\nInviato da iPhone', 'Sì'],
    ['iPhone in Portuguese', 'Sim\n\nEnviado do meu iPhone', 'Sim'],
    ['iPhone in Dutch', 'Ja\n\nVerstuurd vanaf mijn iPhone', 'Ja'],
    ['iPhone in Swedish', 'Ja\n\nSkickat från min iPhone', 'Ja'],
    ['iPhone in Danish', 'Ja\n\nSendt fra min iPhone', 'Ja'],
    ['iPhone in Finnish', 'Joo\n\nLähetetty iPhonesta', 'Joo'],
    ['iPhone in Polish', 'Tak\n\nWysłane z iPhone’a', 'Tak'],
    ['iPhone in Czech', 'Ano\n\nOdesláno z iPhonu', 'Ano'],
    ['iPhone in Russian', 'Да\n\nОтправлено с iPhone', 'Да'],
    ['iPhone in Turkish', 'Evet\n\niPhone’umdan gönderildi', 'Evet'],
    ['iPhone in Greek', 'Ναι\n\nΣτάλθηκε από το iPhone μου', 'Ναι'],
    ['iPhone in Japanese', 'はい\n\niPhoneから送信', 'はい'],
    ['iPhone in Chinese', '好\n\n发自我的iPhone', '好'],
    ['iPhone in Korean', '네\n\n나의 iPhone에서 보냄', '네'],
    ['Outlook on phones', 'Yes\n\nGet Outlook for iOS<https://aka.ms/o0ukef>', 'Yes'],
    ['Samsung', 'Oui\n\nEnvoyé depuis mon appareil Samsung Galaxy', 'Oui'],
    [
      'a sentence is none',
      'Sent from my desk, it is easier to read.',
      'Sent from my desk, it is easier to read.',
    ],
  ])('%s', (_, text, expected) => {
    expect(visible(text)).toBe(expected);
  });
});

describe('disclaimers are folded', () => {
  test.each([
    [
      'English',
      'This e-mail and any attachments are confidential. If you are not the intended recipient, delete it.',
    ],
    [
      'French',
      'Ce message et ses pièces jointes sont confidentiels. Si vous n’êtes pas le destinataire, merci de le détruire.',
    ],
    [
      'German',
      'Diese E-Mail enthält vertrauliche Informationen. Wenn Sie nicht der richtige Adressat sind, vernichten Sie sie.',
    ],
    [
      'Spanish',
      'Este mensaje es confidencial. Si usted no es el destinatario, le rogamos que lo borre y nos avise.',
    ],
    ['on paper', 'Pensez à l’environnement avant d’imprimer ce message.'],
    ['a scanner', 'Virus-free. www.avast.com'],
  ])('%s', (_, conditions) => {
    const text = `Ok for me.\n\nAna\n\n${conditions}\n`;
    const { segments } = readReply(text);
    expect(visible(text)).toBe('Ok for me.\n\nAna');
    expect(segments.at(-1)?.kind).toBe('disclaimer');
  });

  test.each([
    ['English', 'CAUTION: This email originated from outside of the organization.\nDo not click links.'],
    ['French', 'Attention : ce message provient d’un expéditeur externe.'],
    ['German', 'ACHTUNG: Externe E-Mail! Vorsicht bei Links.'],
  ])('a banner at the top: %s', (_, banner) => {
    expect(visible(`${banner}\n\nYes, two.`)).toBe('Yes, two.');
  });

  test('what a person says of confidence stays', () => {
    const text = 'Is this offer confidential?\n\nMay I show the attachments to my boss, or is it prohibited?';
    expect(visible(text)).toBe(text);
  });

  test('a mail of nothing else is shown', () => {
    const text = 'If you are not the intended recipient, delete this.';
    expect(visible(text)).toBe(text);
  });
});

describe('our own mail, sent back without a word of announcement', () => {
  const ownText = `Summer is here, dear {{ first_name }}!

Discover our new selection of linen dresses, made in Lyon with love by people we know.
Free delivery until Sunday evening for every order above fifty euros.

Shop now

You receive this mail because you are a customer of ours.
Unsubscribe: https://shop.example/u/x`;

  test.each([
    [
      'as it was',
      'Great!\n\nDiscover our new selection of linen dresses, made in Lyon with love by people we know.\nFree delivery until Sunday evening for every order above fifty euros.\n\nShop now\n\nYou receive this mail because you are a customer of ours.\nUnsubscribe: https://shop.example/u/x\n',
      'Great!',
    ],
    [
      'wrapped anew',
      'Great!\n\nDiscover our new selection of linen dresses, made in\nLyon with love by people we know. Free delivery until\nSunday evening for every order above fifty euros.\n',
      'Great!',
    ],
    [
      'under a header in no language we know',
      'Great!\n\nBa oni Shop a@shop.example 5.1.2026 10:00:\nDiscover our new selection of linen dresses, made in Lyon with love by people we know.\n',
      'Great!',
    ],
    [
      'with the answer below',
      'Ba oni Shop a@shop.example 5.1.2026 10:00:\nDiscover our new selection of linen dresses, made in Lyon with love by people we know.\n\nGreat!',
      'Great!',
    ],
    [
      'with a short answer between two of our sentences',
      'Discover our new selection of linen dresses, made in Lyon with love by people we know.\nI love it\nFree delivery until Sunday evening for every order above fifty euros.\nSuper\n',
      'Discover our new selection of linen dresses, made in Lyon with love by people we know.\nI love it\nFree delivery until Sunday evening for every order above fifty euros.\nSuper',
    ],
    [
      'a few words of ours in a sentence',
      'I want the linen dresses, made in Lyon.',
      'I want the linen dresses, made in Lyon.',
    ],
  ])('%s', (_, text, expected) => {
    expect(readReply(text, { ownText }).visible).toBe(expected);
  });

  test('our mail with not a word added is shown, and is still not the writer’s', () => {
    const text = `On 5 Jan 2026 at 10:00, Shop <a@shop.example> wrote:\n> Unsubscribe\n`;
    const { visible, segments } = readReply(text);
    expect(visible).toBe(text.trim());
    expect(segments).toEqual([{ kind: 'quoted', start: 0, end: text.length, shown: true }]);
  });

  test('our footer never counts as the writer’s words', () => {
    const text = `Great!\n\nYou receive this mail because you are a customer of ours.\nUnsubscribe: https://shop.example/u/x\n`;
    const { segments } = readReply(text, { ownText });
    const mine = segments.filter((segment) => segment.kind !== 'quoted');
    expect(mine.map(({ start, end }) => text.slice(start, end).trim())).toEqual(['Great!']);
  });
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

/** Processor time of the cheaper of two, in milliseconds: what else the machine does is not counted. */
function cost(text: string): number {
  let least = Infinity;
  for (let i = 0; i < 2; i++) {
    const began = process.cpuUsage();
    const html = htmlToText(text);
    readReply(text, { ownText: text });
    readReply(html.text, { marks: html.marks });
    const { user, system } = process.cpuUsage(began);
    least = Math.min(least, (user + system) / 1000);
  }
  return least;
}

// inbox.md section 4: twenty kilobytes of some of these take eleven seconds in a popular library.
const KILOBYTE = 1024;
const repeated = (unit: string) => (size: number) => unit.repeat(Math.ceil(size / unit.length));

describe('work grows with the size and no faster', () => {
  test.each([
    ['unfinished headers', 'Op x y schreef\n'],
    ['days and addresses', 'On 5 Jan 2026 at 10:00, a@b.example,\n'],
    ['names and addresses', 'A\n<a@b.example>\n'],
    ['fields', 'From: a\nCc: b\n'],
    ['rules', '--------\n\n'],
    ['fields apart', 'From: a\n\n'],
  ])('%s: sixty looks at lines for each, at most', (_, unit) => {
    for (const count of [100, 3000]) {
      const lines = linesOf(unit.repeat(count));
      let looks = 0;
      const counted = new Proxy(lines, {
        get(target, name) {
          if (typeof name === 'string' && /^\d+$/.test(name)) looks++;
          return Reflect.get(target, name) as unknown;
        },
      });
      for (const at of lines.keys()) headerAt(counted, at, () => false);
      expect(looks).toBeLessThan(lines.length * 60);
    }
  });

  test.each([
    ['unfinished headers', repeated('Op x y schreef\n')],
    ['"On " without end', repeated('On ')],
    ['lines of "On 5 Jan 2026"', repeated('On 5 Jan 2026 at 10:00, a@b.example,\n')],
    ['names and addresses', repeated('A\n<a@b.example>\n')],
    ['header fields', repeated('From: a@b.example\n\n')],
    ['header fields of one kind', repeated('Cc: a\nFrom: b\n')],
    ['lines of ">"', repeated('>\n')],
    ['one line of ">"', repeated('>')],
    ['quotes and answers in turn', repeated('> a?\nb\n')],
    ['empty lines', repeated('\n')],
    ['spaces', repeated(' ')],
    ['dashes', repeated('-')],
    ['rules of dashes', repeated('--------\n')],
    ['"--On " on one line', repeated('--On ')],
    ['leave-takings', repeated('Regards\nAna\n')],
    ['delimiters', repeated('-- \n')],
    ['colons', repeated('a:\n')],
    ['addresses', repeated('a@b.example ')],
    ['the same words', repeated('one two three four five six seven\n')],
    ['open elements', repeated('<div>')],
    ['open quotations', repeated('<blockquote>')],
    ['holders in holders', repeated('<div class="gmail_quote">x<br>')],
    ['quotations in holders', repeated('<div class="gmail_quote"><blockquote>x</blockquote>')],
    ['stray end tags', repeated('</b>')],
    ['stray end tags in open elements', repeated('<div></b>')],
    ['attributes without end', repeated('<div class="')],
    ['comments without end', repeated('<!--')],
    ['entities', repeated('&amp')],
    ['half tags', repeated('<')],
    ['preformatted spaces', (size: number) => `<pre>${' '.repeat(size)}a`],
    ['breaks', repeated('<br>')],
    ['list items', repeated('<li>')],
  ])('%s', (_, make) => {
    const small = cost(make(64 * KILOBYTE));
    const large = cost(make(256 * KILOBYTE));
    // Four times the size: a square would be sixteen times the work, and seconds where it matters.
    expect(large).toBeLessThan(Math.max(small * 10, 1500));
  });
});

test('a block of fields counts even where our own mail holds its words', () => {
  const fields = 'From: Shop\nSent: Monday, 5 January 2026 10:00\nTo: Ana Roy\nSubject: Our summer selection';
  expect(readReply(`Yes.\n\n${fields}\n\nHello Ana`, { ownText: `${fields}\nHello Ana Roy` }).visible).toBe(
    'Yes.',
  );
});
