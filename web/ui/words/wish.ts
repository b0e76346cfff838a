/** Words of a wish to leave that was written in a reply. */
import type { Table } from './table.ts';

export const wish = {
  'wish.title': ['A wish to leave', 'Demande de désabonnement'],
  'wish.asked': ['They may want to leave', 'Cette personne veut peut-être se désabonner'],
  'wish.left': ['Unsubscribed: {scope}', 'Désabonnement : {scope}'],
  'wish.paused': [
    'They get no marketing until one of you has decided.',
    'Plus aucun message marketing tant que l’équipe n’a pas décidé.',
  ],
  'wish.pausedUntil': [
    'They get no marketing until one of you has decided, at most until {day}.',
    'Plus aucun message marketing tant que l’équipe n’a pas décidé, au plus tard jusqu’au {day}.',
  ],
  'wish.alone': [
    'The whole message is a plain request, so nobody had to decide.',
    'Le message entier est une demande claire : personne n’a eu à décider.',
  ],
  'wish.decidedBy': ['Decided by {name}.', 'Décidé par {name}.'],
  'wish.doLeave': ['Unsubscribe them', 'Désabonner'],
  'wish.doStay': ['They stay', 'Maintenir l’abonnement'],
  'wish.hasLeft': ['They get no more of it', 'Cette personne n’en recevra plus'],
  'wish.stays': ['The pause is over', 'La pause est levée'],
  'wish.undone': [
    'Taken back: they may be mailed again',
    'Annulé : cette personne peut de nouveau être contactée',
  ],
} satisfies Table;
