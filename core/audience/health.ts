/**
 * How good the data about people is: what is filled in, what stands in it, who cannot be reached. Told from a sample of
 * some thousand, so that it is there at once whatever the size; what needs everybody is worked out beside, now and then.
 */
import { DISPOSABLE, ROLES } from '../store/campaign-audience.ts';
import type { Row } from '../store/tables.ts';

export interface Column {
  name: string;
  label: string;
  kind: string;
}

export interface ColumnHealth extends Column {
  /** Of those who were looked at. */
  filled: number;
  /** The values that most have, and how many have each; empty where nearly everybody has their own. */
  top: { value: string; count: number }[];
  /** Numbers, and years of dates, in steps. */
  histogram: { from: number; to: number; count: number }[];
}

const TOP = 5;
const STEPS = 10;

/** What one contact has in a column; undefined for nothing. */
function valueOf(row: Row<'contact'>, fields: Record<string, unknown>, name: string): unknown {
  const value = name.startsWith('fields.') ? fields[name.slice(7)] : row[name as keyof Row<'contact'>];
  return value === null || value === '' ? undefined : value;
}

export function columnHealth(
  columns: readonly Column[],
  sample: readonly { row: Row<'contact'>; fields: Record<string, unknown> }[],
): ColumnHealth[] {
  return columns.map((column) => {
    const values = sample
      .map(({ row, fields }) => valueOf(row, fields, column.name))
      .filter((value) => value !== undefined);
    const numbers = values.flatMap((value) => numberOf(value, column.kind));
    return { ...column, filled: values.length, top: topOf(values), histogram: histogramOf(numbers) };
  });
}

function numberOf(value: unknown, kind: string): number[] {
  if (kind === 'number') return typeof value === 'number' ? [value] : [];
  if (kind !== 'date') return [];
  const year =
    typeof value === 'number' ? new Date(value).getUTCFullYear() : Number(String(value).slice(0, 4));
  return Number.isInteger(year) && year > 1800 ? [year] : [];
}

/** Values that several have; a column of names or addresses has none worth telling. */
function topOf(values: readonly unknown[]): { value: string; count: number }[] {
  const counts = new Map<string, number>();
  for (const value of values) {
    if (typeof value === 'object') continue;
    const text = String(value);
    counts.set(text, (counts.get(text) ?? 0) + 1);
  }
  if (counts.size > values.length / 2) return [];
  return [...counts]
    .sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1))
    .slice(0, TOP)
    .map(([value, count]) => ({ value, count }));
}

export function histogramOf(numbers: readonly number[]): { from: number; to: number; count: number }[] {
  if (numbers.length < 2) return [];
  const least = numbers.reduce((a, b) => Math.min(a, b));
  const most = numbers.reduce((a, b) => Math.max(a, b));
  if (least === most) return [];
  const isWhole = numbers.every(Number.isInteger);
  const width = isWhole ? Math.max(1, Math.ceil((most - least + 1) / STEPS)) : (most - least) / STEPS;
  const steps = isWhole ? Math.ceil((most - least + 1) / width) : STEPS;
  const bars = Array.from({ length: steps }, (_, at) => ({
    from: least + at * width,
    to: isWhole ? Math.min(most, least + (at + 1) * width - 1) : least + (at + 1) * width,
    count: 0,
  }));
  for (const one of numbers) {
    const bar = bars[Math.min(steps - 1, Math.floor((one - least) / width))];
    if (bar !== undefined) bar.count++;
  }
  return bars;
}

const roles = new Set(ROLES);
const disposable = new Set(DISPOSABLE);

/** An address of a function, not of a person: info@, contact@. */
export const isRole = (email: string): boolean => roles.has(email.slice(0, email.lastIndexOf('@')));
export const isDisposable = (email: string): boolean =>
  disposable.has(email.slice(email.lastIndexOf('@') + 1));
