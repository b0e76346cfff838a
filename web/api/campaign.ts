/** Campaigns over HTTP: the draft, its checks, the send, the watch, the result. What may happen when is core/campaign's. */
import {
  cancelCampaign,
  createCampaign,
  deleteCampaign,
  duplicateCampaign,
  pauseCampaign,
  previewCampaign,
  sendTest,
  unscheduleCampaign,
  updateCampaign,
} from '../../core/campaign/service.ts';
import {
  examineCampaign,
  overrideChecks,
  resumeCampaign,
  scheduleCampaign,
  sendCampaign,
  type LastExamination,
} from '../../core/campaign/start.ts';
import type { Override } from '../../core/campaign/preflight.ts';
import { audienceOf } from '../../core/campaign/audience.ts';
import { campaignProgress, campaignReport } from '../../core/campaign/report.ts';
import { Problem } from '../../core/errors.ts';
import {
  campaignById,
  campaignCounts,
  campaignLedger,
  campaignPage,
  type Campaign,
  type CampaignLine,
} from '../../core/store/campaign.ts';
import { deliveryStory } from '../../core/store/delivery.ts';
import { brandById, mailboxById, sendingDomainById } from '../../core/store/identity.ts';
import { fromJson } from '../../core/store/json.ts';
import { listById } from '../../core/store/list.ts';
import type { Db } from '../../core/store/tables.ts';
import { addAudit } from '../../core/store/user.ts';
import { ownMail, textAsHtml } from '../http/frame.ts';
import type { Call, SomeHandlers } from '../http/route.ts';
import type { Body, RouteName } from '../contract.ts';
import { sentMail } from '../mail.ts';

const whole = (row: Campaign) => ({
  ...row,
  paused: row.paused === 1,
  audience: audienceOf(row),
  /** Why it is blocked. */
  red: fromJson<LastExamination | null>(row.preflight, null)?.checks ?? [],
  override: fromJson<Override | null>(row.override, null),
});
const line = (row: CampaignLine) => ({ ...row, ...whole(row) });

/** A cursor that is an id; a made-up one begins at the first page. */
const idCursor = (cursor: string | undefined): number | undefined =>
  cursor !== undefined && /^\d{1,15}$/.test(cursor) ? Number(cursor) : undefined;

async function existing(db: Db, id: number): Promise<Campaign> {
  const row = await campaignById(db, id);
  if (row === undefined) throw new Problem('not-found', 'there is no such campaign');
  return row;
}

/** A step in a campaign's life, with who took it. */
async function steer(
  { rt, user, now }: Call<RouteName>,
  id: number,
  action: string,
  step: () => Promise<Campaign>,
) {
  await existing(rt.store.read, id);
  const row = await step();
  await rt.store.write((tx) => addAudit(tx, { userId: user.id, action, subject: `campaign:${id}` }, now));
  return whole(row);
}

/** What a draft points at must be there, or the fault would show only at the send. */
async function checkReferences(db: Db, body: Body<'updateCampaign'>): Promise<void> {
  const faults: Record<string, string> = {};
  const look = async (field: keyof typeof body, is: string, found: (id: number) => Promise<unknown>) => {
    const id = body[field];
    if (typeof id === 'number' && (await found(id)) === undefined) faults[field] = `is not a ${is}`;
  };
  await look('brand_id', 'brand', (id) => brandById(db, id));
  await look('sending_domain_id', 'sending domain', (id) => sendingDomainById(db, id));
  await look('mailbox_id', 'mailbox', (id) => mailboxById(db, id));
  await look('list_id', 'list', (id) => listById(db, id));
  if (body.from_local !== undefined && !/^[\w.!#$%&'*+/=?^`{|}~-]*$/.test(body.from_local))
    faults['from_local'] = 'is not what can stand before an @';
  const [field, words] = Object.entries(faults)[0] ?? [];
  if (field !== undefined) throw new Problem('invalid', `${field} ${words}`, { fields: faults });
}

async function preview({ rt, params, query }: Call<'previewCampaign'> | Call<'previewBody'>) {
  await existing(rt.store.read, params.id);
  return previewCampaign(rt, params.id, query.contact_id);
}

export const campaignHandlers = {
  async campaigns({ rt, query }) {
    const page = await campaignPage(rt.store.read, {
      limit: query.limit,
      ...(query.state !== undefined && { state: query.state }),
      ...(idCursor(query.cursor) !== undefined && { beforeId: idCursor(query.cursor) as number }),
    });
    return { rows: page.rows.map(line), next: page.next === null ? null : String(page.next) };
  },

  async createCampaign({ rt, body, user }) {
    if (body.brand_id !== undefined) await checkReferences(rt.store.read, { brand_id: body.brand_id });
    return whole(await createCampaign(rt, { name: body.name, brandId: body.brand_id, by: user.id }));
  },

  async campaign({ rt, params }) {
    return whole(await existing(rt.store.read, params.id));
  },

  async updateCampaign({ rt, params, body }) {
    await existing(rt.store.read, params.id);
    await checkReferences(rt.store.read, body);
    return whole(await updateCampaign(rt, params.id, body));
  },

  async deleteCampaign({ rt, params }) {
    await deleteCampaign(rt, params.id);
    return {};
  },

  async duplicateCampaign({ rt, params, user }) {
    return whole(await duplicateCampaign(rt, params.id, undefined, user.id));
  },

  previewCampaign: (call) => preview(call),
  async previewBody(call) {
    const { html, text } = await preview(call);
    ownMail(call.ctx, html ?? textAsHtml(text));
  },

  preflight: ({ rt, params, query }) => examineCampaign(rt, params.id, { fresh: query.fresh === '1' }),
  overrideChecks: ({ rt, params, body, user }) =>
    overrideChecks(rt, params.id, { reason: body.reason, by: user.id, via: 'the application' }),

  async testCampaign({ rt, params, body }) {
    return { delivery_ids: await sendTest(rt, params.id, body.to, body.contact_id) };
  },

  sendCampaign: (call) =>
    steer(call, call.params.id, 'campaign sent', () => sendCampaign(call.rt, call.params.id)),
  scheduleCampaign: (call) =>
    steer(call, call.params.id, 'campaign scheduled', () =>
      scheduleCampaign(call.rt, call.params.id, call.body.at),
    ),
  unscheduleCampaign: (call) =>
    steer(call, call.params.id, 'campaign unscheduled', () => unscheduleCampaign(call.rt, call.params.id)),
  pauseCampaign: (call) =>
    steer(call, call.params.id, 'campaign paused', () => pauseCampaign(call.rt, call.params.id)),
  resumeCampaign: (call) =>
    steer(call, call.params.id, 'campaign resumed', () => resumeCampaign(call.rt, call.params.id)),
  cancelCampaign: (call) =>
    steer(call, call.params.id, 'campaign cancelled', () => cancelCampaign(call.rt, call.params.id)),

  async campaignProgress({ rt, params, now }) {
    const progress = await campaignProgress(rt.store.read, params.id, now);
    return {
      ...progress,
      campaign: line(progress.campaign),
      eta_at: progress.eta_at === null ? null : Math.round(progress.eta_at),
    };
  },

  async campaignReport({ rt, params }) {
    const report = await campaignReport(rt.store.read, params.id);
    return { ...report, campaign: line(report.campaign) };
  },

  async campaignLedger({ rt, params, query }) {
    await existing(rt.store.read, params.id);
    const [page, counts] = await Promise.all([
      campaignLedger(rt.store.read, params.id, {
        line: query.line,
        search: query.search,
        afterId: idCursor(query.cursor),
        limit: query.limit,
      }),
      campaignCounts(rt.store.read, [params.id]),
    ]);
    return {
      rows: page.rows,
      next: page.next === null ? null : String(page.next),
      counts: counts.get(params.id) as NonNullable<ReturnType<typeof counts.get>>,
    };
  },

  async deliveryBody({ rt, ctx, params, now }) {
    const { delivery } = await deliveryStory(rt.store.read, params.id, now);
    ownMail(ctx, (await sentMail(rt, delivery)).html);
  },
} satisfies SomeHandlers;
