/**
 * `parley rehearse`: the real campaign, sent into the lab. A second Parley with an empty data directory of its own gets the
 * text, the brand and a sample of the people; the lab's providers answer as the real ones did in the last thirty days.
 * The installation is only read, and nothing leaves this machine: the only name server and the only port are the lab's.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { rehearsalOf, type Rehearsal } from '../core/campaign/rehearsal.ts';
import { Problem } from '../core/errors.ts';
import type { Runtime } from '../core/runtime.ts';
import type { Answer, BodyInput } from '../web/contract.ts';
import { EGRESS_IP, importFile, ledgerOf, signIn, until, zoneOf } from './office.ts';
import { startParley, type ApiClient, type RunningParley } from './parley.ts';
import { PROVIDERS, providerOf, SMALL } from './providers.ts';
import { spawnWorld } from './spawn.ts';
import type { World } from './world.ts';

export interface RehearseOptions {
  campaign: string;
  speed: string;
  sample: string;
  json?: boolean;
}

export interface ProviderResult {
  provider: string;
  label: string;
  /** Of the sample: people, what became of them, how long it took, and how long it was foretold to take. */
  sample: { people: number; delivered: number; refused: number; took_ms: number; foretold_ms: number | null };
  /** Of the whole audience, the forecast corrected by what the rehearsal measured. */
  people: number;
  finish_at: number | null;
}

export interface RehearsalReport {
  campaign: string;
  recipients: number;
  sample: number;
  /** People whose domain the lab has no provider for: they stood in at another address of their provider. */
  stood_in: number;
  finish_at: number | null;
  long_pole: string | null;
  providers: ProviderResult[];
  refused: { provider: string; people: number; reply: string }[];
  warnings: { level: string; says: string }[];
}

/** The lab's names of the providers that Parley knows by others. */
const LAB_NAMES: Readonly<Record<string, string>> = { google: 'gmail', apple: 'icloud', default: SMALL.name };
const LIMIT_MS = 10 * 60_000;
/** A short rehearsal is measured in seconds: it corrects a forecast by this much at most. */
const MOST_CORRECTION = 5;

const labName = (provider: string): string => LAB_NAMES[provider] ?? provider;

export async function rehearse(runtime: Runtime, options: RehearseOptions): Promise<number> {
  const size = whole(options.sample, '--sample');
  const report = await runRehearsal(runtime, {
    campaign: whole(options.campaign, 'the campaign'),
    speed: whole(options.speed, '--speed'),
    size,
  });
  if (options.json === true) console.log(JSON.stringify(report));
  else print(report);
  return report.warnings.some((one) => one.level === 'block') ? 1 : 0;
}

export async function runRehearsal(
  runtime: Runtime,
  { campaign, speed, size }: { campaign: number; speed: number; size: number },
): Promise<RehearsalReport> {
  const facts = await rehearsalOf(runtime, campaign, size);
  const epoch = Date.now();
  const dataDir = mkdtempSync(join(tmpdir(), 'parley-rehearsal-'));
  let parley: RunningParley | undefined;
  let world: World | undefined;
  try {
    world = await spawnWorld({
      seed: 1,
      speed,
      epoch,
      // The lab's own people and limits stand aside: the history answers.
      lenient: true,
      shares: NOBODY,
      verifyShare: 0,
      replay: Object.fromEntries([...facts.answers].map(([provider, said]) => [labName(provider), said])),
    });
    parley = await startParley({
      dataDir,
      // A database of its own and no way out, whatever the installation's environment says.
      alone: true,
      settings: {
        LOG_LEVEL: 'error',
        CLOCK_SPEED: speed,
        CLOCK_EPOCH: epoch,
        DNS_SERVERS: `127.0.0.1:${world.dnsPort}`,
        MTA_REMOTE_PORT: world.smtpPort,
        MTA_ALLOW_PRIVATE_TARGETS: 'true',
        MTA_HOSTNAME: `mail.${facts.domain.name}`,
        HTTP_HOST: '127.0.0.1',
        INBOUND_HOST: '127.0.0.1',
        INBOUND_HOSTNAME: `mail.${facts.domain.name}`,
      },
    });
    await world.reach({ inboundPort: parley.inboundPort, web: { http: parley.httpPort } });
    return await send(await signIn(parley), world, facts, dataDir, runtime.clock.now());
  } finally {
    await parley?.stop().catch(() => null);
    await world?.stop().catch(() => undefined);
    rmSync(dataDir, { recursive: true, force: true });
  }
}

async function send(
  client: ApiClient,
  world: World,
  facts: Rehearsal,
  dataDir: string,
  now: number,
): Promise<RehearsalReport> {
  const { people, stoodIn } = cast(facts.people);
  const id = await setUp(client, world, facts, people, dataDir);
  const { checks } = await client.get<Answer<'preflight'>>(`/api/campaigns/${id}/preflight`);
  // Of the content alone: names, keys and addresses are the lab's here.
  const warnings = checks
    .filter((one) => one.level !== 'ok')
    .map(({ level, says }) => ({ level: String(level), says }));
  if (warnings.some((one) => one.level === 'block')) return reportOf(facts, stoodIn, now, warnings, [], []);
  await client.post(`/api/campaigns/${id}/send`);
  await until(
    'the rehearsal to end',
    async () => {
      const { campaign } = await client.get<Answer<'campaignProgress'>>(`/api/campaigns/${id}/progress`);
      return campaign.state === 'sent' || undefined;
    },
    LIMIT_MS,
  );
  const [truth, ledger, { campaign }] = await Promise.all([
    client.get<Answer<'campaignTruth'>>(`/api/campaigns/${id}/truth`),
    ledgerOf(client, id),
    client.get<Answer<'campaignProgress'>>(`/api/campaigns/${id}/progress`),
  ]);
  const began = campaign.started_at ?? 0;
  const tookMs = truth.truth.map((one) => ({ ...one, took_ms: Math.max(0, (one.last_at ?? began) - began) }));
  return reportOf(facts, stoodIn, now, warnings, tookMs, ledger);
}

function reportOf(
  { campaign, whole: forecast, sample, people }: Rehearsal,
  stoodIn: number,
  now: number,
  warnings: RehearsalReport['warnings'],
  truth: { provider: string; recipients: number; took_ms: number }[],
  ledger: Answer<'campaignLedger'>['rows'],
): RehearsalReport {
  const providerByAddress = new Map(cast(people).people.map((one) => [one.email, one.provider]));
  const rowsOf = Map.groupBy(ledger, (row) => providerByAddress.get(row.address) ?? 'default');
  const providers = forecast.groups.map((group): ProviderResult => {
    const came = truth.find((one) => one.provider === group.provider);
    const foretold = sample.groups.find((one) => one.provider === group.provider);
    const foretoldMs =
      foretold === undefined || foretold.finish_at === null ? null : foretold.finish_at - sample.start_at;
    const rows = rowsOf.get(group.provider) ?? [];
    const factor =
      came === undefined || foretoldMs === null
        ? 1
        : Math.min(MOST_CORRECTION, Math.max(1 / MOST_CORRECTION, came.took_ms / Math.max(1000, foretoldMs)));
    return {
      provider: group.provider,
      label: group.label,
      sample: {
        people: rows.length,
        delivered: rows.filter((row) => row.state === 'delivered').length,
        refused: rows.filter((row) => row.state === 'bounced').length,
        took_ms: came?.took_ms ?? 0,
        foretold_ms: foretoldMs,
      },
      people: group.recipients,
      // Room that a warm-up leaves is a matter of days, not of pace.
      finish_at:
        group.finish_at === null
          ? null
          : group.held_by === 'warm-up'
            ? group.finish_at
            : Math.round(now + (group.finish_at - forecast.start_at) * factor),
    };
  });
  providers.sort((a, b) => (b.finish_at ?? Infinity) - (a.finish_at ?? Infinity));
  const refused = [...rowsOf].flatMap(([provider, rows]) =>
    [
      ...Map.groupBy(
        rows.filter((row) => row.state === 'bounced'),
        (row) => row.last_reply ?? '',
      ),
    ].map(([reply, those]) => ({ provider, people: those.length, reply })),
  );
  return {
    campaign: campaign.name,
    recipients: forecast.recipients,
    sample: people.length,
    stood_in: stoodIn,
    finish_at: providers.some((one) => one.finish_at === null) ? null : (providers[0]?.finish_at ?? null),
    long_pole: providers[0]?.provider ?? null,
    providers,
    refused: refused.toSorted((a, b) => b.people - a.people),
    warnings,
  };
}

type Person = Rehearsal['people'][number];

/** Where the lab's provider of a domain is another one than the real one, an address at the right one stands in. */
export function cast(people: readonly Person[]): { people: Person[]; stoodIn: number } {
  let stoodIn = 0;
  const made = people.map((one) => {
    const [local = '', domain = ''] = one.email.split('@');
    const name = labName(one.provider);
    if (providerOf(domain).name === name) return one;
    const host = PROVIDERS.find((provider) => provider.name === name)?.sites[0]?.domains[0];
    stoodIn++;
    return host === undefined
      ? { ...one, email: `${local}.${one.id}@stand-in-${labName('default')}.test`, provider: 'default' }
      : { ...one, email: `${local}.${one.id}@${host}` };
  });
  return { people: made, stoodIn };
}

async function setUp(
  client: ApiClient,
  world: World,
  { campaign, brand, domain, fields }: Rehearsal,
  people: readonly Person[],
  dataDir: string,
): Promise<number> {
  const known = (await client.get<Answer<'brands'>>('/api/brands')).rows[0];
  const identity = { name: brand.name, postal_address: brand.postal_address, language: brand.language };
  const brandId = known?.id ?? (await client.post<Answer<'createBrand'>>('/api/brands', identity)).id;
  await client.call('PATCH', `/api/brands/${brandId}`, identity);
  const made = await client.post<Answer<'addDomain'>>('/api/domains', {
    name: domain.name,
    brand_id: brandId,
  });
  await client.post('/api/sources', {
    name: 'lab',
    ip: EGRESS_IP,
    ehlo: `mail.${domain.name}`,
    pool: 'marketing',
  });
  const { records } = await client.get<Answer<'domain'>>(`/api/domains/${made.id}`);
  await world.publish(zoneOf(records, made));
  await client.post(`/api/domains/${made.id}/check`);
  const mailbox = await client.post<Answer<'createMailbox'>>('/api/mailboxes', {
    name: brand.name || 'Team',
    address: `${campaign.from_local || 'hello'}@${domain.name}`,
    brand_id: brandId,
    signature: '',
  });
  const list = await client.post<Answer<'createList'>>('/api/lists', {
    name: 'Rehearsal',
    brand_id: brandId,
  });
  const path = join(dataDir, 'people.csv');
  writeFileSync(path, csvOf(people, fields));
  await importFile(client, path, { listId: list.id });
  const { id } = await client.post<Answer<'createCampaign'>>('/api/campaigns', {
    name: campaign.name,
    brand_id: brandId,
  });
  const change: BodyInput<'updateCampaign'> = {
    subject: campaign.subject,
    preheader: campaign.preheader,
    html: campaign.html,
    text: campaign.text,
    from_name: campaign.from_name,
    from_local: campaign.from_local,
    sending_domain_id: made.id,
    mailbox_id: mailbox.id,
    list_id: list.id,
    audience: { lists: [list.id], segments: [], excludeSegments: [], excludeOpenConversations: false },
  };
  await client.call('PATCH', `/api/campaigns/${id}`, change);
  return id;
}

export function csvOf(people: readonly Person[], fields: readonly string[] = []): string {
  const values = people.map((one) => ({
    ...(JSON.parse(one.fields) as Record<string, unknown>),
    email: one.email,
    first_name: one.first_name,
    last_name: one.last_name,
    language: one.language,
  }));
  const names = [...new Set([...fields, ...values.flatMap((one) => Object.keys(one))])];
  const cell = (value: unknown): string => {
    const text =
      value === null || value === undefined
        ? ''
        : typeof value === 'object'
          ? JSON.stringify(value)
          : String(value);
    return /[",\r\n;]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  const rows = values.map((one) =>
    names.map((name) => cell((one as Record<string, unknown>)[name])).join(','),
  );
  return `${[names.map(cell).join(','), ...rows].join('\n')}\n`;
}

const NOBODY = {
  'unknown-user': 0,
  full: 0,
  'full-for-a-while': 0,
  'bounces-later': 0,
  complains: 0,
  'one-click': 0,
  mailto: 0,
  'in-words': 0,
  replies: 0,
  away: 0,
  left: 0,
  forged: 0,
} as const;

function print(report: RehearsalReport): void {
  const { campaign, recipients, sample, stood_in: stoodIn, providers, refused, warnings } = report;
  console.log(`“${campaign}”: ${recipients} recipients, ${sample} of them rehearsed`);
  if (stoodIn > 0)
    console.log(
      `  ${stoodIn} stood in at another address of their provider, for the lab does not have their domain`,
    );
  for (const { level, says } of warnings)
    console.log(`  ${level === 'block' ? 'STOPS' : 'warning'}: ${says}`);
  if (report.finish_at !== null) {
    const last = providers[0];
    console.log(`ends ${when(report.finish_at)}; ${last?.label ?? ''} is last`);
  }
  for (const one of providers) {
    const { people, delivered, took_ms: took, refused: no } = one.sample;
    console.log(
      `  ${one.label}: ${one.people} people, ends ${one.finish_at === null ? 'never: no address may send there' : when(one.finish_at)}` +
        `; rehearsed ${people}: ${delivered} taken, ${no} refused, ${Math.round(took / 1000)} s`,
    );
  }
  for (const { provider, people, reply } of refused.slice(0, 20))
    console.log(`  refused at ${provider}, ${people} of the sample: ${reply}`);
}

const when = (at: number): string => new Date(at).toISOString().replace(/:\d\d\.\d+Z$/, 'Z');

function whole(text: string, what: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1)
    throw new Problem('invalid', `${what} is a whole number above 0`);
  return value;
}
