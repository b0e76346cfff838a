/** Conditions while a segment is built: each new one is complete, and the builder offers only what the server takes. */
import { expect, test } from 'vitest';
import { readDefinition, standardFields } from '../../../core/audience/segment.ts';
import {
  blank,
  daysOf,
  isGroup,
  isNot,
  kindOfLeaf,
  lastDays,
  leafKinds,
  needsValue,
  operatorsOf,
  partsOf,
  regroup,
  startingValue,
  turned,
  valueKind,
  type ValueKind,
} from './condition.ts';

test('every new condition is one that the server takes', () => {
  for (const kind of leafKinds) {
    const leaf = blank(kind, {});
    expect(kindOfLeaf(leaf)).toBe(kind);
    expect(readDefinition({ root: leaf }).root, kind).toBeDefined();
  }
});

test('every operator that is offered is one that the server takes, for a field of its kind', () => {
  for (const [kind, operators] of Object.entries(operatorsOf) as [ValueKind, readonly string[]][]) {
    const field = Object.entries(standardFields).find(([, its]) => its === kind)?.[0];
    for (const op of operators) {
      const start = startingValue(kind as ValueKind, op);
      // A text begins empty, to be written.
      const value = start === '' ? 'Lyon' : start;
      const leaf = { field: field ?? 'fields.something', op, ...(needsValue(op) ? { value } : {}) };
      expect(() => readDefinition({ root: leaf }), JSON.stringify(leaf)).not.toThrow();
    }
  }
});

test('a window is counted in days, whatever unit it was written in', () => {
  const check = (window: unknown, days: number | null) => expect(daysOf(window)).toBe(days);
  check({ last: '90d' }, 90);
  check({ last: '2w' }, 14);
  check({ last: '3m' }, 90);
  check({ last: '1y' }, 365);
  check({ last: '12h' }, 1);
  check(undefined, null);
  check({ before: '2026-01-01' }, null);
  expect(lastDays(30)).toEqual({ last: '30d' });
  expect(lastDays(null)).toBeUndefined();
});

test('a group keeps its parts when it turns from all into any', () => {
  const group = { all: [blank('everyone', {}), blank('tag', {})] };
  expect(isGroup(group)).toBe(true);
  expect(isGroup(blank('tag', {}))).toBe(false);
  expect(isNot({ not: group })).toBe(true);
  expect(turned(group)).toEqual({ any: group.all });
  expect(partsOf(turned(turned(group)))).toEqual(group.all);
  expect(regroup(group, [])).toEqual({ all: [] });
  expect(valueKind('choice')).toBe('text');
});
