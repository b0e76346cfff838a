/** A hand on the queue: orders over many deliveries, and acts on one. Routes as the contract lists them. */
import * as order from './order.ts';
import { one } from './primitive.ts';
import { table } from './route.ts';
import { moved } from './sending.ts';

export const orderRoutes = table({
  orders: {
    method: 'GET',
    path: '/api/queue/orders',
    permission: 'sending.read',
    summary: 'Orders over the queue with their progress, and what waits by source',
    response: order.orders,
  },
  countMeant: {
    method: 'GET',
    path: '/api/queue/orders/count',
    permission: 'sending.read',
    summary: 'How many deliveries an order would mean now',
    query: order.question,
    response: order.meant,
  },
  giveOrder: {
    method: 'POST',
    path: '/api/queue/orders',
    permission: 'sending.write',
    summary: 'Hold, cancel, purge, re-route, try again or drain: holds at once, the deliveries follow',
    body: order.newOrder,
    response: order.order,
  },
  releaseOrder: {
    method: 'POST',
    path: '/api/queue/orders/:id/release',
    permission: 'sending.write',
    summary: 'End a hold or a drain',
    params: one,
    response: order.order,
  },
  actOnDelivery: {
    method: 'POST',
    path: '/api/deliveries/:id/act',
    permission: 'sending.write',
    summary: 'Hold, release, cancel or try again one delivery',
    params: one,
    body: order.act,
    response: moved,
  },
});
