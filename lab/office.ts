/**
 * A team at work in the application, reduced to what it asks of the server: become the owner, set the house up, import,
 * write and send, answer. Demo, crash run and end-to-end tests use it; every call goes through the HTTP API.
 */
import { readFileSync } from 'node:fs';
import type { Answer, BodyInput } from '../web/contract.ts';
import { ApiClient, type RunningParley } from './parley.ts';
import type { World } from './world.ts';
import type { LabRecord } from './zone.ts';

export const OWNER = {
  email: 'camille@colombe.example',
  password: 'la parole est d’argent',
  name: 'Camille Morel',
};
export const DOMAIN = 'colombe.example';
/** The address that the demo's mail leaves from, and where Parley listens: everything is on loopback. */
export const EGRESS_IP = '127.0.0.1';

export interface House {
  domainId: number;
  mailboxId: number;
  brandId: number;
}

/** Signs in as the owner, who is made by the one-time link at the first start. */
export async function signIn(parley: RunningParley): Promise<ApiClient> {
  const client = new ApiClient(parley.url);
  const session = await client.get<Answer<'session'>>('/api/session');
  if (!session.first_run) {
    await client.post('/api/login', { email: OWNER.email, password: OWNER.password });
    return client;
  }
  const token = new URL(parley.ownerLink ?? '').searchParams.get('token') ?? '';
  await client.post('/api/welcome', { token, ...OWNER, language: 'fr' });
  return client;
}

/** Brand, sending domain with its records in the world's DNS, mailbox, source; and a look that all is right. */
export async function setUp(client: ApiClient, world: World): Promise<House> {
  const brand = (await client.get<Answer<'brands'>>('/api/brands')).rows[0];
  const change = {
    name: 'Maison Colombe',
    postal_address: '12 rue Mercière, 69002 Lyon',
    language: 'fr',
  } as const;
  const brandId = brand?.id ?? (await client.post<Answer<'createBrand'>>('/api/brands', change)).id;
  await client.call('PATCH', `/api/brands/${brandId}`, change);
  const domain = await client.post<Answer<'addDomain'>>('/api/domains', {
    name: DOMAIN,
    brand_id: brandId,
  });
  await client.post('/api/sources', {
    name: 'lyon-1',
    ip: EGRESS_IP,
    ehlo: `mail.${DOMAIN}`,
    pool: 'marketing',
  });
  const { records } = await client.get<Answer<'domain'>>(`/api/domains/${domain.id}`);
  await world.publish(zoneOf(records, domain));
  const checked = await client.post<Answer<'checkDomain'>>(`/api/domains/${domain.id}/check`);
  const faults = checked.records.filter((record) => record.status !== 'ok');
  if (faults.length > 0)
    throw new Error(`the DNS is not right: ${faults.map((record) => record.fault).join('; ')}`);
  const mailbox = await client.post<Answer<'createMailbox'>>('/api/mailboxes', {
    name: 'Service client',
    address: `bonjour@${DOMAIN}`,
    brand_id: brandId,
    signature: 'Camille, Maison Colombe',
  });
  return { domainId: domain.id, mailboxId: mailbox.id, brandId };
}

/** What the domain page asks to publish, as the world's DNS takes it; and the addresses behind the names. */
export function zoneOf(records: Answer<'domain'>['records'], domain: { name: string }): LabRecord[] {
  const asked = records.map((record): LabRecord => {
    if (record.type !== 'MX') return { name: record.name, type: 'TXT', data: record.value };
    const [preference = '10', exchange = ''] = record.value.split(' ');
    return { name: record.name, type: 'MX', data: { preference: Number(preference), exchange } };
  });
  const host = `mail.${domain.name}`;
  const names = new Set([
    host,
    ...asked.flatMap((record) => (record.type === 'MX' ? [record.data.exchange] : [])),
  ]);
  return [
    ...asked,
    { name: domain.name, type: 'MX', data: { preference: 10, exchange: host } },
    ...[...names].map((name): LabRecord => ({ name, type: 'A', data: EGRESS_IP })),
    { name: '1.0.0.127.in-addr.arpa', type: 'PTR', data: host },
  ];
}

/** Uploads a CSV file, maps its columns as the server proposes, and waits until every row is in. */
export async function importFile(
  client: ApiClient,
  path: string,
  options: { listId: number | null; onProgress?: (job: Answer<'import'>) => void },
): Promise<Answer<'import'>> {
  const id = await startImport(client, path, options.listId);
  for (;;) {
    const job = await client.get<Answer<'import'>>(`/api/imports/${id}`);
    options.onProgress?.(job);
    if (job.state === 'done') return job;
    if (job.state === 'failed') throw new Error(`the import failed: ${job.error}`);
    await pause(200);
  }
}

/** Uploads and starts; the id of the import. */
export async function startImport(client: ApiClient, path: string, listId: number | null): Promise<number> {
  const preview = await client.call<Answer<'uploadImport'>>(
    'POST',
    `/api/imports?file_name=${encodeURIComponent('clients.csv')}`,
    readFileSync(path),
  );
  const start: BodyInput<'startImport'> = {
    mapping: Object.fromEntries(
      preview.columns.map((column) => [column.name, column.suggestion ?? `fields.${column.name}`]),
    ),
    new_fields: preview.columns
      .filter((column) => column.suggestion === null || column.suggestion.startsWith('fields.'))
      .map((column) => ({
        name: (column.suggestion ?? `fields.${column.name}`).replace(/^fields\./, ''),
        label: column.name,
        kind: column.kind,
      })),
    list_id: listId,
    consent: {
      purpose: 'marketing',
      method: 'import',
      source: 'boutique et site',
      text: 'J’accepte de recevoir la lettre de Maison Colombe.',
    },
    update_existing: false,
  };
  await client.post(`/api/imports/${preview.import.id}/start`, start);
  return preview.import.id;
}

export interface Letter {
  name: string;
  subject: string;
  html: string;
  text: string;
}

/** Writes a campaign to a list, as the five steps of its page would. */
export async function writeCampaign(
  client: ApiClient,
  house: House,
  listId: number,
  letter: Letter,
): Promise<number> {
  const made = await client.post<Answer<'createCampaign'>>('/api/campaigns', {
    name: letter.name,
    brand_id: house.brandId,
  });
  const change: BodyInput<'updateCampaign'> = {
    subject: letter.subject,
    html: letter.html,
    text: letter.text,
    preheader: 'Du lin lavé, teint à la main, et une attention pour vous.',
    sending_domain_id: house.domainId,
    from_name: 'Camille, Maison Colombe',
    from_local: 'camille',
    mailbox_id: house.mailboxId,
    list_id: listId,
    audience: { lists: [listId], segments: [], excludeSegments: [], excludeOpenConversations: false },
  };
  await client.call('PATCH', `/api/campaigns/${made.id}`, change);
  return made.id;
}

/** Every recipient of a campaign, page by page. */
export async function ledgerOf(
  client: ApiClient,
  campaignId: number,
): Promise<Answer<'campaignLedger'>['rows']> {
  const rows: Answer<'campaignLedger'>['rows'] = [];
  for (let cursor: string | null = ''; cursor !== null;) {
    const page: Answer<'campaignLedger'> = await client.get(
      `/api/campaigns/${campaignId}/ledger?limit=2000${cursor === '' ? '' : `&cursor=${cursor}`}`,
    );
    rows.push(...page.rows);
    cursor = page.next;
  }
  return rows;
}

/** Every member of a segment, by address. */
export async function membersOf(client: ApiClient, segmentId: number): Promise<string[]> {
  const addresses: string[] = [];
  for (let cursor: string | null = ''; cursor !== null;) {
    const page: Answer<'segmentMembers'> = await client.get(
      `/api/segments/${segmentId}/members?limit=200${cursor === '' ? '' : `&cursor=${cursor}`}`,
    );
    addresses.push(...page.rows.map((row) => row.email));
    cursor = page.next;
  }
  return addresses.sort();
}

/** Active suppressions with their reasons, by address. */
export async function suppressionsOf(client: ApiClient): Promise<Answer<'suppressions'>['rows']> {
  const rows: Answer<'suppressions'>['rows'] = [];
  for (let cursor: string | null = ''; cursor !== null;) {
    const page: Answer<'suppressions'> = await client.get(
      `/api/suppressions?limit=200${cursor === '' ? '' : `&cursor=${cursor}`}`,
    );
    rows.push(...page.rows);
    cursor = page.next;
  }
  return rows;
}

/** Whether everything that was accepted on port 25 has been understood: by the server's own counters since it started. */
export async function isAllRead(client: ApiClient): Promise<boolean> {
  const text = await client.get<string>('/metrics');
  const sum = (name: string) =>
    [...text.matchAll(new RegExp(`^parley_${name}(?:\\{[^}]*\\})? (\\d+)$`, 'gm'))].reduce(
      (total, match) => total + Number(match[1]),
      0,
    );
  return sum('inbound_received') === sum('inbound_applied');
}

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Asks again until something is so. */
export async function until<T>(
  what: string,
  ask: () => Promise<T | undefined>,
  limitMs: number,
  everyMs = 250,
): Promise<T> {
  const end = Date.now() + limitMs;
  for (;;) {
    const found = await ask();
    if (found !== undefined) return found;
    if (Date.now() > end) throw new Error(`${what}: not within ${Math.round(limitMs / 1000)} s`);
    await pause(everyMs);
  }
}
