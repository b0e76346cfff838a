/** For tests of campaigns: a house in which one may be sent, with a DNS that is a map. */
import { loadConfig } from '../../config/load.ts';
import { SuppressionView } from '../audience/suppress.ts';
import { manualClock } from '../clock.ts';
import { DnsError, type Resolver } from '../dns.ts';
import { dnsRecordsFor } from '../identity.ts';
import { generateDkimKey } from '../mail/dkim-key.ts';
import { createTokens } from '../mail/tokens.ts';
import { createSecrets } from '../secrets.ts';
import { addContact, contactRow } from '../store/contact.ts';
import { addDkimKey } from '../store/dkim-key.ts';
import { addBrand, addMailbox, addSendingDomain, addSource } from '../store/identity.ts';
import { addList, joinList } from '../store/list.ts';
import { openTestStore } from '../store/testing.ts';
import { createWake } from '../wake.ts';
import { createCampaign, updateCampaign, type CampaignChange } from './service.ts';

/** Answers from `TYPE name` to texts; an MX is `10 host`. What is not there does not exist. */
export function resolverOf(records: ReadonlyMap<string, readonly string[]>): Resolver {
  const ask = async (type: string, name: string): Promise<string[]> => {
    const found = records.get(`${type} ${name.toLowerCase()}`);
    if (found === undefined) throw new DnsError('NXDOMAIN', name);
    return [...found];
  };
  return {
    mx: async (name) =>
      (await ask('MX', name)).map((text) => ({
        priority: Number(text.split(' ')[0]),
        exchange: text.split(' ')[1] ?? '',
      })),
    a: (name) => ask('A', name),
    aaaa: (name) => ask('AAAA', name),
    txt: (name) => ask('TXT', name),
    cname: (name) => ask('CNAME', name),
    ptr: (ip) => ask('PTR', ip),
    forget: () => undefined,
  };
}

const GOOD: CampaignChange = {
  subject: 'Bonjour {{ contact.first_name | default: "à vous" }}',
  html: '<p>Bonjour. {{ brand.postal_address }} <a href="{{ unsubscribe_url }}">partir</a></p>',
  text: 'Bonjour. {{ brand.postal_address }} {{ unsubscribe_url }}',
  from_name: 'Camille',
  from_local: 'camille',
};

/** A house in which a campaign may be sent, and that campaign. Its DNS is a map that a test may change. */
export async function house() {
  const clock = manualClock();
  const store = await openTestStore(clock);
  const now = clock.now();
  // Ports that nobody could know: nothing is dialled.
  const config = loadConfig({
    environment: {},
    overrides: {
      http: { port: 0 },
      inbound: { port: 0, hostname: 'mail.colombe.example' },
      mta: { remote_port: 2525, allow_private_targets: true },
    },
  });
  const records = new Map<string, string[]>();
  const secrets = createSecrets(Buffer.alloc(32, 7));
  const runtime = {
    store,
    clock,
    config,
    wake: createWake(),
    secrets,
    dns: resolverOf(records),
    suppressions: new SuppressionView(),
    tokens: createTokens([{ id: 0, secret: Buffer.alloc(32, 1) }]),
  };
  const key = await generateDkimKey('ed25519-sha256');
  const made = await store.write(async (tx) => {
    const brand = await addBrand(tx, {
      name: 'Colombe',
      language: 'fr',
      postal_address: '12 rue Mercière, Lyon',
      created_at: now,
    });
    const domain = await addSendingDomain(tx, {
      brand_id: brand,
      name: 'colombe.example',
      bounce_host: 'bounces.colombe.example',
      reply_host: 'replies.colombe.example',
      created_at: now,
    });
    await addDkimKey(tx, {
      sending_domain_id: domain,
      selector: 's',
      algorithm: 'ed25519-sha256',
      sealed: secrets.seal('dkim', key.privateDer),
      record: key.record,
      state: 'active',
      created_at: now,
    });
    await addSource(tx, {
      name: 'one',
      ip: '192.0.2.1',
      ehlo: 'mail.colombe.example',
      pool: 'marketing',
      weight: 1,
      paused: 0,
      note: '',
      created_at: now,
    });
    const mailbox = await addMailbox(tx, {
      brand_id: brand,
      name: 'Bonjour',
      address: 'bonjour@colombe.example',
      signature: '',
      created_at: now,
    });
    const list = await addList(tx, { name: 'La lettre', brand_id: brand }, now);
    const contact = await addContact(
      tx,
      contactRow({ email: 'julie@client.example', first_name: 'Julie', source: 'test' }, now),
    );
    await joinList(tx, list, [contact ?? 0], 'test', now);
    return { brand, domain, mailbox, list };
  });
  const campaign = await createCampaign(runtime, { name: 'Été', brandId: made.brand, by: null });
  const change = (more: CampaignChange) =>
    updateCampaign(runtime, campaign.id, {
      ...GOOD,
      sending_domain_id: made.domain,
      mailbox_id: made.mailbox,
      list_id: made.list,
      audience: { lists: [made.list], segments: [], excludeSegments: [], excludeOpenConversations: false },
      ...more,
    });
  for (const record of await dnsRecordsFor(runtime, made.domain))
    records.set(`${record.type} ${record.name}`, [record.value]);
  records.set('PTR 192.0.2.1', ['mail.colombe.example']);
  records.set('A mail.colombe.example', ['192.0.2.1']);
  return { runtime, clock, store, id: campaign.id, change, records, ...made };
}
