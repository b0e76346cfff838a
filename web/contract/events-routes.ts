/** Events that programs tell. Routes as the contract lists them. */
import * as events from './events.ts';
import { nothing, one } from './primitive.ts';
import { table } from './route.ts';

export const eventsRoutes = table({
  eventTypes: {
    method: 'GET',
    path: '/api/events',
    permission: 'audience.read',
    summary: 'Which events programs told, how many of each are kept, and how long',
    response: events.eventTypes,
  },
  eventType: {
    method: 'GET',
    path: '/api/events/:kind',
    permission: 'audience.read',
    summary:
      'What the properties of an event hold: types, how often each is filled, its values where they are few',
    params: events.kindParam,
    response: events.eventType,
  },
  keepEvents: {
    method: 'PATCH',
    path: '/api/events/:kind',
    permission: 'audience.write',
    summary: 'How many days an event is kept; null: as the setting says, 0: for ever',
    params: events.kindParam,
    body: events.keeping,
    response: nothing,
  },
  eraseEvents: {
    method: 'DELETE',
    path: '/api/events/:kind',
    permission: 'audience.write',
    summary: 'Delete every event of this name that came until now',
    params: events.kindParam,
    response: nothing,
  },
  erasePersonEvents: {
    method: 'DELETE',
    path: '/api/contacts/:id/events',
    permission: 'audience.write',
    summary: 'Delete what programs told of one contact; what happened to mail stays',
    params: one,
    response: events.deleted,
  },
});
