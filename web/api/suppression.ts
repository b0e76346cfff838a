/** Who may not be mailed, over HTTP: the list with its evidence, adding by hand, lifting by somebody who answers for it. */
import { suppress, unsuppress } from '../../core/audience/suppress.ts';
import { Problem } from '../../core/errors.ts';
import { checkAddress } from '../../core/mail/address.ts';
import { contactByEmail } from '../../core/store/contact.ts';
import { countSuppressions, suppressionList, suppressionsOf } from '../../core/store/suppression.ts';
import type { Row, SuppressionScope } from '../../core/store/tables.ts';
import { addAudit } from '../../core/store/user.ts';
import type { SomeHandlers } from '../http/route.ts';

const lineOf = (row: Row<'suppression'>, createdByName: string | null) => ({
  ...row,
  created_by_name: createdByName,
  campaign_id: null,
  campaign_name: null,
  conversation_id: null,
});

export const suppressionHandlers = {
  async suppressions({ rt, query }) {
    const db = rt.store.read;
    const beforeId = query.cursor === undefined ? undefined : Number(query.cursor);
    const [found, counts] = await Promise.all([
      suppressionList(db, {
        search: query.search,
        reason: query.reason,
        lifted: query.lifted,
        beforeId: Number.isSafeInteger(beforeId) ? beforeId : undefined,
        limit: query.limit + 1,
      }),
      countSuppressions(db),
    ]);
    const rows = found.slice(0, query.limit);
    return {
      rows,
      next: found.length > query.limit ? String(rows.at(-1)?.id) : null,
      counts: counts.map(({ reason, n }) => ({ reason, count: Number(n) })),
    };
  },

  async addSuppression({ rt, body, user }) {
    const reading = checkAddress(body.address);
    if (reading.kind !== 'address')
      throw new Problem('invalid', `${body.address} is not an address`, {
        fields: { address: 'is not an address' },
      });
    const address = reading.address.key as string;
    const contact = await contactByEmail(rt.store.read, address);
    const [added] = await suppress(rt, {
      address,
      scope: body.scope as SuppressionScope,
      reason: 'manual',
      contact_id: contact?.id ?? null,
      evidence: body.evidence,
      created_by: user.id,
    });
    if (added !== undefined) return lineOf(added, user.name);
    const known = (await suppressionsOf(rt.store.read, address)).find(
      (one) => one.scope === body.scope && one.lifted_at === null,
    );
    if (known === undefined) throw new Problem('conflict', 'it was lifted in the same moment: try again');
    return lineOf(known, null);
  },

  async liftSuppression({ rt, params, user, now }) {
    const lifted = await unsuppress(rt, params.id, user.id);
    if (lifted === null) throw new Problem('not-found', 'there is no such active suppression');
    await rt.store.write((tx) =>
      addAudit(
        tx,
        {
          userId: user.id,
          action: 'suppression lifted',
          subject: `suppression:${params.id}`,
          detail: { scope: lifted.scope, reason: lifted.reason },
        },
        now,
      ),
    );
    return lineOf(lifted, null);
  },
} satisfies SomeHandlers;
