/**
 * The smarthosts as sources: what their rows say now, with the password opened. A change by a person holds from the next
 * connection on, and its limits from the next message, so each keeps its one object for as long as we run.
 */
import { defaultProvider, type Provider } from '../config/providers.ts';
import type { Log } from '../core/log.ts';
import { openPassword } from '../core/sending/smarthost-service.ts';
import type { Secrets } from '../core/secrets.ts';
import type { Smarthost } from '../core/store/smarthost.ts';
import type { SmarthostWay } from './smarthost.ts';
import type { Aside, Source } from './source.ts';

interface Known {
  source: Source & { smarthost: SmarthostWay };
  sealed: Uint8Array | null;
  paused: boolean;
  aside: (Aside & { isWritten: boolean }) | undefined;
}

/** The id of the source that stands for a smarthost: below 0, so that it is none of a row. */
const sourceIdOf = (id: number): number => -id;

export class Smarthosts {
  readonly #known = new Map<number, Known>();
  readonly #secrets: Secrets;
  readonly #ehlo: string;
  readonly #log: Pick<Log, 'error'>;

  constructor({ secrets, log }: { secrets: Secrets; log: Pick<Log, 'error'> }, ehlo: string) {
    this.#secrets = secrets;
    this.#log = log;
    this.#ehlo = ehlo;
  }

  set(rows: readonly Smarthost[]): void {
    for (const id of this.#known.keys()) if (!rows.some((row) => row.id === id)) this.#known.delete(id);
    for (const row of rows) this.#mirror(row);
  }

  #mirror(row: Smarthost): void {
    const known = this.#known.get(row.id);
    const isSame = known !== undefined && sameBytes(known.sealed, row.sealed);
    const way: Omit<SmarthostWay, 'provider'> = {
      id: row.id,
      name: row.name,
      host: row.host,
      port: row.port,
      tls: row.tls,
      verify: row.verify === 1,
      username: row.username,
      password: isSame ? known.source.smarthost.password : this.#password(row),
    };
    const limits = {
      label: row.name,
      connections: row.max_connections,
      messagesPerConnection: row.messages_per_connection,
      rate: { messages: row.messages_per_minute, perMs: 60_000 },
    };
    if (known === undefined) {
      const provider: Provider = { ...defaultProvider, ...limits, id: 'smarthost', scope: 'site', rules: [] };
      this.#known.set(row.id, {
        source: {
          id: sourceIdOf(row.id),
          name: row.name,
          ip: '',
          ehlo: this.#ehlo,
          weight: 1,
          smarthost: { ...way, provider },
        },
        sealed: row.sealed,
        paused: row.paused === 1,
        aside: asideOf(row),
      });
      return;
    }
    Object.assign(known.source.smarthost, way);
    const { provider } = known.source.smarthost;
    // A new object says that the limits are new (shaper.ts).
    const isSameLimits = JSON.stringify({ ...provider, ...limits }) === JSON.stringify(provider);
    if (!isSameLimits) known.source.smarthost.provider = { ...provider, ...limits };
    known.sealed = row.sealed;
    known.paused = row.paused === 1;
    const written = asideOf(row);
    if (written !== undefined) known.aside = written;
    else if (known.aside?.isWritten) known.aside = undefined;
  }

  #password(row: Smarthost): string {
    try {
      return openPassword(this.#secrets, row);
    } catch (error) {
      this.#log.error('the password of a smarthost cannot be opened', { smarthost: row.name, error });
      return '';
    }
  }

  get any(): boolean {
    return this.#known.size > 0;
  }

  /** The source that stands for it, when it may be used now. */
  usable(id: number | null, now: number): Source | undefined {
    const known = id === null ? undefined : this.#known.get(id);
    if (known === undefined || known.paused || (known.aside?.until ?? 0) > now) return undefined;
    return known.source;
  }

  isPaused(sourceId: number): boolean {
    return this.#known.get(-sourceId)?.paused ?? true;
  }

  setAside(id: number, aside: Aside): void {
    const known = this.#known.get(id);
    if (known !== undefined) known.aside = { ...aside, isWritten: false };
  }

  confirmAside(id: number): void {
    const aside = this.#known.get(id)?.aside;
    if (aside !== undefined) aside.isWritten = true;
  }
}

function asideOf({ aside_since, aside_until, aside_reason }: Smarthost): Known['aside'] {
  if (aside_until === null) return undefined;
  return { since: aside_since ?? 0, until: aside_until, reason: aside_reason ?? '', isWritten: true };
}

const sameBytes = (a: Uint8Array | null, b: Uint8Array | null): boolean =>
  a === null || b === null ? a === b : Buffer.compare(a, b) === 0;
