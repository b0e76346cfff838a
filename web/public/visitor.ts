/** Who follows a link of our mail, and what leaving means for them. The token is the proof: there is no sign-in here. */
import type Koa from 'koa';
import { suppressIn } from '../../core/audience/suppress.ts';
import { LINK_DOMAIN } from '../../core/mail/identifiers.ts';
import type { Runtime } from '../../core/runtime.ts';
import { contactById } from '../../core/store/contact.ts';
import { deliveryStory } from '../../core/store/delivery.ts';
import { addEvents } from '../../core/store/event.ts';
import { brandById, sendingDomainById } from '../../core/store/identity.ts';
import { listById } from '../../core/store/list.ts';
import type { Db, Row, SuppressionScope } from '../../core/store/tables.ts';
import { answeredDelivery } from '../../core/store/thread.ts';
import { languageOf, wordsOf, type Language, type Words } from './words.ts';

/** Whose link it is, and what it is about. */
export interface Visitor {
  delivery: Row<'delivery'>;
  contact: Row<'contact'> | undefined;
  /** The list that leaving leaves; null: marketing as a whole. */
  list: Row<'list'> | undefined;
  brandId: number | null;
  language: Language;
  words: Words;
}

export async function visitorOf(
  rt: Runtime,
  ctx: Koa.Context,
  token: string,
  purpose: 'u' | 'v',
): Promise<Visitor | undefined> {
  const reading = rt.tokens.read(token, { domain: LINK_DOMAIN, purpose, now: rt.clock.now() });
  // One answer for a forged, an old and an unknown token: there is nothing to learn here.
  if (reading.kind !== 'valid') return undefined;
  const db = rt.store.read;
  const about = await answeredDelivery(db, reading.id);
  if (about === undefined) return undefined;
  const { delivery } = await deliveryStory(db, reading.id, rt.clock.now());
  const [contact, list, domain] = await Promise.all([
    delivery.contact_id === null ? undefined : contactById(db, delivery.contact_id),
    about.list_id === null ? undefined : listById(db, about.list_id),
    sendingDomainById(db, delivery.sending_domain_id),
  ]);
  const brand = domain === undefined ? undefined : await brandById(db, domain.brand_id);
  const language = languageOf(contact?.language, brand?.language, ctx.get('Accept-Language'));
  return { delivery, contact, list, brandId: brand?.id ?? null, language, words: wordsOf(language) };
}

/** Suppresses in one transaction with its events; in force, and in the view that the wire asks, when it resolves. */
export async function withdraw(
  rt: Runtime,
  { delivery, contact }: Visitor,
  scopes: SuppressionScope[],
  method: 'one-click' | 'page' | 'preferences',
): Promise<void> {
  const now = rt.clock.now();
  const address = contact?.email ?? delivery.address;
  const added = await rt.store.write(async (tx) => {
    const rows = await suppressIn(
      tx,
      scopes.map((scope) => ({
        address,
        scope,
        reason: 'unsubscribe',
        contact_id: delivery.contact_id,
        delivery_id: delivery.id,
        evidence: evidenceOf[method],
      })),
      now,
    );
    // Once for the person, however many addresses they have.
    const said = rows.filter((row) => row.address === address.toLowerCase());
    await addUnsubscribed(tx, delivery, said, method, now);
    return rows;
  });
  for (const row of added) rt.suppressions.add(row);
  if (added.length > 0) rt.wake.ring('suppression');
}

const evidenceOf = {
  'one-click': 'one-click request of the mail program (RFC 8058)',
  page: 'the button on the unsubscribe page',
  preferences: 'the preference page',
} as const;

const addUnsubscribed = (
  tx: Db,
  delivery: Row<'delivery'>,
  rows: Row<'suppression'>[],
  method: string,
  now: number,
): Promise<void> =>
  addEvents(
    tx,
    rows.map((row) => ({
      kind: 'unsubscribed',
      at: now,
      contact_id: delivery.contact_id,
      campaign_id: delivery.origin_kind === 'campaign' ? delivery.origin_id : null,
      delivery_id: delivery.id,
      data: { method, scope: row.scope },
    })),
  );
