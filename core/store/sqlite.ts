/**
 * How Parley speaks to SQLite: one small connection interface, two drivers behind it (Node's own `node:sqlite`, and npm
 * `sqlite3`), each on threads of its own here, and the Kysely dialect over either. `sqlite-inline.ts` is the writer on this
 * thread. The `sqlite*.ts` files are the only ones that know the drivers.
 */
import { createRequire } from 'node:module';
import { Worker } from 'node:worker_threads';
import {
  CompiledQuery,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  type QueryResult,
} from 'kysely';
import { bindable, givesRows, type SqliteAnswer, type SqliteHandle } from './sqlite-statement.ts';

export type SqliteDriverName = 'sqlite3' | 'node:sqlite';

/** The native module when it is there; undefined on a machine where it could not be built. */
function nativeModule(): typeof import('sqlite3') | undefined {
  try {
    return createRequire(import.meta.url)('sqlite3') as typeof import('sqlite3');
  } catch {
    return undefined;
  }
}

export const isNativeSqliteAvailable = (): boolean => nativeModule() !== undefined;

export async function openSqliteHandle(
  driver: SqliteDriverName,
  path: string,
  readOnly: boolean,
): Promise<SqliteHandle> {
  const handle = driver === 'sqlite3' ? await openNative(path, readOnly) : await openBuiltIn(path, readOnly);
  for (const pragma of [
    // First: two readers that open at once may both want to recover the index of the log.
    'busy_timeout = 5000',
    'journal_mode = wal',
    // FULL, not NORMAL: under NORMAL a power cut takes commits back that were already acknowledged.
    'synchronous = full',
    'foreign_keys = on',
    'temp_store = memory',
    'cache_size = -32000',
    'journal_size_limit = 67108864',
  ]) {
    if (readOnly && pragma.startsWith('journal')) continue;
    await handle.run(`pragma ${pragma}`, []);
  }
  return handle;
}

const STATEMENTS_KEPT = 256;

async function openNative(path: string, readOnly: boolean): Promise<SqliteHandle> {
  const sqlite3 = nativeModule();
  if (sqlite3 === undefined) throw new Error('the native sqlite3 module is not installed');
  const mode = readOnly ? sqlite3.OPEN_READONLY : sqlite3.OPEN_READWRITE | sqlite3.OPEN_CREATE;
  const database = await new Promise<import('sqlite3').Database>((resolve, reject) => {
    const opened = new sqlite3.Database(path, mode, (error) => (error ? reject(error) : resolve(opened)));
  });
  const statements = new Map<string, import('sqlite3').Statement>();
  const prepare = (sql: string) =>
    new Promise<import('sqlite3').Statement>((resolve, reject) => {
      const kept = statements.get(sql);
      if (kept !== undefined) return resolve(kept);
      const statement = database.prepare(sql, (error: Error | null) => {
        if (error) return reject(error);
        statements.set(sql, statement);
        const oldest = statements.size > STATEMENTS_KEPT ? statements.keys().next().value : undefined;
        if (oldest !== undefined) {
          statements.get(oldest)?.finalize();
          statements.delete(oldest);
        }
        resolve(statement);
      });
    });
  const run = async (sql: string, parameters: readonly unknown[]): Promise<SqliteAnswer> => {
    const statement = await prepare(sql);
    return new Promise((resolve, reject) => {
      if (givesRows(sql)) {
        statement.all(parameters as unknown[], (error: Error | null, rows: unknown[]) =>
          error
            ? reject(error)
            : resolve({ rows: rows as SqliteAnswer['rows'], changes: rows.length, lastId: 0 }),
        );
      } else {
        statement.run(
          parameters as unknown[],
          function (this: { changes: number; lastID: number }, error: Error | null) {
            if (error) reject(error);
            else resolve({ rows: [], changes: this.changes, lastId: this.lastID });
          },
        );
      }
    });
  };
  return inOrder({
    run,
    close: async () => {
      for (const statement of statements.values()) statement.finalize();
      await new Promise<void>((resolve, reject) =>
        database.close((error) => (error ? reject(error) : resolve())),
      );
    },
  });
}

async function openBuiltIn(path: string, readOnly: boolean): Promise<SqliteHandle> {
  const worker = new Worker(new URL('./sqlite-worker.ts', import.meta.url), {
    workerData: { path, readOnly },
  });
  worker.unref();
  let serial = 0;
  let failure: Error | undefined;
  const waiting = new Map<
    number,
    { sql: string; resolve: (answer: SqliteAnswer) => void; reject: (error: Error) => void }
  >();
  const settle = () => {
    if (waiting.size === 0) worker.unref();
  };
  worker.on(
    'message',
    (message: { id: number; answer?: SqliteAnswer; error?: { message: string; code?: string } }) => {
      const asked = waiting.get(message.id);
      waiting.delete(message.id);
      if (message.answer !== undefined) asked?.resolve(message.answer);
      else
        asked?.reject(
          Object.assign(new Error(message.error?.message), { code: message.error?.code, sql: asked.sql }),
        );
      settle();
    },
  );
  worker.on('error', (error: Error) => {
    failure = error;
    for (const asked of waiting.values()) asked.reject(error);
    waiting.clear();
  });
  const ask = (sql: string, parameters: readonly unknown[]) =>
    new Promise<SqliteAnswer>((resolve, reject) => {
      if (failure !== undefined) return reject(failure);
      const id = ++serial;
      waiting.set(id, { sql, resolve, reject });
      worker.ref();
      worker.postMessage({ id, sql, parameters });
    });
  await ask('select 1', []);
  return inOrder({
    run: ask,
    close: async () => {
      await worker.terminate();
    },
  });
}

/** One statement at a time on a handle: the drivers would queue too, but only this keeps the order we asked in. */
function inOrder(handle: SqliteHandle): SqliteHandle {
  let last: Promise<unknown> = Promise.resolve();
  const queue = <T>(run: () => Promise<T>): Promise<T> => {
    const next = last.then(run, run);
    last = next.catch(() => undefined);
    return next;
  };
  return {
    run: (sql, parameters) => queue(() => handle.run(sql, parameters.map(bindable))),
    close: () => queue(() => handle.close()),
  };
}

/** The dialect over handles that are already open. Several handles are given out in turn to whoever waits. */
export function sqliteDialect(handles: SqliteHandle[]): Dialect {
  return {
    createAdapter: () => new SqliteAdapter(),
    createQueryCompiler: () => new SqliteQueryCompiler(),
    createIntrospector: (db) => new SqliteIntrospector(db),
    createDriver: () => new HandleDriver(handles),
  };
}

class HandleDriver implements Driver {
  readonly #free: Connection[];
  readonly #waiting: ((connection: Connection) => void)[] = [];

  constructor(handles: SqliteHandle[]) {
    this.#free = handles.map((handle) => new Connection(handle));
  }

  async init(): Promise<void> {}

  acquireConnection(): Promise<DatabaseConnection> {
    const free = this.#free.pop();
    if (free !== undefined) return Promise.resolve(free);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  async releaseConnection(connection: DatabaseConnection): Promise<void> {
    const next = this.#waiting.shift();
    if (next !== undefined) next(connection as Connection);
    else this.#free.push(connection as Connection);
  }

  async beginTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('begin immediate'));
  }

  async commitTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('commit'));
  }

  async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('rollback'));
  }

  async destroy(): Promise<void> {}
}

class Connection implements DatabaseConnection {
  readonly #handle: SqliteHandle;

  constructor(handle: SqliteHandle) {
    this.#handle = handle;
  }

  async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    const { rows, changes, lastId } = await this.#handle.run(query.sql, query.parameters);
    return { rows: rows as R[], numAffectedRows: BigInt(changes), insertId: BigInt(lastId) };
  }

  // Kysely's `.stream()`: rows come whole, so callers page by key instead of streaming.
  async *streamQuery<R>(query: CompiledQuery): AsyncIterableIterator<QueryResult<R>> {
    yield await this.executeQuery<R>(query);
  }
}
