/**
 * A segment taken apart: its conditions (atoms), which many segments share, and how they are joined. Whether somebody
 * meets an atom is asked of the store and kept as bits; joining them is arithmetic. So an event is asked about only in
 * the atoms that it can change, and who edits one condition has only that one worked out anew.
 */
import { createHash } from 'node:crypto';
import { Bits, countWords, CHUNK_BYTES } from './bits.ts';
import {
  customName,
  kindOf,
  standardFields,
  type FieldLeaf,
  type Leaf,
  type Node,
  type Window,
} from './segment.ts';
import { isEachOwn } from './segment-day.ts';
import { SENT_EVENTS } from './segment-sql.ts';

/**
 * What can have changed about a contact, as the triggers of the store name it; `person`: one is new or gone; `company`: somebody
 * else came to theirs or left it.
 */
export type Change =
  'person' | 'contact' | 'list' | 'suppression' | 'consent' | 'conversation' | 'event' | 'company';

export interface Dependence {
  changes: readonly Change[];
  /** Kinds of events; '*': any. */
  events: readonly string[];
  /** none: time alone changes nothing; window: its edges move with every second; day: at midnight. */
  clock: 'none' | 'window' | 'day';
}

/** How the atoms of a segment are joined: by their ids. */
export type Tree =
  { all: Tree[] } | { any: Tree[] } | { not: Tree } | { atLeast: number; of: Tree[] } | { atom: string };

export interface TakenApart {
  tree: Tree;
  atoms: Map<string, Leaf>;
}

/** References must be inlined. */
export function takeApart(node: Node): TakenApart {
  const atoms = new Map<string, Leaf>();
  const walk = (at: Node): Tree => {
    if ('all' in at) return { all: at.all.map(walk) };
    if ('any' in at) return { any: at.any.map(walk) };
    if ('not' in at) return { not: walk(at.not) };
    if ('atLeast' in at) return { atLeast: at.atLeast, of: at.of.map(walk) };
    const id = atomId(at);
    atoms.set(id, at);
    return { atom: id };
  };
  return { tree: walk(node), atoms };
}

/** The same for the same condition, however its keys are ordered. */
export const atomId = (leaf: Leaf): string =>
  createHash('sha256').update(canonical(leaf)).digest('hex').slice(0, 24);

function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const pairs = Object.entries(value)
    .filter(([, inner]) => inner !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${pairs.map(([key, inner]) => `${JSON.stringify(key)}:${canonical(inner)}`).join(',')}}`;
}

/** What an atom's answer can change with. */
export function dependenceOf(leaf: Leaf): Dependence {
  const own = dependenceAlone(leaf);
  // Where days turn at each contact's midnight, the contact's zone is part of the question.
  const { changes } = own;
  if (!('tz' in leaf) || !isEachOwn(leaf.tz) || changes.includes('contact')) return own;
  return { ...own, changes: [...changes, 'contact'] };
}

function dependenceAlone(leaf: Leaf): Dependence {
  if ('field' in leaf) return { changes: ['contact'], events: [], clock: fieldClock(leaf) };
  if ('tag' in leaf || 'everyone' in leaf) return { changes: ['contact'], events: [], clock: 'none' };
  if ('list' in leaf) {
    return { changes: ['list'], events: [], clock: windowClock(leaf.since) };
  }
  // An address that is suppressed may be given to somebody later: that is a change of the contact.
  if ('suppressed' in leaf) return { changes: ['suppression', 'contact'], events: [], clock: 'none' };
  if ('consent' in leaf)
    return { changes: ['consent'], events: [], clock: leaf.consent.age === undefined ? 'none' : 'window' };
  if ('conversation' in leaf)
    return { changes: ['conversation'], events: [], clock: windowClock(leaf.conversation.window) };
  if ('event' in leaf) return { changes: ['event'], events: [leaf.event], clock: windowClock(leaf.window) };
  if ('message' in leaf)
    return {
      changes: ['event'],
      events: leaf.message.did === 'sent' ? SENT_EVENTS : [leaf.message.did],
      clock: windowClock(leaf.message.window),
    };
  if ('lastEvent' in leaf) return { changes: ['event'], events: [leaf.lastEvent], clock: 'none' };
  // A domain's provider is looked up now and then: by the day is soon enough.
  if ('provider' in leaf) return { changes: ['contact'], events: [], clock: 'day' };
  if ('bucket' in leaf) return { changes: [], events: [], clock: 'none' };
  if ('segment' in leaf || 'persona' in leaf) throw new Error('a reference is no atom: inline it first');
  return leaf satisfies never;
}

const windowClock = (window: Window | undefined): Dependence['clock'] =>
  window === undefined ? 'none' : 'last' in window ? 'window' : isFixed(window) ? 'none' : 'day';

const isFixed = (window: Exclude<Window, { last: string }>): boolean =>
  Object.values(window).every((edge) => typeof edge === 'string');

function fieldClock(leaf: FieldLeaf): Dependence['clock'] {
  const isDate =
    customName(leaf.field) === undefined
      ? standardFields[leaf.field as keyof typeof standardFields] === 'date'
      : kindOf(leaf) === 'date';
  if (!isDate) return 'none';
  if (leaf.op === 'anniversary' || leaf.op.startsWith('age_')) return 'day';
  const values = Array.isArray(leaf.value) ? leaf.value : [leaf.value];
  return values.some((value) => typeof value === 'object') ? 'day' : 'none';
}

// ── joining ───────────────────────────────────────────────────────────────────────────────────────────────────────

/** Whether somebody is in it; `isIn` answers for an atom. Who is no contact is in nothing: ask that first. */
export function meets(tree: Tree, isIn: (atom: string) => boolean): boolean {
  if ('all' in tree) return tree.all.every((part) => meets(part, isIn));
  if ('any' in tree) return tree.any.some((part) => meets(part, isIn));
  if ('not' in tree) return !meets(tree.not, isIn);
  if ('atLeast' in tree) return tree.of.filter((part) => meets(part, isIn)).length >= tree.atLeast;
  return isIn(tree.atom);
}

const WORDS = CHUNK_BYTES / 4;

/** The members in one chunk: what the tree says, among those who are there at all. */
function joinedWords(
  tree: Tree,
  bitsOf: (atom: string) => Bits,
  chunk: number,
  everybody: Uint32Array,
): Uint32Array {
  const out = new Uint32Array(WORDS);
  if ('atom' in tree) {
    const words = bitsOf(tree.atom).words(chunk);
    for (let i = 0; i < WORDS; i++) out[i] = (words[i] as number) & (everybody[i] as number);
    return out;
  }
  if ('not' in tree) {
    const words = joinedWords(tree.not, bitsOf, chunk, everybody);
    for (let i = 0; i < WORDS; i++) out[i] = (everybody[i] as number) & ~(words[i] as number);
    return out;
  }
  if ('all' in tree) {
    out.set(everybody);
    for (const part of tree.all) {
      const words = joinedWords(part, bitsOf, chunk, everybody);
      for (let i = 0; i < WORDS; i++) out[i] = (out[i] as number) & (words[i] as number);
    }
    return out;
  }
  if ('atLeast' in tree) return atLeastWords(tree, bitsOf, chunk, everybody);
  for (const part of tree.any) {
    const words = joinedWords(part, bitsOf, chunk, everybody);
    for (let i = 0; i < WORDS; i++) out[i] = (out[i] as number) | (words[i] as number);
  }
  return out;
}

/** Who meets so many of the parts: level[n] has those that met n + 1 of the parts looked at so far. */
function atLeastWords(
  { atLeast, of }: { atLeast: number; of: Tree[] },
  bitsOf: (atom: string) => Bits,
  chunk: number,
  everybody: Uint32Array,
): Uint32Array {
  if (atLeast > of.length) return new Uint32Array(WORDS);
  const level = Array.from({ length: atLeast }, () => new Uint32Array(WORDS));
  for (const part of of) {
    const words = joinedWords(part, bitsOf, chunk, everybody);
    for (let i = 0; i < WORDS; i++) {
      let carried = words[i] as number;
      for (const met of level) {
        const before = met[i] as number;
        met[i] = before | carried;
        carried &= before;
      }
    }
  }
  return level.at(-1) as Uint32Array;
}

/** Everybody who is in it. */
export function joined(tree: Tree, bitsOf: (atom: string) => Bits, everybody: Bits): Bits {
  const members = new Bits();
  for (const chunk of everybody.chunks())
    members.setWords(chunk, joinedWords(tree, bitsOf, chunk, everybody.words(chunk)));
  return members;
}

/** How many are in it. */
export function countJoined(tree: Tree, bitsOf: (atom: string) => Bits, everybody: Bits): number {
  let count = 0;
  for (const chunk of everybody.chunks())
    count += countWords(joinedWords(tree, bitsOf, chunk, everybody.words(chunk)));
  return count;
}

/** Who is in the one and not in the other, both ways. */
export function difference(before: Bits, after: Bits): { entered: number[]; left: number[] } {
  const entered: number[] = [];
  const left: number[] = [];
  for (const chunk of new Set([...before.chunks(), ...after.chunks()])) {
    const old = before.words(chunk);
    const fresh = after.words(chunk);
    for (let i = 0; i < WORDS; i++) {
      let changed = (old[i] as number) ^ (fresh[i] as number);
      for (; changed !== 0; changed &= changed - 1) {
        const bit = 31 - Math.clz32(changed & -changed);
        const id = chunk * WORDS * 32 + i * 32 + bit;
        if (((fresh[i] as number) & (1 << bit)) !== 0) entered.push(id);
        else left.push(id);
      }
    }
  }
  return { entered, left };
}
