/** Purposes and the ledger of consents over HTTP. */
import { Readable } from 'node:stream';
import { recordConsent } from '../../core/audience/consent.ts';
import { erasePerson, exportPerson } from '../../core/audience/erase.ts';
import { exportConsents } from '../../core/audience/consent-export.ts';
import { Problem } from '../../core/errors.ts';
import type { Runtime } from '../../core/runtime.ts';
import { consentsOf, consentTextHash } from '../../core/store/consent.ts';
import { contactById } from '../../core/store/contact.ts';
import { fromJson } from '../../core/store/json.ts';
import { addPurpose, changePurpose, purposeById, purposes } from '../../core/store/purpose.ts';
import { addAudit } from '../../core/store/user.ts';
import type { SomeHandlers } from '../http/route.ts';

export const consentLines = async (rt: Runtime, contactId: number) =>
  (await consentsOf(rt.store.read, contactId)).map((row) => ({
    ...row,
    text_hash: row.text_hash === '' ? consentTextHash(row.text) : row.text_hash,
    evidence: fromJson<unknown>(row.evidence, {}),
  }));

async function exists(rt: Runtime, id: number): Promise<void> {
  if ((await contactById(rt.store.read, id)) === undefined)
    throw new Problem('not-found', 'there is no such contact');
}

export const consentHandlers = {
  async purposes({ rt }) {
    return { rows: await purposes(rt.store.read) };
  },
  async createPurpose({ rt, body, user, now }) {
    return rt.store.write(async (tx) => {
      const id = await addPurpose(tx, body, now);
      if (id === undefined)
        throw new Problem('conflict', `there is a purpose ${body.name} already`, {
          fields: { name: 'is there already' },
        });
      await addAudit(tx, { userId: user.id, action: 'purpose added', subject: `purpose:${body.name}` }, now);
      return (await purposeById(tx, id))!;
    });
  },
  async updatePurpose({ rt, params, body: { retired, ...words }, user, now }) {
    return rt.store.write(async (tx) => {
      const before = await purposeById(tx, params.id);
      if (before === undefined) throw new Problem('not-found', 'there is no such purpose');
      const patch = {
        ...words,
        ...(retired === undefined ? {} : { retired_at: retired ? (before.retired_at ?? now) : null }),
      };
      if (Object.keys(patch).length === 0) return before;
      await addAudit(
        tx,
        { userId: user.id, action: 'purpose changed', subject: `purpose:${before.name}`, detail: patch },
        now,
      );
      return (await changePurpose(tx, params.id, patch))!;
    });
  },

  async consents({ rt, params }) {
    await exists(rt, params.id);
    return { rows: await consentLines(rt, params.id) };
  },
  async recordConsent({ rt, params, body, user }) {
    await exists(rt, params.id);
    const known = (await purposes(rt.store.read)).some((one) => one.name === body.purpose);
    if (!known && !/^(list|brand):[1-9]\d*$/.test(body.purpose))
      throw new Problem('invalid', `there is no purpose ${body.purpose}`, {
        fields: { purpose: 'is not a purpose' },
      });
    await recordConsent(rt, params.id, body, user);
    return { rows: await consentLines(rt, params.id) };
  },

  async exportPerson({ rt, ctx, params, user, now }) {
    const contact = await contactById(rt.store.read, params.id);
    const found = contact && (await exportPerson(rt, contact.email));
    if (found === undefined) throw new Problem('not-found', 'there is no such contact');
    await rt.store.write((tx) =>
      addAudit(tx, { userId: user.id, action: 'person exported', subject: `contact:${params.id}` }, now),
    );
    ctx.type = 'application/json; charset=utf-8';
    ctx.set('Content-Disposition', `attachment; filename="person-${params.id}.json"`);
    ctx.body = JSON.stringify(found, null, 2);
  },
  async erasePerson({ rt, params, body, user }) {
    const contact = await contactById(rt.store.read, params.id);
    if (contact === undefined) throw new Problem('not-found', 'there is no such contact');
    if (body.address.trim().toLowerCase() !== contact.email)
      throw new Problem('invalid', 'address is another one', { fields: { address: 'is another address' } });
    return erasePerson(rt, contact.email, user.id);
  },

  async exportContactConsents({ rt, ctx, params }) {
    await exists(rt, params.id);
    csv(ctx, `consents-${params.id}.csv`, exportConsents(rt.store.read, params.id));
  },
  async exportConsents({ rt, ctx, user, now }) {
    await rt.store.write((tx) =>
      addAudit(tx, { userId: user.id, action: 'consents exported', subject: 'consents' }, now),
    );
    csv(ctx, 'consents.csv', exportConsents(rt.store.read));
  },
} satisfies SomeHandlers;

function csv(
  ctx: { set(name: string, value: string): void; type: string; body: unknown },
  name: string,
  pieces: AsyncGenerator<string>,
): void {
  ctx.type = 'text/csv; charset=utf-8';
  ctx.set('Content-Disposition', `attachment; filename="${name}"`);
  ctx.body = Readable.from(pieces);
}
