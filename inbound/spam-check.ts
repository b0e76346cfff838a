/**
 * Asks the store what the spam rules need to know of a letter in its place, and makes it spam when they say so. Only
 * letters are judged: reports, bounces and unsubscribes have their own proof, and automatic answers bother nobody.
 */
import { hasWrittenTo, isOwnDomain } from '../core/store/thread.ts';
import type { Db } from '../core/store/tables.ts';
import type { Application } from './apply.ts';
import { isFromProved } from './authenticate.ts';
import { weighSpam, type SpamSigns } from './spam.ts';

const judged = new Set(['reply', 'challenge', 'list', 'other']);

export async function checkSpam(
  db: Db,
  application: Application,
  { threshold, listedIn }: { threshold: number; listedIn: readonly string[] },
): Promise<Application> {
  const { letter, verdict, place, authentication } = application;
  if (!judged.has(verdict.kind)) return application;
  const from = letter.from[0]?.address ?? '';
  const isProved = isFromProved(authentication, from);
  const signs: SpamSigns = {
    letter,
    authentication,
    listedIn,
    hasToken: place.token !== undefined,
    isAnswer: place.delivery !== undefined || place.conversation !== undefined,
    isKnown: place.contactId !== null,
    isProved,
    isFromUs: !isProved && (await isOwnDomain(db, from.slice(from.lastIndexOf('@') + 1))),
  };
  let found = weighSpam(signs, threshold);
  if (found.isSpam && !signs.isKnown && (await hasWrittenTo(db, from)))
    found = weighSpam({ ...signs, isKnown: true }, threshold);
  const rules = [...verdict.rules, ...found.rules];
  if (!found.isSpam) return { ...application, verdict: { ...verdict, rules } };
  return {
    ...application,
    verdict: { ...verdict, kind: 'spam', detail: verdict.kind, intent: null, rules },
    // Whatever it claims to answer, that conversation stays as it is.
    place: { ...place, conversation: undefined },
  };
}
