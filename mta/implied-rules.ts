/**
 * What a class of refusal asks for at providers that have no rule for those words. One reply is never enough, and the
 * words of a class may be about one person: hence several before anything happens.
 */
import type { ReplyRule, RuleAction } from '../config/provider-rules.ts';
import { classified, type BounceAction, type BounceClassName } from '../core/mail/bounce-class.ts';
import type { BlockCause } from '../core/store/tables.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

function implied(id: string, action: RuleAction, times: number, forMs: number): ReplyRule {
  return { id, pattern: /(?!)/, action, times, withinMs: HOUR, forMs, samples: [''] };
}

const block = (cause: BlockCause) => implied(`class-block-${cause}`, { kind: 'block', cause }, 5, HOUR);

const blocks: Record<BlockCause, ReplyRule> = {
  listing: block('listing'),
  policy: block('policy'),
  authentication: block('authentication'),
};

const byAction: Partial<Record<BounceAction, ReplyRule>> = {
  'slow-down': implied('class-slow-down', { kind: 'slow', messages: 10, perMs: MINUTE }, 3, 30 * MINUTE),
  'one-connection': implied('class-one-connection', { kind: 'one-connection' }, 2, HOUR),
  suspend: implied('class-suspend', { kind: 'suspend' }, 5, HOUR),
};

/** Why a class blocks. Our own records can be looked at again; a list by name; a policy only by asking once more. */
export function causeOf(name: BounceClassName | null): BlockCause {
  if (name === 'source-listed' || name === 'source-blocked' || name === 'domain-listed') return 'listing';
  if (name !== null && classified(name).blame === 'authentication') return 'authentication';
  return 'policy';
}

export function impliedRule(
  action: BounceAction | null,
  name: BounceClassName | null,
): ReplyRule | undefined {
  if (action === 'block') return blocks[causeOf(name)];
  return action === null ? undefined : byAction[action];
}

export const impliedRules: readonly ReplyRule[] = [...Object.values(blocks), ...Object.values(byAction)];
