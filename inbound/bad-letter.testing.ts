/**
 * Bad mail, as data: what comes, what it is read as, and the very facts that the reading must have. `bad-inputs.test.ts`
 * reads each; docs/bad-inputs.md is made from it. What only takes long is in hostile.test.ts, by the same row numbers.
 */
import type { Reading } from './read.ts';

export interface BadLetter {
  row: string;
  input: string;
  answer: string;
  raw: () => Buffer;
  /** What of the reading is looked at. */
  look: (reading: Reading) => unknown;
  sees: unknown;
}

interface Letter {
  from?: string;
  fields?: string[];
  body?: string;
}

const mail = ({ from = 'From: Ana <a@b.example>', fields = [], body = 'hello' }: Letter): Buffer =>
  Buffer.from([from, 'MIME-Version: 1.0', ...fields, '', body].join('\r\n'), 'latin1');
const html = (body: string) => mail({ fields: ['Content-Type: text/html; charset=utf-8'], body });
const file = (fields: string[]) =>
  mail({ fields: [...fields, 'Content-Disposition: attachment'], body: 'x' });
const mixed = (parts: string) => mail({ fields: ['Content-Type: multipart/mixed; boundary=b'], body: parts });

const files = ({ letter }: Reading) => letter.attachments.map((one) => one.fileName);
const text = ({ letter }: Reading) => letter.text;
const kind = ({ verdict }: Reading) => verdict.kind;
const page = ({ letter }: Reading) => letter.html;

const report = (inside: string) =>
  `Content-Type: multipart/report; report-type=delivery-status; boundary=r\r\n\r\n--r\r\nContent-Type: text/plain\r\n\r\nhi\r\n--r\r\n${inside}\r\n--r--\r\n`;
const statusPart = (diagnostic: string) =>
  `Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; x\r\n\r\nFinal-Recipient: rfc822; a@b.example\r\nAction: failed\r\nStatus: 5.1.1\r\nDiagnostic-Code: smtp; 550 ${diagnostic}\r\n`;
function nested(depth: number): string {
  let inside = statusPart('no');
  for (let at = 0; at < depth; at++)
    inside = `Content-Type: message/rfc822\r\n\r\nFrom: MAILER-DAEMON@x.example\r\n${report(inside).replaceAll('boundary=r', `boundary=r${at}`).replaceAll('--r', `--r${at}`)}`;
  return inside;
}
const daemon = (body: string) => Buffer.from(`From: MAILER-DAEMON@x.example\r\nMIME-Version: 1.0\r\n${body}`);

const markup = (input: string, body: string, sees: string): BadLetter => ({
  row: '74',
  input: `HTML with ${input}`,
  answer: sees === '' ? 'nothing of it is left' : `left is ${sees}`,
  raw: () => html(body),
  look: page,
  sees,
});
const link = '<a target="_blank" rel="noopener noreferrer nofollow">x</a>';

export const badLetters: BadLetter[] = [
  {
    row: '25',
    input: 'To: a group nested 10,000 deep',
    answer: 'the rest is read',
    raw: () => mail({ fields: [`To: ${'g:'.repeat(10_000)}x@y.example${';'.repeat(10_000)}`] }),
    look: ({ letter }) => [letter.from[0]?.address, letter.text],
    sees: ['a@b.example', 'hello'],
  },
  {
    row: '40',
    input: 'Auto-Submitted: auto-replied',
    answer: 'a program’s answer, which nobody has to answer',
    raw: () => mail({ fields: ['Auto-Submitted: auto-replied'] }),
    look: kind,
    sees: 'autoreply',
  },
  {
    row: '40',
    input: 'List-Id and Precedence: bulk',
    answer: 'a newsletter',
    raw: () => mail({ fields: ['Precedence: bulk', 'List-Id: <news.x.example>'] }),
    look: kind,
    sees: 'list',
  },
  {
    row: '46',
    input: 'a report in a report, 50 deep',
    answer: 'no recipient is taken from down there',
    raw: () => daemon(report(nested(50))),
    look: ({ verdict }) => verdict.recipients,
    sees: [],
  },
  {
    row: '46',
    input: 'a Diagnostic-Code of 5 MB',
    answer: 'a bounce; 2 KiB of the words are kept',
    raw: () => daemon(report(statusPart('x'.repeat(5_000_000)))),
    look: ({ verdict }) => [
      verdict.kind,
      verdict.recipients.map(({ address, words }) => [address, words.length]),
    ],
    sees: ['bounce', [['a@b.example', 2048]]],
  },
  {
    row: '69',
    input: 'a second From',
    answer: 'both are seen; neither is proved (DMARC has no author)',
    raw: () => mail({ fields: ['From: Boss <boss@bank.example>'] }),
    look: ({ letter }) => letter.from.map((one) => one.address),
    sees: ['a@b.example', 'boss@bank.example'],
  },
  {
    row: '69',
    input: 'From without an address',
    answer: 'a name and no address; the envelope’s is taken',
    raw: () => mail({ from: 'From: Nobody' }),
    look: ({ letter }) => letter.from,
    sees: [{ name: 'Nobody', address: '' }],
  },
  {
    row: '69',
    input: '10,000 parts',
    answer: '200 files are listed, the rest stays in the raw message',
    raw: () => mixed('--b\r\nContent-Type: application/x; name=a\r\n\r\nx\r\n'.repeat(10_000)),
    look: (reading) => files(reading).length,
    sees: 200,
  },
  {
    row: '69',
    input: 'a multipart whose end is missing',
    answer: 'read to the end of the message',
    raw: () => mixed('--b\r\nContent-Type: text/plain\r\n\r\nhello'),
    look: text,
    sees: 'hello',
  },
  {
    row: '69',
    input: 'a line that begins like the boundary',
    answer: 'a line of text',
    raw: () => mixed('--b\r\nContent-Type: text/plain\r\n\r\nhello\r\n--bb\r\nmore\r\n--b--\r\n'),
    look: text,
    sees: 'hello\n--bb\nmore',
  },
  {
    row: '69',
    input: '100,000 header fields before the body',
    answer: 'the body is found',
    raw: () => mail({ fields: ['X-A: b\r\n'.repeat(100_000).trimEnd()] }),
    look: text,
    sees: 'hello',
  },
  {
    row: '69',
    input: 'a header field of 5 MB',
    answer: 'the body is found',
    raw: () => mail({ fields: [`X-A: ${'b'.repeat(5_000_000)}`] }),
    look: text,
    sees: 'hello',
  },
  {
    row: '70',
    input: 'text in UTF-7',
    answer: 'shown as it came, never decoded',
    raw: () => mail({ fields: ['Content-Type: text/plain; charset=utf-7'], body: '+ADw-script+AD4-' }),
    look: text,
    sees: '+ADw-script+AD4-',
  },
  {
    row: '70',
    input: 'an encoded word within an encoded word',
    answer: 'decoded once',
    raw: () => mail({ from: 'From: =?utf-8?Q?=3D=3Futf-8=3FQ=3Fevil=3F=3D?= <a@b.example>' }),
    look: ({ letter }) => letter.from[0]?.name,
    sees: '=?utf-8?Q?evil?=',
  },
  {
    row: '70',
    input: 'a file name that is turned around (U+202E)',
    answer: 'the name without the turn',
    raw: () => file(['Content-Type: application/pdf; name="=?utf-8?B?aW52b2ljZeKArmZkcC5leGU=?="']),
    look: files,
    sees: ['invoicefdp.exe'],
  },
  {
    row: '70',
    input: 'a file name with NUL before its real end',
    answer: 'the whole name, without NUL',
    raw: () => file(["Content-Type: application/pdf; name*=utf-8''invoice.pdf%00.exe"]),
    look: files,
    sees: ['invoice.pdf.exe'],
  },
  {
    row: '71',
    input: 'a file name that is a path',
    answer: 'its last part',
    raw: () => file(['Content-Type: application/pdf; name="../../etc/passwd"']),
    look: files,
    sees: ['passwd'],
  },
  {
    row: '71',
    input: 'an attachment of 3 MB that says it has 1 kB',
    answer: 'its real size',
    raw: () =>
      mixed(
        `--b\r\nContent-Type: image/png; name=a.png\r\nContent-Disposition: attachment; size=1000\r\nContent-Transfer-Encoding: base64\r\n\r\n${'QUJD'.repeat(1_000_000)}\r\n--b--`,
      ),
    look: ({ letter }) => (letter.attachments[0]?.size ?? 0) > 2_900_000,
    sees: true,
  },
  ...(['application/ms-tnef; name=winmail.dat', 'application/pkcs7-mime; name=smime.p7m'] as const).map(
    (type): BadLetter => ({
      row: '72',
      input: type,
      answer: 'a file, not opened',
      raw: () => file([`Content-Type: ${type}`]),
      look: ({ letter }) => [letter.attachments.map((one) => one.mediaType), letter.text],
      sees: [[type.slice(0, type.indexOf(';'))], ''],
    }),
  ),
  {
    row: '72',
    input: 'a message in a message, 30 deep',
    answer: 'one file',
    raw: () =>
      mail({
        fields: ['Content-Type: message/rfc822'],
        body: `${'Content-Type: message/rfc822\r\nFrom: z@b.example\r\n\r\n'.repeat(30)}deep`,
      }),
    look: ({ letter }) => letter.attachments.map((one) => one.mediaType),
    sees: ['message/rfc822'],
  },
  {
    row: '73',
    input: '1 MB of ">" in one line',
    answer: 'text, cut at 512 KiB',
    raw: () => mail({ body: '>'.repeat(1_000_000) }),
    look: (reading) => text(reading).length,
    sees: 512 * 1024,
  },
  markup('a script', '<script>alert(1)</script>x', 'x'),
  markup('a handler', '<img src=x onerror=alert(1)>x', '<img />x'),
  markup('a javascript: link', '<a href="javascript:alert(1)">x</a>', link),
  markup('a javascript: link with a tab in it', '<a href="java\tscript:alert(1)">x</a>', link),
  markup('a data: link', '<a href="data:text/html,<script>alert(1)</script>">x</a>', link),
  markup('SVG around style (mXSS)', '<svg><style><img/src=x onerror=alert(1)></style></svg>x', 'x'),
  markup(
    'MathML around style (mXSS)',
    '<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror=alert(1)&gt;">',
    '',
  ),
  markup('base', '<base href="https://evil.example/">x', 'x'),
  markup('a refresh', '<meta http-equiv=refresh content="0;url=https://evil.example">x', 'x'),
  markup('a form', '<form action="https://evil.example"><input name=p><button>x</button></form>', 'x'),
  markup('url() in a style', '<p style="background:url(https://evil.example/x)">x</p>', '<p>x</p>'),
  markup('a fixed position', '<p style="position:fixed;top:0">x</p>', '<p>x</p>'),
  markup('expression() in a style', '<p style="width:expression(alert(1))">x</p>', '<p>x</p>'),
  markup('@import', '<style>@import "https://evil.example/x.css";</style>x', 'x'),
  markup('a stylesheet', '<link rel=stylesheet href="https://evil.example/x.css">x', 'x'),
  markup('srcset', '<img srcset="https://evil.example/a 1x">x', '<img />x'),
  markup('srcdoc', '<iframe srcdoc="<script>alert(1)</script>"></iframe>x', 'x'),
  markup(
    'a remote image',
    '<img src="https://evil.example/p.gif">x',
    '<img data-remote="https://evil.example/p.gif" src="" />x',
  ),
  {
    row: '75',
    input: 'a subject of 10 kB with tags, escapes and U+202E',
    answer: '998 letters of text, without escapes and turns',
    raw: () =>
      mail({
        fields: [`Subject: <img src=x onerror=1>\x1b[31m =?utf-8?B?4oCuZXZpbA==?= ${'y'.repeat(10_000)}`],
      }),
    look: ({ letter }) => [letter.subject.slice(0, 36), letter.subject.length],
    sees: ['<img src=x onerror=1> [31m  evil yyy', 998],
  },
  {
    row: '75',
    input: 'a sender’s name with tags and escapes',
    answer: 'text on one line, without escapes',
    raw: () => mail({ from: 'From: "<b>bold</b>\x1b[31m" <a@b.example>' }),
    look: ({ letter }) => letter.from[0]?.name,
    sees: '<b>bold</b> [31m',
  },
];
