/**
 * How many, and who, for a person who looks: from what the membership engine knows, at once and exactly; else by asking
 * the store. While a condition that nobody used before is worked out, a sample says about how many.
 */
import type { Runtime } from '../runtime.ts';
import { contactPage, contactsById, widestSuppressions, type ContactPage } from '../store/contact.ts';
import { whoOf } from '../store/membership.ts';
import { countJoined, joined, takeApart } from './atom.ts';
import type { Bits } from './bits.ts';
import { membershipOf, type Membership } from './membership.ts';
import type { Attached } from './roster.ts';
import { conditionOf, countEach, countMembers, idsOf, membersPage } from './segment-sql.ts';
import { groupsOf, inlineSegments, leavesOf, type Definition, type Leaf, type Node } from './segment.ts';

export interface Counted {
  count: number;
  total: number;
  leaves: { path: string; leaf: Leaf; count: number }[];
  /** Groups within the whole, each on its own. */
  groups: { path: string; count: number }[];
  /** False: estimated from a sample; asked again in a moment it is exact. */
  exact: boolean;
}

/** How many the whole has, and each condition on its own. */
export async function countDefinition(rt: Runtime, definition: Definition, now: number): Promise<Counted> {
  const engine = membershipOf(rt);
  const { read } = rt.store;
  const parts = await Promise.all(
    leavesOf(definition.root).map(async ({ place, leaf }) => ({
      path: place,
      leaf,
      root: await inlineSegments(read, leaf),
    })),
  );
  const groups = await Promise.all(
    groupsOf(definition.root).map(async ({ place, group }) => ({
      path: place,
      root: await inlineSegments(read, group),
    })),
  );
  const whole = await inlineSegments(read, definition.root);
  if (engine === undefined || engine.everybody.count() === 0)
    return {
      ...(await countEach(read, definition, now)),
      groups: await Promise.all(
        groups.map(async ({ path, root }) => ({ path, count: await countMembers(read, { root }, now) })),
      ),
      exact: true,
    };
  const { tree, atoms } = takeApart(whole);
  const known = [...atoms.keys()].every((id) => engine.bitsOf(id) !== undefined);
  if (!known) {
    engine.prepare(atoms);
    return estimate(rt, engine, { whole, parts, groups }, now);
  }
  const bitsOf = (id: string) => engine.bitsOf(id) as Bits;
  return {
    count: countJoined(tree, bitsOf, engine.everybody),
    total: engine.everybody.count(),
    leaves: parts.map(({ path, leaf, root }) => ({
      path,
      leaf,
      count: countJoined(takeApart(root).tree, bitsOf, engine.everybody),
    })),
    groups: groups.map(({ path, root }) => ({
      path,
      count: countJoined(takeApart(root).tree, bitsOf, engine.everybody),
    })),
    exact: true,
  };
}

/** Runs of neighbours at places spread evenly: their rows lie together on the disk, and few places are looked at. */
const RUNS = 40;
const RUN = 75;

/** Some thousand of everybody, spread evenly; all of them where there are no more. */
export function sampleOf(everybody: Bits): number[] {
  if (everybody.count() <= RUNS * RUN) return [...everybody];
  const [top = 0] = everybody.descending(Number.MAX_SAFE_INTEGER, 1);
  return [
    ...new Set(
      Array.from({ length: RUNS }, (_, at) =>
        everybody.descending(Math.ceil((top * (at + 1)) / RUNS) + 1, RUN),
      ).flat(),
    ),
  ];
}

async function estimate(
  rt: Runtime,
  engine: Membership,
  {
    whole,
    parts,
    groups,
  }: {
    whole: Node;
    parts: readonly { path: string; leaf: Leaf; root: Node }[];
    groups: readonly { path: string; root: Node }[];
  },
  now: number,
): Promise<Counted> {
  const { read } = rt.store;
  const total = engine.everybody.count();
  const sample = sampleOf(engine.everybody);
  const share = async (root: Node): Promise<number> => {
    const found = await whoOf(read, sample, conditionOf(read, root, now, 'slice'));
    return sample.length === 0 ? 0 : Math.round((found.size / sample.length) * total);
  };
  const [count, counts, grouped] = await Promise.all([
    share(whole),
    Promise.all(parts.map(({ root }) => share(root))),
    Promise.all(groups.map(({ root }) => share(root))),
  ]);
  return {
    count,
    total,
    leaves: parts.map(({ path, leaf }, at) => ({ path, leaf, count: counts[at] as number })),
    groups: groups.map(({ path }, at) => ({ path, count: grouped[at] as number })),
    exact: sample.length === total,
  };
}

/** How many a kept segment has: the engine's count when it is of this very definition. */
export async function countSegment(
  rt: Runtime,
  id: number,
  definition: Definition,
  now: number,
): Promise<number> {
  const known = await knownSegment(rt, id, definition);
  return known?.members ?? countMembers(rt.store.read, definition, now);
}

async function knownSegment(rt: Runtime, id: number, { root }: Definition): Promise<Attached | undefined> {
  const segment = membershipOf(rt)?.segment(id);
  if (segment === undefined) return undefined;
  const whole = await inlineSegments(rt.store.read, root, id);
  return segment.definition === JSON.stringify(whole) ? segment : undefined;
}

interface PageQuestion {
  cursor?: string | null | undefined;
  limit?: number | undefined;
}

/** Who is in a kept segment, newest contacts first. */
export async function segmentMembersPage(
  rt: Runtime,
  id: number,
  definition: Definition,
  now: number,
  page: PageQuestion = {},
): Promise<ContactPage> {
  const engine = membershipOf(rt);
  const known = await knownSegment(rt, id, definition);
  if (engine === undefined || known === undefined) return membersPage(rt.store.read, definition, now, page);
  return pageOf(
    rt,
    joined(known.tree, (atom) => engine.bitsOf(atom) as Bits, engine.everybody),
    page,
  );
}

/** Who a definition has that is being built. */
export async function definitionMembersPage(
  rt: Runtime,
  definition: Definition,
  now: number,
  page: PageQuestion = {},
): Promise<ContactPage> {
  const engine = membershipOf(rt);
  const whole = await inlineSegments(rt.store.read, definition.root);
  const { tree, atoms } = takeApart(whole);
  if (engine === undefined || [...atoms.keys()].some((atom) => engine.bitsOf(atom) === undefined))
    return contactPage(rt.store.read, { within: idsOf(rt.store.read, whole, now), ...page });
  return pageOf(
    rt,
    joined(tree, (atom) => engine.bitsOf(atom) as Bits, engine.everybody),
    page,
  );
}

async function pageOf(
  rt: Runtime,
  members: Bits,
  { cursor, limit = 50 }: PageQuestion,
): Promise<ContactPage> {
  const before = cursor ? Number(Buffer.from(cursor, 'base64url').toString()) : Number.MAX_SAFE_INTEGER;
  const ids = members.descending(Number.isSafeInteger(before) ? before : Number.MAX_SAFE_INTEGER, limit + 1);
  const shown = ids.slice(0, limit);
  const rows = await contactsById(rt.store.read, shown);
  const scopes = await widestSuppressions(
    rt.store.read,
    rows.map((row) => row.email),
  );
  const place = new Map(shown.map((id, at) => [id, at]));
  return {
    rows: rows
      .map((row) => ({ ...row, suppressed: scopes.get(row.email) ?? null }))
      .sort((a, b) => (place.get(a.id) ?? 0) - (place.get(b.id) ?? 0)),
    next: ids.length > limit ? Buffer.from(String(shown.at(-1))).toString('base64url') : null,
  };
}
