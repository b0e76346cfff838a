/** Personas. Routes as the contract lists them. */
import { changesQuestion, segmentChanges } from './audience.ts';
import { nothing, one } from './primitive.ts';
import { personaSet, personaSetDraft, personaSets } from './persona.ts';
import { table } from './route.ts';

export const personaRoutes = table({
  personaSets: {
    method: 'GET',
    path: '/api/personas',
    permission: 'audience.read',
    summary: 'Sets of personas with how many people each has',
    response: personaSets,
  },
  createPersonaSet: {
    method: 'POST',
    path: '/api/personas',
    permission: 'audience.write',
    summary: 'Keep a set of personas: everybody is in the first whose segment they are in',
    body: personaSetDraft,
    response: personaSet,
  },
  updatePersonaSet: {
    method: 'PUT',
    path: '/api/personas/:id',
    permission: 'audience.write',
    summary: 'Name a set and its personas, in this order; 409 when one that a segment names would go',
    params: one,
    body: personaSetDraft,
    response: personaSet,
  },
  deletePersonaSet: {
    method: 'DELETE',
    path: '/api/personas/:id',
    permission: 'audience.write',
    summary: 'Forget a set; 409 while a segment names one of its personas',
    params: one,
    response: nothing,
  },
  personaChanges: {
    method: 'GET',
    path: '/api/personas/:id/changes',
    permission: 'audience.read',
    summary: 'Who became this persona and who no longer is one, after a number, each change once',
    params: one,
    query: changesQuestion,
    response: segmentChanges,
  },
});
