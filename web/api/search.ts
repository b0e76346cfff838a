/** The one search box, the first run's cards, and the API's own description. */
import { searchContacts } from '../../core/store/contact.ts';
import { countContacts } from '../../core/store/contact.ts';
import { campaignPage, searchCampaigns } from '../../core/store/campaign.ts';
import { searchConversations } from '../../core/store/conversation.ts';
import { mailboxes, sendingDomains } from '../../core/store/identity.ts';
import { fromJson } from '../../core/store/json.ts';
import type { DomainCheck } from '../../core/identity.ts';
import { may } from '../http/policy.ts';
import { openApiDocument } from '../http/openapi.ts';
import type { SomeHandlers } from '../http/route.ts';
import { conversationLine } from './inbox.ts';

const HITS = 20;

export const searchHandlers = {
  async search({ rt, user, query }) {
    const db = rt.store.read;
    const [conversations, contacts, campaigns] = await Promise.all([
      may(user.role, 'inbox.read') ? searchConversations(db, query.q, { limit: HITS }) : [],
      may(user.role, 'audience.read') ? searchContacts(db, query.q, HITS) : [],
      may(user.role, 'campaign.read') ? searchCampaigns(db, query.q, HITS) : [],
    ]);
    return { conversations: conversations.map(conversationLine), contacts, campaigns };
  },

  async setup({ rt }) {
    const db = rt.store.read;
    const [domains, boxes, contacts, campaigns] = await Promise.all([
      sendingDomains(db),
      mailboxes(db),
      countContacts(db),
      campaignPage(db, { limit: 50 }),
    ]);
    const ready = domains.filter((domain) => {
      const records = fromJson<DomainCheck | null>(domain.check, null)?.records ?? [];
      return records.length > 0 && records.every((record) => record.status === 'ok');
    }).length;
    const sent = campaigns.rows.filter((one) => one.started_at !== null).length;
    const step = <T extends string>(id: T, count: number) => ({ id, done: count > 0, count });
    return {
      steps: [
        step('domain', domains.length),
        step('records', ready),
        step('mailbox', boxes.length),
        step('contacts', contacts),
        step('campaign', sent),
      ],
    };
  },

  async openapi({ ctx }) {
    ctx.set('Cache-Control', 'no-cache');
    ctx.type = 'application/json; charset=utf-8';
    ctx.body = openApiDocument();
  },
} satisfies SomeHandlers;
