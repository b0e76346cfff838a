/** Words of opens and clicks: who may be counted, what they pressed, what was a machine. */
import type { Table } from './table.ts';

export const tracking = {
  'tracking.title': ['Opens and clicks', 'Ouvertures et clics'],
  'tracking.share': [
    '{full} of {delivered} delivered messages may be counted ({percent}). The numbers below are theirs alone.',
    '{full} messages remis sur {delivered} peuvent être comptés ({percent}). Les chiffres ci-dessous sont les leurs seulement.',
  ],
  'tracking.hygiene': [
    'Of {n} more only the day of the last opening is kept.',
    'Pour {n} autres, seul le jour de la dernière ouverture est conservé.',
  ],
  'tracking.nobody': ['Nobody here agreed to be counted', 'Personne ici n’a accepté d’être compté'],
  'tracking.nobodyHint': [
    'Opens and clicks are counted only for people who said yes. Their replies are counted for everybody, and say more.',
    'Ouvertures et clics ne sont comptés que pour les personnes qui ont dit oui. Les réponses le sont pour tout le monde, et en disent plus.',
  ],
  'tracking.opened': ['Opened', 'Ont ouvert'],
  'tracking.clicked': ['Clicked', 'Ont cliqué'],
  'tracking.ofCounted': [
    '{percent} of those who may be counted',
    '{percent} de celles qui peuvent être comptées',
  ],
  'tracking.machines': ['Machines', 'Machines'],
  'tracking.machinesSay': [
    'Scanners, proxies and previews: {opens} opens and {clicks} clicks, counted nowhere else',
    'Filtres, relais et aperçus : {opens} ouvertures et {clicks} clics, comptés nulle part ailleurs',
  ],
  'tracking.links': ['Links', 'Liens'],
  'tracking.link': ['Link', 'Lien'],
  'tracking.about': ['About', 'Sujet'],
  'tracking.people': ['People', 'Personnes'],
  'tracking.clicks': ['Clicks', 'Clics'],
  'tracking.byMachines': ['By machines', 'Par des machines'],
  'tracking.noLinks': [
    'No link of this message can be counted.',
    'Aucun lien de ce message ne peut être compté.',
  ],
  'tracking.why': ['Why they are taken for machines', 'Pourquoi ce sont des machines'],
  'tracking.reason.trap': ['Followed the link that nobody sees', 'Ont suivi le lien que personne ne voit'],
  'tracking.reason.head': ['Asked without reading the answer', 'Ont demandé sans lire la réponse'],
  'tracking.reason.ahead': ['Fetched ahead by a browser', 'Chargés d’avance par un navigateur'],
  'tracking.reason.agent': ['Call themselves a program', 'Se présentent comme un programme'],
  'tracking.reason.privacy-proxy': ['Apple’s privacy proxy', 'Relais de confidentialité d’Apple'],
  'tracking.reason.impostor': [
    'Call themselves a browser and do not speak like one',
    'Se disent navigateur sans en parler la langue',
  ],
  'tracking.reason.soon': ['Sooner than anybody can read', 'Plus tôt que quiconque peut lire'],
  'tracking.reason.burst': ['Many links at once', 'Beaucoup de liens à la fois'],
  'tracking.reason.companion': [
    'A check at the moment of a person’s click',
    'Un contrôle au moment du clic d’une personne',
  ],
  'tracking.reason.same-visitor': [
    'By the same visitor as one of the above',
    'Du même visiteur que l’une des précédentes',
  ],
} satisfies Table;
