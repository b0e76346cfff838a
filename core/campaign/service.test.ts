/** What a campaign may do where it stands, and what keeps it from starting, whatever door one comes through. */
import { expect, test } from 'vitest';
import { Problem } from '../errors.ts';
import { cancelCampaign, pauseCampaign, type CampaignChange } from './service.ts';
import { examineCampaign, resumeCampaign, scheduleCampaign, sendCampaign } from './start.ts';
import { house } from './testing.ts';

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
