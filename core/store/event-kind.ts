/**
 * What an event may be called. Kinds of Parley's own are facts of mail and consent: segments, reports and brakes rest on
 * them, so no program may hand one in. Every other name is a program's own.
 */

/** Past tense, one vocabulary for log, API and interface (DESIGN section 4). */
export const builtInKinds = [
  'queued',
  'held',
  'delivered',
  'deferred',
  'bounced',
  'expired',
  'cancelled',
  'suppressed',
  'withheld',
  'unsuppressed',
  'complained',
  'opened',
  'opened_machine',
  'clicked',
  'clicked_machine',
  'replied',
  'auto_replied',
  'answered',
  'unsubscribed',
  'imported',
  'consented',
  'joined_list',
  'left_list',
  'identified',
  'stopped',
  'stop_slower',
  'stop_released',
  'stop_cancelled',
  'override',
  'blocked',
  'unblocked',
  'incident_opened',
  'incident_closed',
  'credential_made',
  'credential_held',
  'credential_released',
  'credential_revoked',
  'webhook_disabled',
  'malware_taken',
  'persona_changed',
] as const;
export type BuiltInKind = (typeof builtInKinds)[number];

/** A kind of Parley's own, or the name that a program gave. */
export type EventKind = BuiltInKind | (string & {});

const own = new Set<string>(builtInKinds);
/** Families that may grow with the program: a name that begins so is kept free for it. */
const OWN_FAMILIES = /^(mail|stop|incident|credential|webhook|consent|segment|lifecycle|campaign|journey)_/;

/** Whether a name is Parley's own, however it is written: `Opened` and `opened` would be told apart by nobody. */
export function isBuiltIn(kind: string): boolean {
  const key = kind
    .trim()
    .toLowerCase()
    .replaceAll(/[\s-]+/g, '_');
  return own.has(key) || OWN_FAMILIES.test(key);
}
