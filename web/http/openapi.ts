/** The contract as OpenAPI 3.1, for those who call the API from elsewhere. */
import { z } from 'zod';
import { createDocument, type ZodOpenApiPathsObject } from 'zod-openapi';
import { errorBody, routes } from '../contract.ts';
import { special, type Special } from '../contract/route.ts';
import { keyRoutes, type KeyRoute } from '../contract/v1-routes.ts';

interface Described {
  method: string;
  path: string;
  permission: string;
  summary: string;
  params?: z.ZodObject;
  query?: z.ZodObject;
  body?: z.ZodType | 'stream';
  response: z.ZodType | Special;
}

let document: object | undefined;

export const openApiDocument = (): object => (document ??= build());

function build(): object {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const [name, route] of Object.entries(routes) as [string, Described][]) {
    const path = route.path.replace(/:(\w+)/g, '{$1}');
    (paths[path] ??= {})[route.method.toLowerCase()] = operation(name, route);
  }
  for (const [name, route] of Object.entries(keyRoutes) as [string, KeyRoute][]) {
    const path = route.path.replace(/:(\w+)/g, '{$1}');
    (paths[path] ??= {})[route.method.toLowerCase()] = keyOperation(name, route);
  }
  return createDocument({
    openapi: '3.1.0',
    info: {
      title: 'Parley',
      version: '0.1.0',
      description:
        'Sign in at /api/login; the session is a cookie. Changes need the header x-csrf-token from /api/session and an ' +
        'Origin of this server. Times are integer milliseconds since 1970.',
    },
    components: { securitySchemes: { key: { type: 'http', scheme: 'bearer' } } },
    paths: paths as ZodOpenApiPathsObject,
  });
}

function operation(name: string, route: Described): object {
  const { params, query, body, response } = route;
  return {
    operationId: name,
    summary: route.summary,
    'x-permission': route.permission,
    tags: [route.path.split('/')[2] ?? 'api'],
    ...((params !== undefined || query !== undefined) && {
      requestParams: {
        ...(params !== undefined && { path: params }),
        ...(query !== undefined && { query }),
      },
    }),
    ...(body !== undefined && {
      requestBody:
        body === 'stream'
          ? { content: { 'text/csv': { schema: { type: 'string', format: 'binary' } } } }
          : { content: { 'application/json': { schema: body } } },
    }),
    responses: {
      200: {
        description: 'OK',
        content:
          typeof response === 'string'
            ? { [special[response]]: { schema: { type: 'string' } } }
            : { 'application/json': { schema: response } },
      },
      default: { description: 'What went wrong', content: { 'application/json': { schema: errorBody } } },
    },
  };
}

/** A route for programs: it is entered with an API key. */
function keyOperation(name: string, { summary, status, query, body, response, path }: KeyRoute): object {
  return {
    operationId: name,
    summary,
    tags: ['v1'],
    security: [{ key: [] }],
    requestParams: {
      ...(path.includes(':id') && { path: z.object({ id: z.string() }) }),
      ...(query !== undefined && { query }),
      ...(body !== undefined && { header: z.object({ 'Idempotency-Key': z.string().optional() }) }),
    },
    ...(body !== undefined && { requestBody: { content: { 'application/json': { schema: body } } } }),
    responses: {
      [status]: { description: 'OK', content: { 'application/json': { schema: response } } },
      default: { description: 'What went wrong', content: { 'application/json': { schema: errorBody } } },
    },
  };
}
