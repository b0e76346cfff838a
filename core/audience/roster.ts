/**
 * Which segments there are, as the membership engine sees them: those whose members are known (attached), and those that
 * wait for a condition to be worked out. A segment that is edited stays what it was until the new form is known.
 */
import { Problem } from '../errors.ts';
import type { Runtime } from '../runtime.ts';
import { fromJson } from '../store/json.ts';
import {
  addFlips,
  countDay,
  dropSegmentState,
  keepSegmentState,
  segmentStates,
  type Flip,
} from '../store/membership.ts';
import { personas, personaSets } from '../store/persona.ts';
import { segments } from '../store/segment.ts';
import type { Row } from '../store/tables.ts';
import { countJoined, difference, joined, takeApart, type Tree } from './atom.ts';
import type { Bits } from './bits.ts';
import { inlineSegments, readDefinition, type Leaf, type Node } from './segment.ts';

export interface Attached {
  id: number;
  tree: Tree;
  /** Ids of its atoms. */
  atoms: string[];
  leaves: Map<string, Leaf>;
  /** The definition without references, as text. */
  definition: string;
  members: number;
}

type Plan = Omit<Attached, 'members'>;

const PREVIEW_MS = 10 * 60_000;
/** References are followed again after this long, also when no segment was touched. */
const LOOK_AGAIN_MS = 60_000;
const FLIPS_AT_ONCE = 5000;

export class Roster {
  readonly #rt: Runtime;
  readonly attached = new Map<number, Attached>();
  readonly #plans = new Map<number, Plan>();
  readonly #previews = new Map<string, number>();
  #signature = '';
  #lookedAt = 0;

  constructor(rt: Runtime) {
    this.#rt = rt;
  }

  /** A segment waits for its conditions. */
  get isWaiting(): boolean {
    return this.#plans.size > 0;
  }

  forget(): void {
    this.attached.clear();
    this.#plans.clear();
    this.#signature = '';
  }

  async load(): Promise<void> {
    for (const row of await segmentStates(this.#rt.store.read)) {
      const plan = planOf(row.segment_id, JSON.parse(row.definition) as Node);
      this.attached.set(row.segment_id, { ...plan, members: row.members });
    }
  }

  holdPreview(atom: string, at: number): void {
    this.#previews.set(atom, at + PREVIEW_MS);
  }

  /** True when anything is to be worked out or let go. */
  async look(now: number): Promise<boolean> {
    const { read } = this.#rt.store;
    const own = await segments(read);
    const sets = await personaSets(read);
    const signature = [...own, ...sets].map((row) => `${row.id}:${row.updated_at}`).join(' ');
    const at = Date.now();
    let isChanged = false;
    for (const [atom, until] of this.#previews)
      if (until < at && this.#previews.delete(atom)) isChanged = true;
    if (signature === this.#signature && now - this.#lookedAt < LOOK_AGAIN_MS) return isChanged;
    this.#signature = signature;
    this.#lookedAt = now;
    const kinds = await personas(read);
    const rows = [
      ...own,
      ...kinds.map(({ id }) => ({ id: -id, definition: JSON.stringify({ root: { persona: id } }) })),
    ];
    const there = new Set(rows.map((row) => row.id));
    for (const id of [...this.attached.keys(), ...this.#plans.keys()])
      if (!there.has(id)) await this.#drop(id);
    for (const row of rows) {
      const root = await this.#whole(row.id, row.definition);
      if (root === undefined) continue;
      const plan = await this.#together(planOf(row.id, root), kinds);
      const known = this.#plans.get(row.id) ?? this.attached.get(row.id);
      if (known?.definition === plan.definition) continue;
      if (this.attached.get(row.id)?.definition === plan.definition) this.#plans.delete(row.id);
      else this.#plans.set(row.id, plan);
    }
    return true;
  }

  /** Personas of a set become known together, so that nobody is in two or in none: each waits for all they need. */
  async #together(plan: Plan, all: readonly Row<'persona'>[]): Promise<Plan> {
    const set = all.find(({ id }) => id === -plan.id)?.set_id;
    const last = all.findLast(({ set_id }) => set_id === set);
    if (set === undefined || last === undefined || last.id === -plan.id) return plan;
    const whole = await this.#whole(-last.id, JSON.stringify({ root: { persona: last.id } }));
    return whole === undefined ? plan : { ...plan, atoms: [...takeApart(whole).atoms.keys()] };
  }

  /** The conditions that segments need. */
  needed(): Map<string, Leaf> {
    const all = new Map<string, Leaf>();
    for (const plan of [...this.attached.values(), ...this.#plans.values()])
      for (const [id, leaf] of plan.leaves) all.set(id, leaf);
    return all;
  }

  /** Whether somebody builds a segment with it now. */
  isPreview(atom: string): boolean {
    return this.#previews.has(atom);
  }

  /** Segments all of whose conditions are known now. True when there was one. */
  async attach(bitsOf: (atom: string) => Bits | undefined, everybody: Bits, now: number): Promise<boolean> {
    let isNew = false;
    for (const plan of this.#plans.values()) {
      if (plan.atoms.some((atom) => bitsOf(atom) === undefined)) continue;
      const known = (atom: string) => bitsOf(atom) as Bits;
      const before = this.attached.get(plan.id);
      const members = countJoined(plan.tree, known, everybody);
      const changed =
        before === undefined
          ? { entered: [], left: [] }
          : difference(joined(before.tree, known, everybody), joined(plan.tree, known, everybody));
      await this.#keep(plan, members, changed, now);
      this.attached.set(plan.id, { ...plan, members });
      this.#plans.delete(plan.id);
      isNew = true;
    }
    if (isNew) this.#rt.wake.ring('segment');
    return isNew;
  }

  async #keep(
    plan: Plan,
    members: number,
    { entered, left }: { entered: number[]; left: number[] },
    now: number,
  ): Promise<void> {
    const flips: Flip[] = [
      ...entered.map((contact_id) => ({ segment_id: plan.id, contact_id, entered: 1 })),
      ...left.map((contact_id) => ({ segment_id: plan.id, contact_id, entered: 0 })),
    ];
    await this.#rt.store.write(async (tx) => {
      await keepSegmentState(tx, {
        segment_id: plan.id,
        definition: plan.definition,
        members,
        built_at: now,
      });
      for (let at = 0; at < flips.length; at += FLIPS_AT_ONCE)
        await addFlips(tx, flips.slice(at, at + FLIPS_AT_ONCE), 'edit', now);
      await countDay(
        tx,
        { segment_id: plan.id, members, entered: entered.length, departed: left.length },
        now,
      );
    });
  }

  async #drop(id: number): Promise<void> {
    await this.#rt.store.write((tx) => dropSegmentState(tx, id));
    this.attached.delete(id);
    this.#plans.delete(id);
  }

  /** A definition with its references followed; undefined when it cannot be (the one it names is gone). */
  async #whole(id: number, definition: string): Promise<Node | undefined> {
    try {
      const { root } = readDefinition(fromJson<unknown>(definition, {}));
      return await inlineSegments(this.#rt.store.read, root, id > 0 ? id : undefined);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      this.#rt.log.warn('segment cannot be followed', { segment: id, error: error.message });
      return undefined;
    }
  }
}

function planOf(id: number, root: Node): Plan {
  const { tree, atoms } = takeApart(root);
  return { id, tree, atoms: [...atoms.keys()], leaves: atoms, definition: JSON.stringify(root) };
}
