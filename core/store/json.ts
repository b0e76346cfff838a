/** JSON columns, in one place: text on both engines (PostgreSQL stores jsonb and is told to hand back its text). */
import type { Json } from './tables.ts';

export const toJson = (value: unknown): Json => JSON.stringify(value);

/** Reads a JSON column. A column that cannot be parsed is a damaged row: we say which shape was expected by throwing. */
export function fromJson<T>(json: Json | null | undefined, fallback: T): T {
  if (json === null || json === undefined) return fallback;
  return JSON.parse(json) as T;
}
