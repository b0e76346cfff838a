/**
 * What a rehearsal needs of this installation, read and never written: the campaign's text and a sample of its people,
 * and how each provider answered in the last thirty days.
 */
import type { Runtime } from '../runtime.ts';
import { answersSince, OTHER_PROVIDER } from '../store/answer-slot.ts';
import { campaignById, type Campaign } from '../store/campaign.ts';
import { fields } from '../store/contact.ts';
import { sampleOf, type SampledContact } from '../store/forecast.ts';
import { brandById, sendingDomainById } from '../store/identity.ts';
import type { Row } from '../store/tables.ts';
import { Problem } from '../errors.ts';
import {
  ANSWERS_KEPT_FOR,
  forecastCampaign,
  forecastFor,
  mailableCondition,
  type Forecast,
} from './forecast.ts';

export interface ReplayShare {
  says: string;
  share: number;
}

export interface Rehearsal {
  campaign: Campaign;
  brand: Row<'brand'>;
  domain: Row<'sending_domain'>;
  people: SampledContact[];
  /** Names of custom fields, also those that nobody of the sample has. */
  fields: string[];
  /** By provider: refusals and put-offs, with their share of all answers. */
  answers: Map<string, ReplayShare[]>;
  /** Of the whole audience, and of the sample alone. */
  whole: Forecast;
  sample: Forecast;
}

export async function rehearsalOf(runtime: Runtime, id: number, size: number): Promise<Rehearsal> {
  const db = runtime.store.read;
  const now = runtime.clock.now();
  const campaign = await campaignById(db, id);
  if (campaign === undefined) throw new Problem('not-found', `there is no campaign ${id}`);
  const domain =
    campaign.sending_domain_id === null ? undefined : await sendingDomainById(db, campaign.sending_domain_id);
  const brand = await brandById(db, campaign.brand_id);
  if (domain === undefined || brand === undefined)
    throw new Problem('conflict', 'the campaign has no sender yet: choose its sending domain first');
  const whole = await forecastCampaign(runtime, campaign, now);
  const people = await sampleOf(db, await mailableCondition(db, campaign, now), whole.recipients, size);
  if (people.length === 0)
    throw new Problem('conflict', 'nobody would get this campaign: its audience is empty');
  const byProvider = Map.groupBy(people, (one) => one.provider);
  const shares = [...byProvider].map(([provider, rows]) => ({
    provider,
    recipients: rows.length,
    longest: Math.max(
      ...[...Map.groupBy(rows, (row) => row.email.split('@')[1]).values()].map((one) => one.length),
    ),
  }));
  return {
    campaign,
    brand,
    domain,
    people,
    fields: (await fields(db)).map((one) => one.name),
    answers: await historyOf(runtime, now),
    whole,
    sample: await forecastFor(runtime, campaign.pool, shares, now),
  };
}

async function historyOf({ store }: Runtime, now: number): Promise<Map<string, ReplayShare[]>> {
  const rows = (await answersSince(store.read, now - ANSWERS_KEPT_FOR)).filter((one) => one.code > 0);
  const shares = new Map<string, ReplayShare[]>();
  for (const [provider, answers] of Map.groupBy(rows, (one) => one.provider || OTHER_PROVIDER)) {
    const total = answers.reduce((sum, one) => sum + one.answers, 0);
    shares.set(
      provider,
      answers
        .filter((one) => one.code >= 400)
        .map((one) => ({
          says: one.reply.startsWith(String(one.code)) ? one.reply : `${one.code} ${one.reply}`,
          share: one.answers / total,
        })),
    );
  }
  return shares;
}
