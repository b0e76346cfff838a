/**
 * What follows from a consent: who takes back what they agreed to is not mailed for it any more, and is not measured, from
 * the same moment on. Every change is a row of the ledger and an event of the person's timeline.
 */
import { Problem } from '../errors.ts';
import type { Runtime } from '../runtime.ts';
import { addConsents, type NewConsent } from '../store/consent.ts';
import { changeContact, contactById } from '../store/contact.ts';
import { addEvents } from '../store/event.ts';
import type { Db, Row, SuppressionScope } from '../store/tables.ts';
import { suppressIn } from './suppress.ts';

/** What a purpose is to the one who may not be mailed; null: it stops no mail. */
export const scopeOfPurpose = (purpose: string): SuppressionScope | null =>
  purpose === 'marketing' || /^(list|brand):[1-9]\d*$/.test(purpose) ? (purpose as SuppressionScope) : null;

export const eventOfConsent = { given: 'consented', withdrawn: 'withdrew', refused: 'refused' } as const;

/** Rows and events, and the measuring that the purpose `tracking` allows or ends. Within somebody's transaction. */
export async function consentIn(tx: Db, consents: readonly NewConsent[], now: number): Promise<void> {
  await addConsents(tx, consents);
  await addEvents(
    tx,
    consents.map((one) => ({
      kind: eventOfConsent[one.state],
      at: now,
      contact_id: one.contact_id,
      data: { purpose: one.purpose, method: one.method, source: one.source },
    })),
  );
  for (const one of consents) {
    if (one.purpose !== 'tracking') continue;
    const contact = await contactById(tx, one.contact_id);
    if (contact === undefined) continue;
    if (one.state === 'given') await changeContact(tx, contact.id, { tracking: 'full' }, now);
    else if (contact.tracking === 'full') await changeContact(tx, contact.id, { tracking: 'none' }, now);
  }
}

/** What somebody said elsewhere, written down by a person of the team. In force when it resolves. */
export async function recordConsent(
  { store, suppressions, wake, clock }: Pick<Runtime, 'store' | 'suppressions' | 'wake' | 'clock'>,
  contactId: number,
  said: Pick<NewConsent, 'purpose' | 'state' | 'source' | 'text'>,
  by: { id: number; name: string },
): Promise<void> {
  const now = clock.now();
  const added = await store.write(async (tx): Promise<Row<'suppression'>[]> => {
    const contact = await contactById(tx, contactId);
    if (contact === undefined) throw new Problem('not-found', 'there is no such contact');
    const scope = scopeOfPurpose(said.purpose);
    await consentIn(
      tx,
      [
        {
          ...said,
          contact_id: contact.id,
          method: 'by hand',
          evidence: { by: by.id, name: by.name },
          at: now,
        },
      ],
      now,
    );
    if (scope === null || said.state === 'given') return [];
    // The ledger has its row already: the suppression adds none of its own.
    return suppressIn(
      tx,
      [
        {
          address: contact.email,
          scope,
          reason: 'unsubscribe',
          contact_id: contact.id,
          evidence: said.source,
          created_by: by.id,
        },
      ],
      now,
      { isInLedger: true },
    );
  });
  for (const row of added) suppressions.add(row);
  if (added.length > 0) wake.ring('suppression');
}
