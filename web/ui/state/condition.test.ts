/** Conditions while a segment is built: each new one is complete, and the builder offers only what the server takes. */
import { expect, test } from 'vitest';
import { readDefinition, standardFields } from '../../../core/audience/segment.ts';
import {
  blank,
  isGroup,
  isNever,
  isNot,
  joiningOf,
  kindOfLeaf,
  leafKinds,
  modeOfWindow,
  needsValue,
  operatorsOf,
  partsOf,
  regroup,
  startingValue,
  startingWindow,
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

test('every way to tell a window begins with one that the server takes, and is told back', () => {
  for (const mode of ['ever', 'last', 'between', 'before', 'after'] as const) {
    const window = startingWindow(mode, '2026-07-12');
    expect(modeOfWindow(window)).toBe(mode);
    expect(() => readDefinition({ root: { event: 'replied', ...(window && { window }) } })).not.toThrow();
  }
});

test('never is none, and at least none is not never', () => {
  expect(isNever({ op: 'eq', n: 0 })).toBe(true);
  expect(isNever({ op: 'lte', n: 0 })).toBe(true);
  expect(isNever({ op: 'gte', n: 0 })).toBe(false);
  expect(isNever({ op: 'lte', n: 1 })).toBe(false);
  expect(isNever(undefined)).toBe(false);
});

test('a group keeps its parts when it turns from all into any', () => {
  const group = { all: [blank('everyone', {}), blank('tag', {})] };
  expect(isGroup(group)).toBe(true);
  expect(isGroup(blank('tag', {}))).toBe(false);
  expect(isNot({ not: group })).toBe(true);
  expect(turned(group, 'any')).toEqual({ any: group.all });
  expect(turned(group, 'of')).toEqual({ atLeast: 2, of: group.all });
  expect(joiningOf(turned(group, 'of'))).toBe('of');
  expect(partsOf(turned(turned(group, 'of'), 'all'))).toEqual(group.all);
  expect(regroup(group, [])).toEqual({ all: [] });
  expect(valueKind('choice')).toBe('text');
});
