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
import { batchCall, identifyCall, taken, takenMany, trackCall } from './v1-events.ts';
import type { Method } from './route.ts';

export interface KeyRoute {
  method: Method;
  path: string;
  /** What the key must have been made for. */
  scope: 'mail' | 'events';
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
    scope: 'mail',
    summary:
      'Hand in one message, or up to 1,000. 202 when all of them are on disk. Idempotency-Key: the same key and body are answered the same again',
    status: 202,
    body: z.union([newMessage, newMessages]),
    response: z.union([accepted, acceptedMany]),
  },
  listMessages: {
    method: 'GET',
    path: '/v1/messages',
    scope: 'mail',
    summary: 'Messages of this key, newest first; `before` is `next` of the page before',
    status: 200,
    query: messageQuery,
    response: messagePage,
  },
  getMessage: {
    method: 'GET',
    path: '/v1/messages/:id',
    scope: 'mail',
    summary: 'Where a message stands, recipient by recipient, and what happened to it',
    status: 200,
    response: messageStatus,
  },
  cancelMessage: {
    method: 'DELETE',
    path: '/v1/messages/:id',
    scope: 'mail',
    summary: 'Take back what still waits; 409 when nothing does',
    status: 200,
    response: messageStatus,
  },
  identify: {
    method: 'POST',
    path: '/v1/identify',
    scope: 'events',
    summary:
      'Say who somebody is and what is so about them, at most 32 KB. Finds the contact by userId, then by email; makes one when an email is given, on no list and without consent. What is older than what we know changes nothing. 200 when it is on disk',
    status: 200,
    body: identifyCall,
    response: taken,
  },
  track: {
    method: 'POST',
    path: '/v1/track',
    scope: 'events',
    summary:
      'Say what somebody did, at most 32 KB. Of somebody unknown it is kept, and given to the contact once identify says who they are. 200 when it is on disk',
    status: 200,
    body: trackCall,
    response: taken,
  },
  batch: {
    method: 'POST',
    path: '/v1/batch',
    scope: 'events',
    summary:
      'Up to 100 calls, at most 500 KB. Entries that are wrong are named in `refused` and the others are taken; 422 when all are wrong. 429 with Retry-After when too much is being written',
    status: 200,
    body: batchCall,
    response: takenMany,
  },
} satisfies Record<string, KeyRoute>;
