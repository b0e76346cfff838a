/**
 * Signing up, in two steps: somebody fills a form in, and the one who reads that address's mail confirms it. Until then
 * nobody is on any list. What a stranger can do with somebody else's address is one mail a day and three a week; what
 * they learn from it is nothing, since the answer is always the same.
 */
import type { Runtime } from '../runtime.ts';
import { addContact, changeContact, contactByEmail, contactRow } from '../store/contact.ts';
import { addEvents } from '../store/event.ts';
import { consentFor } from '../store/consent.ts';
import { forgetErasure } from '../store/erasure.ts';
import { formById } from '../store/form.ts';
import { fromJson, toJson } from '../store/json.ts';
import { listById, membershipsOf, setMembership } from '../store/list.ts';
import { addSignup, confirmationsMailed, confirmSignup, lockSignups, signupById } from '../store/signup.ts';
import { liftSuppression } from '../store/person-wish.ts';
import { suppressionsOf } from '../store/suppression.ts';
import type { Db, Row, SuppressionReason } from '../store/tables.ts';
import { consentIn } from './consent.ts';
import { addConfirmation } from './signup-mail.ts';
import { suppressIn } from './suppress.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
export const CONFIRM_WITHIN_DAYS = 7;
const MOST_A_WEEK = 3;
/** What confirmation tokens are bound to: a link of another kind does not confirm. */
const SIGNUP_DOMAIN = 'signup';

/** One box, or the list itself, as it stood on the form. */
export interface Choice {
  purpose: string;
  state: 'given' | 'refused';
  text: string;
}

export interface Asked {
  /** In the store's form. */
  email: string;
  language: 'fr' | 'en';
  fields: Record<string, unknown>;
  choices: readonly Choice[];
  ip: string;
  agent: string;
}

type Needs = Pick<Runtime, 'store' | 'suppressions' | 'wake' | 'clock' | 'tokens'>;

/** Somebody left by their own wish, so they may come back by it; for every other reason nothing is mailed. */
const OWN_WISH: readonly SuppressionReason[] = ['unsubscribe', 'unsubscribe-in-words', 'pause'];

/** Writes it down and mails the confirmation, if that address may get one now. The caller answers the same either way. */
export async function askToSignUp(
  rt: Needs,
  form: Row<'form'>,
  asked: Asked,
  linkTo: (token: string) => string,
): Promise<{ mailed: boolean }> {
  const now = rt.clock.now();
  const mailed = await rt.store.write(async (tx) => {
    await lockSignups(tx);
    const may = await mayConfirm(tx, asked.email, now);
    const id = await addSignup(tx, {
      form_id: form.id,
      form_version: form.version,
      email: asked.email,
      language: asked.language,
      fields: toJson(asked.fields),
      consents: toJson(asked.choices),
      ip: asked.ip,
      agent: asked.agent.slice(0, 500),
      asked_at: now,
      mailed_at: may ? now : null,
      confirmed_at: null,
    });
    if (!may) return false;
    const token = rt.tokens.mint({ purpose: 'u', domain: SIGNUP_DOMAIN, id, now });
    return addConfirmation(
      rt,
      tx,
      {
        to: asked.email,
        brandId: form.brand_id,
        list: (await listById(tx, form.list_id))?.name ?? form.name,
        language: asked.language,
        link: linkTo(token),
      },
      now,
    );
  });
  if (mailed) rt.wake.ring('queue');
  return { mailed };
}

async function mayConfirm(tx: Db, email: string, now: number): Promise<boolean> {
  const against = (await suppressionsOf(tx, email)).filter((one) => one.lifted_at === null);
  // What stops everything stops this mail too, whoever said it: the wire would refuse it.
  if (against.some((one) => one.scope === 'everything' || !OWN_WISH.includes(one.reason))) return false;
  const week = await confirmationsMailed(tx, email, now - 7 * DAY_MS);
  return week.length < MOST_A_WEEK && !week.some((at) => at > now - DAY_MS);
}

export interface Waiting {
  signup: Row<'signup'>;
  form: Row<'form'>;
}

/** What a link would confirm; undefined when it is none of ours, too old, or its form is gone. Changes nothing. */
export async function signupOf({ tokens, store, clock }: Needs, token: string): Promise<Waiting | undefined> {
  const now = clock.now();
  const reading = tokens.read(token, { purpose: 'u', domain: SIGNUP_DOMAIN, now });
  if (reading.kind !== 'valid') return undefined;
  const signup = await signupById(store.read, reading.id);
  if (signup === undefined || signup.asked_at < now - CONFIRM_WITHIN_DAYS * DAY_MS) return undefined;
  const form = await formById(store.read, signup.form_id);
  return form === undefined ? undefined : { signup, form };
}

/** Makes it true: the contact, the list, the ledger, and what stood against it by their own wish. All in one transaction. */
export async function confirmSignUp(
  rt: Needs,
  { signup, form }: Waiting,
  by: { ip: string; agent: string },
): Promise<void> {
  const now = rt.clock.now();
  const erasedAs = rt.suppressions.erasedAs(signup.email);
  const changed = await rt.store.write(async (tx) => {
    if (!(await confirmSignup(tx, signup.id, now))) return { lifted: [], added: [] };
    // Who was erased and confirms has come back by their own word.
    if (erasedAs !== undefined) await forgetErasure(tx, erasedAs);
    const contact = await contactOf(tx, signup, form, now);
    const source = `form: ${form.name}`;
    const back = await comeBack(tx, contact, form, now);
    await setMembership(
      tx,
      { list_id: form.list_id, contact_id: contact.id, status: 'subscribed', source },
      now,
    );
    const choices: Choice[] = [];
    for (const choice of fromJson<Choice[]>(signup.consents, [])) {
      // An empty box takes nothing back that they agreed to elsewhere.
      const isStanding =
        choice.state === 'refused' && (await consentFor(tx, contact.id, choice.purpose))?.state === 'given';
      if (!isStanding) choices.push(choice);
    }
    await consentIn(
      tx,
      choices.map((choice) => ({
        ...choice,
        contact_id: contact.id,
        method: 'form',
        source,
        form_id: form.id,
        form_version: signup.form_version,
        language: signup.language,
        ip: signup.ip,
        agent: signup.agent,
        evidence: { signup: signup.id, asked_at: signup.asked_at, confirmed: { at: now, ...by } },
        at: now,
      })),
      now,
    );
    await addEvents(tx, [
      { kind: 'joined_list', at: now, contact_id: contact.id, data: { list: form.list_id, form: form.id } },
    ]);
    return back;
  });
  if (erasedAs !== undefined) rt.suppressions.removeErased(erasedAs);
  for (const row of changed.lifted) rt.suppressions.remove(row);
  for (const row of changed.added) rt.suppressions.add(row);
  if (changed.lifted.length + changed.added.length > 0) rt.wake.ring('suppression');
}

const STANDARD = ['first_name', 'last_name'] as const;

/** What is known stays: the form only fills what was empty, since a stranger may have filled the form in. */
async function contactOf(
  tx: Db,
  signup: Row<'signup'>,
  form: Row<'form'>,
  now: number,
): Promise<Row<'contact'>> {
  const said = fromJson<Record<string, unknown>>(signup.fields, {});
  await addContact(
    tx,
    contactRow({ email: signup.email, language: signup.language, source: `form: ${form.name}` }, now),
  );
  const contact = (await contactByEmail(tx, signup.email))!;
  const custom = Object.fromEntries(
    Object.entries(said).filter(([name]) => !(STANDARD as readonly string[]).includes(name)),
  );
  const names = Object.fromEntries(
    STANDARD.filter((name) => contact[name] === '' && typeof said[name] === 'string').map((name) => [
      name,
      said[name] as string,
    ]),
  );
  return (await changeContact(
    tx,
    contact.id,
    {
      ...names,
      ...(contact.language === '' ? { language: signup.language } : {}),
      fields: toJson({ ...custom, ...fromJson<Record<string, unknown>>(contact.fields, {}) }),
    },
    now,
  ))!;
}

/**
 * Lifts what they once said against this list. Who had left marketing as a whole comes back to this list and to no other:
 * the others they still stood on are left by name.
 */
async function comeBack(tx: Db, contact: Row<'contact'>, form: Row<'form'>, now: number) {
  const against = (await suppressionsOf(tx, contact.email)).filter(
    (one) =>
      one.lifted_at === null &&
      OWN_WISH.includes(one.reason) &&
      ['marketing', 'pause', `brand:${form.brand_id}`, `list:${form.list_id}`].includes(one.scope),
  );
  const lifted: Row<'suppression'>[] = [];
  for (const one of against) {
    const row = await liftSuppression(tx, one.id, null, now);
    if (row !== null) lifted.push(row);
  }
  await addEvents(
    tx,
    lifted.map((row) => ({
      kind: 'unsuppressed',
      at: now,
      contact_id: contact.id,
      data: { scope: row.scope, reason: row.reason, form: form.id },
    })),
  );
  const isWide = lifted.some((row) => row.scope !== `list:${form.list_id}` && row.scope !== 'pause');
  const others = isWide
    ? (await membershipsOf(tx, contact.id)).filter(
        (one) => one.status === 'subscribed' && one.list_id !== form.list_id,
      )
    : [];
  const added = await suppressIn(
    tx,
    others.map((one) => ({
      address: contact.email,
      scope: `list:${one.list_id}` as const,
      reason: 'unsubscribe' as const,
      contact_id: contact.id,
      evidence: `had left all marketing; came back by the form ${form.name} to its list alone`,
    })),
    now,
  );
  return { lifted, added };
}
