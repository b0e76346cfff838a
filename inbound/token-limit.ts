/**
 * Reply tokens that leaked. Each address that we gave to one person takes mail from anybody, and a letter to it is never
 * spam by its signs; so it is slowed down when too much comes, or when many who prove nothing write to it. What is above
 * the limit is accepted, goes to the spam view with the reason, and does nothing. The person himself, proved, is never
 * limited: who floods his address must not silence him.
 */
import { countTokenUse, forgetTokenUses, type TokenUses } from '../core/store/reply-token.ts';
import type { Db } from '../core/store/tables.ts';
import type { Application } from './apply.ts';
import { isFromProved } from './authenticate.ts';
import type { Rule, Verdict } from './classify.ts';
import type { EnvelopeTokens } from './envelope-token.ts';

export interface TokenLimits {
  messages_per_day: number;
  unproved_senders_per_hour: number;
}

/** Data about our own sending, which no conversation holds. */
const reports = new Set<Verdict['kind']>(['dmarc', 'dmarc-failure', 'tlsrpt']);
/** One in so many messages takes old rows away. */
const FORGETS_EVERY = 64;

export function overLimit(uses: TokenUses, limits: TokenLimits): Rule | undefined {
  const over =
    uses.unprovedSenders > limits.unproved_senders_per_hour
      ? `${uses.unprovedSenders} senders who prove nothing wrote to it within an hour`
      : uses.messages > limits.messages_per_day
        ? `${uses.messages} messages came to it within a day`
        : undefined;
  if (over === undefined) return undefined;
  return { id: 'reply-token-limit', why: `this reply address may have leaked: ${over}` };
}

/** The message as it was, or as spam when its reply token is used too much. */
export async function limitToken(
  db: Db,
  application: Application,
  { envelope, limits }: { envelope: EnvelopeTokens; limits: TokenLimits },
  now: number,
): Promise<Application> {
  const { row, letter, verdict, place, authentication } = application;
  const token = envelope.valid.find((one) => one.purpose === 'r');
  // Another token lets it act: that one counts by itself.
  if (token === undefined || (place.token !== undefined && place.token.hash !== token.hash))
    return application;
  const sender = letter.from[0]?.address || row.mail_from;
  const isProved = isFromProved(authentication, sender);
  if (isProved && place.isRecipient) return application;
  const uses = await countTokenUse(db, { tokenHash: token.hash, inboundId: row.id, sender, isProved }, now);
  if (row.id % FORGETS_EVERY === 0) await forgetTokenUses(db, now);
  const rule = overLimit(uses, limits);
  if (rule === undefined || reports.has(verdict.kind)) return application;
  return {
    ...application,
    verdict: {
      ...verdict,
      kind: 'spam',
      detail: verdict.kind,
      intent: null,
      rules: [...verdict.rules, rule],
    },
    // Whatever it claims to answer, that conversation stays as it is.
    place: { ...place, conversation: undefined },
  };
}

export const isLimited = (application: Application): boolean =>
  application.verdict.rules.some((rule) => rule.id === 'reply-token-limit');
