/** Corrections of what replies mean. Routes as the contract lists them. */
import { changedConversation } from './inbox.ts';
import { intentChoice, learnt, learntQuestion } from './learnt.ts';
import { nothing, one } from './primitive.ts';
import { table } from './route.ts';

export const learntRoutes = table({
  correctIntent: {
    method: 'PUT',
    path: '/api/messages/:id/intent',
    permission: 'inbox.write',
    summary: 'Say what a reply means; Parley learns from it. Nobody is unsubscribed, paused or mailed by it',
    params: one,
    body: intentChoice,
    response: changedConversation,
  },
  learnt: {
    method: 'GET',
    path: '/api/learnt',
    permission: 'inbox.read',
    summary: 'What Parley learnt from corrections: the words by intent, and every correction, newest first',
    query: learntQuestion,
    response: learnt,
  },
  undoCorrection: {
    method: 'DELETE',
    path: '/api/learnt/:id',
    permission: 'inbox.write',
    summary: 'Take a correction back: the reply means what the rules read, and what it taught is forgotten',
    params: one,
    response: nothing,
  },
});
