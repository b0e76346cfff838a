import { expect, test } from 'vitest';
import { exitsFor, type PoolState } from './exits.ts';

const pool = (name: string, more: Partial<PoolState> = {}): PoolState => ({
  name,
  mode: 'off',
  share: 0,
  ownRoom: 100,
  ownBlocked: false,
  smarthostRoom: undefined,
  ...more,
});

/** "pool or -full range limit door", one word each. */
const said = (pools: PoolState[]) =>
  exitsFor(pools).map(({ which, limit, smarthostOf }) =>
    [
      which.pool ?? ['all', ...(which.exceptPools ?? []).map((name) => `-${name}`)].join(''),
      which.share ? `${which.share.from}..${which.share.to}` : '',
      limit,
      smarthostOf === undefined ? 'own' : 'smarthost',
    ]
      .filter((word) => word !== '')
      .join(' '),
  );

test.each<[string, PoolState[], string[]]>([
  ['without a smarthost one claim serves all pools', [pool('m'), pool('t')], ['all 100 own']],
  [
    'a pool without room is left out, and the least room of the others counts',
    [pool('m', { ownRoom: 0 }), pool('t', { ownRoom: 7 }), pool('u', { ownRoom: 9 })],
    ['all-m 7 own'],
  ],
  ['without any room nothing is claimed', [pool('m', { ownRoom: 0 })], []],
  [
    'always: all of the pool goes through the smarthost, and the others go on',
    [pool('m', { mode: 'always', smarthostRoom: 50 }), pool('t')],
    ['m 50 smarthost', 'all-m 100 own'],
  ],
  [
    'always, and the smarthost cannot be used: the pool waits',
    [pool('m', { mode: 'always' }), pool('t')],
    ['all-m 100 own'],
  ],
  [
    'always, and the smarthost is full for now: the pool waits',
    [pool('m', { mode: 'always', smarthostRoom: 0 })],
    [],
  ],
  [
    'failover: our own addresses while one of them may send',
    [pool('m', { mode: 'failover', smarthostRoom: 50 })],
    ['all 100 own'],
  ],
  [
    'failover: the smarthost while all of ours are blocked there',
    [pool('m', { mode: 'failover', smarthostRoom: 50, ownBlocked: true, ownRoom: 0 })],
    ['m 50 smarthost'],
  ],
  [
    'failover: the smarthost cannot be used either, so it waits',
    [pool('m', { mode: 'failover', ownBlocked: true, ownRoom: 0 })],
    [],
  ],
  [
    'share: each door takes its part',
    [pool('m', { mode: 'share', share: 30, smarthostRoom: 50 })],
    ['m 0..30 50 smarthost', 'm 30..100 100 own'],
  ],
  [
    'share: a full smarthost keeps its part waiting and no other',
    [pool('m', { mode: 'share', share: 30, smarthostRoom: 0 })],
    ['m 30..100 100 own'],
  ],
  [
    'share: without the smarthost our addresses take all',
    [pool('m', { mode: 'share', share: 30 })],
    ['all 100 own'],
  ],
  [
    'share: ours are full and the smarthost keeps to its part',
    [pool('m', { mode: 'share', share: 30, smarthostRoom: 5, ownRoom: 0 })],
    ['m 0..30 5 smarthost'],
  ],
])('%s', (_, pools, expected) => expect(said(pools)).toEqual(expected));
