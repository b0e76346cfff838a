/** The stream, and this table itself. Routes as the contract lists them. */
import { table } from './route.ts';

export const liveRoutes = table({
  stream: {
    method: 'GET',
    path: '/api/stream',
    permission: 'signed-in',
    summary:
      'Server-sent events: `conversation` with the changed rows (its id is a conversation version; Last-Event-ID catches up), and `campaign`, `import`, `queue`, `suppression`, `segment`, `settings` that say: ask again',
    response: 'events',
  },
  openapi: {
    method: 'GET',
    path: '/api/openapi.json',
    permission: 'public',
    summary: 'This table as OpenAPI 3.1',
    response: 'json',
  },
});
