/** Every route of the contract with the function that answers it. A route without one does not compile. */
import type { Handlers } from '../http/route.ts';
import { campaignHandlers } from './campaign.ts';
import { consentHandlers } from './consent.ts';
import { contactHandlers } from './contact.ts';
import { egressHandlers } from './egress.ts';
import { formHandlers } from './form.ts';
import { imapHandlers } from './imap.ts';
import { malwareHandlers } from './malware.ts';
import { importHandlers } from './import.ts';
import { inboxHandlers } from './inbox.ts';
import { learntHandlers } from './learnt.ts';
import { orderHandlers } from './order.ts';
import { organisationHandlers } from './organisation.ts';
import { reportHandlers } from './report.ts';
import { safeHandlers } from './safe.ts';
import { shapingHandlers } from './shaping.ts';
import { healthHandlers } from './health.ts';
import { personaHandlers } from './persona.ts';
import { pressureHandlers } from './pressure.ts';
import { planningHandlers } from './planning.ts';
import { eventsHandlers } from './events.ts';
import { trackingHandlers } from './tracking.ts';
import { programHandlers } from './program.ts';
import { searchHandlers } from './search.ts';
import { segmentHandlers } from './segment.ts';
import { sendingHandlers } from './sending.ts';
import { sessionHandlers } from './session.ts';
import { streamHandlers } from './stream.ts';
import { suppressionHandlers } from './suppression.ts';

export const handlers: Handlers = {
  ...sessionHandlers,
  ...inboxHandlers,
  ...learntHandlers,
  ...campaignHandlers,
  ...contactHandlers,
  ...consentHandlers,
  ...formHandlers,
  ...importHandlers,
  ...segmentHandlers,
  ...suppressionHandlers,
  ...egressHandlers,
  ...imapHandlers,
  ...malwareHandlers,
  ...reportHandlers,
  ...safeHandlers,
  ...shapingHandlers,
  ...sendingHandlers,
  ...orderHandlers,
  ...organisationHandlers,
  ...healthHandlers,
  ...personaHandlers,
  ...pressureHandlers,
  ...planningHandlers,
  ...trackingHandlers,
  ...programHandlers,
  ...eventsHandlers,
  ...searchHandlers,
  ...streamHandlers,
};
