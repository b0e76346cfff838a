/** Sign-up forms over HTTP. */
import { randomBytes } from 'node:crypto';
import { Problem } from '../../core/errors.ts';
import type { Runtime } from '../../core/runtime.ts';
import { fields } from '../../core/store/contact.ts';
import { addForm, changeForm, formById, forms, type FormLine } from '../../core/store/form.ts';
import { fromJson, toJson } from '../../core/store/json.ts';
import { listById } from '../../core/store/list.ts';
import { purposes } from '../../core/store/purpose.ts';
import type { Db } from '../../core/store/tables.ts';
import { addAudit } from '../../core/store/user.ts';
import type { Answer } from '../contract.ts';
import type { FormTexts } from '../contract/form.ts';
import { baseUrlOf } from '../http/request.ts';
import type { SomeHandlers } from '../http/route.ts';
import { frameOf, snippetOf } from '../public/form-page.ts';
import { shownForm } from '../public/form-view.ts';

async function lineOf(rt: Runtime, row: FormLine): Promise<Answer<'form'>> {
  const base = baseUrlOf(rt.config);
  const snippet = async (language: 'fr' | 'en') => {
    const shown = await shownForm(rt, row, language);
    return {
      html: snippetOf(shown, base),
      frame: frameOf(row.public_id, language, shown.texts.title, base),
    };
  };
  const [fr, en] = await Promise.all([snippet('fr'), snippet('en')]);
  return {
    ...row,
    purposes: fromJson<string[]>(row.purposes, []),
    fields: fromJson<string[]>(row.fields, []),
    texts: fromJson(row.texts, {} as { fr: FormTexts; en: FormTexts }),
    active: row.active === 1,
    url: `${base}/f/${row.public_id}`,
    snippets: { fr, en },
  };
}

async function one(rt: Runtime, id: number) {
  const [row] = await forms(rt.store.read, id);
  if (row === undefined) throw new Problem('not-found', 'there is no such form');
  return lineOf(rt, row);
}

const fault = (field: string, words: string) =>
  new Problem('invalid', `${field} ${words}`, { fields: { [field]: words } });

/** What a form names must be there: its list, its purposes, its fields. Answers the brand of the list. */
async function check(
  tx: Db,
  wanted: { list_id?: number | undefined; purposes?: string[] | undefined; fields?: string[] | undefined },
): Promise<number | undefined> {
  if (wanted.purposes !== undefined) {
    const known = new Set(
      (await purposes(tx)).filter((row) => row.retired_at === null).map((row) => row.name),
    );
    const missing = wanted.purposes.find((name) => !known.has(name));
    if (missing !== undefined) throw fault('purposes', `has ${missing}, which is no purpose on offer`);
  }
  if (wanted.fields !== undefined) {
    const known = await fields(tx);
    const bad = wanted.fields.find(
      (name) =>
        name !== 'first_name' &&
        name !== 'last_name' &&
        !known.some((row) => row.name === name && row.kind !== 'json'),
    );
    if (bad !== undefined) throw fault('fields', `has ${bad}, which nobody can fill in`);
  }
  if (wanted.list_id === undefined) return undefined;
  const list = await listById(tx, wanted.list_id);
  if (list === undefined) throw fault('list_id', 'is not a list');
  return list.brand_id;
}

const taken = (name: string) =>
  new Problem('conflict', `there is a form ${name} already`, { fields: { name: 'is taken' } });

export const formHandlers = {
  async forms({ rt }) {
    return { rows: await Promise.all((await forms(rt.store.read)).map((row) => lineOf(rt, row))) };
  },
  form: ({ rt, params }) => one(rt, params.id),

  async createForm({ rt, body, user, now }) {
    const id = await rt.store.write(async (tx) => {
      const brand = await check(tx, body);
      const made = await addForm(tx, {
        ...body,
        public_id: randomBytes(9).toString('base64url'),
        brand_id: brand as number,
        purposes: toJson([...new Set(body.purposes)]),
        fields: toJson([...new Set(body.fields)]),
        texts: toJson(body.texts),
        version: 1,
        active: 1,
        created_at: now,
        updated_at: now,
      });
      if (made === undefined) throw taken(body.name);
      await addAudit(tx, { userId: user.id, action: 'form made', subject: `form:${body.name}` }, now);
      return made;
    });
    return one(rt, id);
  },

  async updateForm({
    rt,
    params,
    body: { active, texts, purposes: boxes, fields: asked, ...rest },
    user,
    now,
  }) {
    await rt.store.write(async (tx) => {
      const before = await formById(tx, params.id);
      if (before === undefined) throw new Problem('not-found', 'there is no such form');
      const brand = await check(tx, { list_id: rest.list_id, purposes: boxes, fields: asked });
      const isShownAnew = [texts, boxes, asked, rest.list_id, rest.privacy_url].some(
        (part) => part !== undefined,
      );
      if (rest.name !== undefined && rest.name !== before.name)
        if ((await forms(tx)).some((row) => row.name === rest.name)) throw taken(rest.name);
      await changeForm(tx, params.id, {
        ...rest,
        ...(brand === undefined ? {} : { brand_id: brand }),
        ...(texts === undefined ? {} : { texts: toJson(texts) }),
        ...(boxes === undefined ? {} : { purposes: toJson([...new Set(boxes)]) }),
        ...(asked === undefined ? {} : { fields: toJson([...new Set(asked)]) }),
        ...(active === undefined ? {} : { active: active ? 1 : 0 }),
        version: before.version + (isShownAnew ? 1 : 0),
        updated_at: now,
      });
      await addAudit(tx, { userId: user.id, action: 'form changed', subject: `form:${before.name}` }, now);
    });
    return one(rt, params.id);
  },
} satisfies SomeHandlers;
