/** Conditions of a segment while they are built: blank ones by kind, and what each kind may be compared with. Pure. */
import type { SegmentLeaf as Leaf, SegmentNode as Node } from '../../contract.ts';

export type LeafKind =
  | 'field'
  | 'message'
  | 'event'
  | 'lastEvent'
  | 'list'
  | 'tag'
  | 'conversation'
  | 'suppressed'
  | 'segment'
  | 'consent'
  | 'provider'
  | 'bucket'
  | 'everyone';

export const leafKinds: readonly LeafKind[] = [
  'field',
  'message',
  'event',
  'lastEvent',
  'list',
  'tag',
  'conversation',
  'suppressed',
  'segment',
  'consent',
  'provider',
  'bucket',
  'everyone',
];

export const kindOfLeaf = (leaf: Leaf): LeafKind => leafKinds.find((kind) => kind in leaf) ?? 'everyone';

export type Group = { all: Node[] } | { any: Node[] };
export const isGroup = (node: Node): node is Group => 'all' in node || 'any' in node;
export const isNot = (node: Node): node is { not: Node } => 'not' in node;
export const partsOf = (group: Group): Node[] => ('all' in group ? group.all : group.any);
export const regroup = (group: Group, parts: Node[]): Group =>
  'all' in group ? { all: parts } : { any: parts };
export const turned = (group: Group): Group => ('all' in group ? { any: group.all } : { all: group.any });

/** A new condition of a kind, complete as far as it can be. */
export function blank(
  kind: LeafKind,
  first: {
    field?: string;
    event?: string;
    property?: string;
    provider?: string;
    list?: number;
    tag?: string;
    segment?: number;
  },
): Leaf {
  switch (kind) {
    case 'field':
      return { field: first.field ?? 'email', op: 'nempty' };
    case 'message':
      return { message: { did: 'replied', campaign: 'any', window: { last: '90d' } } };
    case 'event':
      return { event: first.event ?? 'replied', window: { last: '90d' } };
    case 'lastEvent':
      return {
        lastEvent: first.event ?? 'replied',
        has: [{ prop: first.property ?? 'total', op: 'exists' }],
      };
    case 'provider':
      return { provider: [first.provider ?? 'gmail'] };
    case 'bucket':
      return { bucket: { salt: 'a', from: 0, to: 10 } };
    case 'list':
      return { list: first.list ?? 1, status: 'subscribed' };
    case 'tag':
      return { tag: [first.tag ?? 'vip'], mode: 'any' };
    case 'conversation':
      return { conversation: { state: 'open' } };
    case 'suppressed':
      return { suppressed: true };
    case 'segment':
      return { segment: first.segment ?? 1, member: true };
    case 'consent':
      return { consent: { purpose: 'marketing', state: 'given' } };
    case 'everyone':
      return { everyone: true };
    default:
      return kind satisfies never;
  }
}

export type ValueKind = 'text' | 'number' | 'boolean' | 'date';

/** What a field of the vocabulary is compared as. */
export const valueKind = (kind: string): ValueKind =>
  kind === 'number' || kind === 'boolean' || kind === 'date' ? kind : 'text';

export const operatorsOf: Record<ValueKind, readonly string[]> = {
  text: ['eq', 'ne', 'contains', 'ncontains', 'starts', 'ends', 'empty', 'nempty'],
  number: ['eq', 'ne', 'gt', 'gte', 'lt', 'lte', 'empty', 'nempty'],
  boolean: ['eq', 'empty', 'nempty'],
  date: [
    'since',
    'after',
    'before',
    'on',
    'age_gte',
    'age_lte',
    'age_between',
    'anniversary',
    'empty',
    'nempty',
  ],
};

export const needsValue = (op: string): boolean => op !== 'empty' && op !== 'nempty';

/** The value an operator begins with: one that the server takes, to be changed. */
export function startingValue(kind: ValueKind, op: string): unknown {
  if (op === 'anniversary') return [0, 7];
  if (op === 'age_between') return [18, 35];
  if (op.startsWith('age_')) return 18;
  return { text: '', number: 0, boolean: true, date: { rel: '-90d' } }[kind];
}

/** A property that an event was seen with. */
export interface EventProperty {
  name: string;
  types: readonly string[];
}

/** What a property of an event may be compared with, by what it was seen as. */
export function filterOperators(types: readonly string[]): readonly string[] {
  if (types.includes('number')) return ['gte', 'gt', 'lte', 'lt', 'eq', 'ne', 'exists'];
  if (types.includes('boolean')) return ['eq', 'ne', 'exists'];
  return ['eq', 'ne', 'contains', 'starts', 'in', 'exists'];
}

export const filterValue = (types: readonly string[]): string | number | boolean =>
  types.includes('number') ? 1 : types.includes('boolean') ? true : '';

/** Days of a window such as `90d`; null for ever, or for one that is not counted in days. */
export function daysOf(window: unknown): number | null {
  const last = (window as { last?: string } | undefined)?.last;
  const match = /^(\d+)([hdwmy])$/.exec(last ?? '');
  if (match === null) return null;
  const unit = { h: 1 / 24, d: 1, w: 7, m: 30, y: 365 }[match[2] as 'h' | 'd' | 'w' | 'm' | 'y'];
  return Math.max(1, Math.round(Number(match[1]) * unit));
}

/** The same condition with another window; null takes it away. */
export const lastDays = (days: number | null): { last: string } | undefined =>
  days === null ? undefined : { last: `${days}d` };
