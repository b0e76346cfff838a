/** What a campaign may do where it stands, and what keeps it from starting, whatever door one comes through. */
import { expect, test } from 'vitest';
import { loadConfig } from '../../config/load.ts';
import { manualClock } from '../clock.ts';
import { Problem } from '../errors.ts';
import { createTokens } from '../mail/tokens.ts';
import { changeCampaign } from '../store/campaign.ts';
import { addContact, contactRow } from '../store/contact.ts';
import { addDkimKey } from '../store/dkim-key.ts';
import { addBrand, addMailbox, addSendingDomain, setDomainCheck } from '../store/identity.ts';
import { toJson } from '../store/json.ts';
import { addList, joinList } from '../store/list.ts';
import { openTestStore } from '../store/testing.ts';
import { createWake } from '../wake.ts';
import {
  cancelCampaign,
  createCampaign,
  examineCampaign,
  pauseCampaign,
  resumeCampaign,
  scheduleCampaign,
  sendCampaign,
  startScheduled,
  updateCampaign,
  type CampaignChange,
} from './service.ts';

const GOOD: CampaignChange = {
  subject: 'Bonjour {{ contact.first_name | default: "à vous" }}',
  html: '<p>Bonjour. {{ brand.postal_address }} <a href="{{ unsubscribe_url }}">partir</a></p>',
  text: 'Bonjour. {{ brand.postal_address }} {{ unsubscribe_url }}',
  from_name: 'Camille',
  from_local: 'camille',
};

/** A house in which a campaign may be sent, and that campaign. */
async function house() {
  const clock = manualClock();
  const store = await openTestStore(clock);
  const now = clock.now();
  const config = loadConfig({ environment: {}, overrides: { http: { base_url: 'https://parley.example' } } });
  const runtime = {
    store,
    clock,
    config,
    wake: createWake(),
    tokens: createTokens([{ id: 0, secret: Buffer.alloc(32, 1) }]),
  };
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
    await setDomainCheck(tx, domain, toJson({ at: now, records: [] }), now);
    await addDkimKey(tx, {
      sending_domain_id: domain,
      selector: 's',
      algorithm: 'rsa-sha256',
      sealed: Buffer.from('x'),
      record: '',
      state: 'active',
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
  return { runtime, clock, store, id: campaign.id, change };
}

test('a campaign with nothing wrong may be sent, and is frozen then', async () => {
  const { runtime, id, change, store } = await house();
  await change({});
  const checks = await examineCampaign(runtime, id);
  expect(checks.checks.filter((check) => check.level === 'block')).toEqual([]);
  expect(checks.audience).toEqual({ selected: 1, suppressed: 0, mailable: 1 });
  const sent = await sendCampaign(runtime, id);
  expect(sent.state).toBe('queueing');
  await expect(change({ subject: 'too late' })).rejects.toThrow(/only a draft/);
  const version = await store.read
    .selectFrom('template_version')
    .select(['from_address', 'reply_to'])
    .executeTakeFirstOrThrow();
  expect(version).toEqual({
    from_address: 'camille@colombe.example',
    reply_to: 'bonjour@replies.colombe.example',
  });
});

test.each<[string, CampaignChange, string, RegExp]>([
  [
    'a merge field that nobody has',
    { subject: 'Bonjour {{ contact.frist_name }}' },
    'content.unknown-field',
    /did you mean contact\.first_name/,
  ],
  ['a broken template', { html: '<p>{% if %}</p>' }, 'content.syntax', /./],
  [
    'no way to leave',
    { html: '<p>Bonjour</p>', text: 'Bonjour' },
    'content.no-unsubscribe',
    /unsubscribe_url/,
  ],
  ['no subject', { subject: '' }, 'content.no-subject', /subject/],
  ['a sender that is no address', { from_local: 'ca mille' }, 'sender.address', /is not an address/],
  ['a sender that nobody reads', { from_local: 'no-reply' }, 'sender.noreply', /nobody reads/],
  ['a French one', { from_local: 'ne-pas-repondre' }, 'sender.noreply', /nobody reads/],
  ['no sending domain', { sending_domain_id: null }, 'sender.domain', /no sending domain/],
  ['nobody to read the answers', { mailbox_id: null }, 'sender.mailbox', /read the answers/],
  [
    'no audience',
    { audience: { lists: [], segments: [], excludeSegments: [], excludeOpenConversations: false } },
    'audience.none',
    /no list/,
  ],
  [
    'an audience of nobody',
    { audience: { lists: [99], segments: [], excludeSegments: [], excludeOpenConversations: false } },
    'audience.empty',
    /nobody/,
  ],
])('%s blocks it, says so, and no door lets it pass', async (_name, more, check, words) => {
  const { runtime, id, change, clock } = await house();
  await change(more);
  const found = (await examineCampaign(runtime, id)).checks.find((one) => one.id === check);
  expect(found).toMatchObject({ level: 'block' });
  expect(found?.says).toMatch(words);
  await expect(sendCampaign(runtime, id)).rejects.toBeInstanceOf(Problem);
  await expect(scheduleCampaign(runtime, id, clock.now() + 1000)).rejects.toBeInstanceOf(Problem);
});

test('a scheduled campaign that turned red goes back to draft instead of out', async () => {
  const { runtime, id, change, clock, store } = await house();
  await change({});
  await scheduleCampaign(runtime, id, clock.now() + 1000);
  await store.write((tx) => changeCampaign(tx, id, ['scheduled'], { subject: '' }, clock.now()));
  expect(await startScheduled(runtime, id)).toBe('refused');
  const row = await store.read
    .selectFrom('campaign')
    .select(['state', 'scheduled_at'])
    .executeTakeFirstOrThrow();
  expect(row).toEqual({ state: 'draft', scheduled_at: null });
});

test('pause, resume and cancel go only where the table of states leads', async () => {
  const { runtime, id, change } = await house();
  await change({});
  await expect(pauseCampaign(runtime, id)).rejects.toThrow(/cannot become paused/);
  await sendCampaign(runtime, id);
  expect((await pauseCampaign(runtime, id)).paused).toBe(1);
  await expect(sendCampaign(runtime, id)).rejects.toBeInstanceOf(Problem);
  expect(await resumeCampaign(runtime, id)).toMatchObject({ state: 'queueing', paused: 0 });
  expect((await cancelCampaign(runtime, id)).cancelled_at).not.toBeNull();
  await expect(resumeCampaign(runtime, id)).rejects.toThrow(/not paused/);
});
