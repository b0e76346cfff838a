/** Answers as each mail program writes them in HTML: what is new, what is old, and what the writer answers between. */
import { describe, expect, test } from 'vitest';
import { htmlToText } from './html-text.ts';
import { readReply } from './reply.ts';

const read = (html: string) => {
  const { text, marks } = htmlToText(html);
  return { text, ...readReply(text, { marks }) };
};
/** What the segments of a kind say, spaces squeezed. */
const said = (html: string, kind: string) => {
  const { text, segments } = read(html);
  return segments
    .filter((segment) => segment.kind === kind)
    .map((segment) => text.slice(segment.start, segment.end).replace(/\s+/g, ' ').trim())
    .join(' | ');
};

// No header word is a real one: only the elements can tell.
const old = '<p>Vieux texte de la boutique</p><p>Deuxième ligne</p>';

const clients: [string, string][] = [
  [
    'Gmail',
    `<div dir="ltr">Oui, deux.</div><br><div class="gmail_quote gmail_quote_container"><div dir="ltr" class="gmail_attr">xx yy<br></div><blockquote class="gmail_quote" style="margin:0px 0px 0px 0.8ex;border-left:1px solid rgb(204,204,204);padding-left:1ex">${old}</blockquote></div>`,
  ],
  [
    'Gmail, years ago',
    `Oui, deux.<br><br><div class="gmail_quote">On Mon, Jan 5, 2026 at 10:00 AM, Shop <span dir="ltr">&lt;<a href="mailto:a@shop.example">a@shop.example</a>&gt;</span> wrote:<br><blockquote class="gmail_quote">${old}</blockquote></div><br>`,
  ],
  ['Gmail, without a quotation in the holder', `<div>Oui, deux.</div><div class="gmail_quote">${old}</div>`],
  [
    'Gmail, sent on by Outlook',
    `<div>Oui, deux.</div><div class="x_gmail_quote"><div class="x_gmail_attr">xx</div><blockquote class="x_gmail_quote">${old}</blockquote></div>`,
  ],
  [
    'Apple Mail',
    `<div>Oui, deux.</div><div><br><blockquote type="cite"><div>Le 5 janv. 2026 à 10:00, Shop &lt;a@shop.example&gt; a écrit :</div><br class="Apple-interchange-newline"><div>${old}</div></blockquote></div>`,
  ],
  [
    'iPhone',
    `<html><body dir="auto">Oui, deux.<br><div dir="ltr"><br><blockquote type="cite">Le 5 janv. 2026 à 10:00, Shop a écrit :<br><br></blockquote></div><blockquote type="cite"><div dir="ltr">${old}</div></blockquote></body></html>`,
  ],
  [
    'Thunderbird',
    `<p>Oui, deux.</p><div class="moz-cite-prefix">xx yy<br></div><blockquote type="cite" cite="mid:a@shop.example">${old}</blockquote>`,
  ],
  [
    'Outlook on the web',
    `<div>Oui, deux.</div><div id="appendonsend"></div><hr style="display:inline-block;width:98%" tabindex="-1"><div id="divRplyFwdMsg" dir="ltr"><b>De&nbsp;:</b> Shop</div><div>${old}</div>`,
  ],
  [
    'Outlook for Windows',
    `<div class=WordSection1><p class=MsoNormal>Oui, deux.<o:p></o:p></p><div><div style='border:none;border-top:solid #E1E1E1 1.0pt;padding:3.0pt 0cm 0cm 0cm'><p class=MsoNormal><b>xx:</b> Shop</p></div></div>${old}</div>`,
  ],
  [
    'Outlook 2007',
    `<p class=MsoNormal>Oui, deux.</p><div style='border:none;border-top:solid #B5C4DF 1.0pt;padding:3.0pt 0in 0in 0in'><p>xx Shop</p></div>${old}`,
  ],
  [
    'Outlook, new',
    `<div>Oui, deux.</div><div id="mail-editor-reference-message-container"><div>${old}</div></div>`,
  ],
  ['Outlook for Mac', `<div>Oui, deux.</div><span id="OLK_SRC_BODY_SECTION"><div>xx Shop</div>${old}</span>`],
  [
    'Outlook on phones',
    `<div>Oui, deux.</div><div id="ms-outlook-mobile-signature">Télécharger Outlook pour iOS</div><hr><div id="divRplyFwdMsg">xx</div>${old}`,
  ],
  ['Hotmail', `<div>Oui, deux.</div><hr id="stopSpelling">xx Shop<br>${old}`],
  [
    'Yahoo',
    `<div class="yahoo-style-wrap"><div>Oui, deux.</div></div><div id="ydp1yahoo_quoted_1" class="ydp1 yahoo_quoted"><div>xx Shop</div>${old}</div>`,
  ],
  [
    'Proton',
    `<div>Oui, deux.</div><div class="protonmail_quote">xx Shop<br><blockquote class="protonmail_quote" type="cite">${old}</blockquote></div>`,
  ],
  [
    'Zoho',
    `<div>Oui, deux.</div><div class="zmail_extra_hr"></div><div class="zmail_extra">xx Shop${old}</div>`,
  ],
  [
    'Zimbra',
    `<div>Oui, deux.</div><hr id="zwchr" data-marker="__DIVIDER__"><div data-marker="__HEADERS__"><b>xx: </b>Shop</div><div data-marker="__QUOTED_TEXT__">${old}</div>`,
  ],
  [
    'GMX and web.de',
    `<div>Oui, deux.</div><div name="quote" style="margin:10px 5px 5px 10px"><div>xx Shop</div>${old}</div>`,
  ],
  [
    'Roundcube',
    `<p>Oui, deux.</p><p id="reply-intro">xx Shop</p><blockquote type="cite">${old}</blockquote>`,
  ],
  ['Fastmail', `<div>Oui, deux.</div><blockquote type="cite" id="qt"><div>${old}</div></blockquote>`],
  ['Tutanota', `<div>Oui, deux.</div><blockquote class="tutanota_quote">xx Shop${old}</blockquote>`],
  [
    'Spark',
    `<div name="messageBodySection">Oui, deux.</div><div name="messageReplySection">xx Shop${old}</div>`,
  ],
  ['Front', `<div>Oui, deux.</div><blockquote type="cite" class="front-blockquote">${old}</blockquote>`],
  [
    'Mail.ru',
    `<div>Oui, deux.</div><blockquote style="border-left:1px solid #0857A6;margin:10px;padding:0 0 0 10px;">5 января 2026, 10:00 +03:00 от Shop &lt;a@shop.example&gt;:<br>${old}</blockquote>`,
  ],
  [
    'Yandex',
    `<div>Oui, deux.</div><div>05.01.2026, 10:00, "Shop" &lt;a@shop.example&gt;:</div><blockquote><div>${old}</div></blockquote>`,
  ],
  [
    'QQ',
    `<div>Oui, deux.</div><div><includetail><div>------------------&nbsp;原始邮件&nbsp;------------------</div><div>发件人: Shop</div>${old}</includetail></div>`,
  ],
  [
    'Naver',
    `<p>Oui, deux.</p><p>-----Original Message-----<br><b>From:</b> "Shop"&lt;a@shop.example&gt;<br><b>To:</b> b@b.example<br></p>${old}`,
  ],
  [
    'Laposte, SFR and others without elements',
    `<p>Oui, deux.</p><p>&gt; Message du 05/01/26 10:00<br>&gt; De : "Shop" &lt;a@shop.example&gt;<br>&gt; A : b@b.example<br>&gt; Objet : Eté<br>&gt;<br>&gt; Vieux texte de la boutique</p>`,
  ],
  [
    'Orange',
    `<p>Oui, deux.</p><blockquote style="border-left:2px solid #ff7900">envoyé : 5 janvier 2026 à 10:00<br>de : Shop &lt;a@shop.example&gt;<br>à : b@b.example<br>objet : Eté<br>${old}</blockquote>`,
  ],
];

test.each(clients)('%s: new above old', (_, html) => {
  const { visible, text, segments } = read(html);
  expect(visible).toBe('Oui, deux.');
  expect(said(html, 'new')).toBe('Oui, deux.');
  // Folded, not gone.
  expect(text).toContain('Vieux texte de la boutique');
  expect(segments.map(({ start, end }) => text.slice(start, end)).join('')).toBe(text);
});

describe('answers between the quotations stay with what they answer', () => {
  test.each([
    [
      'Gmail',
      '<div class="gmail_quote"><div class="gmail_attr">xx<br></div><blockquote class="gmail_quote">Quelle taille ?</blockquote><div>La 38.</div><blockquote class="gmail_quote">Quelle couleur ?</blockquote><div>Bleue.</div><blockquote class="gmail_quote">Merci, la boutique</blockquote></div>',
    ],
    [
      'Thunderbird',
      '<div class="moz-cite-prefix">xx<br></div><blockquote type="cite">Quelle taille ?</blockquote><p>La 38.</p><blockquote type="cite">Quelle couleur ?</blockquote><p>Bleue.</p><blockquote type="cite">Merci, la boutique</blockquote>',
    ],
  ])('%s', (_, html) => {
    expect(read(html).visible.replace(/\s+/g, ' ')).toBe('xx Quelle taille ? La 38. Quelle couleur ? Bleue.');
    expect(said(html, 'new')).toBe('La 38. | Bleue.');
  });
});

test('an answer below the old message is the answer alone', () => {
  expect(
    read(
      `<div class="moz-cite-prefix">xx yy</div><blockquote type="cite">${old}</blockquote><p>Oui, deux.</p>`,
    ).visible,
  ).toBe('Oui, deux.');
});

test('what the writer cites by the button Quote is his', () => {
  expect(
    read('<div>As they say:</div><blockquote class="gmail_quote"><div>to be</div></blockquote>').visible,
  ).toBe('As they say:\n\nto be');
});

test('an indented paragraph is no quotation', () => {
  expect(
    read(
      '<div>Look:</div><blockquote style="margin:0 0 0 40px;border:none;padding:0px"><div>to be</div></blockquote>',
    ).visible,
  ).toBe('Look:\n\nto be');
});

test('what Gmail forwards is forwarded, not quoted', () => {
  const html =
    '<div dir="ltr">See below</div><div class="gmail_quote"><div dir="ltr" class="gmail_attr">---------- Forwarded message ---------<br>From: B &lt;b@b.example&gt;<br></div>the offer</div>';
  expect(read(html).visible).toBe('See below');
  expect(said(html, 'forwarded')).toBe(
    '---------- Forwarded message --------- From: B <b@b.example> the offer',
  );
});

test.each([
  ['Gmail', '<div class="gmail_signature" data-smartmail="gmail_signature">Ana Roy<br>Roy & Co</div>'],
  ['Thunderbird', '<div class="moz-signature">-- <br>Ana Roy<br>Roy & Co</div>'],
  ['Outlook', '<div id="Signature"><p>Ana Roy</p><p>Roy & Co</p></div>'],
  ['Outlook, sent on', '<div id="x_Signature"><p>Ana Roy</p><p>Roy & Co</p></div>'],
  ['Proton', '<div class="protonmail_signature_block">Ana Roy<br>Roy & Co</div>'],
])('the signature of %s', (_, html) => {
  const whole = `<div>Oui, deux.</div>${html}`;
  expect(read(whole).visible).toBe('Oui, deux.');
  expect(said(whole, 'signature')).toContain('Ana Roy Roy & Co');
});

test('a mail of nothing but a quotation is shown whole', () => {
  expect(read('<blockquote type="cite"><p>one</p><p>two</p></blockquote>').visible).toBe('one\n\ntwo');
});
