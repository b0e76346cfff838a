/**
 * When a form was shown, signed: a program that fills forms in sends it at once, or sends one that it never fetched. A
 * person needs a few seconds.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Secrets } from '../../core/secrets.ts';

export const SHORTEST_MS = 2_500;
export const LONGEST_MS = 24 * 60 * 60 * 1000;

const signature = (secrets: Pick<Secrets, 'derive'>, form: string, at: string): Buffer =>
  createHmac('sha256', secrets.derive('sign-up form')).update(`${form} ${at}`).digest().subarray(0, 15);

export function stampFor(secrets: Pick<Secrets, 'derive'>, form: string, now: number): string {
  const at = now.toString(36);
  return `${at}.${signature(secrets, form, at).toString('base64url')}`;
}

/** Whether a person can have filled that very form in: shown by us, not a moment ago, not days ago. */
export function isStamped(
  secrets: Pick<Secrets, 'derive'>,
  form: string,
  stamp: string,
  now: number,
): boolean {
  const [at = '', mac = ''] = stamp.split('.');
  const given = Buffer.from(mac, 'base64url');
  const right = signature(secrets, form, at);
  if (given.length !== right.length || !timingSafeEqual(given, right)) return false;
  const age = now - Number.parseInt(at, 36);
  return age >= SHORTEST_MS && age <= LONGEST_MS;
}
