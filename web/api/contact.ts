/** Contacts, their timeline, custom fields and lists over HTTP. */
import { Problem } from '../../core/errors.ts';
import { idsOf } from '../../core/audience/segment-sql.ts';
import { countDefinition, definitionMembersPage } from '../../core/audience/segment-count.ts';
import { inlineSegments, standardFields, type Node } from '../../core/audience/segment.ts';
import { membershipOf } from '../../core/audience/membership.ts';
import { personasOf } from '../../core/audience/persona.ts';
import { normaliseAddress } from '../../core/mail/address.ts';
import type { Runtime } from '../../core/runtime.ts';
import {
  addContact,
  addFields,
  changeContact,
  contactById,
  contactPage,
  contactRow,
  countContacts,
  fields,
  widestSuppressions,
  type ContactLine,
} from '../../core/store/contact.ts';
import { addEvents } from '../../core/store/event.ts';
import { brandById } from '../../core/store/identity.ts';
import { stamped } from '../../core/audience/traits.ts';
import { fromJson, toJson } from '../../core/store/json.ts';
import {
  addList,
  changeList,
  listById,
  listByName,
  lists,
  setMembership,
  type ListLine,
} from '../../core/store/list.ts';
import { personaById } from '../../core/store/persona.ts';
import { segmentById } from '../../core/store/segment.ts';
import { contactsByExternalId } from '../../core/store/person-key.ts';
import type { Db, Row } from '../../core/store/tables.ts';
import { timelineOf } from '../../core/store/timeline.ts';
import type { SomeHandlers } from '../http/route.ts';
import { consentLines } from './consent.ts';
import { panelFor } from './panel.ts';

export const contactLine = (row: ContactLine) => ({
  ...row,
  fields: fromJson<Record<string, unknown>>(row.fields, {}),
  tags: fromJson<string[]>(row.tags, []),
});

async function existing(rt: Runtime, id: number): Promise<Row<'contact'>> {
  const row = await contactById(rt.store.read, id);
  if (row === undefined) throw new Problem('not-found', 'there is no such contact');
  return row;
}

/** An external id is one person's. */
async function freeExternalId(tx: Db, externalId: string | null | undefined, id?: number): Promise<void> {
  if (externalId == null) return;
  const owner = (await contactsByExternalId(tx, [externalId])).get(externalId);
  if (owner === undefined || owner === id) return;
  throw new Problem('conflict', `${externalId} is the external id of another contact`, {
    fields: { external_id: 'is another contact’s' },
  });
}

async function line(rt: Runtime, row: Row<'contact'>) {
  const scopes = await widestSuppressions(rt.store.read, [row.email]);
  return contactLine({ ...row, suppressed: scopes.get(row.email) ?? null });
}

async function whole(rt: Runtime, id: number) {
  const row = await existing(rt, id);
  const [contact, panel, consents, personas] = await Promise.all([
    line(rt, row),
    panelFor(rt, { contactId: id, address: row.email }),
    consentLines(rt, id),
    personasOf(rt.store.read, membershipOf(rt), id),
  ]);
  return { contact, panel, consents, personas };
}

const listOut = (row: ListLine) => ({ ...row, is_public: row.is_public === 1 });

async function listLine(rt: Runtime, id: number) {
  const [row] = await lists(rt.store.read, id);
  if (row === undefined) throw new Problem('not-found', 'there is no such list');
  return listOut(row);
}

export const contactHandlers = {
  async contacts({ rt, query, now }) {
    const db = rt.store.read;
    const segment = query.segment_id === undefined ? undefined : await segmentById(db, query.segment_id);
    if (query.segment_id !== undefined && segment === undefined)
      throw new Problem('not-found', 'there is no such segment');
    if (query.persona_id !== undefined && (await personaById(db, query.persona_id)) === undefined)
      throw new Problem('not-found', 'there is no such persona');
    const parts: Node[] = [
      ...(segment === undefined ? [] : [{ segment: segment.id, member: true }]),
      ...(query.persona_id === undefined ? [] : [{ persona: query.persona_id, member: true }]),
    ];
    const root: Node = { all: parts };
    // By the membership engine's bits where nothing else is asked: the store would look at everybody.
    const isPlain = [query.search, query.list_id, query.tag].every((one) => one === undefined || one === '');
    if (parts.length > 0 && isPlain && query.sort === 'newest') {
      const page = await definitionMembersPage(rt, { root }, now, query);
      const counted = query.cursor === undefined ? await countDefinition(rt, { root }, now) : undefined;
      const total = counted?.exact === true ? counted.count : null;
      return { rows: page.rows.map(contactLine), next: page.next, total };
    }
    const within = parts.length === 0 ? undefined : idsOf(db, await inlineSegments(db, root), now);
    const question = { search: query.search, listId: query.list_id, tag: query.tag, within };
    const [page, total] = await Promise.all([
      contactPage(db, { ...question, sort: query.sort, cursor: query.cursor, limit: query.limit }),
      // Later pages know it from the first.
      query.cursor === undefined ? countContacts(db, question) : null,
    ]);
    return { rows: page.rows.map(contactLine), next: page.next, total };
  },

  async createContact({ rt, body, user, now }) {
    const email = normaliseAddress(body.email);
    if (email === undefined)
      throw new Problem('invalid', `${body.email} is not an address`, {
        fields: { email: 'is not an address' },
      });
    if (rt.suppressions.isErased(email))
      throw new Problem('conflict', `${email} asked to be erased: only they can come back, by a form`, {
        fields: { email: 'asked to be erased: only they can come back, by a form' },
      });
    const { fields: custom, tags, ...columns } = body;
    const id = await rt.store.write(async (tx) => {
      await freeExternalId(tx, columns.external_id);
      return addContact(
        tx,
        contactRow(
          {
            ...columns,
            email,
            fields: custom === undefined ? undefined : toJson(custom),
            tags: tags === undefined ? undefined : toJson(tags),
            source: `by hand: ${user.name}`,
          },
          now,
        ),
      );
    });
    if (id === undefined)
      throw new Problem('conflict', `${email} is a contact already`, {
        fields: { email: 'is a contact already' },
      });
    return line(rt, await existing(rt, id));
  },

  contact: ({ rt, params }) => whole(rt, params.id),

  async updateContact({ rt, params, body, now }) {
    const { fields: custom, tags, ...columns } = body;
    const row = await rt.store.write(async (tx) => {
      const before = await contactById(tx, params.id);
      if (before === undefined) throw new Problem('not-found', 'there is no such contact');
      await freeExternalId(tx, columns.external_id, params.id);
      return changeContact(
        tx,
        params.id,
        {
          ...columns,
          ...(custom === undefined
            ? {}
            : { fields: toJson({ ...fromJson<Record<string, unknown>>(before.fields, {}), ...custom }) }),
          ...(tags === undefined ? {} : { tags: toJson([...new Set(tags)]) }),
          // What a person wrote here stands against what programs told earlier.
          set_at: stamped(
            before.set_at,
            [...Object.keys(columns), ...Object.keys(custom ?? {}).map((name) => `fields.${name}`)],
            now,
          ),
        },
        now,
      );
    });
    return line(rt, row as Row<'contact'>);
  },

  async timeline({ rt, params, query }) {
    await existing(rt, params.id);
    const page = await timelineOf(rt.store.read, params.id, query);
    return {
      rows: page.rows.map((row) => ({ ...row, data: fromJson<unknown>(row.data, {}) })),
      next: page.next,
    };
  },

  async setMembership({ rt, params, body, user, now }) {
    await existing(rt, params.id);
    await rt.store.write(async (tx) => {
      if ((await listById(tx, params.list_id)) === undefined)
        throw new Problem('not-found', 'there is no such list');
      const changed = await setMembership(
        tx,
        {
          list_id: params.list_id,
          contact_id: params.id,
          status: body.status,
          source: `by hand: ${user.name}`,
        },
        now,
      );
      if (!changed) return;
      await addEvents(tx, [
        {
          kind: body.status === 'subscribed' ? 'joined_list' : 'left_list',
          at: now,
          contact_id: params.id,
          data: { list: params.list_id, by: user.id },
        },
      ]);
    });
    return whole(rt, params.id);
  },

  async fields({ rt }) {
    return {
      standard: Object.entries(standardFields).map(([name, kind]) => ({ name, kind })),
      rows: await fields(rt.store.read),
    };
  },
  async createField({ rt, body, now }) {
    if (body.name in standardFields)
      throw new Problem('conflict', `${body.name} is a field that every contact has`, {
        fields: { name: 'is a field that every contact has' },
      });
    return rt.store.write(async (tx) => {
      if ((await fields(tx)).some((one) => one.name === body.name))
        throw new Problem('conflict', `there is a field ${body.name} already`, {
          fields: { name: 'is there already' },
        });
      await addFields(tx, [body], now);
      return (await fields(tx)).find((one) => one.name === body.name) as Row<'field'>;
    });
  },

  async lists({ rt }) {
    return { rows: (await lists(rt.store.read)).map(listOut) };
  },
  async createList({ rt, body, now }) {
    const id = await rt.store.write(async (tx) => {
      if ((await brandById(tx, body.brand_id)) === undefined)
        throw new Problem('invalid', 'there is no such brand', { fields: { brand_id: 'is not a brand' } });
      if ((await listByName(tx, body.name)) !== undefined) throw nameTaken(body.name);
      return addList(tx, { ...body, is_public: body.is_public ? 1 : 0 }, now);
    });
    return listLine(rt, id);
  },
  async updateList({ rt, params, body: { is_public, ...body } }) {
    await listLine(rt, params.id);
    if (Object.keys(body).length > 0 || is_public !== undefined) {
      await rt.store.write(async (tx) => {
        const other = body.name === undefined ? undefined : await listByName(tx, body.name);
        if (other !== undefined && other.id !== params.id) throw nameTaken(body.name as string);
        await changeList(tx, params.id, {
          ...body,
          ...(is_public === undefined ? {} : { is_public: is_public ? 1 : 0 }),
        });
      });
    }
    return listLine(rt, params.id);
  },
} satisfies SomeHandlers;

const nameTaken = (name: string) =>
  new Problem('conflict', `there is a list ${name} already`, { fields: { name: 'is taken' } });
