/** Personas over HTTP: sets in their order with live counts, and the log of who became what. */
import { membershipOf } from '../../core/audience/membership.ts';
import { asSegment } from '../../core/audience/persona.ts';
import { inlineSegments, leavesOf, readDefinition } from '../../core/audience/segment.ts';
import { countMembers } from '../../core/audience/segment-sql.ts';
import { Problem } from '../../core/errors.ts';
import type { Runtime } from '../../core/runtime.ts';
import { countContacts } from '../../core/store/contact.ts';
import { fromJson } from '../../core/store/json.ts';
import { segmentChangesAfter } from '../../core/store/membership.ts';
import {
  keepPersonaSet,
  personaById,
  personas,
  personaSet,
  personaSets,
  removePersonaSet,
  type PersonaDraft,
} from '../../core/store/persona.ts';
import { segmentById, segments } from '../../core/store/segment.ts';
import type { Db, Row } from '../../core/store/tables.ts';
import type { SomeHandlers } from '../http/route.ts';

async function countOf(rt: Runtime, id: number, now: number): Promise<number | null> {
  const known = membershipOf(rt)?.segment(asSegment(id));
  if (known !== undefined) return known.members;
  // With an engine it is there in a moment; without one (another node has it) the store is asked.
  if (membershipOf(rt) !== undefined) return null;
  try {
    return await countMembers(rt.store.read, { root: { persona: id, member: true } }, now);
  } catch (error) {
    if (error instanceof Problem) return null;
    throw error;
  }
}

async function whole(rt: Runtime, row: Row<'persona_set'>, now: number) {
  const rows = await personas(rt.store.read, row.id);
  const everybody = membershipOf(rt)?.everybody.count() ?? 0;
  return {
    ...row,
    personas: await Promise.all(
      rows.map(async ({ id, name, segment_id }) => ({
        id,
        name,
        segment_id,
        count: await countOf(rt, id, now),
      })),
    ),
    total: everybody === 0 ? await countContacts(rt.store.read) : everybody,
  };
}

/** Segments that name one of these personas. */
async function usersOf(db: Db, ids: ReadonlySet<number>): Promise<string[]> {
  return (await segments(db))
    .filter(({ definition }) => {
      const { root } = readDefinition(fromJson<unknown>(definition, {}));
      return leavesOf(root).some(({ leaf }) => 'persona' in leaf && ids.has(leaf.persona));
    })
    .map(({ name }) => name);
}

async function mayGo(db: Db, gone: readonly number[]): Promise<void> {
  if (gone.length === 0) return;
  const [user] = await usersOf(db, new Set(gone));
  if (user !== undefined) throw new Problem('conflict', `the segment “${user}” names a persona of this set`);
}

interface Draft {
  name: string;
  personas: { id?: number | undefined; name: string; segment_id: number }[];
  rest: string;
}

async function keep(rt: Runtime, id: number | undefined, body: Draft, now: number) {
  const setId = await rt.store.write(async (tx) => {
    const there = id === undefined ? [] : await personas(tx, id);
    const strange = body.personas.find(
      (one) => one.id !== undefined && !there.some((row) => row.id === one.id),
    );
    if (strange !== undefined) throw new Problem('invalid', `there is no persona ${strange.id} in this set`);
    const taken = (await personaSets(tx)).find((row) => row.name === body.name && row.id !== id);
    if (taken !== undefined)
      throw new Problem('conflict', `there is a set ${body.name} already`, { fields: { name: 'is taken' } });
    for (const [at, { segment_id }] of body.personas.entries())
      if ((await segmentById(tx, segment_id)) === undefined)
        throw new Problem('invalid', `there is no segment ${segment_id}`, {
          fields: { [`personas.${at}.segment_id`]: 'names no segment' },
        });
    const stays = new Set(body.personas.map((one) => one.id));
    const rest = there.find((row) => row.segment_id === null);
    await mayGo(
      tx,
      there.filter((row) => !stays.has(row.id) && row.id !== rest?.id).map((row) => row.id),
    );
    const drafts: PersonaDraft[] = [...body.personas, { id: rest?.id, name: body.rest, segment_id: null }];
    const kept = await keepPersonaSet(tx, { ...(id !== undefined && { id }), name: body.name, drafts }, now);
    // A segment in it may itself speak of a persona of it: a circle is refused before it is kept.
    for (const { id: one } of await personas(tx, kept))
      await inlineSegments(tx, { persona: one, member: true });
    return kept;
  });
  return whole(rt, (await personaSet(rt.store.read, setId)) as Row<'persona_set'>, now);
}

async function existing(db: Db, id: number): Promise<Row<'persona_set'>> {
  const row = await personaSet(db, id);
  if (row === undefined) throw new Problem('not-found', 'there is no such set of personas');
  return row;
}

export const personaHandlers = {
  async personaSets({ rt, now }) {
    const rows = await personaSets(rt.store.read);
    return { rows: await Promise.all(rows.map((row) => whole(rt, row, now))) };
  },

  async createPersonaSet({ rt, body, now }) {
    return keep(rt, undefined, body, now);
  },

  async updatePersonaSet({ rt, params, body, now }) {
    await existing(rt.store.read, params.id);
    return keep(rt, params.id, body, now);
  },

  async deletePersonaSet({ rt, params }) {
    await rt.store.write(async (tx) => {
      await existing(tx, params.id);
      await mayGo(
        tx,
        (await personas(tx, params.id)).map((row) => row.id),
      );
      await removePersonaSet(tx, params.id);
    });
    return {};
  },

  async personaChanges({ rt, params, query }) {
    if ((await personaById(rt.store.read, params.id)) === undefined)
      throw new Problem('not-found', 'there is no such persona');
    const rows = await segmentChangesAfter(rt.store.read, {
      segmentId: asSegment(params.id),
      after: query.after,
      limit: query.limit,
    });
    return {
      rows: rows.map(({ id, contact_id, entered, at, cause }) => ({
        id,
        contact_id,
        entered: entered === 1,
        at,
        cause,
      })),
      after: rows.at(-1)?.id ?? query.after,
    };
  },
} satisfies SomeHandlers;
