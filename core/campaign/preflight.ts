/**
 * What stands in the way of sending a campaign, and what is only unwise. A campaign does not start through any door while
 * a check says `block`, save for those that somebody who may has answered for (start.ts). Each check says what is wrong,
 * what to do, and which step of the page mends it. This file gathers; each subject has its own: audience, content,
 * sender, DNS, and whether we can be reached.
 */
import { sql } from 'kysely';
import { fields } from '../store/contact.ts';
import {
  audienceByDomain,
  audienceFacts,
  complaintsSince,
  lastMailed,
  latestOfPeople,
  sampleOf,
} from '../store/campaign-audience.ts';
import { activeDkimKeys } from '../store/dkim-key.ts';
import { brandById, mailboxById, sendingDomainById } from '../store/identity.ts';
import { reckon } from '../pressure/reckon.ts';
import { countWhere } from '../store/pressure-facts.ts';
import { fromJson } from '../store/json.ts';
import { Problem } from '../errors.ts';
import type { Runtime } from '../runtime.ts';
import type { ProviderShare } from '../store/forecast.ts';
import type { Store } from '../store/open.ts';
import type { Campaign } from '../store/campaign.ts';
import {
  audienceByProvider,
  audienceCondition,
  audienceOf,
  audienceSize,
  domainsWithoutWay,
  isEmptyAudience,
  providerShares,
  stoppedFor,
  stoppingScopes,
  suppressedCondition,
  type AudienceSize,
} from './audience.ts';
import { check, isReady, type Check, type Override } from './check.ts';
import { audienceChecks, frequencyChecks } from './preflight-audience.ts';
import { linkChecks, renderFor, sampleChecks, templateChecks } from './preflight-content.ts';
import { dnsChecks, dnsFacts, takeNoMail } from './preflight-dns.ts';
import { paceChecks } from './preflight-pace.ts';
import { reachChecks } from './preflight-reach.ts';
import { senderChecks } from './preflight-sender.ts';
import { baseUrl, draftTemplate } from './service.ts';
import { checkTemplate, knownFields, type TemplateReport } from './template-check.ts';

export type { Check, Override } from './check.ts';

export interface Preflight {
  ready: boolean;
  checks: Check[];
  override: Override | null;
  audience: AudienceSize;
  providers: { provider: string; count: number }[];
  /** Who is to get it, by provider: what a forecast is made of. */
  shares: ProviderShare[];
}

type Needs = Pick<Runtime, 'store' | 'clock' | 'config' | 'tokens' | 'dns' | 'secrets' | 'wake'>;

/** How many people's messages are looked at. */
const SAMPLE = 50;
const WEEK_MS = 7 * 86_400_000;

/** Examines a campaign as it stands. Changes nothing. `fresh`: look everything up again. */
export async function preflight(
  runtime: Needs,
  campaign: Campaign,
  how: { fresh?: boolean } = {},
): Promise<Preflight> {
  const { store, config } = runtime;
  const db = store.read;
  const [domain, brand, mailbox] = await Promise.all([
    campaign.sending_domain_id === null ? undefined : sendingDomainById(db, campaign.sending_domain_id),
    brandById(db, campaign.brand_id),
    campaign.mailbox_id === null ? undefined : mailboxById(db, campaign.mailbox_id),
  ]);
  const keys = domain === undefined ? [] : await activeDkimKeys(db, domain.id);
  const people = await peopleOf(runtime, campaign);
  // What was sent before a pause is frozen: neither its text nor its people can be mended any more.
  const isUnderWay = campaign.started_at !== null;
  const [dns, reach, content] = await Promise.all([
    domain === undefined || keys.length === 0 ? [] : dnsFacts(runtime, domain, how).then(dnsChecks),
    reachChecks(runtime, domain?.bounce_host, baseUrl(config), how),
    isUnderWay ? [] : aboutContent(runtime, campaign, people.sample),
  ]);
  const sender = senderChecks({
    fromLocal: campaign.from_local,
    fromName: campaign.from_name,
    domain: domain?.name,
    keys: keys.length,
    hasMailbox: mailbox !== undefined,
    postalAddress: brand?.postal_address ?? '',
  });
  const time = isUnderWay ? [] : await paceChecks(runtime, campaign, people.shares);
  const checks = [...(isUnderWay ? [] : people.checks), ...content, ...sender, ...dns, ...reach, ...time];
  const override = fromJson<Override | null>(campaign.override, null);
  return {
    ready: isReady(checks, override),
    checks,
    override,
    audience: people.size,
    providers: people.providers,
    shares: people.shares,
  };
}

type People = Awaited<ReturnType<typeof aboutPeople>>;

/** Walks over a million people take seconds, and the page has just shown what they found when somebody presses send. */
const KEPT_MS = 2 * 60_000;
const WORTH_KEEPING = 50_000;
const keptPeople = new WeakMap<Store, Map<number, { key: string; at: number; people: People }>>();

/** What an audience is like: looked at anew when the campaign, or what is known of anybody, has changed meanwhile. */
async function peopleOf(runtime: Needs, campaign: Campaign): Promise<People> {
  const { store, clock } = runtime;
  // Not by `updated_at` alone: two edits may share a millisecond.
  const { audience, list_id, brand_id, updated_at } = campaign;
  const key = `${updated_at} ${list_id} ${brand_id} ${audience} ${await latestOfPeople(store.read)}`;
  const kept = keptPeople.get(store)?.get(campaign.id);
  if (kept !== undefined && kept.key === key && clock.now() - kept.at < KEPT_MS) return kept.people;
  const at = clock.now();
  const people = await aboutPeople(runtime, campaign);
  // A small walk is soon made again, and then shows what was changed about one person a moment ago.
  if (people.size.selected < WORTH_KEEPING) return people;
  const all = keptPeople.get(store) ?? new Map<number, { key: string; at: number; people: People }>();
  keptPeople.set(store, all.set(campaign.id, { key, at, people }));
  return people;
}

async function aboutPeople({ store, clock, dns }: Needs, campaign: Campaign) {
  const db = store.read;
  const now = clock.now();
  const audience = audienceOf(campaign);
  const condition = await audienceCondition(db, audience, now);
  const [stopped, frequency] = await Promise.all([stoppedFor(db, campaign, now), reckon(db, campaign, now)]);
  const mailable = sql<boolean>`(${condition} and not ${stopped})`;
  // Two walks, on a reader each: more would only wait for the processors.
  const [domains, facts, last, week, sample] = await Promise.all([
    audienceByDomain(db, condition, stopped),
    audienceFacts(db, mailable),
    lastMailed(db, audience.lists),
    complaintsSince(db, now - WEEK_MS),
    sampleOf(db, mailable, SAMPLE),
  ]);
  const size = audienceSize(domains);
  const lost = domainsWithoutWay(domains, SAMPLE);
  const dead = await takeNoMail(
    dns,
    lost.map((one) => one.name),
  );
  const checks = audienceChecks(
    {
      ...facts,
      noMail: lost.reduce((sum, one) => sum + (dead.has(one.name) ? one.people : 0), 0),
      isChosen: !isEmptyAudience(audience),
      size,
      lastMailed: last,
      hasLists: audience.lists.length > 0,
      week,
    },
    now,
  );
  if (frequency !== undefined) {
    const mayBe = sql<boolean>`(${condition} and not ${suppressedCondition(stoppingScopes(campaign.list_id, campaign.brand_id))})`;
    const [leftOut = 0, putOff = 0] = await countWhere(db, mayBe, [frequency.leftOut, frequency.putOff]);
    checks.push(...frequencyChecks({ leftOut, putOff, people: leftOut + size.mailable }));
  }
  const [providers, shares] = [audienceByProvider(domains), providerShares(domains)];
  return { size, providers, shares, sample, checks };
}

async function aboutContent(
  { store, clock, config, tokens }: Needs,
  campaign: Campaign,
  people: Awaited<ReturnType<typeof sampleOf>>,
): Promise<Check[]> {
  const db = store.read;
  const custom = await fields(db);
  const report: TemplateReport = checkTemplate(campaign, knownFields(custom.map((field) => field.name)));
  const checks = [...templateChecks(report), ...linkChecks(campaign.html)];
  // What cannot be read cannot be rendered, and is said already.
  if (report.problems.some((problem) => problem.code === 'syntax' || problem.code === 'no-content'))
    return checks;
  let compiled: Awaited<ReturnType<typeof draftTemplate>>['compiled'];
  try {
    ({ compiled } = await draftTemplate(db, campaign, config, clock.now()));
  } catch (error) {
    // A sender that is no address, most often: the check on the sender says what to do.
    if (!(error instanceof Problem)) throw error;
    const fault = { fix: 'mend the sender or the content', overridable: false };
    return [...checks, check('content', 'sample.fault', 'block', error.message, fault)];
  }
  const seen = people.map((contact) => renderFor(contact, compiled, report, { tokens, now: clock.now() }));
  return [...checks, ...sampleChecks(seen)];
}
