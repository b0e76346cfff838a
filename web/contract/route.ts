/** What a route is: method, address, who may, what it takes and answers. */
import type { z } from 'zod';
import type { permission } from './people.ts';

export type Method = 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE';

/** What a handler answers when it is not JSON: it writes the response itself. */
export const special = {
  html: 'text/html',
  file: 'application/octet-stream',
  events: 'text/event-stream',
  json: 'application/json',
} as const;
export type Special = keyof typeof special;

export interface Spec {
  method: Method;
  path: string;
  permission: z.infer<typeof permission>;
  summary: string;
  params?: z.ZodType;
  query?: z.ZodType;
  /** JSON that is checked; `stream`: the handler reads the raw body. */
  body?: z.ZodType | 'stream';
  response: z.ZodType | Special;
}

/** Keeps each route's own types while checking its shape. */
export const table = <const T extends Record<string, Spec>>(routes: T): T => routes;
