/** Conditions as sentences: no braces, no ids where a name is known. */
import { expect, test } from 'vitest';
import type { SegmentLeaf as Leaf } from '../../contract.ts';
import { blank, leafKinds } from './condition.ts';
import { leafSentence, type Names } from './leaf-sentence.ts';
import { words } from './words.svelte.ts';

const names: Names = {
  fields: [{ name: 'fields.city', label: 'City' }],
  lists: [{ id: 1, name: 'Letter' }],
  segments: [{ id: 4, name: 'Lyon' }],
  campaigns: [{ id: 2, name: 'Summer' }],
  personas: [{ id: 3, name: 'Loyal' }],
};

const cases: [Leaf, string][] = [
  [{ field: 'fields.city', op: 'eq', value: 'Lyon' }, 'City is Lyon'],
  [{ field: 'fields.city', op: 'in', value: ['Lyon', 'Metz'] }, 'City is one of Lyon, Metz'],
  [{ field: 'fields.last_order', op: 'since', value: { rel: '-90d' } }, 'last order is in the last 90 days'],
  [{ field: 'fields.vip', op: 'eq', value: true }, 'vip is yes'],
  [
    { message: { did: 'replied', campaign: 2, window: { last: '7d' } } },
    'replied to “Summer” in the last 7 days',
  ],
  [
    { event: 'ordered', count: { op: 'gte', n: 6 }, window: { last: '6m' } },
    'has “ordered” at least 6 times in the last 6 months',
  ],
  [{ list: 1, status: 'subscribed' }, 'Letter: subscribed'],
  [{ segment: 4, member: false }, 'is not in “Lyon”'],
  [{ persona: 3, member: true }, 'is “Loyal”'],
  [{ tag: ['vip', 'b2b'], mode: 'all' }, 'has all of the tags vip, b2b'],
];

test.each(cases)('%j', (leaf, sentence) => {
  words.language = 'en';
  expect(leafSentence(leaf, names)).toBe(sentence);
});

const french: [Leaf, string][] = [
  [
    {
      event: 'order_placed',
      agg: { fn: 'sum', prop: 'products[].quantity', op: 'gte', n: 6 },
      window: { last: '6m' },
    },
    'a commandé pour un total d’au moins 6 en quantité des articles depuis 6 mois',
  ],
  [
    {
      event: 'product_clicked',
      where: [{ prop: 'brand', op: 'eq', value: 'Bleu' }],
      count: { op: 'gte', n: 2 },
    },
    'a cliqué sur un produit au moins 2 fois si marque est Bleu',
  ],
  [
    {
      message: { did: 'opened', campaign: 'any', count: { op: 'eq', n: 0 }, window: { last: '90d' } },
    },
    'n’a jamais ouvert une campagne quelconque depuis 90 jours',
  ],
  [{ event: 'replied' }, 'a répondu'],
  [{ event: 'unsubscribed', count: { op: 'lte', n: 0 } }, 'ne s’est jamais désabonné'],
];

test.each(french)('in French: %j', (leaf, sentence) => {
  words.language = 'fr';
  expect(leafSentence(leaf, names)).toBe(sentence);
});

test('every kind of condition has a sentence in both languages', () => {
  for (const language of ['en', 'fr'] as const) {
    words.language = language;
    for (const kind of leafKinds) expect(leafSentence(blank(kind, {}), names), kind).not.toMatch(/[{}]|^$/);
  }
  words.language = 'en';
});
