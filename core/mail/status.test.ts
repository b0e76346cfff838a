import { expect, test } from 'vitest';
import { explainStatus, findStatus, parseStatus } from './status.ts';

test('a status code has three numbers, the first 2, 4 or 5', () => {
  expect(parseStatus('5.1.10')).toEqual({ class: 5, subject: 1, detail: 10, text: '5.1.10' });
  expect(parseStatus(' 4.7.28 ')?.text).toBe('4.7.28');
  for (const text of ['3.1.1', '5.1', '5.1.1.1', '5.1.1111', '5.1.1 gone', ''])
    expect(parseStatus(text), text).toBeUndefined();
});

test('the code is found where servers put it, and an IP address is none', () => {
  const check = (reply: string, code: number | undefined, text: string | undefined) =>
    expect(findStatus(reply, code)?.text, reply).toBe(text);
  check('550 5.1.1 <a@b.example>: user unknown', 550, '5.1.1');
  check('550-5.1.1 The email account that you tried to reach does not exist', 550, '5.1.1');
  check('5.7.26 unauthenticated', undefined, '5.7.26');
  check('Sorry, no mailbox here by that name. (#5.1.1)', 550, '5.1.1');
  check('mailbox full [4.2.2]', 452, '4.2.2');
  check('421 try later (#5.7.1)', 421, '4.7.1');
  check('554 host 5.1.1.9 is blocked', 554, undefined);
  check('554 your IP 10.5.1.1 is blocked', 554, undefined);
  check('550 version x5.1.1-beta', 550, undefined);
  check('550 user unknown', 550, undefined);
});

test('codes are told in words', () => {
  expect(explainStatus(parseStatus('5.1.1')!)).toBe('the mailbox does not exist');
  expect(explainStatus(parseStatus('5.7.999')!)).toBe('a matter of security or policy');
  expect(explainStatus(parseStatus('5.9.9')!)).toBe('a code that no standard names');
});
