/** What the organisation is and decided: brands, shared mailboxes, settings, and how far a first run has come. */
import { Problem } from '../../core/errors.ts';
import { createMailbox } from '../../core/identity.ts';
import type { Runtime } from '../../core/runtime.ts';
import {
  addBrand,
  brandById,
  brands,
  changeBrand,
  changeMailbox,
  mailboxById,
  mailboxes,
} from '../../core/store/identity.ts';
import { changeSettings, organisationSettings } from '../../core/store/setting.ts';
import type { SomeHandlers } from '../http/route.ts';

async function brandLine(rt: Runtime, id: number) {
  const row = await brandById(rt.store.read, id);
  if (row === undefined) throw new Problem('not-found', 'there is no such brand');
  return row;
}

async function mailboxLine(rt: Runtime, id: number) {
  const row = await mailboxById(rt.store.read, id);
  if (row === undefined) throw new Problem('not-found', 'there is no such mailbox');
  return row;
}

const isEmpty = (patch: object): boolean => Object.values(patch).every((value) => value === undefined);

export const organisationHandlers = {
  async brands({ rt }) {
    return { rows: await brands(rt.store.read) };
  },
  async createBrand({ rt, body, now }) {
    const id = await rt.store.write((tx) => addBrand(tx, { ...body, created_at: now }));
    rt.wake.ring('settings');
    return brandLine(rt, id);
  },
  async updateBrand({ rt, params, body }) {
    await brandLine(rt, params.id);
    if (!isEmpty(body)) await rt.store.write((tx) => changeBrand(tx, params.id, body));
    rt.wake.ring('settings');
    return brandLine(rt, params.id);
  },

  async mailboxes({ rt }) {
    return { rows: await mailboxes(rt.store.read) };
  },
  async createMailbox({ rt, body }) {
    const id = await createMailbox(rt, { ...body, brandId: body.brand_id });
    return mailboxLine(rt, id);
  },
  async updateMailbox({ rt, params, body }) {
    await mailboxLine(rt, params.id);
    if (!isEmpty(body)) await rt.store.write((tx) => changeMailbox(tx, params.id, body));
    rt.wake.ring('settings');
    return mailboxLine(rt, params.id);
  },

  settings: ({ rt }) => organisationSettings(rt.store.read),
  async updateSettings({ rt, body, now }) {
    if (body.timezone !== undefined && !isTimezone(body.timezone))
      throw new Problem('invalid', `${body.timezone} is not a time zone`, {
        fields: { timezone: 'is not a time zone' },
      });
    await rt.store.write((tx) => changeSettings(tx, body, now));
    rt.wake.ring('settings');
    return organisationSettings(rt.store.read);
  },
} satisfies SomeHandlers;

function isTimezone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== '';
  } catch {
    return false;
  }
}
