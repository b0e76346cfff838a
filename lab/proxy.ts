/**
 * A TCP proxy that spoils connections: late, cut after so many bytes, or open and silent. It stands between two ends
 * that know nothing of it, so that a test of bad networks needs no bad network.
 */
import { connect, createServer, type Socket } from 'node:net';
import { closeServer, listenOn, LOOPBACK } from './listen.ts';

export interface ProxyOptions {
  target: { host: string; port: number };
  /** Each way, real ms. Order is kept. */
  delayMs?: number;
  /** Both ends are cut after this many bytes from the client, or from the target. */
  dropAfter?: { fromClient?: number; fromTarget?: number; reset?: boolean };
  /** After this many bytes from the client nothing passes any more, and nobody is told. */
  hangAfter?: number;
  /** A word of the target's that the client never reads: an extension that the server seems not to have. */
  hide?: string;
  /** Takes connections and passes nothing at all. */
  halfOpen?: boolean;
}

export interface Proxy {
  port: number;
  /** Changes what it does to connections made from now on. */
  set(options: Partial<Omit<ProxyOptions, 'target'>>): void;
  /** Cuts all that are open. */
  cut(): void;
  connections(): number;
  stop(): Promise<void>;
}

export async function startProxy(options: ProxyOptions): Promise<Proxy> {
  let current = { ...options };
  const pairs = new Set<readonly [Socket, Socket | null]>();
  const cut = () => {
    for (const [client, target] of pairs) {
      client.destroy();
      target?.destroy();
    }
  };
  const server = createServer({ noDelay: true, allowHalfOpen: true }, (client) => {
    const rules = current;
    const target =
      rules.halfOpen === true ? null : connect({ ...rules.target, noDelay: true, allowHalfOpen: true });
    const pair = [client, target] as const;
    pairs.add(pair);
    client.on('close', () => {
      pairs.delete(pair);
      target?.destroy();
    });
    client.on('error', () => client.destroy());
    if (target === null) {
      client.resume();
      return;
    }
    target.on('error', () => client.destroy()).on('close', () => client.destroySoon());
    const end = () => {
      if (rules.dropAfter?.reset === true) client.resetAndDestroy();
      client.destroy();
      target.destroy();
    };
    pass(client, target, { ...rules, limit: rules.dropAfter?.fromClient, end });
    pass(target, client, {
      delayMs: rules.delayMs,
      limit: rules.dropAfter?.fromTarget,
      hide: rules.hide,
      end,
    });
  });
  const port = await listenOn(server, LOOPBACK, 0);
  return {
    port,
    set: (changes) => void (current = { ...current, ...changes }),
    cut,
    connections: () => pairs.size,
    async stop() {
      const closed = closeServer(server);
      cut();
      await closed;
    },
  };
}

interface Passing {
  delayMs?: number;
  hangAfter?: number;
  limit?: number;
  hide?: string;
  end: () => void;
}

function pass(
  from: Socket,
  to: Socket,
  { delayMs = 0, hangAfter = Infinity, limit = Infinity, hide, end }: Passing,
): void {
  let passed = 0;
  const later = (run: () => void) => (delayMs === 0 ? run() : void setTimeout(run, delayMs));
  from.on('data', (chunk: Buffer) => {
    const room = Math.max(0, Math.min(limit, hangAfter) - passed);
    passed += chunk.length;
    const part = hide === undefined ? chunk.subarray(0, room) : without(hide, chunk.subarray(0, room));
    later(() => {
      if (part.length > 0 && !to.destroyed) to.write(part);
      if (passed >= limit) end();
    });
  });
  from.on('end', () => later(() => passed < hangAfter && !to.destroyed && to.end()));
}

/** The same octets, with the word made one that nobody knows. */
function without(word: string, chunk: Buffer): Buffer {
  const at = chunk.indexOf(word);
  if (at < 0) return chunk;
  const changed = Buffer.from(chunk);
  changed.write('X'.repeat(word.length), at, 'latin1');
  return changed;
}
