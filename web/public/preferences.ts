/**
 * The page that every mail links to: what this person gets, how often, in which language, and whether they are measured.
 * One form that is saved, and three buttons that act at once: pause, leave everything, come back. A GET changes nothing.
 */
import type Koa from 'koa';
import {
  choosePreferences,
  comeBackToAll,
  frequencies,
  offeredLists,
  pause,
  resume,
  trackings,
  type Offered,
} from '../../core/audience/preferences.ts';
import { Problem } from '../../core/errors.ts';
import type { Runtime } from '../../core/runtime.ts';
import { contactById } from '../../core/store/contact.ts';
import { suppressionsOf } from '../../core/store/suppression.ts';
import type { Row } from '../../core/store/tables.ts';
import { readForm, show } from './answer.ts';
import { preferenceWordsOf, type PreferenceWords } from './preference-words.ts';
import { withdraw, type Visitor } from './visitor.ts';
import { escapeHtml, languageOf, wordsOf } from './words.ts';

const STYLE = `<style>
fieldset{border:0;margin:0 0 22px;padding:0}legend{font-weight:600;padding:0;margin:0 0 8px}
label.pick{display:flex;gap:10px;align-items:flex-start;padding:7px 0;cursor:pointer}
label.pick input{flex:none;width:18px;height:18px;margin:3px 0 0;accent-color:var(--accent)}
.act{display:flex;flex-wrap:wrap;gap:10px;margin-top:26px;padding-top:22px;border-top:1px solid var(--line)}
.act form{margin:0}.note{padding:12px 14px;border-radius:6px;background:var(--page);margin:0 0 20px}
.note form{margin:10px 0 0}</style>`;

interface State {
  offered: Offered[];
  contact: Row<'contact'> | undefined;
  /** Their own word against all marketing; `byOthers`: somebody else's, which they cannot lift here. */
  stopped: 'no' | 'by-themself' | 'by-others';
  pausedUntil: number | null;
}

async function stateOf(rt: Runtime, { contact, delivery, brandId }: Visitor): Promise<State> {
  const db = rt.store.read;
  const now = await (contact === undefined ? undefined : contactById(db, contact.id));
  const [offered, against] = await Promise.all([
    now === undefined ? [] : offeredLists(db, now.id, brandId),
    suppressionsOf(db, now?.email ?? delivery.address),
  ]);
  const active = against.filter((one) => one.lifted_at === null);
  const stops = active.filter((one) => one.scope === 'marketing' || one.scope === 'everything');
  const isOwn = stops.every(
    (one) => one.scope === 'marketing' && ['unsubscribe', 'unsubscribe-in-words'].includes(one.reason),
  );
  return {
    offered,
    contact: now,
    stopped: stops.length === 0 ? 'no' : isOwn ? 'by-themself' : 'by-others',
    pausedUntil: active.find((one) => one.scope === 'pause')?.until ?? null,
  };
}

const pick = (
  type: 'checkbox' | 'radio',
  name: string,
  value: string,
  isOn: boolean,
  text: string,
  small = '',
): string =>
  `<label class="pick"><input type="${type}" name="${name}" value="${escapeHtml(value)}"${isOn ? ' checked' : ''}>` +
  `<span>${text}${small === '' ? '' : `<small>${small}</small>`}</span></label>`;

const group = (legend: string, picks: readonly string[]): string =>
  `<fieldset><legend>${legend}</legend>${picks.join('')}</fieldset>`;

const button = (name: string, text: string): string =>
  `<form method="post"><button class="plain" name="${name}" value="1">${text}</button></form>`;

export async function choose(
  rt: Runtime,
  ctx: Koa.Context,
  visitor: Visitor,
  isSaved = false,
): Promise<void> {
  const state = await stateOf(rt, visitor);
  const language = languageOf(state.contact?.language, visitor.language);
  const words = preferenceWordsOf(language);
  const general = wordsOf(language);
  const address = escapeHtml(state.contact?.email ?? visitor.delivery.address);
  const body =
    `${STYLE}<h1>${general.preferencesTitle}</h1>` +
    `<p class="meta" role="status">${general.preferencesFor(address)}${isSaved ? ` · ${general.saved}` : ''}</p>` +
    standing(state, words, language, general.stoppedAll) +
    (state.contact === undefined ? '' : choices(state, state.contact, language, words, general.noLists)) +
    (state.stopped === 'no'
      ? `<div class="act">${state.pausedUntil === null ? button('pause', words.pause) : ''}${button('all', general.leaveAll)}</div>`
      : '');
  show(ctx, language, general.preferencesTitle, body);
}

/** What stands above everything: a pause, or having left. */
function standing(
  { stopped, pausedUntil }: State,
  words: PreferenceWords,
  language: 'fr' | 'en',
  stoppedAll: string,
): string {
  if (stopped !== 'no')
    return `<div class="note">${stoppedAll}${stopped === 'by-themself' ? button('back', words.back) : ''}</div>`;
  if (pausedUntil === null) return '';
  const day = new Intl.DateTimeFormat(language, { dateStyle: 'long' }).format(pausedUntil);
  return `<div class="note">${words.pausedUntil(day)}${button('resume', words.resume)}</div>`;
}

function choices(
  { offered, stopped }: State,
  contact: Row<'contact'>,
  language: 'fr' | 'en',
  words: PreferenceWords,
  noLists: string,
): string {
  const topics =
    stopped !== 'no'
      ? ''
      : offered.length === 0
        ? `<p>${noLists}</p>`
        : `<input type="hidden" name="topics" value="1">` +
          group(
            words.topics,
            offered.map((list) =>
              pick(
                'checkbox',
                'list',
                String(list.id),
                list.isOn,
                escapeHtml(list.name),
                escapeHtml(list.description),
              ),
            ),
          );
  return (
    `<form method="post">${topics}` +
    (stopped === 'no'
      ? group(
          words.frequency,
          frequencies.map((one) =>
            pick('radio', 'frequency', one, contact.max_frequency === one, words.frequencies[one]),
          ),
        )
      : '') +
    group(
      words.tracking,
      trackings.map((one) =>
        pick(
          'radio',
          'tracking',
          one,
          contact.tracking === one,
          words.trackings[one],
          words.trackingsSay[one],
        ),
      ),
    ) +
    group(words.language, [
      pick('radio', 'language', 'fr', language === 'fr', 'Français'),
      pick('radio', 'language', 'en', language === 'en', 'English'),
    ]) +
    `<button name="save" value="1">${words.save}</button></form>`
  );
}

const oneOf = <T extends string>(known: readonly T[], said: unknown): T | undefined =>
  known.find((one) => one === said);

export async function chosen(rt: Runtime, ctx: Koa.Context, visitor: Visitor): Promise<void> {
  const form = await readForm(ctx);
  const { delivery, contact, brandId } = visitor;
  if (delivery.origin_kind === 'test') return choose(rt, ctx, visitor);
  const about = {
    address: contact?.email ?? delivery.address,
    contactId: contact?.id ?? null,
    deliveryId: delivery.id,
  };
  const language = languageOf(contact?.language, visitor.language);
  const words = preferenceWordsOf(language);
  const read = { language, ip: String(ctx.state.ip), agent: ctx.get('User-Agent') };
  if (form.get('all') !== null) await withdraw(rt, visitor, ['marketing'], 'preferences');
  else if (form.get('pause') !== null) await pause(rt, about);
  else if (form.get('resume') !== null) await resume(rt, about);
  else if (form.get('back') !== null) await comeBackToAll(rt, about, { ...read, text: words.back });
  else if (form.get('leave') !== null) await leaveOne(rt, visitor, Number(form.get('leave')));
  else if (contact !== undefined && form.get('save') !== null) {
    const tracking = oneOf(trackings, form.get('tracking'));
    await choosePreferences(
      rt,
      { contactId: contact.id, brandId, deliveryId: delivery.id },
      {
        // Without the mark the topics were not on the page, and none of them is left.
        lists: form.get('topics') === null ? undefined : form.getAll('list').map(Number),
        frequency: oneOf(frequencies, form.get('frequency')),
        tracking,
        language: oneOf(['fr', 'en'], form.get('language')),
      },
      {
        ...read,
        list: ({ name, description }) => [name, description].filter((text) => text !== '').join('\n'),
        tracking:
          tracking === undefined ? '' : `${words.trackings[tracking]}\n${words.trackingsSay[tracking]}`,
      },
    );
  }
  return choose(rt, ctx, visitor, true);
}

/** A button of one list: for links that a template makes itself. */
async function leaveOne(rt: Runtime, visitor: Visitor, wanted: number): Promise<void> {
  const { contact, brandId } = visitor;
  // Only a list that is offered to this very person: somebody else's id changes nothing.
  const offered = contact === undefined ? [] : await offeredLists(rt.store.read, contact.id, brandId);
  const list = offered.find((one) => one.id === wanted);
  if (list === undefined) throw new Problem('not-found', 'there is no such list here');
  await withdraw(rt, visitor, [`list:${list.id}`], 'preferences');
}
