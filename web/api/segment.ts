/** Segments over HTTP: their counts while they are built, who is in them, and why. */
import { capUsesSegment } from '../../core/store/pressure.ts';
import {
  countDefinition,
  countSegment,
  definitionMembersPage,
  segmentMembersPage,
} from '../../core/audience/segment-count.ts';
import { isReadable } from '../../core/audience/property.ts';
import { whyMember } from '../../core/audience/segment-sql.ts';
import {
  inlineSegments,
  readDefinition,
  standardFields,
  type Definition,
} from '../../core/audience/segment.ts';
import { Problem } from '../../core/errors.ts';
import type { Runtime } from '../../core/runtime.ts';
import { campaignsUsingSegment } from '../../core/store/campaign.ts';
import { contactById, contactsById, fields, tagsSeen } from '../../core/store/contact.ts';
import { isBuiltIn } from '../../core/store/event-kind.ts';
import { propertiesOf } from '../../core/store/event-schema.ts';
import { fromJson, toJson } from '../../core/store/json.ts';
import { latestChanges, segmentChangesAfter, segmentDays } from '../../core/store/membership.ts';
import { personas, personaSets, personasOfSegment } from '../../core/store/persona.ts';
import {
  addSegment,
  changeSegment,
  eventKindsSeen,
  removeSegment,
  segmentById,
  segmentByName,
  segments,
} from '../../core/store/segment.ts';
import type { Db, Row } from '../../core/store/tables.ts';
import type { SomeHandlers } from '../http/route.ts';
import { contactLine } from './contact.ts';

const definitionOf = (row: Row<'segment'>) => readDefinition(fromJson<unknown>(row.definition, {}));

async function existing(db: Db, id: number): Promise<Row<'segment'>> {
  const row = await segmentById(db, id);
  if (row === undefined) throw new Problem('not-found', 'there is no such segment');
  return row;
}

async function line(rt: Runtime, row: Row<'segment'>) {
  const shown = { ...row, definition: fromJson<Definition>(row.definition, { root: { all: [] } }) };
  try {
    return { ...shown, count: await countSegment(rt, row.id, definitionOf(row), rt.clock.now()) };
  } catch (error) {
    // A segment that names one which is gone is still there to be mended.
    if (!(error instanceof Problem)) throw error;
    return { ...shown, count: null };
  }
}

/** Every persona with the set it belongs to. */
async function everyPersona(db: Db) {
  const sets = new Map((await personaSets(db)).map((row) => [row.id, row.name]));
  return (await personas(db)).map(({ id, name, set_id }) => ({ id, name, set: sets.get(set_id) ?? '' }));
}

const nameTaken = (name: string) =>
  new Problem('conflict', `there is a segment ${name} already`, { fields: { name: 'is taken' } });

export const segmentHandlers = {
  async segments({ rt }) {
    const rows = await segments(rt.store.read);
    return { rows: await Promise.all(rows.map((row) => line(rt, row))) };
  },

  async createSegment({ rt, body, now }) {
    const definition = readDefinition(body.definition);
    const row = await rt.store.write(async (tx) => {
      await inlineSegments(tx, definition.root);
      if ((await segmentByName(tx, body.name)) !== undefined) throw nameTaken(body.name);
      return addSegment(tx, { name: body.name, definition: toJson(definition) }, now);
    });
    return line(rt, row);
  },

  async countSegment({ rt, body, now }) {
    return countDefinition(rt, readDefinition(body.definition), now);
  },

  async previewMembers({ rt, body, now }) {
    const page = await definitionMembersPage(rt, readDefinition(body.definition), now, body);
    return { rows: page.rows.map(contactLine), next: page.next };
  },

  async segmentVocabulary({ rt }) {
    const db = rt.store.read;
    const [custom, events, tags] = await Promise.all([fields(db), eventKindsSeen(db), tagsSeen(db)]);
    const properties = await propertiesOf(
      db,
      events.map((one) => one.name),
    );
    return {
      fields: [
        ...Object.entries(standardFields).map(([name, kind]) => ({ name, label: name, kind })),
        ...custom.map((one) => ({ name: `fields.${one.name}`, label: one.label, kind: one.kind })),
      ],
      events: events.map((one) => ({
        ...one,
        told: !isBuiltIn(one.name),
        properties: [...(properties.get(one.name)?.values() ?? [])]
          .filter(({ property }) => isReadable(property))
          .map(({ property, types }) => ({ name: property, types: Object.keys(types) })),
      })),
      tags,
      personas: await everyPersona(db),
    };
  },

  async segment({ rt, params }) {
    return line(rt, await existing(rt.store.read, params.id));
  },

  async updateSegment({ rt, params, body, now }) {
    const definition = body.definition === undefined ? undefined : readDefinition(body.definition);
    const row = await rt.store.write(async (tx) => {
      await existing(tx, params.id);
      if (definition !== undefined) await inlineSegments(tx, definition.root, params.id);
      const other = body.name === undefined ? undefined : await segmentByName(tx, body.name);
      if (other !== undefined && other.id !== params.id) throw nameTaken(body.name as string);
      return changeSegment(
        tx,
        params.id,
        {
          ...(body.name !== undefined && { name: body.name }),
          ...(definition !== undefined && { definition: toJson(definition) }),
        },
        now,
      );
    });
    return line(rt, row as Row<'segment'>);
  },

  async deleteSegment({ rt, params }) {
    await rt.store.write(async (tx) => {
      await existing(tx, params.id);
      const [user] = await campaignsUsingSegment(tx, params.id);
      if (user !== undefined) throw new Problem('conflict', `the campaign “${user.name}” uses this segment`);
      const [set] = await personasOfSegment(tx, params.id);
      if (set !== undefined)
        throw new Problem('conflict', `the personas “${set.name}” are made of this segment`);
      if (await capUsesSegment(tx, params.id))
        throw new Problem('conflict', 'a frequency cap is about this segment: lift it first');
      await removeSegment(tx, params.id);
    });
    return {};
  },

  async segmentMembers({ rt, params, query, now }) {
    const row = await existing(rt.store.read, params.id);
    const page = await segmentMembersPage(rt, row.id, definitionOf(row), now, query);
    return { rows: page.rows.map(contactLine), next: page.next };
  },

  async segmentGrowth({ rt, params }) {
    await existing(rt.store.read, params.id);
    const [days, changes] = await Promise.all([
      segmentDays(rt.store.read, params.id, 90),
      latestChanges(rt.store.read, params.id, 12),
    ]);
    const people = new Map(
      (await contactsById(rt.store.read, [...new Set(changes.map((change) => change.contact_id))])).map(
        (contact) => [contact.id, contact],
      ),
    );
    return {
      days: days.toReversed().map(({ segment_id: _id, ...day }) => day),
      changes: changes.map(({ contact_id, entered, at, cause }) => {
        const person = people.get(contact_id);
        return {
          contact_id,
          email: person?.email ?? '',
          name: person === undefined ? '' : `${person.first_name} ${person.last_name}`.trim(),
          entered: entered === 1,
          at,
          cause,
        };
      }),
    };
  },

  async segmentChanges({ rt, params, query }) {
    await existing(rt.store.read, params.id);
    const rows = await segmentChangesAfter(rt.store.read, {
      segmentId: params.id,
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

  async segmentWhy({ rt, params, now }) {
    const row = await existing(rt.store.read, params.id);
    if ((await contactById(rt.store.read, params.contact_id)) === undefined)
      throw new Problem('not-found', 'there is no such contact');
    return whyMember(rt.store.read, definitionOf(row), params.contact_id, now);
  },
} satisfies SomeHandlers;
