/** Whom a provider believes: a table of messages, signed by nodemailer and then spoiled, and what is seen. */
import { expect, test } from 'vitest';
import { readHead } from './headers.ts';
import { signed } from './letter.ts';
import { verify } from './verify.ts';
import { Zone } from './zone.ts';

const HEAD =
  'From: Ann <ann@gmail.com>\r\nTo: <bob@free.fr>\r\nSubject: hello\r\nDate: Mon, 23 Nov 2026 10:00:00 +0100\r\n' +
  'Message-ID: <1@gmail.com>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain\r\n';
const BODY = '\r\nHello  Bob,\r\n\r\nsee you.\r\n\r\n';
const letter = await signed(Buffer.from(HEAD + BODY), 'gmail.com');
const spoil = (what: string | RegExp, by: string) =>
  Buffer.from(letter.toString('latin1').replace(what, by), 'latin1');

const cases = [
  ['untouched', letter, 'pass', []],
  ['unsigned', Buffer.from(HEAD + BODY), 'none', ['no DKIM signature']],
  ['with another subject', spoil('Subject: hello', 'Subject: buy now'), 'fail', [/^dkim: /]],
  ['with another body', spoil('see you', 'see me'), 'fail', ['body hash differs', /^dkim: /]],
  [
    'with another From domain',
    spoil('ann@gmail.com', 'ann@free.fr'),
    'none',
    ['no DKIM signature of free.fr'],
  ],
  [
    'with a selector nobody published',
    spoil('s=lab', 's=lob'),
    'fail',
    [/^no key at lob\._domainkey\.gmail\.com/, /^dkim: /],
  ],
  [
    'with a list header added after',
    spoil('From: Ann', 'List-Unsubscribe-Post: x\r\nFrom: Ann'),
    'fail',
    ['list-unsubscribe-post is not signed'],
  ],
  [
    'with a second From',
    spoil('Subject: hello', 'From: <eve@gmail.com>\r\nSubject: hello'),
    'fail',
    ['not exactly one From', /^dkim: /],
  ],
] as const;

test.each(cases)('a message %s', async (_, raw, dkim, problems) => {
  const verdict = await verify(
    {
      raw,
      head: readHead(raw),
      returnPath: 'ann@gmail.com',
      clientIp: '127.20.1.1',
      ehlo: 'mail-wm1-f41.google.com',
    },
    new Zone(),
    true,
  );
  expect(verdict.dkim).toBe(dkim);
  expect(verdict.problems).toEqual(
    problems.map((one) => (typeof one === 'string' ? one : expect.stringMatching(one))),
  );
  if (dkim !== 'none') expect(verdict.spf).toBe('pass');
});

test('without a whole verification a good message is plausible, and a spoiled body is still seen', async () => {
  const look = (raw: Buffer) =>
    verify(
      { raw, head: readHead(raw), returnPath: '', clientIp: '127.20.1.1', ehlo: 'x' },
      new Zone(),
      false,
    );
  expect(await look(letter)).toEqual({ dkim: 'plausible', spf: 'unasked', problems: [] });
  expect((await look(spoil('see you', 'see me'))).dkim).toBe('fail');
});

test('mail from an address that SPF does not name fails SPF', async () => {
  const verdict = await verify(
    {
      raw: letter,
      head: readHead(letter),
      returnPath: 'ann@gmail.com',
      clientIp: '127.66.6.6',
      ehlo: 'evil.test',
    },
    new Zone(),
    true,
  );
  expect(verdict.spf).toBe('fail');
});
