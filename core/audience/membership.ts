/**
 * Segments that are true within a second. Every condition of every segment (an atom) is known for everybody as bits; what
 * happens to a contact, by whomever it was written, has the atoms asked again that it can change, for that contact alone.
 *
 *     tick   what changed -> which atoms -> ask the store about those contacts -> bits, counts, who came and who went,
 *            and how far was read: one transaction, so a crash anywhere is a tick that begins again
 *     build  an atom that nobody knew yet is worked out once for everybody, beside the ticks
 *
 * The store's SQL (segment-sql.ts) is the only judge of a condition; time moves by its edges: a window asks about those
 * with an event where its edge went over, a day is worked out anew at midnight. One node does it, under a lease.
 */
import type { Runtime } from '../runtime.ts';
import { explain } from '../errors.ts';
import { holdLease, leaveLease } from '../store/lease.ts';
import {
  addFlips,
  atomChunks,
  atoms as storedAtoms,
  changesWaiting,
  countDay,
  dropAtoms,
  everyoneWho,
  forgetChanges,
  keepAtom,
  keepChunks,
  membershipCursor,
  moveCursor,
  seenAtoms,
  whoHadEvents,
  whoJoinedBetween,
  whoOf,
  whoSaidBetween,
  whoWroteBetween,
  type Flip,
} from '../store/membership.ts';
import type { Db } from '../store/tables.ts';
import { fromJson, toJson } from '../store/json.ts';
import { atomId, dependenceOf, difference, meets, type Change, type Dependence } from './atom.ts';
import { Bits, CHUNK_BITS } from './bits.ts';
import { EventFeed } from './event-feed.ts';
import { tellPersonas } from './persona.ts';
import { Roster, type Attached } from './roster.ts';
import { conditionOf } from './segment-sql.ts';
import { spanOf, turnOf } from './segment-day.ts';
import { windowOf, type Leaf } from './segment.ts';

const LEASE = 'membership';
const LEASE_MS = 30_000;
const CHANGES_AT_ONCE = 5000;
const ASK_AT_ONCE = 1000;
const EDGE_EVERY_MS = 2000;
const PAUSE_MS = 200;
const EVERYBODY: Leaf = { everyone: true };
/** Asked for each person of each change: worked out once. */
const EVERYBODY_ID = atomId(EVERYBODY);

/** A condition with its answers. */
export interface Atom {
  id: string;
  leaf: Leaf;
  dependence: Dependence;
  bits: Bits;
  /** What its windows and days were last seen from. */
  seenAt: number;
}

interface Build {
  id: string;
  leaf: Leaf;
  dependence: Dependence;
  at: number;
  /** Who changed while it was worked out: to be asked again. */
  dirty: Set<number>;
  ids: number[] | undefined;
  /** Whose turn it is not yet: a build that failed is tried again later. */
  notBefore: number;
}

/** The engine that runs beside a runtime, for those who ask: the interface and its API. */
const running = new WeakMap<Runtime, Membership>();
export const membershipOf = (rt: Runtime): Membership | undefined => running.get(rt);

export class Membership {
  readonly #rt: Runtime;
  readonly #atoms = new Map<string, Atom>();
  readonly #builds = new Map<string, Build>();
  readonly #roster: Roster;
  readonly #feed: EventFeed;
  readonly #stopped = new AbortController();
  #isBuilding: Promise<void> | undefined;
  #loop: Promise<void> | undefined;
  #isLoaded = false;

  constructor(rt: Runtime) {
    this.#rt = rt;
    this.#feed = new EventFeed(rt.store);
    this.#roster = new Roster(rt);
  }

  // ── answers ─────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Everybody who is a contact. */
  get everybody(): Bits {
    return this.#atoms.get(EVERYBODY_ID)?.bits ?? new Bits();
  }

  /** The answers to a condition; undefined as long as they are worked out. */
  bitsOf(atom: string): Bits | undefined {
    return this.#atoms.get(atom)?.bits;
  }

  /** A segment whose members are known. */
  segment(id: number): Attached | undefined {
    return this.#roster.attached.get(id);
  }

  isIn(segment: Attached, contactId: number): boolean {
    return (
      this.everybody.has(contactId) &&
      meets(segment.tree, (atom) => this.#atoms.get(atom)?.bits.has(contactId) === true)
    );
  }

  /** The segments that somebody is in, by id. */
  segmentsOf(contactId: number): number[] {
    return [...this.#roster.attached.values()]
      .filter((segment) => this.isIn(segment, contactId))
      .map((segment) => segment.id);
  }

  /** Has conditions worked out that somebody is building a segment with; they are kept for a while. */
  prepare(leaves: Iterable<[string, Leaf]>): void {
    for (const [id, leaf] of leaves) {
      this.#roster.holdPreview(id, Date.now());
      this.#want(id, leaf);
    }
  }

  // ── life ────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Answers questions about this runtime. */
  listen(): void {
    running.set(this.#rt, this);
  }

  start(): void {
    this.listen();
    this.#loop = this.#run();
  }

  async stop(): Promise<void> {
    running.delete(this.#rt);
    this.#stopped.abort();
    await this.#loop;
    await this.#isBuilding;
    const { store, node } = this.#rt;
    if (this.#isLoaded) await store.write((tx) => leaveLease(tx, LEASE, node)).catch(() => undefined);
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopped;
    let leasedUntil = 0;
    while (!signal.aborted) {
      let pause = PAUSE_MS;
      try {
        const now = Date.now();
        if (now > leasedUntil - LEASE_MS / 2) {
          const isOurs = await this.#rt.store.write((tx) =>
            holdLease(tx, { name: LEASE, holder: this.#rt.node, forMs: LEASE_MS }, now),
          );
          leasedUntil = isOurs ? now + LEASE_MS : 0;
          // Another node had it meanwhile: what is in memory may be old.
          if (!isOurs) this.#forget();
        }
        if (leasedUntil === 0) pause = LEASE_MS / 3;
        else if (await this.tick()) pause = 0;
      } catch (error) {
        if (signal.aborted) return;
        this.#rt.log.error('segments not brought up to date', { error: explain(error) });
        // What is known may be half of what was to be written: read it again.
        this.#forget();
        pause = 5000;
      }
      // By the wall's time: "within a second" is meant for people.
      if (pause > 0)
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, pause);
          signal.addEventListener('abort', () => (clearTimeout(timer), resolve()), { once: true });
        });
      else await new Promise((resolve) => setImmediate(resolve));
    }
  }

  #forget(): void {
    this.#isLoaded = false;
    this.#atoms.clear();
    this.#builds.clear();
    this.#roster.forget();
  }

  /** What was known when the process ended. */
  async #load(): Promise<void> {
    const { read } = this.#rt.store;
    for (const row of await storedAtoms(read)) {
      const leaf = fromJson<Leaf>(row.leaf, EVERYBODY);
      const bits = new Bits();
      for (const chunk of await atomChunks(read, row.id)) bits.setBytes(chunk.chunk, chunk.bits);
      this.#atoms.set(row.id, {
        id: row.id,
        leaf,
        dependence: dependenceOf(leaf),
        bits,
        seenAt: row.seen_at,
      });
    }
    this.#feed.begin(await membershipCursor(read));
    await this.#roster.load();
    this.#want(EVERYBODY_ID, EVERYBODY);
    this.#isLoaded = true;
  }

  // ── a tick ──────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Brings everything up to what is committed now. True when more waits. */
  async tick(): Promise<boolean> {
    if (!this.#isLoaded) await this.#load();
    const { store, clock } = this.#rt;
    const now = clock.now();
    await this.#follow(now);
    const attached = await this.#takeBuilds(now);
    const [changes, events] = await Promise.all([
      changesWaiting(store.read, CHANGES_AT_ONCE),
      this.#feed.next(),
    ]);
    const dirty = new Map<string, Set<number>>();
    const mark = (isTouched: (dependence: Dependence) => boolean, contactId: number) => {
      for (const atom of this.#atoms.values()) if (isTouched(atom.dependence)) add(dirty, atom.id, contactId);
      for (const build of this.#builds.values()) if (isTouched(build.dependence)) build.dirty.add(contactId);
    };
    for (const { what, contact_id } of changes)
      mark(({ changes: those }) => what === 'person' || those.includes(what as Change), contact_id);
    for (const { kind, contact_id } of events.events)
      if (contact_id !== null) mark(({ events: kinds }) => kinds.includes(kind), contact_id);
    const edges = await this.#overEdges(now, dirty);
    const flips = await this.#ask(dirty, now);
    const nothing = flips.length === 0 && changes.length === 0 && !events.moved && edges.length === 0;
    if (!nothing)
      await this.#commit(flips, now, async (tx) => {
        await forgetChanges(
          tx,
          changes.map((change) => change.id),
        );
        if (events.moved) await moveCursor(tx, events.cursor);
        await seenAtoms(
          tx,
          edges.map((atom) => atom.id),
          now,
        );
      });
    for (const atom of edges) atom.seenAt = now;
    this.#feed.done(events);
    this.#buildNext();
    return attached || changes.length === CHANGES_AT_ONCE || events.isFull;
  }

  /** Everything that waits, and what it leads to, to its end: for tests and commands. */
  async settle(): Promise<void> {
    for (;;) {
      const more = await this.tick();
      await this.#isBuilding;
      if (!more && this.#builds.size === 0 && !this.#roster.isWaiting) return;
    }
  }

  /** Segments that were made, changed or removed since; what they need is asked for, what nobody needs goes. */
  async #follow(now: number): Promise<void> {
    if (!(await this.#roster.look(now))) return;
    for (const [id, leaf] of this.#roster.needed()) this.#want(id, leaf);
    const needed = this.#roster.needed();
    const isUnused = (id: string) => !needed.has(id) && id !== EVERYBODY_ID && !this.#roster.isPreview(id);
    const unused = [...this.#atoms.keys()].filter(isUnused);
    if (unused.length > 0) {
      await this.#rt.store.write((tx) => dropAtoms(tx, unused));
      for (const id of unused) this.#atoms.delete(id);
    }
    for (const id of this.#builds.keys()) if (isUnused(id)) this.#builds.delete(id);
  }

  /** Windows whose edge moved: who had something where it went over. */
  async #overEdges(now: number, dirty: Map<string, Set<number>>): Promise<Atom[]> {
    const { read } = this.#rt.store;
    const moved: Atom[] = [];
    for (const atom of this.#atoms.values()) {
      const { clock, events } = atom.dependence;
      const tz = 'tz' in atom.leaf ? atom.leaf.tz : undefined;
      if (clock === 'day' && turnOf(tz, atom.seenAt) !== turnOf(tz, now)) this.#rebuild(atom);
      if (clock !== 'window' || now - atom.seenAt < EDGE_EVERY_MS) continue;
      const window = windowOf(atom.leaf);
      const from = spanOf(window, atom.seenAt).begin ?? now;
      const to = spanOf(window, now).begin ?? now;
      const ids = await whoWasIn(read, atom.leaf, events, from, to);
      for (const id of ids) add(dirty, atom.id, id);
      moved.push(atom);
    }
    return moved;
  }

  async #ask(dirty: Map<string, Set<number>>, now: number): Promise<AtomFlip[]> {
    const { read } = this.#rt.store;
    const flips: AtomFlip[] = [];
    for (const [id, contacts] of dirty) {
      const atom = this.#atoms.get(id);
      if (atom === undefined) continue;
      const meeting = await this.#meeting(read, atom.leaf, [...contacts], now);
      const entered = [...contacts].filter((one) => meeting.has(one) && !atom.bits.has(one));
      const left = [...contacts].filter((one) => !meeting.has(one) && atom.bits.has(one));
      if (entered.length + left.length > 0) flips.push({ atom, entered, left });
    }
    return flips;
  }

  async #meeting(read: Db, leaf: Leaf, contacts: readonly number[], now: number): Promise<Set<number>> {
    const condition = conditionOf(read, leaf, now, 'slice');
    const meeting = new Set<number>();
    for (let at = 0; at < contacts.length; at += ASK_AT_ONCE)
      for (const id of await whoOf(read, contacts.slice(at, at + ASK_AT_ONCE), condition)) meeting.add(id);
    return meeting;
  }

  /** Bits, counts and the log move together; when the store does not take it nothing moved. */
  async #commit(flips: readonly AtomFlip[], now: number, also: (tx: Db) => Promise<void>): Promise<void> {
    const touched = new Set(flips.map(({ atom }) => atom.id));
    const contacts = new Set(flips.flatMap(({ entered, left }) => [...entered, ...left]));
    const affected = [...this.#roster.attached.values()].filter(
      (segment) => touched.has(EVERYBODY_ID) || segment.atoms.some((id) => touched.has(id)),
    );
    const before = affected.map((segment) => [...contacts].map((id) => this.isIn(segment, id)));
    apply(flips);
    const came: Flip[] = [];
    const counts = affected.map((segment, at) => {
      let [entered, departed] = [0, 0];
      for (const [place, id] of [...contacts].entries()) {
        const is = this.isIn(segment, id);
        if (is === before[at]?.[place]) continue;
        if (is) entered++;
        else departed++;
        came.push({ segment_id: segment.id, contact_id: id, entered: is ? 1 : 0 });
      }
      return { segment, entered, departed, members: segment.members + entered - departed };
    });
    try {
      await this.#rt.store.write(async (tx) => {
        await keepChunks(tx, chunksOf(flips));
        for (const { segment, entered, departed, members } of counts)
          if (entered + departed > 0)
            await countDay(tx, { segment_id: segment.id, members, entered, departed }, now);
        await addFlips(tx, came, 'change', now);
        await tellPersonas(tx, came, now);
        await also(tx);
      });
    } catch (error) {
      apply(flips.map(({ atom, entered, left }) => ({ atom, entered: left, left: entered })));
      throw error;
    }
    for (const { segment, members } of counts) segment.members = members;
    if (came.length > 0) this.#rt.wake.ring('segment');
  }

  // ── building ────────────────────────────────────────────────────────────────────────────────────────────────────

  #want(id: string, leaf: Leaf): void {
    if (!this.#atoms.has(id)) this.#queue(id, leaf);
  }

  #rebuild(atom: Atom): void {
    this.#queue(atom.id, atom.leaf);
  }

  #queue(id: string, leaf: Leaf): void {
    if (this.#builds.has(id)) return;
    const dependence = dependenceOf(leaf);
    this.#builds.set(id, { id, leaf, dependence, at: 0, dirty: new Set(), ids: undefined, notBefore: 0 });
  }

  #buildNext(): void {
    if (this.#isBuilding !== undefined || this.#stopped.signal.aborted) return;
    const next = [...this.#builds.values()].find(
      (build) => build.ids === undefined && build.notBefore <= Date.now(),
    );
    if (next === undefined) return;
    const { read } = this.#rt.store;
    next.at = this.#rt.clock.now();
    // What was noted until now is older than what will be read.
    next.dirty.clear();
    this.#isBuilding = everyoneWho(read, conditionOf(read, next.leaf, next.at, 'whole'))
      .then(
        (ids) => void (next.ids = ids),
        (error: unknown) => {
          next.notBefore = Date.now() + 5000;
          this.#rt.log.error('condition not worked out', { atom: next.id, error: explain(error) });
        },
      )
      .finally(() => (this.#isBuilding = undefined));
  }

  /** What was worked out beside the ticks comes in. True when a segment's members became known. */
  async #takeBuilds(now: number): Promise<boolean> {
    for (const build of this.#builds.values()) {
      if (build.ids === undefined) continue;
      const fresh = Bits.of(build.ids);
      const meeting = await this.#meeting(this.#rt.store.read, build.leaf, [...build.dirty], now);
      for (const id of build.dirty) {
        if (meeting.has(id)) fresh.add(id);
        else fresh.remove(id);
      }
      const known = this.#atoms.get(build.id);
      const row = { id: build.id, leaf: toJson(build.leaf), seen_at: build.at, built_at: now };
      if (known === undefined) {
        await this.#rt.store.write(async (tx) => {
          await keepAtom(tx, row);
          await keepChunks(
            tx,
            [...fresh.chunks()].map((chunk) => ({ atom_id: build.id, chunk, bits: fresh.bytes(chunk) })),
          );
        });
        const { id, leaf, dependence } = build;
        this.#atoms.set(id, { id, leaf, dependence, bits: fresh, seenAt: build.at });
      } else {
        await this.#commit([{ atom: known, ...difference(known.bits, fresh) }], now, (tx) =>
          keepAtom(tx, row),
        );
        known.seenAt = build.at;
      }
      this.#builds.delete(build.id);
    }
    return this.#roster.attach((id) => this.#atoms.get(id)?.bits, this.everybody, now);
  }
}

interface AtomFlip {
  atom: Atom;
  entered: number[];
  left: number[];
}

function apply(flips: readonly AtomFlip[]): void {
  for (const { atom, entered, left } of flips) {
    for (const id of entered) atom.bits.add(id);
    for (const id of left) atom.bits.remove(id);
  }
}

const chunksOf = (flips: readonly AtomFlip[]) =>
  flips.flatMap(({ atom, entered, left }) =>
    [...new Set([...entered, ...left].map((id) => Math.floor(id / CHUNK_BITS)))].map((chunk) => ({
      atom_id: atom.id,
      chunk,
      bits: atom.bits.bytes(chunk),
    })),
  );

function add(dirty: Map<string, Set<number>>, atom: string, contactId: number): void {
  const known = dirty.get(atom);
  if (known === undefined) dirty.set(atom, new Set([contactId]));
  else known.add(contactId);
}

/** Those with something of what a condition looks at in a span of time. */
function whoWasIn(
  db: Db,
  leaf: Leaf,
  events: readonly string[],
  from: number,
  to: number,
): Promise<number[]> {
  if ('conversation' in leaf) return whoWroteBetween(db, from, to);
  if ('list' in leaf) return whoJoinedBetween(db, leaf.list, from, to);
  if ('consent' in leaf) return whoSaidBetween(db, leaf.consent.purpose, from, to);
  return whoHadEvents(db, events, from, to);
}
