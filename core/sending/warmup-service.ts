/**
 * What people do with warm-ups: begin one for a source, change its plan, pause it, or say that an address is warm
 * already. The MTA obeys from its next look on.
 */
import { defaultProvider, providers } from '../../config/providers.ts';
import { Problem } from '../errors.ts';
import type { Runtime } from '../runtime.ts';
import { sources } from '../store/identity.ts';
import { organisationSettings } from '../store/setting.ts';
import type { Db } from '../store/tables.ts';
import { addAudit } from '../store/user.ts';
import { lockedWarmup, saveWarmup, type Warmup } from '../store/warmup.ts';
import { dayStart } from './local-day.ts';
import { DEFAULT_PLAN, planFault, type WarmupState } from './warmup.ts';

type Needs = Pick<Runtime, 'store' | 'clock' | 'wake'>;

/** Every group that has a room of its own: the providers we know, and all other destinations together. */
export const warmupProviders: readonly { id: string; label: string }[] = [...providers, defaultProvider].map(
  ({ id, label }) => ({ id, label }),
);

export interface WarmupChange {
  sourceId: number;
  /** None: all of them. */
  provider?: string | undefined;
  state?: WarmupState | undefined;
  plan?: readonly number[] | undefined;
  /** Place in the plan, from 0. */
  step?: number | undefined;
}

/** Begins or changes warm-ups, and answers them. A provider that has none yet gets one, at its first step. */
export async function changeWarmup(
  { store, clock, wake }: Needs,
  { sourceId, provider, state, plan, step }: WarmupChange,
  by: number | null,
): Promise<Warmup[]> {
  const fault = plan === undefined ? undefined : planFault(plan);
  if (fault !== undefined) throw new Problem('invalid', `the plan ${fault}`, { fields: { plan: fault } });
  if (provider !== undefined && !warmupProviders.some((one) => one.id === provider))
    throw new Problem('invalid', `there is no provider ${provider}`, { fields: { provider: 'is unknown' } });
  const now = clock.now();
  const changed = await store.write(async (tx) => {
    await existingSource(tx, sourceId);
    const { timezone } = await organisationSettings(tx);
    const rows: Warmup[] = [];
    for (const id of provider === undefined ? warmupProviders.map((one) => one.id) : [provider]) {
      const known = await lockedWarmup(tx, sourceId, id);
      const before: Warmup = known ?? {
        sourceId,
        provider: id,
        plan: DEFAULT_PLAN,
        step: 0,
        state: 'running',
        idleDays: 0,
        day: dayStart(now, timezone),
        sent: 0,
        startedAt: now,
      };
      // Warm, and begun again: from the first step, as for a new address.
      const again = before.state === 'warm' && state === 'running' && step === undefined;
      const after: Warmup = {
        ...before,
        ...(plan !== undefined && { plan }),
        ...(state !== undefined && { state }),
        idleDays: 0,
      };
      const place = step ?? (again ? 0 : before.step);
      if (step !== undefined && step >= after.plan.length)
        throw new Problem('invalid', `the plan has ${after.plan.length} steps`, {
          fields: { step: 'is beyond the plan' },
        });
      after.step = Math.min(place, after.plan.length - 1);
      await saveWarmup(tx, after, now);
      rows.push(after);
    }
    await addAudit(
      tx,
      {
        userId: by,
        action: 'warm-up changed',
        subject: `source:${sourceId}`,
        detail: { provider: provider ?? 'all', state, plan, step },
      },
      now,
    );
    return rows;
  });
  wake.ring('settings');
  return changed;
}

async function existingSource(db: Db, id: number): Promise<void> {
  if (!(await sources(db)).some((source) => source.id === id))
    throw new Problem('not-found', 'there is no such source');
}
