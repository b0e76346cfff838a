/**
 * What a person chose on the page that every mail links to: topics, how often, a pause, language, being measured. All of it
 * in one transaction, in the ledger where it is a consent, and in force at the wire when it resolves.
 */
import type { Runtime } from '../runtime.ts';
import { addEvents } from '../store/event.ts';
import { changeContact, contactById } from '../store/contact.ts';
import { lists, membershipsOf, setMembership, type ListLine } from '../store/list.ts';
import { liftSuppression } from '../store/person-wish.ts';
import { suppressionsOf, type NewSuppression } from '../store/suppression.ts';
import type { Db, Row, SuppressionScope } from '../store/tables.ts';
import { consentIn } from './consent.ts';
import { suppressIn } from './suppress.ts';

export const PAUSE_MS = 30 * 24 * 60 * 60 * 1000;
export const frequencies = ['all', 'weekly', 'monthly'] as const;
export const trackings = ['none', 'hygiene', 'full'] as const;

type Needs = Pick<Runtime, 'store' | 'suppressions' | 'wake' | 'clock'>;

/** What was chosen; what is absent stays. */
export interface Choices {
  /** The lists that are wanted, of those that were offered. */
  lists?: readonly number[] | undefined;
  frequency?: (typeof frequencies)[number] | undefined;
  tracking?: (typeof trackings)[number] | undefined;
  language?: 'fr' | 'en' | undefined;
}

/** The words that stood beside what was chosen, for the ledger. */
export interface Read {
  list(list: Pick<Row<'list'>, 'name' | 'description'>): string;
  tracking: string;
  language: string;
  ip: string;
  agent: string;
}

export interface Offered extends ListLine {
  isOn: boolean;
}

/** The lists of the brand that this person is or was on, and those that are offered to everybody. */
export async function offeredLists(db: Db, contactId: number, brandId: number | null): Promise<Offered[]> {
  const [all, memberships] = await Promise.all([lists(db), membershipsOf(db, contactId)]);
  return all.flatMap((list) => {
    const membership = memberships.find((one) => one.list_id === list.id);
    if (list.brand_id !== brandId || (membership === undefined && list.is_public === 0)) return [];
    return [{ ...list, isOn: membership?.status === 'subscribed' }];
  });
}

const isOwnWish = ({ reason, lifted_at }: Row<'suppression'>): boolean =>
  lifted_at === null && ['unsubscribe', 'unsubscribe-in-words', 'pause'].includes(reason);

interface Changed {
  lifted: Row<'suppression'>[];
  added: Row<'suppression'>[];
}

/** Runs the work in a transaction, then makes it true in the view before it resolves. */
async function inForce(
  { store, suppressions, wake }: Needs,
  work: (tx: Db) => Promise<Changed>,
): Promise<void> {
  const { lifted, added } = await store.write(work);
  for (const row of lifted) suppressions.remove(row);
  for (const row of added) suppressions.add(row);
  if (lifted.length + added.length > 0) wake.ring('suppression');
}

/** Lifts what a person once said against a scope; what others said stays. */
async function liftOwn(
  tx: Db,
  address: string,
  scopes: readonly SuppressionScope[],
  contactId: number | null,
  now: number,
) {
  const lifted: Row<'suppression'>[] = [];
  for (const one of (await suppressionsOf(tx, address)).filter(isOwnWish)) {
    if (!scopes.includes(one.scope)) continue;
    const row = await liftSuppression(tx, one.id, null, now);
    if (row !== null) lifted.push(row);
  }
  await addEvents(
    tx,
    lifted.map((row) => ({
      kind: 'unsuppressed',
      at: now,
      contact_id: contactId,
      data: { scope: row.scope, reason: row.reason, by: 'preferences' },
    })),
  );
  return lifted;
}

/** Keeps the choices of a contact. */
export async function choosePreferences(
  rt: Needs,
  about: { contactId: number; brandId: number | null; deliveryId: number },
  choices: Choices,
  read: Read,
): Promise<void> {
  const now = rt.clock.now();
  await inForce(rt, async (tx) => {
    const contact = await contactById(tx, about.contactId);
    if (contact === undefined) return { lifted: [], added: [] };
    const consent = {
      contact_id: contact.id,
      method: 'preferences',
      source: 'preference page',
      language: read.language,
      ip: read.ip,
      agent: read.agent,
      evidence: { delivery: about.deliveryId },
      at: now,
    };
    const lifted: Row<'suppression'>[] = [];
    const left: NewSuppression[] = [];
    for (const list of choices.lists === undefined ? [] : await offeredLists(tx, contact.id, about.brandId)) {
      const isWanted = choices.lists?.includes(list.id) ?? false;
      if (isWanted === list.isOn) continue;
      const scope: SuppressionScope = `list:${list.id}`;
      if (!isWanted) {
        left.push({
          address: contact.email,
          scope,
          reason: 'unsubscribe',
          contact_id: contact.id,
          delivery_id: about.deliveryId,
          evidence: 'the preference page',
        });
        continue;
      }
      lifted.push(...(await liftOwn(tx, contact.email, [scope], contact.id, now)));
      await setMembership(
        tx,
        { list_id: list.id, contact_id: contact.id, status: 'subscribed', source: 'preference page' },
        now,
      );
      await consentIn(tx, [{ ...consent, purpose: scope, state: 'given', text: read.list(list) }], now);
      await addEvents(tx, [
        { kind: 'joined_list', at: now, contact_id: contact.id, data: { list: list.id, by: 'preferences' } },
      ]);
    }
    const added = await suppressIn(tx, left, now);
    await addEvents(
      tx,
      // Once for the person, however many addresses they have.
      added
        .filter((row) => row.address === contact.email)
        .map((row) => ({
          kind: 'unsubscribed',
          at: now,
          contact_id: contact.id,
          delivery_id: about.deliveryId,
          data: { method: 'preferences', scope: row.scope },
        })),
    );
    const { tracking, frequency, language } = choices;
    if (tracking !== undefined && tracking !== contact.tracking) {
      // Only `full` needs a consent; leaving it takes one back.
      if (tracking === 'full' || contact.tracking === 'full')
        await consentIn(
          tx,
          [
            {
              ...consent,
              purpose: 'tracking',
              state: tracking === 'full' ? 'given' : 'withdrawn',
              text: read.tracking,
            },
          ],
          now,
        );
    }
    await changeContact(
      tx,
      contact.id,
      {
        ...(tracking === undefined ? {} : { tracking }),
        ...(frequency === undefined ? {} : { max_frequency: frequency }),
        ...(language === undefined ? {} : { language }),
      },
      now,
    );
    return { lifted, added };
  });
}

/** Nothing of bulk for thirty days. It ends by itself (consent-care.ts), or when they say so. */
export async function pause(
  rt: Needs,
  about: { address: string; contactId: number | null; deliveryId: number },
): Promise<void> {
  const now = rt.clock.now();
  await inForce(rt, async (tx) => ({
    lifted: [],
    added: await suppressIn(
      tx,
      [
        {
          address: about.address,
          scope: 'pause',
          reason: 'pause',
          contact_id: about.contactId,
          delivery_id: about.deliveryId,
          evidence: 'the preference page',
          until: now + PAUSE_MS,
        },
      ],
      now,
    ),
  }));
}

/** Ends the pause. */
export async function resume(rt: Needs, about: { address: string; contactId: number | null }): Promise<void> {
  const now = rt.clock.now();
  await inForce(rt, async (tx) => ({
    lifted: await liftOwn(tx, about.address, ['pause'], about.contactId, now),
    added: [],
  }));
}

/** Takes back that they left everything, if it was their own word. Consent is given anew, in the words they read. */
export async function comeBackToAll(
  rt: Needs,
  about: { address: string; contactId: number | null; deliveryId: number },
  read: Pick<Read, 'language' | 'ip' | 'agent'> & { text: string },
): Promise<void> {
  const now = rt.clock.now();
  await inForce(rt, async (tx) => {
    const lifted = await liftOwn(tx, about.address, ['marketing'], about.contactId, now);
    if (lifted.length > 0 && about.contactId !== null)
      await consentIn(
        tx,
        [
          {
            contact_id: about.contactId,
            purpose: 'marketing',
            state: 'given',
            method: 'preferences',
            source: 'preference page',
            evidence: { delivery: about.deliveryId },
            at: now,
            ...read,
          },
        ],
        now,
      );
    return { lifted, added: [] };
  });
}
