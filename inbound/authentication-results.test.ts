import { expect, test } from 'vitest';
import { readAuthenticationResults, statedAddress } from './authentication-results.ts';

const google =
  'i=1; mx.google.com;\r\n dkim=pass header.i=@shop.example header.s=k1 header.b="ab;c";\r\n spf=pass (google.com: domain of ana@shop.example designates 45.33.32.9 as permitted sender) smtp.mailfrom=Ana@shop.example;\r\n dmarc=pass (p=REJECT sp=REJECT dis=NONE) header.from=shop.example';
const microsoft =
  'i=2; mx.microsoft.com 1; spf=softfail (sender ip is 2a01:111::7) smtp.rcpttodomain=c.example smtp.mailfrom=shop.example; dmarc=fail (p=none sp=none pct=100) action=none header.from=shop.example; dkim=none (message not signed); arc=pass (0 oda=1 ltdi=1)';

test('what Google seals', () => {
  const results = readAuthenticationResults(google);
  expect(results.map(({ method, result }) => `${method}=${result}`)).toEqual([
    'dkim=pass',
    'spf=pass',
    'dmarc=pass',
  ]);
  expect(results[0]?.properties).toEqual({
    'header.i': '@shop.example',
    'header.s': 'k1',
    'header.b': 'ab;c',
  });
  expect(results[1]?.properties['smtp.mailfrom']).toBe('ana@shop.example');
  expect(statedAddress(results[1]!)).toBe('45.33.32.9');
});

test('what Microsoft seals', () => {
  const results = readAuthenticationResults(microsoft);
  expect(results.map(({ method, result }) => `${method}=${result}`)).toEqual([
    'spf=softfail',
    'dmarc=fail',
    'dkim=none',
    'arc=pass',
  ]);
  expect(statedAddress(results[0]!)).toBe('2a01:111::7');
});

test.each([
  ['a comment cannot state a result', 'mx; none (; dmarc=pass)', []],
  ['nested comments are comments', 'mx; spf=fail (a (b; dkim=pass) c) smtp.mailfrom=x.example', ['spf=fail']],
  ['a quoted string cannot state a result', 'mx; dkim=fail reason="x; dmarc=pass"', ['dkim=fail']],
  ['RFC 8601 versions', 'mx 1; spf/1 = pass smtp.mailfrom=x.example', ['spf=pass']],
  ['nothing', '', []],
])('%s', (_, value, expected) => {
  expect(readAuthenticationResults(value).map(({ method, result }) => `${method}=${result}`)).toEqual(
    expected,
  );
});

test('smtp.remote-ip says where SPF was asked about', () => {
  const [spf] = readAuthenticationResults('mx; spf=pass smtp.remote-ip="45.33.32.9" smtp.mailfrom=x.example');
  expect(statedAddress(spf!)).toBe('45.33.32.9');
});
