/** Opens and clicks over HTTP. What counts is decided in core/tracking. */
import { campaignTracking } from '../../core/campaign/tracking-report.ts';
import type { SomeHandlers } from '../http/route.ts';

export const trackingHandlers = {
  campaignTracking: ({ rt, params }) => campaignTracking(rt.store.read, params.id),
} satisfies SomeHandlers;
