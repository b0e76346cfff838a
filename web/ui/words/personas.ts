/** Words of personas: an order of segments of which everybody is in exactly one. */
import type { Table } from './table.ts';

export const personaWords = {
  'audience.personas': ['Personas', 'Personas'],
  'persona.intro': [
    'Everybody is in exactly one persona of a set: the first, from the top, whose segment they are in. Whoever is in none is everyone else.',
    'Chaque personne relève d’un seul persona par classement : le premier, en partant du haut, dont elle est dans le segment. Qui n’est dans aucun forme le reste.',
  ],
  'persona.newSet': ['New set of personas', 'Nouveau classement'],
  'persona.empty': ['No personas yet', 'Pas encore de personas'],
  'persona.noSegments': [
    'Personas are made of segments: make the first segment, then put them in an order here.',
    'Les personas sont faits de segments : créez d’abord un segment, puis ordonnez-les ici.',
  ],
  'persona.setName': ['Name of the set', 'Nom du classement'],
  'persona.name': ['Name of the persona', 'Nom du persona'],
  'persona.of': ['Whoever is in the segment', 'Qui est dans le segment'],
  'persona.add': ['Add a persona', 'Ajouter un persona'],
  'persona.rest': ['Everyone else', 'Tous les autres'],
  'persona.restHint': ['whoever is in none of these', 'qui n’est dans aucun d’eux'],
  'persona.up': ['Move {name} up', 'Monter {name}'],
  'persona.down': ['Move {name} down', 'Descendre {name}'],
  'persona.drag': ['Drag to put in another place', 'Glisser pour changer de place'],
  'persona.people': ['{n} {n|person|people}, {share}', '{n} {n|personne|personnes}, {share}'],
  'persona.working': ['being counted', 'comptage en cours'],
  'persona.saved': ['Personas saved', 'Personas enregistrés'],
  'persona.deleted': ['Personas deleted', 'Personas supprimés'],
  'persona.is': ['is', 'est'],
  'persona.isNot': ['is not', 'n’est pas'],
  'leafMenu.persona': ['The persona', 'Le persona'],
  'leaf.persona': ['Persona', 'Persona'],
  'event.persona_changed': ['Changed persona', 'A changé de persona'],
} satisfies Table;
