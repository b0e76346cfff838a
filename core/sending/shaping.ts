/**
 * What people do with the pace: read the limits in force and where each is from, set their own, write reply rules, release
 * what a reply set off, and have a block looked at again. Each change is kept in the audit; the MTA holds to it from its
 * next look on, without a restart.
 */
import type { RuleAction } from '../../config/provider-rules.ts';
import { defaultProvider, providerFor, providers, type Provider } from '../../config/providers.ts';
import { Problem } from '../errors.ts';
import type { Runtime } from '../runtime.ts';
import { sources } from '../store/identity.ts';
import {
  addTeamRule,
  overrides,
  providerOfSite,
  removeOverride,
  removeTeamRule,
  setOverride,
  teamRules,
  type NewTeamRule,
  type Override,
  type OverrideNumbers,
} from '../store/shaping.ts';
import { releaseThrottle, throttleById, type Recheck, type Throttle } from '../store/throttle.ts';
import type { Db } from '../store/tables.ts';
import { addAudit } from '../store/user.ts';
import { limitsFor, type Limits, type Whence } from './limits.ts';
import { lookAgain } from './recheck.ts';
import { teamRuleFaults } from './team-rule.ts';

type Needs = Pick<Runtime, 'store' | 'clock' | 'wake'>;

export interface ProviderLimits {
  provider: Provider;
  limits: Limits;
  whence: Whence;
}

/** Every provider with the limits that hold for all sources there; the one for everyone else last. */
export async function limitsByProvider(db: Db): Promise<{ rows: ProviderLimits[]; overrides: Override[] }> {
  const own = await overrides(db);
  const rows = [...providers, defaultProvider].map((provider) => ({
    provider,
    ...limitsFor(provider, '', null, own),
  }));
  return { rows, overrides: own };
}

export interface Place {
  place: string;
  sourceId: number | null;
}

/** Sets a team's own numbers at a provider or a site; a null is "as in the table". */
export async function setLimits(
  { store, clock, wake }: Needs,
  at: Place,
  numbers: OverrideNumbers,
  by: number | null,
): Promise<void> {
  const { note: _, ...values } = numbers;
  if (Object.values(values).every((value) => value === null))
    throw new Problem('invalid', 'name at least one number', {
      fields: { connections: 'is empty, like all others' },
    });
  if ((numbers.rate_messages === null) !== (numbers.rate_per_ms === null))
    throw new Problem('invalid', 'a rate is messages in a time', {
      fields: { rate_messages: 'needs its time' },
    });
  const now = clock.now();
  await store.write(async (tx) => {
    await checkPlace(tx, at);
    await setOverride(tx, at, numbers, { by, at: now });
    const subject = `shaping:${at.place}`;
    await addAudit(tx, { userId: by, action: 'limits set', subject, detail: { ...at, ...numbers } }, now);
  });
  wake.ring('settings');
}

/** Back to the table. */
export async function resetLimits(
  { store, clock, wake }: Needs,
  at: Place,
  by: number | null,
): Promise<void> {
  const now = clock.now();
  await store.write(async (tx) => {
    if (!(await removeOverride(tx, at)))
      throw new Problem('not-found', `there are no numbers of your own for ${at.place}`);
    await addAudit(
      tx,
      { userId: by, action: 'limits reset', subject: `shaping:${at.place}`, detail: { ...at } },
      now,
    );
  });
  wake.ring('settings');
}

async function checkPlace(db: Db, { place, sourceId }: Place): Promise<void> {
  if (sourceId !== null && !(await sources(db)).some((one) => one.id === sourceId))
    throw new Problem('not-found', `there is no source ${sourceId}`, {
      fields: { source_id: 'is not known' },
    });
  if ([...providers, defaultProvider].some((one) => one.id === place)) return;
  // A site of several hosts is written as one: (mx1|mx2).example.com
  if (!/^[a-z0-9(][a-z0-9()|-]*(\.[a-z0-9()|-]+)+$/.test(place))
    throw new Problem('invalid', `${place} is neither a provider nor a mail host`, {
      fields: { place: 'is neither a provider nor a mail host' },
    });
  const id = (await providerOfSite(db, place)) ?? providerFor([place]).id;
  const provider = providers.find((one) => one.id === id);
  if (provider?.scope === 'provider')
    throw new Problem(
      'invalid',
      `limits of ${provider.label} hold over all of its hosts: set them for ${provider.id}`,
      {
        fields: { place: `belongs to ${provider.label}, whose limits hold over all of its hosts` },
      },
    );
}

/** Writes a rule of the team's own; refuses one that would take over replies of another. */
export async function writeRule(
  { store, clock, wake }: Needs,
  rule: NewTeamRule<RuleAction>,
  by: number | null,
): Promise<number> {
  const now = clock.now();
  const id = await store.write(async (tx) => {
    if (rule.place !== '') await checkPlace(tx, { place: rule.place, sourceId: null });
    const faults = teamRuleFaults(rule, await teamRules<RuleAction>(tx));
    const [first] = Object.entries(faults);
    if (first !== undefined) throw new Problem('invalid', `${first[0]} ${first[1]}`, { fields: faults });
    const made = await addTeamRule(tx, rule, { by, at: now });
    await addAudit(
      tx,
      { userId: by, action: 'reply rule added', subject: `rule:${made}`, detail: rule },
      now,
    );
    return made;
  });
  wake.ring('settings');
  return id;
}

export async function dropRule({ store, clock, wake }: Needs, id: number, by: number | null): Promise<void> {
  const now = clock.now();
  await store.write(async (tx) => {
    if (!(await removeTeamRule(tx, id))) throw new Problem('not-found', `there is no rule ${id} of your own`);
    await addAudit(tx, { userId: by, action: 'reply rule removed', subject: `rule:${id}`, detail: {} }, now);
  });
  wake.ring('settings');
}

/** A person lets go on at a place where a reply slowed or stopped us. */
export async function release({ store, clock, wake }: Needs, id: number, by: number | null): Promise<void> {
  const now = clock.now();
  await store.write(async (tx) => {
    const { site, rule, kind } = await existing(tx, id);
    await releaseThrottle(tx, id);
    await addAudit(
      tx,
      { userId: by, action: 'throttle released', subject: `throttle:${site}`, detail: { site, rule, kind } },
      now,
    );
  });
  wake.ring('settings');
}

/** Looks again at what a block is held for, now. */
export async function lookAgainAt(
  runtime: Parameters<typeof lookAgain>[0],
  id: number,
): Promise<{ check: Recheck; ended: boolean }> {
  const throttle = await existing(runtime.store.read, id);
  if (throttle.kind !== 'blocked')
    throw new Problem('conflict', 'this one ends by itself: there is nothing to look at');
  return lookAgain(runtime, throttle);
}

async function existing(db: Db, id: number): Promise<Throttle> {
  const throttle = await throttleById(db, id);
  if (throttle === undefined) throw new Problem('not-found', 'this is not in force any more');
  return throttle;
}
