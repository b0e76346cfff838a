/** Words of the audience's health: what is filled in, who cannot be reached, and segments that suggest themselves. */
import type { Table } from './table.ts';

export const healthWords = {
  'audience.health': ['Health', 'Santé'],
  'health.told': [
    '{n} of {total} contacts looked at, in {ms} ms',
    '{n} contacts regardés sur {total}, en {ms} ms',
  ],
  'health.contacts': ['Contacts', 'Contacts'],
  'health.unreachable': ['May not be mailed', 'À ne plus contacter'],
  'health.bounced': ['Address refused', 'Adresse refusée'],
  'health.inactive': ['Silent for 180 days', 'Silencieux depuis 180 jours'],
  'health.roles': ['Addresses of a function (info@…)', 'Adresses de fonction (info@…)'],
  'health.disposable': ['Throw-away addresses', 'Adresses jetables'],
  'health.sharing': ['Share a name with another', 'Même nom qu’un autre contact'],
  'health.suggested': ['Segments worth keeping', 'Segments à retenir'],
  'health.noneSuggested': [
    'Nothing stands out yet: more history will tell.',
    'Rien ne se détache encore : l’historique le dira.',
  ],
  'health.keep': ['Keep', 'Enregistrer'],
  'health.kept': ['Segment “{name}” kept', 'Segment « {name} » enregistré'],
  'health.growth': ['Arrivals by month', 'Arrivées par mois'],
  'health.fields': ['What is known of them', 'Ce que l’on sait d’eux'],
  'health.filled': ['filled in for {share}', 'renseigné pour {share}'],
  'health.working': ['being worked out', 'calcul en cours'],
  'healthSuggest.silent': ['Silent but reachable', 'Silencieux mais joignables'],
  'healthSuggest.loyal': ['Loyal: 3 orders in a year', 'Fidèles : 3 commandes en un an'],
  'healthSuggest.lapsed': ['Bought, but not for 6 months', 'Ont acheté, mais plus depuis 6 mois'],
  'healthSuggest.birthday': ['Birthday within 7 days', 'Anniversaire dans les 7 jours'],
  'healthSuggest.replied': ['Replied in the last 90 days', 'Ont répondu depuis 90 jours'],
  'healthSuggest.missing': ['Still to ask: {field}', 'À demander : {field}'],
  'healthSuggest.fresh': ['New in the last 30 days', 'Arrivés depuis 30 jours'],
  'healthSuggest.bounced': ['Addresses refused for good', 'Adresses refusées définitivement'],
} satisfies Table;
