/**
 * Asks the store what the spam rules need to know of a letter in its place, and makes it spam when they say so. Only
 * letters are judged: reports, bounces and unsubscribes have their own proof, and automatic answers bother nobody.
 */
import { hasWrittenTo, isOwnDomain } from '../core/store/thread.ts';
import type { Db } from '../core/store/tables.ts';
import type { Application } from './apply.ts';
import { isFromProved } from './authenticate.ts';
import type { Verdict } from './classify.ts';
import type { SpamScan } from './scan.ts';
import { weighSpam, type SpamSigns } from './spam.ts';

const judged = new Set<Verdict['kind']>(['reply', 'challenge', 'list', 'other']);

/** Only these are weighed, and shown to the filters. */
export const isWeighed = (kind: Verdict['kind']): boolean => judged.has(kind);

export async function checkSpam(
  db: Db,
  application: Application,
  { threshold, listedIn, scan }: { threshold: number; listedIn: readonly string[]; scan: SpamScan },
): Promise<Application> {
  const { letter, verdict, place, authentication } = application;
  if (!isWeighed(verdict.kind)) return application;
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
    filters: scan.words,
    isFromUs: !isProved && (await isOwnDomain(db, from.slice(from.lastIndexOf('@') + 1))),
  };
  let found = weighSpam(signs, threshold);
  if (found.isSpam && !signs.isKnown && (await hasWrittenTo(db, from)))
    found = weighSpam({ ...signs, isKnown: true }, threshold);
  const rules = [...verdict.rules, ...scan.rules, ...found.rules];
  if (!found.isSpam) return { ...application, verdict: { ...verdict, rules } };
  return {
    ...application,
    verdict: { ...verdict, kind: 'spam', detail: verdict.kind, intent: null, rules },
    // Whatever it claims to answer, that conversation stays as it is.
    place: { ...place, conversation: undefined, continues: undefined },
  };
}
