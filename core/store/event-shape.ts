/**
 * What the properties of events look like: which there are, of what types, how often they are filled, and their values
 * where they are few. Kept as sums, so that a batch adds to them and a deletion takes away again what it added.
 */
export type ShapeType = 'text' | 'number' | 'boolean' | 'date' | 'list' | 'object' | 'empty';

export interface PropertyShape {
  filled: number;
  types: Partial<Record<ShapeType, number>>;
  /** How often each value was seen; null when they are too many to be a choice. */
  samples: Record<string, number> | null;
  last_at: number;
}
export interface KindShape {
  count: number;
  first_at: number;
  last_at: number;
  properties: Map<string, PropertyShape>;
}
export type Shapes = Map<string, KindShape>;

const DEEPEST = 3;
/** Items of a list that are looked at. */
const MOST_ITEMS = 50;
export const MOST_SAMPLES = 12;
const LONGEST_SAMPLE = 40;

export interface Shaped {
  kind: string;
  at: number;
  data: unknown;
}

/** The shapes of some events. `sign` -1: of events that go. */
export function shapesOf(events: readonly Shaped[], sign: 1 | -1 = 1): Shapes {
  const shapes: Shapes = new Map();
  for (const { kind, at, data } of events) {
    const shape = shapes.get(kind) ?? { count: 0, first_at: at, last_at: at, properties: new Map() };
    shapes.set(kind, shape);
    shape.count += sign;
    shape.first_at = Math.min(shape.first_at, at);
    shape.last_at = Math.max(shape.last_at, at);
    const seen = new Map<string, PropertyShape>();
    if (isObject(data)) walk(data, '', 1, seen, sign, at);
    for (const [property, one] of seen) {
      one.filled = Object.keys(one.types).some((type) => type !== 'empty') ? sign : 0;
      const known = shape.properties.get(property);
      if (known !== undefined) merge(known, one);
      else shape.properties.set(property, one);
    }
  }
  return shapes;
}

function walk(
  object: Record<string, unknown>,
  path: string,
  depth: number,
  seen: Map<string, PropertyShape>,
  sign: number,
  at: number,
): void {
  for (const [name, value] of Object.entries(object)) {
    const property = (path + name).slice(0, 120);
    note(property, value, seen, sign, at);
    if (depth >= DEEPEST) continue;
    if (isObject(value)) walk(value, `${property}.`, depth + 1, seen, sign, at);
    else if (Array.isArray(value))
      for (const item of value.slice(0, MOST_ITEMS) as unknown[])
        if (isObject(item)) walk(item, `${property}[].`, depth + 1, seen, sign, at);
        else note(`${property}[]`, item, seen, sign, at);
  }
}

function note(
  property: string,
  value: unknown,
  seen: Map<string, PropertyShape>,
  sign: number,
  at: number,
): void {
  const shape = seen.get(property) ?? { filled: 0, types: {}, samples: {}, last_at: at };
  seen.set(property, shape);
  const type = typeOf(value);
  shape.types[type] = (shape.types[type] ?? 0) + sign;
  if (shape.samples === null || type === 'empty' || type === 'list' || type === 'object') return;
  const sample = String(value);
  // What is long or names a person is no choice among few, and has no place in a summary.
  if (type === 'date' || sample.length > LONGEST_SAMPLE || /@|\d{7}/.test(sample)) shape.samples = null;
  else shape.samples[sample] = (shape.samples[sample] ?? 0) + sign;
  if (shape.samples !== null && Object.keys(shape.samples).length > MOST_SAMPLES) shape.samples = null;
}

export function typeOf(value: unknown): ShapeType {
  if (value === null || value === undefined || value === '') return 'empty';
  if (Array.isArray(value)) return 'list';
  if (typeof value === 'string')
    return DATE.test(value) && !Number.isNaN(Date.parse(value)) ? 'date' : 'text';
  return typeof value as 'number' | 'boolean' | 'object';
}

const DATE = /^\d{4}-\d{2}-\d{2}([T ][\d:.]{4,18}(Z|[+-]\d{2}:?\d{2})?)?$/i;

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Adds one shape to another, in place. Values that were too many stay untold, also when most of them are gone. */
export function merge(into: PropertyShape, one: PropertyShape): void {
  into.filled += one.filled;
  into.last_at = Math.max(into.last_at, one.last_at);
  for (const [type, count] of Object.entries(one.types) as [ShapeType, number][]) {
    const sum = (into.types[type] ?? 0) + count;
    if (sum === 0) delete into.types[type];
    else into.types[type] = sum;
  }
  if (into.samples === null || one.samples === null) {
    into.samples = null;
    return;
  }
  for (const [value, count] of Object.entries(one.samples)) {
    const sum = (into.samples[value] ?? 0) + count;
    if (sum === 0) delete into.samples[value];
    else into.samples[value] = sum;
  }
  if (Object.keys(into.samples).length > MOST_SAMPLES) into.samples = null;
}
