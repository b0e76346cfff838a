/** A condition of a segment as a sentence about a person: "City is Lyon", "has replied to any campaign in the last 90 days". */
import type { SegmentLeaf as Leaf, SegmentWindow as Window } from '../../contract.ts';
import { isNever } from './condition.ts';
import { deedOf, fieldName, neverDeed, propertyName } from './event-name.ts';
import { say, words } from './words.svelte.ts';

/** What the ids and names in a condition are called. */
export interface Names {
  fields: readonly { name: string; label: string }[];
  lists: readonly { id: number; name: string }[];
  segments: readonly { id: number; name: string }[];
  campaigns: readonly { id: number; name: string }[];
  personas: readonly { id: number; name: string }[];
}

const called = (rows: readonly { id: number; name: string }[], id: number): string =>
  rows.find((row) => row.id === id)?.name ?? `#${id}`;

const fieldCalled = (names: Names, field: string): string =>
  fieldName(names.fields.find((one) => one.name === field) ?? { name: field, label: '' });

/** A distance into the past; null for a day of the calendar and for what lies ahead. */
function agoOf(value: unknown): { n: number; unit: 'd' | 'w' | 'm' | 'y' } | null {
  const rel = (value as { rel?: string } | null | undefined)?.rel;
  const match = /^-?(\d+)([dwmy])$/.exec(rel ?? '');
  return match === null ? null : { n: Number(match[1]), unit: match[2] as 'd' | 'w' | 'm' | 'y' };
}

export function valueWords(value: unknown): string {
  if (Array.isArray(value)) return value.map(valueWords).join(', ');
  const ago = agoOf(value);
  if (ago !== null) return `${words.number(ago.n)} ${say(`time.${ago.unit}`)}`;
  if (typeof value === 'object' && value !== null && 'unit' in value && 'at' in value)
    return words.word('dateUnit', `${String(value.unit)}.${String(value.at)}`);
  if (typeof value === 'object' && value !== null && 'km' in value) {
    const { km, lat, lon } = value as { km: number; lat: number; lon: number };
    return `${words.number(km)} ${say('place.kmFrom')} ${lat}, ${lon}`;
  }
  const ahead = /^\+(\d+)([dwmy])$/.exec((value as { rel?: string } | null | undefined)?.rel ?? '');
  if (ahead !== null)
    return `${words.number(Number(ahead[1]))} ${words.word('time', ahead[2])} ${say('dateKind.ahead')}`;
  return words.detail(value);
}

/** How a window is said: “in the last 6 months”. */
export function windowWords(window: Window | undefined): string[] {
  if (window === undefined) return [];
  if ('last' in window) {
    const [, n = '', unit = 'd'] = /^(\d+)([hdwmy])$/.exec(window.last) ?? [];
    return [say(`time.lastOf.${unit as 'h' | 'd' | 'w' | 'm' | 'y'}`, { n: Number(n) })];
  }
  return (['from', 'to', 'after', 'before'] as const).flatMap((edge) => {
    const value = (window as Partial<Record<typeof edge, unknown>>)[edge];
    return value === undefined ? [] : [`${say(`leafEdge.${edge}`)} ${valueWords(value)}`];
  });
}

type Counted = { op: 'eq' | 'gte' | 'lte'; n: number } | undefined;

const often = (count: Counted): string[] =>
  count === undefined || isNever(count) || (count.op === 'gte' && count.n === 1)
    ? []
    : [`${say(`leafCount.${count.op}`)} ${words.number(count.n)} ${say('leaf.times')}`];

const unlessNever = (deed: string, count: Counted): string => (isNever(count) ? neverDeed(deed) : deed);

type Filters = Extract<Leaf, { lastEvent: string }>['has'];

const filterWords = (filters: Filters): string[] =>
  filters.map((filter, at) =>
    [
      say(at === 0 ? 'segment.filterIf' : 'leaf.and'),
      propertyName(filter.prop),
      words.word('op', filter.op),
      'value' in filter ? valueWords(filter.value) : '',
    ]
      .join(' ')
      .trim(),
  );

export function leafSentence(leaf: Leaf, names: Names): string {
  const parts: string[] = [];
  if ('field' in leaf) {
    const told = agoOf(leaf.value) === null ? words.word('op', leaf.op) : words.word('opAgo', leaf.op);
    parts.push(fieldCalled(names, leaf.field), told);
    if (leaf.value !== undefined) parts.push(valueWords(leaf.value));
  } else if ('message' in leaf) {
    const { did, campaign, count, window } = leaf.message;
    parts.push(unlessNever(words.word('did', did), count));
    parts.push(campaign === 'any' ? say('leaf.anyCampaign') : `“${called(names.campaigns, campaign)}”`);
    parts.push(...often(count), ...windowWords(window));
  } else if ('event' in leaf) {
    const { agg, count } = leaf;
    parts.push(unlessNever(deedOf(leaf.event), count));
    if (agg !== undefined)
      parts.push(
        say(`often.${agg.fn}`),
        `${words.word('amount', agg.op)} ${words.number(agg.n)}`,
        say(agg.fn === 'distinct' ? 'often.inDifferent' : 'often.in'),
        propertyName(agg.prop),
      );
    parts.push(...often(count), ...windowWords(leaf.window), ...filterWords(leaf.where ?? []));
  } else if ('lastEvent' in leaf) {
    parts.push(`${say('leaf.lastEvent')} ${deedOf(leaf.lastEvent)}`, ...filterWords(leaf.has));
  } else if ('provider' in leaf) {
    parts.push(`${say('leaf.providerIs')} ${leaf.provider.join(', ')}`);
  } else if ('bucket' in leaf) {
    const { from, to, salt } = leaf.bucket;
    parts.push(`${say('leaf.share')} ${words.number(to - from)} ${say('leaf.percentDraw')} ${salt}`);
  } else if ('list' in leaf) {
    parts.push(
      `${called(names.lists, leaf.list)}: ${words.word('contact', leaf.status)}`,
      ...windowWords(leaf.since),
    );
  } else if ('tag' in leaf) {
    parts.push(`${say(`leafTag.${leaf.mode}`)} ${leaf.tag.join(', ')}`);
  } else if ('conversation' in leaf) {
    const state = { open: 'leaf.openConversation', closed: 'leaf.closedConversation' } as const;
    const { state: is, intent, window } = leaf.conversation;
    parts.push(say(is === 'any' ? 'leaf.anyConversation' : state[is]));
    if (intent !== undefined) parts.push(`(${intent.map((one) => words.word('intent', one)).join(', ')})`);
    parts.push(...windowWords(window));
  } else if ('suppressed' in leaf) {
    parts.push(say(leaf.suppressed ? 'leaf.isSuppressed' : 'leaf.isMailable'));
    if (leaf.reason !== undefined) parts.push(`(${words.word('reason', leaf.reason)})`);
  } else if ('segment' in leaf) {
    parts.push(say(leaf.member ? 'leaf.inSegment' : 'leaf.outSegment'));
    parts.push(`“${called(names.segments, leaf.segment)}”`);
  } else if ('persona' in leaf) {
    parts.push(
      say(leaf.member ? 'persona.is' : 'persona.isNot'),
      `“${called(names.personas, leaf.persona)}”`,
    );
  } else if ('consent' in leaf) {
    const { purpose, state, age } = leaf.consent;
    parts.push(`${say('leaf.consent')} ${purpose}: ${words.word('contact', state)}`);
    const [, n = '', unit = ''] = /^(\d+)(\w)$/.exec(age ?? '') ?? [];
    if (age !== undefined) parts.push(`${say('consent.age')} ${n} ${words.word('time', unit)}`);
  } else parts.push(say('leaf.everyone'));
  return parts.join(' ');
}
