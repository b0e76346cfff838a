import { expect, test } from 'vitest';
import { extractPart } from '../core/mail/mime-part.ts';
import type { Context } from './classify.ts';
import { read } from './read.ts';

const NOW = Date.UTC(2026, 0, 5, 9);
const judge = (raw: string, context: Partial<Context> = {}) =>
  read(Buffer.from(raw.replace(/\n/g, '\r\n')), { mailFrom: undefined, purposes: [], now: NOW, ...context })
    .verdict;

const mail = (fields: string[], text: string) => [...fields, '', text, ''].join('\n');
const FROM = 'From: Ana <ana@remote.example>';
const QMAIL = `Hi. This is the qmail-send program at remote.example.
I'm afraid I wasn't able to deliver your message to the following addresses.
This is a permanent error; I've given up. Sorry it didn't work out.

<gone@remote.example>:
Sorry, no mailbox here by that name. (#5.1.1)

--- Below this line is a copy of the message.

Return-Path: <us@shop.example>
To: gone@remote.example
Subject: hello
`;

test.each([
  ['a person', mail([FROM, 'Subject: Re: hello'], 'Bonjour, où est ma commande ?'), 'reply', 'question'],
  ['a person whose program says "no"', mail([FROM, 'Auto-Submitted: no'], 'Hi there'), 'reply', 'other'],
  [
    'a person on a list that suppresses answers',
    mail([FROM, 'X-Auto-Response-Suppress: All', 'Subject: Re: x'], 'Yes please'),
    'reply',
    'interested',
  ],
  [
    'out of office by its header',
    mail([FROM, 'Auto-Submitted: auto-replied (vacation)'], 'I am out.'),
    'autoreply',
    'auto-reply',
  ],
  [
    'out of office by its words',
    mail([FROM, 'Subject: Automatic reply: hello'], 'I am out of the office until 12 January.'),
    'autoreply',
    'out-of-office',
  ],
  [
    'Abwesenheit',
    mail([FROM, 'Subject: Abwesenheitsnotiz'], 'Ich bin bis 16.01. im Urlaub.'),
    'autoreply',
    'out-of-office',
  ],
  [
    'left the company',
    mail([FROM, 'Auto-Submitted: auto-replied'], 'Mme Roy a quitté la société.'),
    'autoreply',
    'left-company',
  ],
  [
    'a ticket',
    mail(
      ['From: noreply@remote.example', 'Auto-Submitted: auto-generated'],
      'We have received your request, ticket 12.',
    ),
    'autoreply',
    'receipt',
  ],
  [
    'a newsletter',
    mail([FROM, 'List-Id: <x.remote.example>', 'Subject: News'], 'Our news'),
    'list',
    'newsletter',
  ],
  [
    'qmail',
    mail(['From: MAILER-DAEMON@remote.example', 'Subject: failure notice'], QMAIL),
    'bounce',
    'invalid-recipient',
  ],
  [
    'Exim',
    mail(
      [
        'From: Mail Delivery System <Mailer-Daemon@remote.example>',
        'X-Failed-Recipients: full@remote.example',
        'Subject: Mail delivery failed: returning message to sender',
      ],
      'A message that you sent could not be delivered.\n\n  full@remote.example\n    552 5.2.2 mailbox full',
    ),
    'bounce',
    'mailbox-full',
  ],
  [
    'a warning',
    mail(
      [
        'From: Mail Delivery System <Mailer-Daemon@remote.example>',
        'Subject: Warning: message delayed 24 hours',
      ],
      'Your message has not yet been delivered to <slow@remote.example>.\nNo action is required on your part.',
    ),
    'delayed',
    undefined,
  ],
  [
    'a challenge',
    mail([FROM, 'Subject: Confirm'], 'Please click the link below to have your message delivered: Boxbe'),
    'challenge',
    'challenge',
  ],
] as const)('%s', (_, raw, kind, detail) => {
  const verdict = judge(raw);
  expect(verdict.kind).toBe(kind);
  if (detail !== undefined) expect(verdict.detail).toBe(detail);
  expect(verdict.rules.length).toBeGreaterThan(0);
  for (const rule of verdict.rules) expect(rule.why).not.toBe('');
});

test('a warning in prose is temporary and finishes nobody, even where it says that the user is unknown', () => {
  const text =
    'This is a warning message only. Your message could not be delivered yet:\n\n<slow@remote.example>: User unknown\n\nDelivery will be retried.';
  const { kind, recipients } = judge(
    mail(['From: MAILER-DAEMON@remote.example', 'Subject: Warning: message delayed 24 hours'], text),
  );
  expect(kind).toBe('delayed');
  expect(recipients).toMatchObject([
    { address: 'slow@remote.example', status: '4.0.0', action: 'delayed', hard: false },
  ]);
});

test('the recipient, the code and the fate of a bounce in prose', () => {
  const verdict = judge(mail(['From: MAILER-DAEMON@remote.example', 'Subject: failure notice'], QMAIL));
  expect(verdict.recipients).toMatchObject([
    { address: 'gone@remote.example', status: '5.1.1', hard: true, action: 'failed' },
  ]);
});

test('every recipient of a report by the book has its own fate', () => {
  const raw = mail(
    [
      'From: postmaster@remote.example',
      'Content-Type: multipart/report; report-type=delivery-status; boundary=b',
    ],
    [
      '--b',
      '',
      'See below.',
      '--b',
      'Content-Type: message/delivery-status',
      '',
      'Reporting-MTA: dns; mx',
      '',
      'Final-Recipient: rfc822; gone@remote.example',
      'Action: failed',
      'Status: 5.1.1',
      '',
      'Final-Recipient: rfc822; full@remote.example',
      'Action: failed',
      'Status: 5.2.2',
      '',
      'Final-Recipient: rfc822; slow@remote.example',
      'Action: delayed',
      'Status: 4.4.1',
      '',
      '--b--',
    ].join('\n'),
  );
  expect(
    judge(raw).recipients.map(({ address, action, hard, class: name }) => [address, action, hard, name]),
  ).toEqual([
    ['gone@remote.example', 'failed', true, 'invalid-recipient'],
    ['full@remote.example', 'failed', false, 'mailbox-full'],
    ['slow@remote.example', 'delayed', false, 'connection-failed'],
  ]);
});

test.each([
  ["je suis absente jusqu'au 16 janvier", '2026-01-19'],
  ['I am out of the office, back on January 12th.', '2026-01-12'],
  ['I am on leave until 2026-01-14', '2026-01-15'],
  ['Ich bin bis zum 16.01.2026 im Urlaub', '2026-01-19'],
  ['Estoy fuera hasta el 13 de enero', '2026-01-14'],
  ['Je suis absent, de retour le 12/01', '2026-01-12'],
  ['I am away until the end of time 1 January 1970', undefined],
])('“%s” means back on %s', (text, day) => {
  const { awayUntil } = judge(mail([FROM, 'Auto-Submitted: auto-replied'], text));
  expect(awayUntil === null ? undefined : new Date(awayUntil).toISOString().slice(0, 10)).toBe(day);
});

// inbox.md section 6 and reliability.md 69 to 75.
test.each([
  ['script', '<script>alert(1)</script><img src=x onerror=alert(1)>'],
  ['an obscured scheme', '<a href="jav&#x09;ascript:alert(1)">x</a>'],
  ['svg', '<svg/onload=alert(1)><svg><style><!--</style><body onload=alert(1)>'],
  ['mathematics', '<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>'],
  [
    'base, meta, form',
    '<base href="https://evil.example"><meta http-equiv=refresh content="0;url=https://evil.example"><form action="https://evil.example"><input></form>',
  ],
  [
    'styles',
    '<div style="position:fixed;background:url(https://evil.example);width:expression(alert(1))">x</div><style>@import "https://evil.example"</style>',
  ],
  [
    'other ways to load',
    '<picture><source srcset="https://evil.example/a"></picture><video poster="https://evil.example/b"></video><table background="https://evil.example/c"></table><link rel=prefetch href="https://evil.example/d">',
  ],
  [
    'frames',
    '<iframe srcdoc="<script>alert(1)</script>"></iframe><object data="https://evil.example"></object><embed src="https://evil.example">',
  ],
  ['a page in a link', '<a href="data:text/html,<script>alert(1)</script>">x</a>'],
])('HTML is shown without its teeth: %s', (_, html) => {
  const { letter } = read(Buffer.from(mail([FROM, 'Content-Type: text/html'], html)), {
    mailFrom: '',
    purposes: [],
    now: NOW,
  });
  expect(letter.html).not.toMatch(
    /script|onerror|onload|alert|<base|<meta|<form|<input|position|expression|@import|url\(|srcset|poster|background=|<link|<iframe|<object|<embed|data:text/i,
  );
  // A remote address may stand in the attribute that waits for a click, nowhere else.
  expect((letter.html ?? '').replace(/data-remote="[^"]*"/g, '')).not.toContain('evil.example');
});

test('a remote image waits, an image in the mail does not', () => {
  const html = '<img src="https://track.example/p.gif" width="1"><img src="cid:logo@x">';
  const { letter } = read(Buffer.from(mail([FROM, 'Content-Type: text/html'], html)), {
    mailFrom: '',
    purposes: [],
    now: NOW,
  });
  expect(letter.hasRemoteImages).toBe(true);
  expect(letter.html).toContain('data-remote="https://track.example/p.gif"');
  expect(letter.html).toContain('src="cid:logo@x"');
  expect(letter.html).not.toMatch(/\ssrc="https/);
});

test.each([
  ['"../../etc/passwd"', 'passwd'],
  ['"a.pdf\u202Efdp.exe"', 'a.pdffdp.exe'],
  ['"C:\\\\x\\\\y.txt"', 'y.txt'],
  ['"<img onerror>.png"', 'img onerror.png'],
])('a file named %s is called %s', (name, expected) => {
  const raw = mail(
    [FROM, 'Content-Type: multipart/mixed; boundary=b'],
    `--b\n\ntext\n--b\nContent-Type: application/octet-stream\nContent-Disposition: attachment; filename=${name}\n\nx\n--b--`,
  );
  const { letter } = read(Buffer.from(raw), { mailFrom: '', purposes: [], now: NOW });
  expect(letter.attachments.map((file) => file.fileName)).toEqual([expected]);
});

test.each([
  ['ten thousand parts', mail(['Content-Type: multipart/mixed; boundary=b'], '--b\n\nx\n'.repeat(10_000))],
  ['a hundred thousand fields', `${'X: y\n'.repeat(100_000)}\nbody`],
  ['a header of five megabytes', `Subject: ${'x'.repeat(5_000_000)}\n\nbody`],
  [
    'a thousand levels',
    Array.from({ length: 1000 }, (_, i) => `Content-Type: multipart/mixed; boundary=b${i}\n\n--b${i}\n`).join(
      '',
    ),
  ],
  ['a hundred thousand encoded words', `Subject: ${'=?utf-8?q?a?= '.repeat(100_000)}\n\nbody`],
  [
    'ten thousand parameters',
    `Content-Type: text/plain; ${Array.from({ length: 10_000 }, (_, i) => `a*${i}=b`).join('; ')}\n\nbody`,
  ],
  ['a boundary of a megabyte', `Content-Type: multipart/mixed; boundary=${'b'.repeat(1_000_000)}\n\nbody`],
  ['nested groups of addresses', `From: ${'a:('.repeat(20_000)}\n\nbody`],
  ['utf-7', 'Content-Type: text/html; charset=utf-7\n\n+ADw-script+AD4-'],
  ['lone surrogates and NUL', 'Subject: =?utf-16?b?2AA=?=\n\n\u0000x'],
])('%s are read in little time, never with an error', (_, raw) => {
  const began = performance.now();
  expect(read(Buffer.from(raw), { mailFrom: '', purposes: [], now: NOW }).verdict.kind).not.toBe('');
  expect(performance.now() - began).toBeLessThan(1500);
});

test('an attachment can be taken out of the raw message at the place that is remembered', () => {
  for (const raw of [
    mail(
      [FROM, 'Content-Type: multipart/mixed; boundary=b'],
      '--b\n\ntext\n--b\nContent-Type: application/pdf; name=a.pdf\nContent-Transfer-Encoding: base64\n\naGVsbG8=\n--b--',
    ),
    mail(
      [FROM, 'Content-Type: application/pdf; name=a.pdf', 'Content-Transfer-Encoding: base64'],
      'aGVsbG8=',
    ),
  ]) {
    const bytes = Buffer.from(raw.replace(/\n/g, '\r\n'));
    const { letter } = read(bytes, { mailFrom: '', purposes: [], now: NOW });
    expect(letter.attachments.map((file) => extractPart(bytes, file.part)?.toString())).toEqual(['hello']);
  }
});
