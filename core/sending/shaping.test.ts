/** Limits, rules, throttles and blocks as a person handles them, on every engine; and what a second look may end. */
import { beforeEach, describe, expect, test } from 'vitest';
import type { RuleAction } from '../../config/provider-rules.ts';
import { schema } from '../../config/schema.ts';
import { manualClock } from '../clock.ts';
import { DnsError, type Resolver } from '../dns.ts';
import { overrides, teamRules } from '../store/shaping.ts';
import type { Store } from '../store/open.ts';
import { eachEngine } from '../store/testing.ts';
import { activeThrottles, addThrottle, noteProbe, type NewThrottle } from '../store/throttle.ts';
import { createWake } from '../wake.ts';
import { isCured, lookAgain, namesOfAddress, zonesNamed } from './recheck.ts';
import {
  dropRule,
  limitsByProvider,
  lookAgainAt,
  release,
  resetLimits,
  setLimits,
  writeRule,
} from './shaping.ts';

const NOW = Date.UTC(2026, 10, 23, 9);
const HOUR = 3_600_000;
const none = {
  connections: null,
  messages_per_connection: null,
  rate_messages: null,
  rate_per_ms: null,
  tls: null,
  note: '',
};

/** A DNS that holds what it is told, under names. */
function dnsOf(records: Record<string, string[]>): Resolver {
  const ask = async (name: string) => {
    const found = records[name];
    if (found === undefined) throw new DnsError('NXDOMAIN', name);
    return found;
  };
  return { mx: async () => [], a: ask, aaaa: ask, txt: ask, cname: ask, ptr: ask, forget: () => {} };
}

eachEngine((_, open) => {
  let store: Store;
  const records: Record<string, string[]> = {};
  const runtime = () => ({
    store,
    clock: manualClock(NOW),
    wake: createWake(),
    dns: dnsOf(records),
    config: schema.parse({ mta: { block_list_zones: ['zen.spamhaus.org'] } }),
    secrets: undefined as never,
  });
  beforeEach(async () => {
    store = await open();
    for (const name of Object.keys(records)) delete records[name];
  });

  test('numbers are set, replaced and reset; the table comes back', async () => {
    const rt = runtime();
    const at = { place: 'google', sourceId: null };
    await setLimits(rt, at, { ...none, connections: 2, note: 'new address' }, null);
    await setLimits(rt, at, { ...none, connections: 3 }, null);
    expect(await overrides(store.read)).toHaveLength(1);
    const google = async () =>
      (await limitsByProvider(store.read)).rows.find((row) => row.provider.id === 'google');
    expect((await google())?.limits).toMatchObject({ connections: 3, messagesPerConnection: 50 });
    await resetLimits(rt, at, null);
    expect((await google())?.limits.connections).toBe(5);
    await expect(resetLimits(rt, at, null)).rejects.toThrow(/no numbers of your own/);
    const audit = await store.read.selectFrom('audit').select('action').orderBy('id').execute();
    expect(audit.map((row) => row.action)).toEqual(['limits set', 'limits set', 'limits reset']);
  });

  test.each([
    ['nothing at all', 'google', none, /at least one/],
    ['a rate without its time', 'google', { ...none, rate_messages: 5 }, /a rate is messages in a time/],
    [
      'a place that is none',
      'not a place',
      { ...none, connections: 1 },
      /neither a provider nor a mail host/,
    ],
    [
      'one host of a provider whose limits hold over all',
      'alt1.aspmx.l.google.com',
      { ...none, connections: 1 },
      /google/,
    ],
  ])('refused: %s', async (_name, place, numbers, words) => {
    await expect(setLimits(runtime(), { place, sourceId: null }, numbers, null)).rejects.toThrow(words);
  });

  test('a mail host of its own may have numbers', async () => {
    await setLimits(
      runtime(),
      { place: 'mx.big.example', sourceId: null },
      { ...none, connections: 1 },
      null,
    );
    expect((await overrides(store.read)).map((row) => row.place)).toEqual(['mx.big.example']);
  });

  test('so may a site of several hosts, as the queue names it', async () => {
    const place = '(mx1|mx2).big.example';
    await setLimits(runtime(), { place, sourceId: null }, { ...none, connections: 1 }, null);
    expect((await overrides(store.read)).map((row) => row.place)).toEqual([place]);
  });

  test('a rule is written with its sample and removed; one that takes over another’s reply is not written', async () => {
    const rt = runtime();
    const rule = {
      place: 'free',
      pattern: 'quota journalier',
      action: { kind: 'suspend' } as RuleAction,
      times: 2,
      within_ms: HOUR,
      for_ms: HOUR,
      sample: '451 quota journalier depasse',
      note: '',
    };
    const id = await writeRule(rt, rule, null);
    expect(await teamRules(store.read)).toMatchObject([{ id, ...rule }]);
    await expect(
      writeRule(rt, { ...rule, pattern: 'too many spams', sample: '421 Too many spams' }, null),
    ).rejects.toThrow(/free-spams/);
    await dropRule(rt, id, null);
    expect(await teamRules(store.read)).toEqual([]);
  });

  const block: NewThrottle = {
    sourceId: 1,
    site: 'mx.example',
    provider: 'default',
    kind: 'blocked',
    rule: 'class-block-listing',
    reply: '554 5.7.1 192.0.2.1 is listed by Spamhaus',
    since: NOW,
    until: null,
    cause: 'listing',
    facts: {
      ip: '192.0.2.1',
      ehlo: 'out.example.org',
      ptr: 'out.example.org',
      domain: 'example.org',
      domainId: null,
      mx: 'mx.example',
      at: NOW,
      reply: '554 5.7.1 192.0.2.1 is listed by Spamhaus',
    },
  };

  test('several throttles hold at one place; a block outlives them and is released by a person', async () => {
    const rt = runtime();
    const slow = {
      ...block,
      kind: 'slow',
      rule: 'default-rate',
      until: NOW + HOUR,
      cause: null,
      facts: null,
    } as const;
    await store.write(async (tx) => {
      await addThrottle(tx, block);
      await addThrottle(tx, slow);
      await addThrottle(tx, { ...slow, until: NOW + 2 * HOUR });
      await noteProbe(tx, block, NOW + 5);
    });
    expect(await activeThrottles(store.read, NOW)).toHaveLength(2);
    const [left, ...rest] = await activeThrottles(store.read, NOW + 1000 * HOUR);
    expect(rest).toEqual([]);
    expect(left).toMatchObject({ kind: 'blocked', probed_at: NOW + 5, facts: block.facts });
    await release(rt, left?.id ?? 0, null);
    expect(await activeThrottles(store.read, NOW + 1000 * HOUR)).toEqual([]);
    await expect(release(rt, left?.id ?? 0, null)).rejects.toThrow(/not in force/);
  });

  test('a block by a list ends when the list, which named us, does not any more', async () => {
    const rt = runtime();
    await store.write((tx) => addThrottle(tx, block));
    const held = async () => (await activeThrottles(store.read, NOW))[0];
    records['1.2.0.192.zen.spamhaus.org'] = ['127.0.0.2'];
    const id = (await held())?.id ?? 0;
    expect(await lookAgainAt(rt, id)).toMatchObject({ ended: false, check: { green: false } });
    expect(await held()).toMatchObject({
      checked_at: NOW,
      check: { findings: [{ what: 'zen.spamhaus.org', ok: false }] },
    });
    delete records['1.2.0.192.zen.spamhaus.org'];
    expect(await lookAgainAt(rt, id)).toMatchObject({ ended: true, check: { green: true } });
    expect(await held()).toBeUndefined();
  });

  test('a look that is green from the start ends nothing: it found no cause that could have been cured', async () => {
    const rt = runtime();
    await store.write((tx) => addThrottle(tx, block));
    for (let times = 0; times < 3; times++) {
      const [held] = await activeThrottles(store.read, NOW);
      expect((await lookAgain(rt, held!)).ended).toBe(false);
    }
    expect(await activeThrottles(store.read, NOW)).toHaveLength(1);
  });

  test('a policy has nothing to look at, and a limit ends by itself', async () => {
    const rt = runtime();
    await store.write(async (tx) => {
      await addThrottle(tx, { ...block, cause: 'policy' });
      await addThrottle(tx, {
        ...block,
        site: 'b',
        kind: 'slow',
        until: NOW + HOUR,
        cause: null,
        facts: null,
      });
    });
    const [slow, policy] = await activeThrottles(store.read, NOW);
    expect(await lookAgainAt(rt, policy!.id)).toEqual({
      ended: false,
      check: { green: false, findings: [] },
    });
    await expect(lookAgainAt(rt, slow!.id)).rejects.toThrow(/ends by itself/);
  });
});

describe('a second look', () => {
  const red = { green: false, findings: [] };
  const green = { green: true, findings: [] };
  test.each([
    [null, green, false],
    [green, green, false],
    [red, green, true],
    [red, red, false],
    [green, red, false],
  ])('%j then %j cures: %s', (before, now, cured) => expect(isCured(before, now)).toBe(cured));

  test('an address needs a name that leads back to it and that it says', async () => {
    const dns = dnsOf({
      '192.0.2.1': ['out.example.org'],
      'out.example.org': ['192.0.2.1'],
      '192.0.2.2': ['x.example.org'],
    });
    expect(await namesOfAddress(dns, '192.0.2.1', 'OUT.example.org')).toMatchObject({ ok: true });
    expect(await namesOfAddress(dns, '192.0.2.1', 'other.example.org')).toMatchObject({ ok: false });
    expect(await namesOfAddress(dns, '192.0.2.2', 'x.example.org')).toMatchObject({ ok: false });
    expect(await namesOfAddress(dns, '192.0.2.3', 'x.example.org')).toMatchObject({ ok: false });
  });

  test('a list is asked only when the settings name it and the reply does', () => {
    const zones = ['zen.spamhaus.org', 'bl.spamcop.net'];
    expect(zonesNamed('550 blocked using Spamhaus ZEN', zones)).toEqual(['zen.spamhaus.org']);
    expect(zonesNamed('550 blocked using Spamhaus ZEN', [])).toEqual([]);
    expect(zonesNamed('550 our own list', zones)).toEqual([]);
  });
});
