/** A condition of a segment as a sentence about a person: "City is Lyon", "has replied to any campaign in the last 90 days". */
import type { SegmentLeaf as Leaf } from '../../contract.ts';
import { daysOf } from './condition.ts';
import { say, words } from './words.svelte.ts';

/** What the ids and names in a condition are called. */
export interface Names {
  fields: readonly { name: string; label: string }[];
  lists: readonly { id: number; name: string }[];
  segments: readonly { id: number; name: string }[];
  campaigns: readonly { id: number; name: string }[];
}

const called = (rows: readonly { id: number; name: string }[], id: number): string =>
  rows.find((row) => row.id === id)?.name ?? `#${id}`;

const fieldCalled = (names: Names, field: string): string =>
  names.fields.find((one) => one.name === field)?.label || field.replace(/^fields\./, '');

/** Days of a date that is counted from today; null for one of the calendar. */
export function daysAgoOf(value: unknown): number | null {
  const rel = (value as { rel?: string } | null | undefined)?.rel;
  const match = /^-?(\d+)d$/.exec(rel ?? '');
  return match === null ? null : Number(match[1]);
}

export function valueWords(value: unknown): string {
  if (Array.isArray(value)) return value.map(valueWords).join(', ');
  const days = daysAgoOf(value);
  if (days !== null) return `${words.number(days)} ${say('leaf.days')}`;
  if (typeof value === 'object' && value !== null && 'rel' in value) return String(value.rel);
  return words.detail(value);
}

function timing(told: {
  count?: { op: 'eq' | 'gte' | 'lte'; n: number } | undefined;
  window?: unknown;
}): string[] {
  const parts: string[] = [];
  if (told.count !== undefined && (told.count.op !== 'gte' || told.count.n !== 1))
    parts.push(`${say(`leafCount.${told.count.op}`)} ${words.number(told.count.n)} ${say('leaf.times')}`);
  const window = told.window as Record<string, unknown> | undefined;
  const days = daysOf(window);
  if (days !== null) parts.push(say('leaf.lastDays', { n: days }));
  else if (window !== undefined) {
    for (const edge of ['from', 'to', 'after', 'before'] as const)
      if (window[edge] !== undefined) parts.push(`${say(`leafEdge.${edge}`)} ${valueWords(window[edge])}`);
  }
  return parts;
}

type Filters = Extract<Leaf, { lastEvent: string }>['has'];

const filterWords = (filters: Filters): string[] =>
  filters.map((filter, at) =>
    [
      say(at === 0 ? 'leaf.where' : 'leaf.and'),
      filter.prop,
      words.word('op', filter.op),
      'value' in filter ? valueWords(filter.value) : '',
    ]
      .join(' ')
      .trim(),
  );

export function leafSentence(leaf: Leaf, names: Names): string {
  const parts: string[] = [];
  if ('field' in leaf) {
    const ago = daysAgoOf(leaf.value) !== null;
    parts.push(fieldCalled(names, leaf.field), words.word(ago ? 'opAgo' : 'op', leaf.op));
    if (leaf.value !== undefined) parts.push(valueWords(leaf.value));
  } else if ('message' in leaf) {
    const { did, campaign } = leaf.message;
    parts.push(words.word('did', did));
    parts.push(campaign === 'any' ? say('leaf.anyCampaign') : `“${called(names.campaigns, campaign)}”`);
    parts.push(...timing(leaf.message));
  } else if ('event' in leaf) {
    parts.push(`${say('leaf.event')}: ${words.word('event', leaf.event)}`, ...filterWords(leaf.where ?? []));
    const { agg } = leaf;
    if (agg !== undefined)
      parts.push(
        `${words.word('fn', agg.fn)} ${agg.prop} ${words.word('op', agg.op)} ${words.number(agg.n)}`,
      );
    parts.push(...timing(leaf));
  } else if ('lastEvent' in leaf) {
    parts.push(`${say('leaf.lastEvent')} ${words.word('event', leaf.lastEvent)}`, ...filterWords(leaf.has));
  } else if ('provider' in leaf) {
    parts.push(`${say('leaf.providerIs')} ${leaf.provider.join(', ')}`);
  } else if ('bucket' in leaf) {
    const { from, to, salt } = leaf.bucket;
    parts.push(`${say('leaf.share')} ${words.number(to - from)} ${say('leaf.percentDraw')} ${salt}`);
  } else if ('list' in leaf) {
    parts.push(`${called(names.lists, leaf.list)}: ${words.word('contact', leaf.status)}`);
  } else if ('tag' in leaf) {
    parts.push(`${say(`leafTag.${leaf.mode}`)} ${leaf.tag.join(', ')}`);
  } else if ('conversation' in leaf) {
    const state = { open: 'leaf.openConversation', closed: 'leaf.closedConversation' } as const;
    const { state: is, intent, window } = leaf.conversation;
    parts.push(say(is === 'any' ? 'leaf.anyConversation' : state[is]));
    if (intent !== undefined) parts.push(`(${intent.map((one) => words.word('intent', one)).join(', ')})`);
    parts.push(...timing({ window }));
  } else if ('suppressed' in leaf) {
    parts.push(say(leaf.suppressed ? 'leaf.isSuppressed' : 'leaf.isMailable'));
    if (leaf.reason !== undefined) parts.push(`(${words.word('reason', leaf.reason)})`);
  } else if ('segment' in leaf) {
    parts.push(say(leaf.member ? 'leaf.inSegment' : 'leaf.outSegment'));
    parts.push(`“${called(names.segments, leaf.segment)}”`);
  } else if ('consent' in leaf) {
    const { purpose, state } = leaf.consent;
    parts.push(`${say('leaf.consent')} ${purpose}: ${words.word('contact', state)}`);
  } else parts.push(say('leaf.everyone'));
  return parts.join(' ');
}
