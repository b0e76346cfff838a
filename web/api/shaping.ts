/** Limits, reply rules and what is in force over HTTP. What may be set is core's; who may, the contract's. */
import type { ReplyRule, RuleAction } from '../../config/provider-rules.ts';
import { defaultProvider, providerById } from '../../config/providers.ts';
import type { Runtime } from '../../core/runtime.ts';
import type { Limits } from '../../core/sending/limits.ts';
import {
  dropRule,
  limitsByProvider,
  lookAgainAt,
  release,
  resetLimits,
  setLimits,
  writeRule,
} from '../../core/sending/shaping.ts';
import { teamRuleId } from '../../core/sending/team-rule.ts';
import { sources } from '../../core/store/identity.ts';
import { teamRules } from '../../core/store/shaping.ts';
import { PROBE_EVERY_MS, activeThrottles, type Throttle } from '../../core/store/throttle.ts';
import { users } from '../../core/store/user.ts';
import type { SomeHandlers } from '../http/route.ts';

const limitsLine = ({ connections, messagesPerConnection, rate, tls }: Limits) => ({
  connections,
  messages_per_connection: messagesPerConnection,
  rate: { messages: rate.messages, per_ms: rate.perMs },
  tls,
});

const ruleLine = ({ id, pattern, action, times, withinMs, forMs, samples }: ReplyRule) => ({
  id,
  words: pattern.source,
  action,
  times,
  within_ms: withinMs,
  for_ms: forMs,
  samples: [...samples],
});

function inForce(one: Throttle, sourceName: string) {
  const provider = providerById(one.provider);
  return {
    ...one,
    source_name: sourceName,
    provider: provider.id,
    provider_label: provider === defaultProvider ? one.site : provider.label,
    release: provider.release,
    next_probe_at: one.kind === 'blocked' ? (one.probed_at ?? one.since) + PROBE_EVERY_MS : null,
  };
}

async function shaping(rt: Runtime, now: number) {
  const db = rt.store.read;
  const [{ rows, overrides }, rules, throttles, egress, people] = await Promise.all([
    limitsByProvider(db),
    teamRules<RuleAction>(db),
    activeThrottles(db, now),
    sources(db),
    users(db),
  ]);
  const nameOf = new Map(egress.map((source) => [source.id, source.name]));
  const personOf = new Map(people.map((person) => [person.id, person.name]));
  const by = (id: number | null) => (id === null ? null : (personOf.get(id) ?? null));
  return {
    providers: rows.map(({ provider, limits, whence }) => ({
      id: provider.id,
      label: provider.label,
      mx: [...provider.mxSuffixes],
      scope: provider.scope,
      limits: limitsLine(limits),
      table: limitsLine(provider),
      edited: Object.keys(whence),
      source: provider.source,
      as_of: provider.asOf,
      postmaster: provider.postmaster,
      release: provider.release,
      rules: provider.rules.map(ruleLine),
    })),
    overrides: overrides.map((row) => ({
      ...row,
      source_name: row.source_id === null ? null : (nameOf.get(row.source_id) ?? ''),
      set_by: by(row.set_by),
    })),
    rules: rules.map((row) => ({
      id: teamRuleId(row.id),
      number: row.id,
      place: row.place,
      words: row.pattern,
      action: row.action,
      times: row.times,
      within_ms: row.within_ms,
      for_ms: row.for_ms,
      samples: [row.sample],
      note: row.note,
      set_by: by(row.set_by),
      at: row.at,
    })),
    in_force: throttles.map((one) => inForce(one, nameOf.get(one.source_id) ?? '')),
    sources: egress.map(({ id, name }) => ({ id, name })),
    at: now,
  };
}

export const shapingHandlers = {
  shaping: ({ rt, now }) => shaping(rt, now),
  async setLimits({ rt, body, user }) {
    const { place, source_id: sourceId, ...numbers } = body;
    await setLimits(rt, { place, sourceId }, numbers, user.id);
    return {};
  },
  async resetLimits({ rt, body, user }) {
    await resetLimits(rt, { place: body.place, sourceId: body.source_id }, user.id);
    return {};
  },
  async addReplyRule({ rt, body, user }) {
    const { words, action, ...rest } = body;
    return { id: await writeRule(rt, { ...rest, pattern: words, action: action as RuleAction }, user.id) };
  },
  async removeReplyRule({ rt, params, user }) {
    await dropRule(rt, params.id, user.id);
    return {};
  },
  async releaseThrottle({ rt, params, user }) {
    await release(rt, params.id, user.id);
    return {};
  },
  lookAgain: ({ rt, params }) => lookAgainAt(rt, params.id),
} satisfies SomeHandlers;
