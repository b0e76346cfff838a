/** Safe to press send: checks, overrides, stops at a provider, incidents and what is kept apart for them. */
import type { Table } from './table.ts';

export const safe = {
  'safe.blocked': [
    'It does not start: a check is red. Mend it and schedule it again; if that is done before its time, it starts by itself.',
    'Elle ne partira pas : une vérification est au rouge. Corrigez, puis reprogrammez ; si c’est fait avant l’heure prévue, elle partira d’elle-même.',
  ],
  'safe.backToDraft': ['Back to draft', 'Repasser en brouillon'],
} satisfies Table;
