/**
 * A campaign's life, as people steer it: written, tried, sent, scheduled, paused, taken back. Sending freezes everything
 * that the messages are a function of; from then on nothing that is edited changes what people get.
 */
import { randomBytes } from 'node:crypto';
import { Problem } from '../errors.ts';
import { firstBrand } from '../identity.ts';
import { normaliseAddress } from '../mail/address.ts';
import type { Runtime } from '../runtime.ts';
import { addCampaign, campaignById, changeCampaign, removeDraft, type Campaign } from '../store/campaign.ts';
import { contactById } from '../store/contact.ts';
import { addTemplateVersion, templateVersionById } from '../store/content.ts';
import { brandById, mailboxById, sendingDomainById } from '../store/identity.ts';
import { toJson } from '../store/json.ts';
import { poolFor } from '../store/pool.ts';
import { listById } from '../store/list.ts';
import { enqueueTest } from '../store/queue.ts';
import type { Db, NewRow, Row, RowPatch } from '../store/tables.ts';
import { audienceCondition, audienceOf, firstOfAudience } from './audience.ts';
import { fillFor, previewMessage } from './fill.ts';
import { linkTable } from './link-table.ts';
import { moveCampaign } from './states.ts';
import {
  compileTemplate,
  templateSettings,
  textPart,
  type CompiledTemplate,
  type TemplateVersion,
} from './template.ts';

type Needs = Pick<Runtime, 'store' | 'clock' | 'wake' | 'config' | 'tokens'>;

/** In which dates are written. */
const TIMEZONE = 'Europe/Paris';

/** What a person may change in a draft. */
export type CampaignChange = Partial<
  Pick<
    Row<'campaign'>,
    | 'name'
    | 'brand_id'
    | 'sending_domain_id'
    | 'from_name'
    | 'from_local'
    | 'mailbox_id'
    | 'subject'
    | 'preheader'
    | 'html'
    | 'text'
    | 'list_id'
  >
> & {
  audience?: {
    lists: number[];
    segments: number[];
    excludeSegments: number[];
    excludeOpenConversations: boolean;
  };
};

export async function createCampaign(
  { store, clock }: Needs,
  wanted: { name: string; brandId?: number | undefined; by: number | null },
): Promise<Campaign> {
  const now = clock.now();
  return store.write(async (tx) => {
    const brandId = wanted.brandId ?? (await firstBrand(tx, now));
    const pool = await poolFor(tx, 'marketing', brandId);
    return addCampaign(tx, { ...blankCampaign(wanted.name, brandId, wanted.by, now), pool });
  });
}

const blankCampaign = (
  name: string,
  brandId: number,
  by: number | null,
  now: number,
): NewRow<'campaign'> => ({
  name,
  state: 'draft',
  brand_id: brandId,
  sending_domain_id: null,
  from_name: '',
  from_local: '',
  mailbox_id: null,
  subject: '',
  preheader: '',
  html: '',
  text: '',
  audience: toJson({ lists: [], segments: [], excludeSegments: [], excludeOpenConversations: false }),
  list_id: null,
  template_version_id: null,
  pool: 'marketing',
  scheduled_at: null,
  started_at: null,
  finished_at: null,
  fanout_cursor: null,
  fanout_done_at: null,
  paused: 0,
  cancelled_at: null,
  preflight: null,
  override: null,
  created_by: by,
  created_at: now,
  updated_at: now,
});

/** Changes a draft. A campaign that was sent is history. */
export async function updateCampaign(
  { store, clock }: Needs,
  id: number,
  { audience, ...change }: CampaignChange,
): Promise<Campaign> {
  const patch: RowPatch<'campaign'> = {
    ...change,
    ...(audience === undefined ? {} : { audience: toJson(audience) }),
  };
  // What somebody answered for was the campaign as it stood then.
  const changed = await store.write(async (tx) => {
    // Mail of a brand leaves by the brand's own pool, where it has one.
    if (change.brand_id !== undefined) patch.pool = await poolFor(tx, 'marketing', change.brand_id);
    return changeCampaign(tx, id, ['draft', 'blocked'], { ...patch, override: null }, clock.now());
  });
  if (changed !== undefined) return changed;
  await existing(store.read, id);
  throw new Problem('conflict', 'only a draft can be changed');
}

export async function deleteCampaign({ store }: Needs, id: number): Promise<void> {
  await existing(store.read, id);
  if (!(await store.write((tx) => removeDraft(tx, id))))
    throw new Problem('conflict', 'only a draft can be deleted');
}

export async function duplicateCampaign(
  { store, clock }: Needs,
  id: number,
  name: string | undefined,
  by: number | null,
): Promise<Campaign> {
  const now = clock.now();
  return store.write(async (tx) => {
    const from = await existing(tx, id);
    const { upTo: _upTo, ...audience } = audienceOf(from);
    return addCampaign(tx, {
      ...blankCampaign(name ?? `${from.name} (2)`, from.brand_id, by, now),
      sending_domain_id: from.sending_domain_id,
      from_name: from.from_name,
      from_local: from.from_local,
      mailbox_id: from.mailbox_id,
      subject: from.subject,
      preheader: from.preheader,
      html: from.html,
      text: from.text,
      audience: toJson(audience),
      list_id: from.list_id,
    });
  });
}

export async function existing(db: Db, id: number): Promise<Campaign> {
  const campaign = await campaignById(db, id);
  if (campaign === undefined) throw new Problem('not-found', 'there is no such campaign');
  return campaign;
}

export async function unscheduleCampaign({ store, clock, wake }: Needs, id: number): Promise<Campaign> {
  const campaign = await store.write(async (tx) => {
    const { state } = await existing(tx, id);
    if (state !== 'scheduled' && state !== 'blocked')
      throw new Problem('conflict', 'this campaign is not scheduled');
    return moveCampaign(
      tx,
      id,
      'draft',
      { scheduled_at: null, preflight: null, override: null },
      clock.now(),
    );
  });
  wake.ring('campaign');
  return campaign;
}

/** Everything that the messages are a function of, as one immutable row. */
export async function freeze(
  db: Db,
  campaign: Campaign,
  config: Needs['config'],
  now: number,
): Promise<NewRow<'template_version'>> {
  const [domain, brand, mailbox, list] = await Promise.all([
    sendingDomainById(db, campaign.sending_domain_id ?? 0),
    brandById(db, campaign.brand_id),
    mailboxById(db, campaign.mailbox_id ?? 0),
    listById(db, campaign.list_id ?? 0),
  ]);
  if (domain === undefined)
    throw new Problem('conflict', 'choose a sending domain first', {
      fields: { sending_domain_id: 'is missing' },
    });
  const language = brand?.language ?? 'en';
  return {
    campaign_id: campaign.id,
    subject: campaign.subject,
    preheader: campaign.preheader,
    html: campaign.html,
    text: campaign.text,
    from_name: campaign.from_name,
    from_address: `${campaign.from_local}@${domain.name}`,
    reply_to:
      mailbox === undefined
        ? ''
        : `${mailbox.address.slice(0, mailbox.address.lastIndexOf('@'))}@${domain.reply_host}`,
    sending_domain_id: domain.id,
    list_id: campaign.list_id,
    settings: toJson(
      templateSettings({
        language,
        timezone: TIMEZONE,
        brand: { name: brand?.name ?? '', postal_address: brand?.postal_address ?? '' },
        campaign: { id: campaign.id, name: campaign.name },
        list: list === undefined ? null : { id: list.id, name: list.name },
        bounce_host: domain.bounce_host,
        base_url: baseUrl(config),
        reply_delimiter: config.identity.reply_delimiter,
        stream: 'marketing',
        images: [],
        links: linkTable(campaign.html, textPart(campaign), { language, timezone: TIMEZONE }),
      }),
    ),
    created_at: now,
  };
}

/** Where links lead: the configured address, else this machine. */
export const baseUrl = ({ http }: Needs['config']): string =>
  (http.base_url || `http://${http.host === '0.0.0.0' ? '127.0.0.1' : http.host}:${http.port}`).replace(
    /\/$/,
    '',
  );

/** Nothing more leaves from the moment this resolves; what is on the wire ends. */
export async function pauseCampaign({ store, clock, wake }: Needs, id: number): Promise<Campaign> {
  const campaign = await store.write((tx) => moveCampaign(tx, id, 'paused', { paused: 1 }, clock.now()));
  wake.ring('campaign');
  return campaign;
}

/** Takes back what has not left. The rows are swept in the background; none of them leaves meanwhile. */
export async function cancelCampaign({ store, clock, wake }: Needs, id: number): Promise<Campaign> {
  const now = clock.now();
  const campaign = await store.write((tx) => moveCampaign(tx, id, 'cancelled', { cancelled_at: now }, now));
  wake.ring('campaign');
  return campaign;
}

/** The mail as one person gets it. Without a contact: the first of the audience, or made-up values. */
export async function previewCampaign(
  { store, clock, config, tokens }: Needs,
  id: number,
  contactId?: number,
): Promise<{
  contact: Row<'contact'> | null;
  from: string;
  reply_to: string;
  subject: string;
  preheader: string;
  html: string | null;
  text: string;
}> {
  const db = store.read;
  const campaign = await existing(db, id);
  const { compiled, version } = await draftTemplate(db, campaign, config, clock.now());
  const contact = await personFor(db, campaign, clock.now(), contactId);
  const fill = fillFor(
    compiled,
    contact ?? { email: 'camille@example.org', first_name: 'Camille', last_name: 'Durand' },
    {
      now: clock.now(),
      seed: 'preview',
      key: tokens.currentKey,
    },
  );
  const message = previewMessage(compiled, fill);
  return {
    contact: contact ?? null,
    from: version.from_name === '' ? version.from_address : `${version.from_name} <${version.from_address}>`,
    reply_to: version.reply_to ?? '',
    subject: message.subject,
    preheader: campaign.preheader,
    html: message.html ?? null,
    text: message.text,
  };
}

async function personFor(
  db: Db,
  campaign: Campaign,
  now: number,
  contactId?: number,
): Promise<Row<'contact'> | undefined> {
  if (contactId !== undefined) {
    const contact = await contactById(db, contactId);
    if (contact === undefined) throw new Problem('not-found', 'there is no such contact');
    return contact;
  }
  return firstOfAudience(db, await audienceCondition(db, audienceOf(campaign), now));
}

/** A draft compiled as it stands, also while the sender is not chosen yet. */
export async function draftTemplate(
  db: Db,
  campaign: Campaign,
  config: Needs['config'],
  now: number,
): Promise<{ compiled: CompiledTemplate; version: TemplateVersion }> {
  const frozen =
    campaign.sending_domain_id === null
      ? {
          ...campaign,
          from_address: `${campaign.from_local || 'hello'}@example.org`,
          reply_to: '',
          settings: toJson(
            templateSettings({
              brand: { name: '', postal_address: '' },
              campaign: { id: campaign.id, name: campaign.name },
            }),
          ),
        }
      : await freeze(db, campaign, config, now);
  const version = { ...frozen, settings: JSON.parse(frozen.settings) as TemplateVersion['settings'] };
  return { compiled: compileTemplate(version), version };
}

/** Sends the mail to addresses of the team, filled as for one person. Ids of its deliveries. */
export async function sendTest(
  { store, clock, wake, config, tokens }: Needs,
  id: number,
  to: readonly string[],
  contactId: number | null,
): Promise<number[]> {
  const now = clock.now();
  const addresses = to.map((text) => {
    const address = normaliseAddress(text);
    if (address === undefined)
      throw new Problem('invalid', `${text} is not an address`, {
        fields: { to: `${text} is not an address` },
      });
    return address;
  });
  const ids = await store.write(async (tx) => {
    const campaign = await existing(tx, id);
    const row = await freeze(tx, campaign, config, now);
    const compiled = compileTemplate({
      ...row,
      settings: JSON.parse(row.settings) as TemplateVersion['settings'],
    });
    const contact = await personFor(tx, campaign, now, contactId ?? undefined);
    const versionId = await addTemplateVersion(tx, { ...row, subject: `[Test] ${row.subject}` });
    const made: number[] = [];
    for (const address of new Set(addresses)) {
      // Colleagues look at it: nobody is counted.
      const fill = fillFor(
        compiled,
        { ...(contact ?? { email: address }), tracking: 'none' },
        {
          now,
          seed: randomBytes(10).toString('hex'),
          key: tokens.currentKey,
        },
      );
      made.push(
        await enqueueTest(
          tx,
          {
            templateVersionId: versionId,
            sendingDomainId: row.sending_domain_id,
            address,
            contactId: contact?.id ?? null,
            fill: toJson(fill),
          },
          now,
        ),
      );
    }
    return made;
  });
  wake.ring('queue');
  return ids;
}

/** The very mail of one delivery, as it is or will be sent: for the inbox and for `/m/ID`. */
export async function deliveredMail(
  db: Db,
  delivery: Pick<Row<'delivery'>, 'template_version_id' | 'fill'>,
): Promise<{ subject: string; html: string | null; text: string } | undefined> {
  if (delivery.template_version_id === null || delivery.fill === null) return undefined;
  const row = await templateVersionById(db, delivery.template_version_id);
  if (row === undefined) return undefined;
  const compiled = compileTemplate({
    ...row,
    settings: JSON.parse(row.settings) as TemplateVersion['settings'],
  });
  const message = previewMessage(compiled, JSON.parse(delivery.fill) as Parameters<typeof previewMessage>[1]);
  return { subject: message.subject, html: message.html ?? null, text: message.text };
}
