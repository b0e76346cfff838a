/** Words about what replies mean, corrected by staff, and what was learnt from it. */
import type { Table } from './table.ts';

export const learntWords = {
  'settings.learnt': ['What Parley learnt', 'Ce que Parley a appris'],
  'learnt.correct': ['Say what it means', 'Dire ce que cela signifie'],
  'learnt.corrected': ['Intent corrected', 'Intention corrigée'],
  'learnt.correctedBy': [
    '{name} corrected it; Parley had read “{was}”',
    '{name} l’a corrigée ; Parley avait lu « {was} »',
  ],
  'learnt.confirmedBy': ['{name} confirmed it', '{name} l’a confirmée'],
  'learnt.somebody': ['Somebody who has left', 'Quelqu’un qui n’est plus là'],
  'learnt.perhaps': ['Perhaps “{intent}”?', 'Peut-être « {intent} » ?'],
  'learnt.because': [
    'In replies that you corrected so: {words}',
    'Dans des réponses que vous avez corrigées ainsi : {words}',
  ],
  'learnt.seen': ['“{word}” in {n} {n|reply|replies}', '« {word} » dans {n} {n|réponse|réponses}'],
  'learnt.take': ['Yes', 'Oui'],
  'learnt.keep': ['No, “{intent}” is right', 'Non, « {intent} » est juste'],
  'learnt.intro': [
    'When you correct what a reply means, Parley remembers the words and proposes the same for the next one like it. It never acts on them: nobody is unsubscribed, paused or mailed by what was learnt.',
    'Quand vous corrigez le sens d’une réponse, Parley en retient les mots et propose la même chose pour la prochaine qui lui ressemble. Rien ne se fait tout seul : ce qui est appris ne désabonne, ne met en pause et n’écrit à personne.',
  ],
  'learnt.none': ['Nothing learnt yet', 'Rien d’appris pour l’instant'],
  'learnt.noneHint': [
    'Open a reply in the inbox and choose what it means beside the sender’s name.',
    'Ouvrez une réponse dans la boîte et choisissez ce qu’elle signifie, à côté du nom de l’expéditeur.',
  ],
  'learnt.words': ['Words that speak for it', 'Les mots qui le disent'],
  'learnt.replies': ['{n} {n|reply|replies}', '{n} {n|réponse|réponses}'],
  'learnt.noWords': ['No word of its own yet', 'Aucun mot propre encore'],
  'learnt.corrections': ['Corrections', 'Corrections'],
  'learnt.count': ['{n} {n|correction|corrections}', '{n} {n|correction|corrections}'],
  'learnt.from': ['Parley read', 'Parley avait lu'],
  'learnt.to': ['you said', 'vous avez dit'],
  'learnt.confirmed': ['confirmed', 'confirmé'],
  'learnt.teaches': ['Teaches: {words}', 'Enseigne : {words}'],
  'learnt.undo': ['Undo', 'Annuler'],
  'learnt.undone': [
    'Forgotten: the reply means what Parley read',
    'Oublié : la réponse reprend sa première lecture',
  ],
} as const satisfies Table;
