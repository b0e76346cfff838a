/** Limits, reply rules, and what is in force. Routes as the contract lists them. */
import { made, nothing, one } from './primitive.ts';
import { table } from './route.ts';
import * as shaping from './shaping.ts';

export const shapingRoutes = table({
  shaping: {
    method: 'GET',
    path: '/api/shaping',
    permission: 'sending.read',
    summary: 'Limits by provider and where each is from, reply rules, and what replies made of it now',
    response: shaping.shaping,
  },
  setLimits: {
    method: 'PUT',
    path: '/api/shaping/limits',
    permission: 'sending.write',
    summary:
      'Set your own numbers at a provider or a mail host, for all sources or one; null: as in the table',
    body: shaping.newLimits,
    response: nothing,
  },
  resetLimits: {
    method: 'POST',
    path: '/api/shaping/reset',
    permission: 'sending.write',
    summary: 'Back to the table at a provider or a mail host',
    body: shaping.where,
    response: nothing,
  },
  addReplyRule: {
    method: 'POST',
    path: '/api/shaping/rules',
    permission: 'sending.write',
    summary: 'Write a reply rule; its words must fit its sample and no sample of another rule',
    body: shaping.newRule,
    response: made,
  },
  removeReplyRule: {
    method: 'DELETE',
    path: '/api/shaping/rules/:id',
    permission: 'sending.write',
    summary: 'Remove a reply rule of your own',
    params: one,
    response: nothing,
  },
  releaseThrottle: {
    method: 'POST',
    path: '/api/throttles/:id/release',
    permission: 'sending.write',
    summary: 'Let go on at a place where a reply slowed or stopped us',
    params: one,
    response: nothing,
  },
  lookAgain: {
    method: 'POST',
    path: '/api/throttles/:id/check',
    permission: 'sending.write',
    summary: 'Look again at our own facts behind a block; what was wrong and is right now ends it',
    params: one,
    response: shaping.looked,
  },
});
