/** No door lets a red campaign out; an override does, and is written down; what turned red before its time is blocked. */
import { expect, test } from 'vitest';
import { changeCampaign } from '../store/campaign.ts';
import { fromJson } from '../store/json.ts';
import { pauseCampaign, unscheduleCampaign } from './service.ts';
import {
  examineCampaign,
  examineScheduled,
  overrideChecks,
  resumeCampaign,
  scheduleCampaign,
  sendCampaign,
  RECHECK_MS,
} from './start.ts';
import { house } from './testing.ts';

const REASON = { reason: 'the hoster is setting it this minute', by: null, via: 'a test' };

/** Reverse DNS is gone: red, and somebody may answer for it. */
async function redHouse() {
  const made = await house();
  await made.change({});
  made.records.delete('PTR 192.0.2.1');
  return made;
}

const stateOf = async ({ store, id }: Awaited<ReturnType<typeof house>>) =>
  (await store.read.selectFrom('campaign').select('state').where('id', '=', id).executeTakeFirstOrThrow())
    .state;

test('send refuses a red campaign, and lets it out after an override that is in the audit', async () => {
  const made = await redHouse();
  const { runtime, id, store } = made;
  await expect(sendCampaign(runtime, id)).rejects.toMatchObject({
    code: 'conflict',
    fields: { 'source.ptr': expect.stringContaining('192.0.2.1') },
  });
  expect(await stateOf(made)).toBe('draft');
  const after = await overrideChecks(runtime, id, REASON);
  expect(after).toMatchObject({
    ready: true,
    override: { checks: ['source.ptr 192.0.2.1 · mail.colombe.example'], reason: REASON.reason },
  });
  expect((await sendCampaign(runtime, id)).state).toBe('queueing');
  const audit = await store.read.selectFrom('audit').selectAll().executeTakeFirstOrThrow();
  expect(audit).toMatchObject({ action: 'red checks overridden', subject: `campaign:${id}` });
  expect(fromJson(audit.detail, {})).toMatchObject({
    reason: REASON.reason,
    via: 'a test',
    checks: [
      { check: 'source.ptr 192.0.2.1 · mail.colombe.example', says: expect.stringContaining('192.0.2.1') },
    ],
  });
});

test('schedule refuses a red campaign, and takes it after an override', async () => {
  const made = await redHouse();
  const at = made.clock.now() + 3_600_000;
  await expect(scheduleCampaign(made.runtime, made.id, at)).rejects.toThrow(/reverse DNS/);
  await overrideChecks(made.runtime, made.id, REASON);
  expect((await scheduleCampaign(made.runtime, made.id, at)).state).toBe('scheduled');
  await made.clock.advance(3_600_000);
  expect(await examineScheduled(made.runtime, made.id)).toBe('started');
});

test('an override holds for the checks that were red then, and ends with a change of the campaign', async () => {
  const made = await redHouse();
  const { runtime, id, records, change } = made;
  await overrideChecks(runtime, id, REASON);
  records.delete('TXT _dmarc.colombe.example');
  await expect(sendCampaign(runtime, id)).rejects.toThrow(/DMARC/);
  records.set('TXT _dmarc.colombe.example', ['v=DMARC1; p=none']);
  expect((await examineCampaign(runtime, id)).ready).toBe(false);
  expect((await examineCampaign(runtime, id, { fresh: true })).ready).toBe(true);
  await change({ subject: 'Autre chose' });
  expect((await examineCampaign(runtime, id, { fresh: true })).ready).toBe(false);
});

test('nobody can answer for a campaign that cannot be sent at all, nor without a reason, nor for nothing', async () => {
  const { runtime, id, change, records } = await redHouse();
  await expect(overrideChecks(runtime, id, { ...REASON, reason: ' ' })).rejects.toThrow(/reason/);
  await change({ subject: '' });
  await expect(overrideChecks(runtime, id, REASON)).rejects.toThrow(/nobody can answer/);
  await change({});
  records.set('PTR 192.0.2.1', ['mail.colombe.example']);
  await expect(overrideChecks(runtime, id, REASON)).rejects.toThrow(/no check is red/);
});

test('what turns red before its time is blocked with the reasons, and scheduled again when it is mended in time', async () => {
  const made = await house();
  const { runtime, id, change, clock, store, records } = made;
  await change({});
  await scheduleCampaign(runtime, id, clock.now() + 2 * RECHECK_MS);
  expect(await examineScheduled(runtime, id)).toBe('nothing');
  await clock.advance(RECHECK_MS);
  records.delete('TXT s._domainkey.colombe.example');
  expect(await examineScheduled(runtime, id)).toBe('blocked');
  const row = await store.read.selectFrom('campaign').selectAll().executeTakeFirstOrThrow();
  expect(fromJson<{ checks: { id: string }[] }>(row.preflight, { checks: [] }).checks[0]?.id).toBe(
    'sender.dns.dkim',
  );
  const events = await store.read.selectFrom('event').select(['kind', 'campaign_id']).execute();
  expect(events).toContainEqual({ kind: 'blocked', campaign_id: id });
  expect(await examineScheduled(runtime, id)).toBe('nothing');
  records.set('TXT s._domainkey.colombe.example', [
    (await store.read.selectFrom('dkim_key').select('record').executeTakeFirstOrThrow()).record,
  ]);
  await clock.advance(60_000);
  expect(await examineScheduled(runtime, id)).toBe('scheduled');
  await clock.advance(RECHECK_MS);
  expect(await examineScheduled(runtime, id)).toBe('started');
});

test('what is red when its time comes stays blocked until a person sends it, schedules it or takes it back', async () => {
  const made = await house();
  const { runtime, id, change, clock, records } = made;
  await change({});
  await scheduleCampaign(runtime, id, clock.now() + 1000);
  await clock.advance(1000);
  records.delete('PTR 192.0.2.1');
  expect(await examineScheduled(runtime, id)).toBe('blocked');
  records.set('PTR 192.0.2.1', ['mail.colombe.example']);
  await clock.advance(3_600_000);
  expect(await examineScheduled(runtime, id)).toBe('nothing');
  expect((await scheduleCampaign(runtime, id, clock.now() + 1000)).state).toBe('scheduled');
  expect((await unscheduleCampaign(runtime, id)).state).toBe('draft');
});

test('after a long pause the DNS must be green again; after a short one people just go on', async () => {
  const made = await house();
  const { runtime, id, change, clock, records } = made;
  await change({});
  await sendCampaign(runtime, id);
  await pauseCampaign(runtime, id);
  records.delete('PTR 192.0.2.1');
  expect((await resumeCampaign(runtime, id)).state).toBe('queueing');
  await pauseCampaign(runtime, id);
  await clock.advance(2 * 3_600_000);
  await expect(resumeCampaign(runtime, id)).rejects.toThrow(/reverse DNS/);
  await overrideChecks(runtime, id, REASON);
  expect((await resumeCampaign(runtime, id)).state).toBe('queueing');
});

test('an edit while the checks are made does not slip past them', async () => {
  const made = await house();
  const { runtime, id, change, clock, store, records } = made;
  await change({});
  const resolver = runtime.dns;
  const edit = async () => {
    await clock.advance(1);
    await store.write((tx) => changeCampaign(tx, id, ['draft'], { subject: '' }, clock.now()));
  };
  let edited: Promise<void> | undefined;
  const slow = { ...resolver, ptr: async (ip: string) => (await (edited ??= edit()), resolver.ptr(ip)) };
  await expect(sendCampaign({ ...runtime, dns: slow }, id)).rejects.toThrow(/changed while/);
  expect(records.size).toBeGreaterThan(0);
});
