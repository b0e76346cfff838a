/**
 * How much may be sent at a place: the table's numbers with a team's own laid over them. Pure. Field by field the
 * narrowest row decides: site and source, then site, then provider and source, then provider, then the table.
 */
import type { Provider } from '../../config/providers.ts';
import type { Override } from '../store/shaping.ts';

export type Limits = Pick<Provider, 'connections' | 'messagesPerConnection' | 'rate' | 'tls'>;

/** Per field the row that decided it; absent: the table. */
export type Whence = Partial<Record<keyof Limits, Override>>;

/** The limits of one source at one place, and where each is from. */
export function limitsFor(
  provider: Provider,
  site: string,
  sourceId: number | null,
  overrides: readonly Override[],
): { limits: Limits; whence: Whence } {
  const { connections, messagesPerConnection, rate, tls } = provider;
  const limits: Limits = { connections, messagesPerConnection, rate, tls };
  const whence: Whence = {};
  const applying = overrides
    .filter((row) => row.place === provider.id || (row.place === site && site !== ''))
    .filter((row) => row.source_id === null || row.source_id === sourceId)
    .sort((a, b) => narrowness(a, provider) - narrowness(b, provider));
  for (const row of applying) {
    if (row.connections !== null) limits.connections = row.connections;
    if (row.connections !== null) whence.connections = row;
    if (row.messages_per_connection !== null) limits.messagesPerConnection = row.messages_per_connection;
    if (row.messages_per_connection !== null) whence.messagesPerConnection = row;
    if (row.rate_messages !== null && row.rate_per_ms !== null) {
      limits.rate = { messages: row.rate_messages, perMs: row.rate_per_ms };
      whence.rate = row;
    }
    if (row.tls !== null) limits.tls = row.tls;
    if (row.tls !== null) whence.tls = row;
  }
  return { limits, whence };
}

const narrowness = (row: Override, provider: Provider): number =>
  (row.place === provider.id ? 0 : 2) + (row.source_id === null ? 0 : 1);
