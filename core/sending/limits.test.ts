/** Whose number counts: site and source, site, provider and source, provider, table; each field for itself. */
import { expect, test } from 'vitest';
import { defaultProvider, providerById } from '../../config/providers.ts';
import type { Override } from '../store/shaping.ts';
import { limitsFor } from './limits.ts';

const own = (more: Partial<Override>): Override => ({
  id: 1,
  place: 'default',
  source_id: null,
  connections: null,
  messages_per_connection: null,
  rate_messages: null,
  rate_per_ms: null,
  tls: null,
  note: '',
  set_by: null,
  at: 0,
  ...more,
});

test('without numbers of a team the table’s hold, and say so', () => {
  const google = providerById('google');
  const { limits, whence } = limitsFor(google, '', 1, []);
  expect(limits).toEqual({ connections: 5, messagesPerConnection: 50, rate: google.rate, tls: 'required' });
  expect(whence).toEqual({});
});

test('the narrowest row decides each field, in whatever order they were set', () => {
  const rows = [
    own({ id: 1, place: 'mx.big.example', source_id: 2, connections: 1 }),
    own({ id: 2, place: 'mx.big.example', connections: 4, tls: 'required' }),
    own({ id: 3, source_id: 2, connections: 6, messages_per_connection: 9 }),
    own({ id: 4, connections: 8, messages_per_connection: 7, rate_messages: 3, rate_per_ms: 1000 }),
    own({ id: 5, place: 'google', connections: 99 }),
  ];
  for (const order of [rows, rows.toReversed()]) {
    expect(limitsFor(defaultProvider, 'mx.big.example', 2, order).limits).toEqual({
      connections: 1,
      messagesPerConnection: 9,
      rate: { messages: 3, perMs: 1000 },
      tls: 'required',
    });
    expect(limitsFor(defaultProvider, 'mx.big.example', 1, order).limits.connections).toBe(4);
    expect(limitsFor(defaultProvider, 'mx.small.example', 2, order).limits.connections).toBe(6);
    expect(limitsFor(defaultProvider, 'mx.small.example', 1, order).limits.connections).toBe(8);
    expect(limitsFor(defaultProvider, 'mx.small.example', 1, order).whence.rate?.id).toBe(4);
  }
});
