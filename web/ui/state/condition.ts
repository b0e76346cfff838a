/** Conditions of a segment while they are built: blank ones by kind, and what each kind may be compared with. Pure. */
import type { SegmentLeaf as Leaf, SegmentNode as Node, SegmentWindow as Window } from '../../contract.ts';

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
  | 'persona'
  | 'consent'
  | 'provider'
  | 'bucket'
  | 'everyone';

/** As the builder offers them: what is asked most stands first. */
export const leafKinds: readonly LeafKind[] = [
  'event',
  'field',
  'message',
  'conversation',
  'lastEvent',
  'list',
  'tag',
  'segment',
  'persona',
  'consent',
  'suppressed',
  'provider',
  'bucket',
  'everyone',
];

export const kindOfLeaf = (leaf: Leaf): LeafKind => leafKinds.find((kind) => kind in leaf) ?? 'everyone';

export type Group = { all: Node[] } | { any: Node[] } | { atLeast: number; of: Node[] };
/** How a group joins its parts. */
export type Joining = 'all' | 'any' | 'of';
export const isGroup = (node: Node): node is Group => 'all' in node || 'any' in node || 'atLeast' in node;
export const isNot = (node: Node): node is { not: Node } => 'not' in node;
export const joiningOf = (group: Group): Joining => ('all' in group ? 'all' : 'any' in group ? 'any' : 'of');
export const partsOf = (group: Group): Node[] =>
  'all' in group ? group.all : 'any' in group ? group.any : group.of;
export const regroup = (group: Group, parts: Node[]): Group =>
  'all' in group ? { all: parts } : 'any' in group ? { any: parts } : { ...group, of: parts };
/** The same parts, joined otherwise. */
export const turned = (group: Group, joining: Joining): Group => {
  const parts = partsOf(group);
  return joining === 'all' ? { all: parts } : joining === 'any' ? { any: parts } : { atLeast: 2, of: parts };
};

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
    persona?: number;
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
    case 'persona':
      return { persona: first.persona ?? 1, member: true };
    case 'consent':
      return { consent: { purpose: 'marketing', state: 'given' } };
    case 'everyone':
      return { everyone: true };
    default:
      return kind satisfies never;
  }
}

export type ValueKind = 'text' | 'number' | 'boolean' | 'date' | 'place';

/** What a field of the vocabulary is compared as. */
export const valueKind = (kind: string): ValueKind =>
  kind === 'number' || kind === 'boolean' || kind === 'date' || kind === 'place' ? kind : 'text';

export const operatorsOf: Record<ValueKind, readonly string[]> = {
  text: ['eq', 'ne', 'in', 'nin', 'contains', 'ncontains', 'starts', 'ends', 'empty', 'nempty'],
  number: ['eq', 'ne', 'gt', 'gte', 'lt', 'lte', 'between', 'empty', 'nempty'],
  boolean: ['eq', 'empty', 'nempty'],
  place: ['postcode', 'country', 'near', 'empty', 'nempty'],
  date: [
    'since',
    'after',
    'before',
    'until',
    'on',
    'between',
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
export function startingValue(kind: ValueKind, op: string, today = '2026-01-01'): unknown {
  if (op === 'anniversary') return [0, 7];
  if (op === 'near') return { lat: 48.8566, lon: 2.3522, km: 20 };
  if (op === 'postcode') return ['75'];
  if (op === 'country') return ['FR'];
  if (op === 'in' || op === 'nin') return [''];
  if (op === 'between') return kind === 'date' ? [`${today.slice(0, 4)}-01-01`, today] : [0, 100];
  if (op === 'age_between') return [18, 35];
  if (op.startsWith('age_')) return 18;
  return { text: '', number: 0, boolean: true, date: { rel: '-90d' }, place: ['75'] }[kind];
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

/** How a window of time is told. */
export type WindowMode = 'ever' | 'last' | 'between' | 'before' | 'after';
export const windowUnits = ['h', 'd', 'w', 'm', 'y'] as const;
export const dateUnits = ['d', 'w', 'm', 'y'] as const;
/** The days of a week, a month and so on, as a list to choose from. */
export const calendarDates = (['day', 'week', 'month', 'quarter', 'year'] as const).flatMap((unit) =>
  (unit === 'day'
    ? (['this', 'last', 'next'] as const)
    : (['this', 'last', 'next', 'start', 'end'] as const)
  ).map((at) => ({ unit, at })),
);

/** Whether it matters to any condition when a day begins. */
export function isOfDays(node: Node): boolean {
  if (isGroup(node)) return partsOf(node).some(isOfDays);
  if (isNot(node)) return isOfDays(node.not);
  if ('field' in node) {
    if (node.op === 'between') return typeof (node.value as unknown[] | undefined)?.[0] !== 'number';
    return /^(on|before|after|since|until|anniversary|age_.*)$/.test(node.op);
  }
  const window =
    'message' in node
      ? node.message.window
      : 'conversation' in node
        ? node.conversation.window
        : 'list' in node
          ? node.since
          : 'event' in node
            ? node.window
            : undefined;
  return window !== undefined && !('last' in window);
}

export function modeOfWindow(window: Window | undefined): WindowMode {
  if (window === undefined) return 'ever';
  if ('last' in window) return 'last';
  if ('from' in window) return 'between';
  return 'before' in window ? 'before' : 'after';
}

/** The window that a mode begins with, to be changed. */
export function startingWindow(mode: WindowMode, today: string): Window | undefined {
  switch (mode) {
    case 'ever':
      return undefined;
    case 'last':
      return { last: '90d' };
    case 'between':
      return { from: `${today.slice(0, 4)}-01-01`, to: today };
    case 'before':
      return { before: today };
    case 'after':
      return { after: `${today.slice(0, 4)}-01-01` };
    default:
      return mode satisfies never;
  }
}

/** Never is at most none. */
export const isNever = (count: { op: string; n: number } | undefined): boolean =>
  count !== undefined && count.n === 0 && count.op !== 'gte';
