/** The routes for programs. They are entered with an API key (`Authorization: Bearer …`), never with a session. */
import { z } from 'zod';
import {
  accepted,
  acceptedMany,
  messagePage,
  messageQuery,
  messageStatus,
  newMessage,
  newMessages,
} from './v1.ts';
import type { Method } from './route.ts';

export interface KeyRoute {
  method: Method;
  path: string;
  summary: string;
  status: 200 | 202;
  query?: z.ZodObject;
  body?: z.ZodType;
  response: z.ZodType;
}

export const keyRoutes = {
  postMessages: {
    method: 'POST',
    path: '/v1/messages',
    summary:
      'Hand in one message, or up to 1,000. 202 when all of them are on disk. Idempotency-Key: the same key and body are answered the same again',
    status: 202,
    body: z.union([newMessage, newMessages]),
    response: z.union([accepted, acceptedMany]),
  },
  listMessages: {
    method: 'GET',
    path: '/v1/messages',
    summary: 'Messages of this key, newest first; `before` is `next` of the page before',
    status: 200,
    query: messageQuery,
    response: messagePage,
  },
  getMessage: {
    method: 'GET',
    path: '/v1/messages/:id',
    summary: 'Where a message stands, recipient by recipient, and what happened to it',
    status: 200,
    response: messageStatus,
  },
  cancelMessage: {
    method: 'DELETE',
    path: '/v1/messages/:id',
    summary: 'Take back what still waits; 409 when nothing does',
    status: 200,
    response: messageStatus,
  },
} satisfies Record<string, KeyRoute>;
