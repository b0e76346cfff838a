/** The old message in the HTML that the inbox shows: folded once, whole, and only where its place is sure. */
import { describe, expect, test } from 'vitest';
import { foldHtml } from './fold-html.ts';
import { htmlToText, readPage } from './html-text.ts';
import { read } from './read.ts';
import { readReply } from './reply.ts';

const folded = (html: string, ownText?: string) => {
  const page = readPage(html);
  return foldHtml(page, readReply(page.text, { marks: page.marks, ownText }));
};
const sanitised = (html: string) => readPage(html).html;
/** What stands outside of every fold, and what inside. */
function parts(html: string): { open: string; old: string } {
  const plain = (text: string) =>
    htmlToText(text)
      .text.replace(/[•\s]+/g, ' ')
      .trim();
  const pieces = html.split(/(<details class="old">.*?<\/details>)/s);
  return {
    open: plain(pieces.filter((piece) => !piece.startsWith('<details')).join('')),
    old: plain(pieces.filter((piece) => piece.startsWith('<details')).join('')),
  };
}

describe('the old message is one fold', () => {
  test.each([
    [
      'Gmail',
      '<div dir="ltr">Yes</div><br><div class="gmail_quote"><div class="gmail_attr">xx<br></div><blockquote class="gmail_quote"><p>old one</p><p>old two</p></blockquote></div>',
      'xx old one old two',
    ],
    [
      'Outlook on the web',
      '<div>Yes</div><div id="appendonsend"></div><hr><div id="divRplyFwdMsg"><b>From:</b> Shop</div><div><p>old one</p></div><p>old two</p>',
      'From: Shop old one old two',
    ],
    [
      'Outlook for Windows',
      '<div><p>Yes</p><div><div style="border:none;border-top:solid #E1E1E1 1.0pt"><p><b>From:</b> Shop</p></div></div><p>old one</p><p>old two</p></div>',
      'From: Shop old one old two',
    ],
    [
      'a rule inside of an element, the rest outside',
      '<div><div>Yes<hr id="stopSpelling">xx<br></div><p>old one</p></div><p>old two</p>',
      'xx old one old two',
    ],
    [
      'only an announcement in words',
      '<p>Yes</p><p>Le lun. 5 janv. 2026 à 10:00, Shop &lt;a@shop.example&gt; a écrit :</p><p>old one</p>',
      'Le lun. 5 janv. 2026 à 10:00, Shop <a@shop.example> a écrit : old one',
    ],
  ])('%s', (_, html, old) => {
    const shown = folded(html);
    expect(parts(shown)).toEqual({ open: 'Yes', old });
    // Nothing is lost, and every tag still has its end.
    expect(shown.replace(/<details class="old"><summary>•••<\/summary>|<\/details>/g, '')).toBe(
      sanitised(html),
    );
  });

  test('our own mail without any announcement', () => {
    const ownText = 'Discover our new selection of linen dresses, made in Lyon with love by people we know.';
    expect(parts(folded(`<p>Yes</p><p>${ownText}</p>`, ownText))).toEqual({ open: 'Yes', old: ownText });
  });
});

test.each([
  ['nothing is old', '<p>Yes</p><p>No</p>'],
  ['everything is old', '<blockquote type="cite"><p>old</p></blockquote>'],
  ['it stands in a table', '<table><tr><td>Yes</td></tr><tr class="yahoo_quoted"><td>old</td></tr></table>'],
  ['the answer stands below', '<blockquote type="cite"><p>old</p></blockquote><p>Yes</p>'],
])('no fold where %s', (_, html) => {
  expect(folded(html)).toBe(sanitised(html));
});

test('a stranger cannot make a fold of his own', () => {
  expect(sanitised('<details class="old"><summary>Pay here</summary>x</details>')).not.toContain('<details');
});

test('what the HTML marks as old is old in the plain part beside it, in any language', () => {
  const raw = [
    'From: Ana Roy <ana@remote.example>',
    'To: support@shop.example',
    'Subject: Re: Summer',
    'MIME-Version: 1.0',
    'Content-Type: multipart/alternative; boundary="b"',
    '',
    '--b',
    'Content-Type: text/plain; charset=utf-8',
    '',
    'Yes, two.',
    '',
    'Ba oni shop kpatabura',
    '',
    'Discover our new selection of linen dresses made in Lyon',
    'with love by people we know.',
    '--b',
    'Content-Type: text/html; charset=utf-8',
    '',
    '<p>Yes, two.</p><div class="yahoo_quoted"><p>Ba oni shop kpatabura</p><p>Discover our new selection of linen dresses made in Lyon with love by people we know.</p></div>',
    '--b--',
    '',
  ].join('\r\n');
  const { letter, verdict } = read(Buffer.from(raw), {
    mailFrom: 'ana@remote.example',
    purposes: [],
    now: 0,
  });
  expect(verdict.reply.visible).toBe('Yes, two.');
  expect(parts(letter.html ?? '').open).toBe('Yes, two.');
});

test('the cost of a fold grows with the size and no faster', () => {
  const make = (count: number) =>
    `<p>Yes</p>${'<div>'.repeat(60)}<hr id="stopSpelling">${'<p>old <b>x</b></p>'.repeat(count)}`;
  const cost = (count: number) => {
    const html = make(count);
    const page = readPage(html);
    const reply = readReply(page.text, { marks: page.marks });
    const began = performance.now();
    foldHtml(page, reply);
    return performance.now() - began;
  };
  cost(500);
  const small = cost(2_000);
  expect(cost(16_000)).toBeLessThan(Math.max(small * 24, 3000));
});
