/** Every route of the contract with the function that answers it. A route without one does not compile. */
import { Problem } from '../../core/errors.ts';
import { routes, type RouteName } from '../contract.ts';
import type { Handlers } from '../http/route.ts';
import { campaignHandlers } from './campaign.ts';
import { contactHandlers } from './contact.ts';
import { inboxHandlers } from './inbox.ts';
import { organisationHandlers } from './organisation.ts';
import { searchHandlers } from './search.ts';
import { segmentHandlers } from './segment.ts';
import { sendingHandlers } from './sending.ts';
import { sessionHandlers } from './session.ts';
import { streamHandlers } from './stream.ts';
import { suppressionHandlers } from './suppression.ts';

const later = Object.fromEntries(
  (Object.keys(routes) as RouteName[]).map((name) => [
    name,
    async () => {
      throw new Problem('unavailable', 'this is not built yet');
    },
  ]),
) as unknown as Handlers;

export const handlers: Handlers = {
  ...later,
  ...sessionHandlers,
  ...inboxHandlers,
  ...campaignHandlers,
  ...contactHandlers,
  ...segmentHandlers,
  ...suppressionHandlers,
  ...sendingHandlers,
  ...organisationHandlers,
  ...searchHandlers,
  ...streamHandlers,
};
