import { expect, test } from 'vitest';
import { keepPolicy, keptPolicies, policiesShown, policyFetchFailed, type KeptPolicy } from './mta-sts.ts';
import { eachEngine } from './testing.ts';
import { brokenTlsHosts, forgetBrokenTls, rememberBrokenTls } from './tls-memory.ts';
import { countTlsResults, forgetTlsResults, tlsResults, type TlsResult } from './tls-result.ts';

const result = (over: Partial<TlsResult>): TlsResult => ({
  day: 20,
  domain: 'a.test',
  policy: 'sts',
  policy_id: '1',
  mx: 'mx.a.test',
  result: 'success',
  sessions: 1,
  detail: '',
  last_at: 5,
  ...over,
});

eachEngine((_, open) => {
  test('a host with broken TLS is remembered until its time is over or it works again', async () => {
    const store = await open();
    await store.write((tx) =>
      rememberBrokenTls(tx, [
        { host: 'mx.a.test', until: 100, reason: 'handshake', at: 1 },
        { host: 'mx.b.test', until: 200, reason: 'handshake', at: 2 },
        { host: 'mx.c.test', until: 200, reason: 'handshake', at: 3 },
      ]),
    );
    await store.write((tx) =>
      rememberBrokenTls(tx, [{ host: 'mx.b.test', until: 300, reason: 'again', at: 4 }]),
    );
    expect((await brokenTlsHosts(store.read, 150)).map((row) => row.host)).toEqual([
      'mx.c.test',
      'mx.b.test',
    ]);
    await store.write((tx) => forgetBrokenTls(tx, ['mx.c.test'], 150));
    expect(await brokenTlsHosts(store.read, 0)).toMatchObject([
      { host: 'mx.b.test', reason: 'again', until: 300 },
    ]);
  });

  test('a policy is replaced by a newer one, kept through a failed fetch, and over at its end', async () => {
    const store = await open();
    const policy: KeptPolicy = {
      domain: 'a.test',
      policyId: '1',
      mode: 'testing',
      mx: ['mx.a.test'],
      maxAgeS: 1,
      fetchedAt: 0,
      expiresAt: 1000,
      body: 'version: STSv1',
    };
    await store.write((tx) => keepPolicy(tx, policy));
    const newer = { ...policy, policyId: '2', mode: 'enforce', mx: ['*.a.test'], expiresAt: 2000 } as const;
    await store.write((tx) => keepPolicy(tx, { ...newer, mx: [...newer.mx] }));
    await store.write((tx) => policyFetchFailed(tx, 'a.test', 'timed out', 900));
    expect(await keptPolicies(store.read, 1500)).toEqual([newer]);
    expect(await policiesShown(store.read, 10)).toMatchObject([{ failure: 'timed out', failed_at: 900 }]);
    expect(await keptPolicies(store.read, 2000)).toEqual([]);
  });

  test('results of one kind add up, failures are listed first, and old days are forgotten', async () => {
    const store = await open();
    await store.write((tx) => countTlsResults(tx, [result({ sessions: 5 }), result({ day: 3 })]));
    await store.write((tx) =>
      countTlsResults(tx, [
        result({ sessions: 2, last_at: 9 }),
        result({ result: 'certificate-expired', detail: 'since May' }),
      ]),
    );
    const rows = await tlsResults(store.read, { from: 10, to: 20, limit: 10 });
    expect(rows).toEqual([
      result({ result: 'certificate-expired', detail: 'since May' }),
      result({ sessions: 7, last_at: 9 }),
    ]);
    expect(await tlsResults(store.read, { from: 0, to: 20, failuresOnly: true, limit: 10 })).toHaveLength(1);
    await store.write((tx) => forgetTlsResults(tx, 10));
    expect(await tlsResults(store.read, { from: 0, to: 20, limit: 10 })).toHaveLength(2);
  });
});
