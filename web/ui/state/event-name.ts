/**
 * What happened to a person as a sentence goes on: “has ordered”, “n’a jamais ouvert de message”; and the properties of
 * events by names that a marketer uses: `products[].brand` is “brand of the items”. Unknown names stay as they were sent.
 */
import { say, words } from './words.svelte.ts';

export function deedOf(event: string): string {
  const own = words.word('deed', event);
  if (own !== event) return own;
  const known = words.word('event', event);
  const name = known === event ? event : known.charAt(0).toLowerCase() + known.slice(1);
  return known === event ? say('deed.other', { name: event.replace(/_/g, ' ') }) : name;
}

/** The same, denied for all time of the window. */
export function neverDeed(deed: string): string {
  if (words.language === 'en') return `never ${deed}`;
  const [, verb = '', rest = ''] = /^(nous a|a|est|s’est)\s(.*)$/.exec(deed) ?? [];
  if (verb === '') return `jamais : ${deed}`;
  const no = verb === 'a' || verb === 'est' ? 'n’' : 'ne ';
  return `${no}${verb} jamais ${rest}`;
}

const spaced = (name: string): string => name.replace(/_/g, ' ');

function wordOf(name: string): string {
  const known = words.word('prop', name);
  return known === name ? spaced(name) : known;
}

export function propertyName(prop: string): string {
  const [list, inner] = prop.split('[].');
  if (inner === undefined) return prop.split('.').map(wordOf).join(' › ');
  return say('prop.of', { part: inner.split('.').map(wordOf).join(' › '), list: wordOf(list ?? '') });
}

/** A standard field's name in the reader's language; a custom field's own label. */
export function fieldName(field: { name: string; label: string }): string {
  const own = words.word('own', field.name);
  if (own !== field.name) return own;
  return field.label !== '' && field.label !== field.name
    ? field.label
    : spaced(field.name.replace(/^fields\./, ''));
}
