/** What comes out of a stranger's HTML: tags and attributes of the list, written by us, and nothing else, whatever went in. */
import { expect, test } from 'vitest';
import { readPage } from './html-text.ts';

const safe = (html: string) => readPage(html).html;

test.each([
  [
    'what is allowed stays',
    '<p align="left"><b>a</b> &amp; b&nbsp;c</p>',
    '<p align="left"><b>a</b> &amp; b&nbsp;c</p>',
  ],
  ['what is unknown goes, its words stay', '<o:p>a</o:p><form>b<input value=x></form>', 'ab'],
  ['scripts and styles go with their words', 'a<script>b</script><style>c</style>d', 'ad'],
  ['a head without an end hides nothing', '<head><title>t</title><body><p>a</p>', '<p>a</p>'],
  ['what is open is closed', '<div><b>a', '<div><b>a</b></div>'],
  ['what is closed only goes', 'a</div></b>b', 'ab'],
  ['a paragraph ends where a block begins', '<p>a<div>b</div>', '<p>a</p><div>b</div>'],
  ['cells end each other', '<table><tr><td>a<td>b', '<table><tr><td>a</td><td>b</td></tr></table>'],
  [
    'a stray end leaves the table whole',
    '<b><table><tr><td>a</b>b</td></tr></table></b>',
    '<b><table><tr><td>ab</td></tr></table></b>',
  ],
  ['an element written as empty is empty', '<div/><p>a</p>', '<div></div><p>a</p>'],
  ['a sign that is no tag is a sign', 'a < b > c <3', 'a &lt; b &gt; c &lt;3'],
  ['a comment goes', 'a<!-- <b>x</b> -->b<!--[if mso]><b>c</b><![endif]-->d<!-->e', 'abde'],
  ['of two attributes the first counts', '<p title="a" title="b">x</p>', '<p title="a">x</p>'],
  [
    'a quote in a value cannot end it',
    `<p title='"><b onload=x>'>x</p>`,
    '<p title="&quot;&gt;&lt;b onload=x&gt;">x</p>',
  ],
  ['a quote without an end takes no words', '<p title="a>hello</p>', '<p title="&quot;a">hello</p>'],
])('%s', (_, html, expected) => {
  expect(safe(html)).toBe(expected);
});

const LINK = ' target="_blank" rel="noopener noreferrer nofollow"';
test.each([
  ['https://x.test/?a=1&copy=2&amp;b=3', ` href="https://x.test/?a=1&amp;copy=2&amp;b=3"${LINK}`],
  ['MAILTO:a@x.test', ` href="MAILTO:a@x.test"${LINK}`],
  ['java&#115;cript:alert(1)', LINK],
  ['java\tscript:alert(1)', LINK],
  ['javascript&colon;alert(1)', LINK],
  ['&#1;javascript:alert(1)', LINK],
  ['vbscript:x', LINK],
  ['//x.test/a', LINK],
  ['/api/session', LINK],
])('the link %s', (href, attributes) => {
  expect(safe(`<a href="${href}" onclick=x ping=y>z</a>`)).toBe(`<a${attributes}>z</a>`);
});

test.each([
  ['color: red; position: fixed; top: 0', 'color:red'],
  ['background-color:#fff !important;background:url(https://x.test)', 'background-color:#fff'],
  ['font-family: &quot;Segoe UI&quot;, Arial', 'font-family:&quot;Segoe UI&quot;, Arial'],
  ['width: expression(alert(1)); margin: 0 auto 0 -9999px', ''],
  ['col\\6f r: red; color: r\\65 d', ''],
  ['color:red;}</style><b>', 'color:red'],
])('the style %s', (style, expected) => {
  expect(safe(`<p style='${style}'>x</p>`)).toBe(
    expected === '' ? '<p>x</p>' : `<p style="${expected}">x</p>`,
  );
});

test('elements deeper than a hundred are left out, their words are not', () => {
  const html = safe(`${'<div>'.repeat(150)}a${'</div>'.repeat(150)}<p>b</p>`);
  expect(html).toBe(`${'<div>'.repeat(100)}a${'</div>'.repeat(100)}<p>b</p>`);
});

// Grammar of what may come out: our tags, our attributes, values that hold no sign of markup.
const OURS =
  /<(?:\/[a-z][a-z0-9]*|[a-z][a-z0-9]*(?: (?:style|dir|lang|align|valign|title|href|target|rel|src|data-remote|alt|width|height|color|size|face|border|cellpadding|cellspacing|bgcolor|colspan|rowspan|nowrap|span|start|type|value|datetime)="[^"<>]*")*(?: \/)?)>/g;
const NEVER =
  /^<\/?(?:script|style|iframe|object|embed|form|input|button|svg|math|base|meta|link|html|head|body|template|noscript|details|summary|video|audio|textarea|select|frame|title)\b/;

// Cut at blanks; a trailing blank belongs to a piece that is written with "~".
const PIECES = [
  ' ',
  '\n',
  '\u0000',
  '\ud800',
  ...'< > " \' = / & ; <!-- --> --!> ]]> <![CDATA[ <? </ é words alert(1) url(x) &lt; &#60; &quot &#x3e'.split(
    ' ',
  ),
  ...'<p~ <a~ <td~ <img~ <div> </div> <table> <b/> <svg> </svg> <math> <style> </style> <script> </script> <noscript> <title> </title> <textarea> <xmp> <o:p>'.split(
    ' ',
  ),
  ...'href= src= style= onload= title= javascript: jav&#x09;ascript: data:text/html, https://x.test color:red; position:fixed; <img~src=https://x.test/a>'.split(
    ' ',
  ),
].map((piece) => piece.replaceAll('~', ' '));

test('whatever is put together, only our own tags come out, closed in order', () => {
  let seed = 20_260_105;
  const random = (below: number) => {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((seed / 2 ** 32) * below);
  };
  for (let turn = 0; turn < 4000; turn++) {
    const html = Array.from({ length: 1 + random(40) }, () => PIECES[random(PIECES.length)]!).join('');
    const out = safe(html);
    expect(out.replace(OURS, ''), html).not.toMatch(/[<>]/);
    const open: string[] = [];
    for (const [tag] of out.matchAll(OURS)) {
      expect(tag, html).not.toMatch(NEVER);
      expect(tag, html).not.toMatch(/ (?:href|src)="\s*(?!https?:|mailto:|tel:|cid:|data:image\/|")/i);
      if (tag.startsWith('</')) expect(tag, html).toBe(`</${open.pop()}>`);
      else if (!tag.endsWith(' />')) open.push(/[a-z0-9]+/.exec(tag)![0]);
    }
    expect(open, html).toEqual([]);
    // Reading what was written changes nothing, but that an image which waits is forgotten.
    if (!out.includes('data-remote')) expect(safe(out), html).toBe(out);
  }
});
