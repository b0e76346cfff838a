/** Who one writes to, beside the conversation and on the contact's own page: everything that helps to answer well. */
import type { Runtime } from '../../core/runtime.ts';
import { contactByEmail, contactById } from '../../core/store/contact.ts';
import { conversationsOfContact } from '../../core/store/conversation.ts';
import { deliveriesTo } from '../../core/store/delivery.ts';
import { campaignById } from '../../core/store/campaign.ts';
import { fromJson } from '../../core/store/json.ts';
import { membershipsOf } from '../../core/store/list.ts';
import { suppressionsOf } from '../../core/store/suppression.ts';
import type { Row } from '../../core/store/tables.ts';
import { segmentsOf } from './membership.ts';

const LAST_CAMPAIGNS = 5;

/** A contact by id, else by address; without a contact row still the address and whether it may be mailed. */
export async function panelFor(
  rt: Runtime,
  { contactId, address }: { contactId: number | null; address: string },
) {
  const db = rt.store.read;
  const contact = contactId === null ? await contactByEmail(db, address) : await contactById(db, contactId);
  const email = contact?.email ?? address;
  const [suppressions, lists, segments, conversations, campaigns] = await Promise.all([
    suppressionsOf(db, email),
    contact === undefined ? [] : membershipsOf(db, contact.id),
    contact === undefined ? [] : segmentsOf(rt, contact.id),
    contact === undefined ? [] : conversationsOfContact(db, contact.id, 10),
    contact === undefined ? [] : lastCampaigns(rt, contact),
  ]);
  return {
    id: contact?.id ?? null,
    email,
    first_name: contact?.first_name ?? '',
    last_name: contact?.last_name ?? '',
    language: contact?.language ?? '',
    tags: fromJson<string[]>(contact?.tags, []),
    fields: fromJson<Record<string, unknown>>(contact?.fields, {}),
    away_until: contact?.away_until ?? null,
    last_human_reply_at: contact?.last_human_reply_at ?? null,
    lists: lists.map((one) => ({ id: one.list_id, name: one.name, status: one.status })),
    segments,
    campaigns,
    suppressions: suppressions.filter((one) => one.lifted_at === null),
    conversations,
  };
}

async function lastCampaigns(rt: Runtime, contact: Row<'contact'>) {
  const db = rt.store.read;
  const deliveries = (await deliveriesTo(db, contact.email, 30))
    .filter((one) => one.origin_kind === 'campaign')
    .slice(0, LAST_CAMPAIGNS);
  const conversations = await conversationsOfContact(db, contact.id, 50);
  return Promise.all(
    deliveries.map(async (one) => ({
      id: one.origin_id,
      name: (await campaignById(db, one.origin_id))?.name ?? '',
      delivery_id: one.id,
      state: one.bounced_after_at === null ? one.state : 'bounced',
      at: one.finished_at ?? one.queued_at,
      replied: conversations.some((talk) => talk.campaign_id === one.origin_id),
    })),
  );
}
