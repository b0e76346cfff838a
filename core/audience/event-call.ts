/**
 * What programs tell us about people, as Segment's libraries write it: one call is one entry of `identify` or `track`.
 * Here an entry is read and judged alone: names, sizes, times. Nothing is looked up.
 */
import { normaliseAddress } from '../mail/address.ts';
import { isBuiltIn } from '../store/event-kind.ts';

export const LARGEST_CALL = 32 * 1024;
export const LARGEST_BATCH = 500 * 1024;
export const MOST_ENTRIES = 100;
const LONGEST_NAME = 64;
const LONGEST_ID = 256;
/** What happened before this was not told by a program: a clock that begins in 1970. */
const EARLIEST = Date.UTC(1990, 0, 1);

interface Told {
  messageId: string | null;
  userId: string | null;
  anonymousId: string | null;
  /** When it was so, by our clock. */
  at: number;
  /** From traits or context.traits, in the store's form: who is meant, when no id is known. */
  email: string | null;
}
export interface TrackCall extends Told {
  type: 'track';
  kind: string;
  properties: Record<string, unknown>;
}
export interface IdentifyCall extends Told {
  type: 'identify';
  /** What was given as an address and is none. */
  wrongEmail: boolean;
  traits: Record<string, unknown>;
}
/** One person went by another name before. */
export interface AliasCall extends Told {
  type: 'alias';
  previousId: string;
}
export type EventCall = TrackCall | IdentifyCall | AliasCall;

/** What is wrong with an entry, by field. */
export type CallFault = { field: string; words: string };

export interface CallTerms {
  /** By our clock. */
  now: number;
  /** `sentAt` of the batch that holds it. */
  sentAt?: unknown;
  /** The call's own address names the type. */
  type?: EventCall['type'];
}

export function readCall(whole: unknown, terms: CallTerms): EventCall | CallFault {
  // PostgreSQL keeps no NUL, and nobody misses it.
  const given = withoutNul(whole);
  const fault = (field: string, words: string): CallFault => ({ field, words });
  if (!isObject(given)) return fault('', 'is not an object');
  const size = Buffer.byteLength(JSON.stringify(given));
  if (size > LARGEST_CALL) return fault('', `is ${size} bytes: at most ${LARGEST_CALL} (32 KB) a call`);
  const type = terms.type ?? given['type'];
  for (const name of ['userId', 'anonymousId', 'messageId', 'previousId'] as const) {
    const value = given[name];
    if (value === undefined || value === null || value === '') continue;
    if (typeof value !== 'string' && typeof value !== 'number')
      return fault(name, 'is neither text nor a number');
    if (String(value).length > LONGEST_ID) return fault(name, `is longer than ${LONGEST_ID} characters`);
  }
  const context = given['context'] ?? {};
  if (!isObject(context)) return fault('context', 'is not an object');
  const traits = given['traits'] ?? {};
  if (!isObject(traits)) return fault('traits', 'is not an object');
  const userId = idOf(given['userId']);
  const anonymousId = idOf(given['anonymousId']);
  const contextTraits = isObject(context['traits']) ? context['traits'] : {};
  const said = [traits['email'], contextTraits['email']].find(
    (one): one is string => typeof one === 'string' && one !== '',
  );
  const email = normaliseAddress(said ?? '') ?? null;
  if (userId === null && anonymousId === null && (email === null || type !== 'identify'))
    return fault('userId', 'give userId or anonymousId: nobody is named');
  const at = timeOf(given['timestamp'], given['sentAt'] ?? terms.sentAt, terms.now);
  if (typeof at !== 'number') return at;
  const told = { messageId: idOf(given['messageId']), userId, anonymousId, at, email };
  switch (type) {
    case 'identify':
      return { type: 'identify', ...told, traits, wrongEmail: said !== undefined && email === null };
    case 'track': {
      const kind = given['event'];
      if (typeof kind !== 'string' || kind.trim() === '')
        return fault('event', 'is missing: name what happened');
      return trackCall(kind.trim(), given['properties'] ?? {}, told);
    }
    // A page or screen is an event with a name of its own.
    case 'page':
    case 'screen': {
      const properties = given['properties'] ?? {};
      const name = given['name'];
      return trackCall(
        `${type}_viewed`,
        isObject(properties) && typeof name === 'string' ? { name, ...properties } : properties,
        told,
      );
    }
    case 'alias': {
      const previousId = idOf(given['previousId']);
      if (previousId === null) return fault('previousId', 'is missing');
      if (userId === null) return fault('userId', 'is missing');
      return { type: 'alias', ...told, previousId };
    }
    default:
      return fault('type', 'is not one of identify, track, page, screen, alias');
  }
}

function trackCall(kind: string, properties: unknown, told: Told): TrackCall | CallFault {
  if (kind.length > LONGEST_NAME)
    return { field: 'event', words: `is longer than ${LONGEST_NAME} characters` };
  if (/\p{Cc}/u.test(kind)) return { field: 'event', words: 'holds a control character' };
  if (isBuiltIn(kind))
    return {
      field: 'event',
      words: `${kind} is a name of Parley's own: choose another, such as shop_${kind}`,
    };
  if (!isObject(properties)) return { field: 'properties', words: 'is not an object' };
  return { type: 'track', kind, properties, ...told };
}

/**
 * The time of an entry. The sender's clock may be wrong: when it says at which time by that clock it was sent, the
 * difference to our clock is taken off. Nothing happens in the future.
 */
export function timeOf(timestamp: unknown, sentAt: unknown, now: number): number | CallFault {
  if (timestamp === undefined || timestamp === null) return now;
  const at = instantOf(timestamp);
  if (at === undefined) return { field: 'timestamp', words: 'is no time such as 2026-01-31T09:30:00.000Z' };
  if (at < EARLIEST) return { field: 'timestamp', words: 'is before 1990' };
  if (sentAt === undefined || sentAt === null) return Math.min(at, now);
  const sent = instantOf(sentAt);
  if (sent === undefined) return { field: 'sentAt', words: 'is no time such as 2026-01-31T09:30:00.000Z' };
  return Math.max(EARLIEST, Math.min(at + (now - sent), now));
}

const ISO = /^\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:?\d{2})?)?$/i;

/** ISO 8601, UTC when it names no zone, or milliseconds since 1970. */
export function instantOf(value: unknown): number | undefined {
  if (typeof value === 'number')
    return Number.isSafeInteger(Math.trunc(value)) ? Math.trunc(value) : undefined;
  if (typeof value !== 'string' || !ISO.test(value)) return undefined;
  const text = value.replace(' ', 'T');
  const zoned = /T.*(?:Z|[+-]\d{2}:?\d{2})$/i.test(text) || !text.includes('T') ? text : `${text}Z`;
  const at = Date.parse(zoned);
  return Number.isNaN(at) ? undefined : at;
}

function withoutNul(value: unknown): unknown {
  return JSON.stringify(value)?.includes('\\u0000') === true ? strip(value) : value;
}

function strip(value: unknown): unknown {
  if (typeof value === 'string') return value.replaceAll('\0', '');
  if (Array.isArray(value)) return value.map(strip);
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, one]) => [name.replaceAll('\0', ''), strip(one)]),
  );
}

const idOf = (value: unknown): string | null => {
  const text = typeof value === 'string' ? value.trim() : typeof value === 'number' ? String(value) : '';
  return text === '' ? null : text;
};

export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
