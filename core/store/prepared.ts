/**
 * Statements that run thousands of times a minute, compiled once. Kysely builds and compiles a statement anew each time it
 * runs, which costs some 60 microseconds, three times what SQLite then needs to find a row by its key. Here the builder is
 * called once per engine with a placeholder for each value, and from then on only the values change.
 *
 *   const rowOf = prepared<{ id: number }, Row<'inbound'>>((db, of) =>
 *     db.selectFrom('inbound').selectAll().where('id', '=', of.id));
 *   const { rows } = await rowOf(tx, { id: 7 });
 *
 * The statement must have the same shape whatever the values are: no `if` on a value, no list of changing length.
 */
import type { CompiledQuery, QueryResult } from 'kysely';
import { engineOf } from './batch.ts';
import type { Engine } from './open.ts';
import type { Db } from './tables.ts';

/** Stands in a statement where the value of that name goes. */
class Placeholder {
  readonly name: string;
  constructor(name: string) {
    this.name = name;
  }
}

const placeholders = <P extends object>(): P =>
  new Proxy({} as P, { get: (_, name) => new Placeholder(String(name)) });

interface Shape {
  compiled: CompiledQuery;
  /** Where each parameter comes from: a value of this name, or always the same. */
  sources: (Placeholder | { constant: unknown })[];
}

function shapeOf(compiled: CompiledQuery): Shape {
  const sources = compiled.parameters.map((parameter) =>
    parameter instanceof Placeholder ? parameter : { constant: parameter },
  );
  return { compiled, sources };
}

function run<T>(db: Db, { compiled, sources }: Shape, values: object): Promise<QueryResult<T>> {
  const parameters = sources.map((source) =>
    source instanceof Placeholder ? (values as Record<string, unknown>)[source.name] : source.constant,
  );
  return db.executeQuery<T>({ ...compiled, parameters } as CompiledQuery<T>);
}

type Built = { compile(): CompiledQuery } | { compile(db: Db): CompiledQuery };

/** A statement of one shape. `build` sees placeholders that have the types of the values. */
export function prepared<P extends object, T = unknown>(
  build: (db: Db, of: P) => Built,
): (db: Db, values: P) => Promise<QueryResult<T>> {
  const shapes = new Map<Engine, Shape>();
  return (db, values) => {
    const engine = engineOf(db);
    let shape = shapes.get(engine);
    if (shape === undefined) {
      shape = shapeOf(build(db, placeholders<P>()).compile(db));
      shapes.set(engine, shape);
    }
    return run<T>(db, shape, values);
  };
}

/** The same for a statement that names the columns of what it is given: one shape for each set of columns. */
export function preparedByColumns<P extends object, T = unknown>(
  build: (db: Db, of: P) => Built,
): (db: Db, values: P) => Promise<QueryResult<T>> {
  const shapes = new Map<string, Shape>();
  return (db, values) => {
    const columns = Object.keys(values).filter(
      (name) => (values as Record<string, unknown>)[name] !== undefined,
    );
    const key = `${engineOf(db)} ${columns.join(' ')}`;
    let shape = shapes.get(key);
    if (shape === undefined) {
      const of = Object.fromEntries(columns.map((name) => [name, new Placeholder(name)])) as P;
      shape = shapeOf(build(db, of).compile(db));
      shapes.set(key, shape);
    }
    return run<T>(db, shape, values);
  };
}
