import { expect, test } from 'vitest';
import { isNamedMx, policyIdOf, readPolicy } from './sts.ts';

test.each([
  ['one record', ['v=STSv1; id=20160831085700Z;'], '20160831085700Z'],
  ['spaces and no last semicolon', ['v=STSv1 ;  id=1'], '1'],
  ['others beside it', ['v=spf1 -all', 'v=STSv1; id=2; x=3'], '2'],
  ['two of them', ['v=STSv1; id=1;', 'v=STSv1; id=2;'], null],
  ['none', ['v=spf1 -all'], null],
  ['no id', ['v=STSv1;'], null],
  ['an id with other characters', ['v=STSv1; id=a-b;'], null],
  ['a version of the future', ['v=STSv10; id=1;'], null],
])('the id of a policy with %s', (_, records, id) => {
  expect(policyIdOf(records)).toBe(id);
});

const text =
  'version: STSv1\r\nmode: enforce\r\nmx: mail.example.com\r\nmx: *.example.net\r\nmax_age: 604800\r\n';

test('a policy is read with either line end, and whatever else stands in it', () => {
  const policy = { mode: 'enforce', mx: ['mail.example.com', '*.example.net'], maxAgeS: 604_800 };
  expect(readPolicy(text)).toEqual(policy);
  expect(readPolicy(text.replaceAll('\r\n', '\n'))).toEqual(policy);
  expect(readPolicy(`${text}more: things\nmode: none\n`)).toEqual(policy);
  expect(readPolicy(text.replace('604800', '9999999999')).maxAgeS).toBe(31_557_600);
  expect(readPolicy('version: STSv1\nmode: none\nmax_age: 60')).toEqual({
    mode: 'none',
    mx: [],
    maxAgeS: 60,
  });
});

test.each([
  ['no version', text.replace('version: STSv1\r\n', '')],
  ['another version', text.replace('STSv1', 'STSv2')],
  ['an unknown mode', text.replace('enforce', 'strict')],
  ['no max_age', text.replace(/max_age.*\r\n/, '')],
  ['a negative max_age', text.replace('604800', '-1')],
  ['no mx', text.replaceAll(/mx: .*\r\n/g, '')],
  ['a page of HTML', '<html><body>not found</body></html>'],
  ['nothing', ''],
])('a policy with %s is refused', (_, body) => {
  expect(() => readPolicy(body)).toThrow();
});

test.each([
  ['mail.example.com', true],
  ['MAIL.Example.com.', true],
  ['mx1.example.net', true],
  ['example.net', false],
  ['a.b.example.net', false],
  ['mail.example.com.evil.test', false],
  ['evilexample.net', false],
])('%s is named by the policy: %s', (host, named) => {
  expect(isNamedMx(host, ['mail.example.com', '*.example.net'])).toBe(named);
});
