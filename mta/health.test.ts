import { expect, test } from 'vitest';
import { SourceHealth } from './health.ts';

const MINUTE = 60_000;
const busy = (host: string) => `mx1.${host}`;
const hosts = ['a.example', 'b.example', 'c.test', 'd.test', 'e.invalid', 'f.invalid'];

test.each<[string, string[], boolean]>([
  ['four owners that refuse are not yet enough', hosts.slice(0, 2), false],
  ['the hosts of one owner count once', Array.from({ length: 9 }, (_, at) => `${at}.google.test`), false],
])('%s', (_, refusing, expected) => {
  const health = new SourceHealth();
  const heard = refusing.map((host) => health.refused(1, busy(host), '554 no', 0));
  expect(heard.some((one) => one !== undefined)).toBe(expected);
});

const owners = ['a.one', 'a.two', 'a.three', 'a.four', 'a.five'];

test('five owners in a row that will not talk set the source aside, with the last words', () => {
  const health = new SourceHealth();
  const heard = owners.map((host, at) => health.refused(1, host, `554 no ${at}`, at * MINUTE));
  expect(heard.slice(0, 4)).toEqual([undefined, undefined, undefined, undefined]);
  expect(heard[4]).toMatchObject({ since: 4 * MINUTE, until: 14 * MINUTE });
  expect(heard[4]?.reason).toMatch(/a\.five: 554 no 4$/);
});

test('somebody who talks in between clears it', () => {
  const health = new SourceHealth();
  const heard = owners.map((host, at) => {
    if (at === 3) health.talked(1);
    return health.refused(1, host, '554 no', 0);
  });
  expect(heard).toEqual(owners.map(() => undefined));
});

test('refusals that lie far apart do not add up, and each source has its own', () => {
  const health = new SourceHealth();
  expect(owners.map((host, at) => health.refused(1, host, 'no', at * 5 * MINUTE))).toEqual(
    owners.map(() => undefined),
  );
  expect(owners.map((host, at) => health.refused(at % 2, host, 'no', 0))).toEqual(
    owners.map(() => undefined),
  );
});

test('each time that it was no better it is set aside for twice as long, four hours at most', () => {
  const health = new SourceHealth();
  const error = Object.assign(new Error('bind EADDRNOTAVAIL 192.0.2.1'), { code: 'EADDRNOTAVAIL' });
  const minutes = Array.from({ length: 7 }, () => health.unbound(1, error, 0).until / MINUTE);
  expect(minutes).toEqual([10, 20, 40, 80, 160, 240, 240]);
  expect(health.unbound(1, error, 0).reason).toBe('is not an address of this machine (EADDRNOTAVAIL)');
  health.talked(1);
  expect(health.unbound(1, error, 0).until).toBe(10 * MINUTE);
});
