/** For tests of the web house: a small organisation in the store, with a letter that was sent and one that came back. */
import { fillFor } from '../core/campaign/fill.ts';
import { linkTable } from '../core/campaign/link-table.ts';
import { compileTemplate, templateSettings } from '../core/campaign/template.ts';
import { linksFor } from '../core/mail/identifiers.ts';
import type { Runtime } from '../core/runtime.ts';
import { addContact, contactRow } from '../core/store/contact.ts';
import { addTemplateVersion } from '../core/store/content.ts';
import { openConversation } from '../core/store/conversation.ts';
import { addBrand, addMailbox, addSendingDomain } from '../core/store/identity.ts';
import { toJson } from '../core/store/json.ts';
import { addList, joinList } from '../core/store/list.ts';
import { domainIds } from '../core/store/queue.ts';
import type { Row } from '../core/store/tables.ts';

export const HTML =
  '<html><body><p>Bonjour {{ contact.first_name | default: "vous" }}</p><a href="{{ unsubscribe_url }}">x</a></body></html>';

/** Writes it all; answers the ids and the links of the delivered letter. `list: false` sends to a segment alone. */
export async function fixture(
  rt: Runtime,
  {
    list: toList = true,
    test = false,
    language = 'fr',
    html = HTML,
    tracking = 'none' as Row<'contact'>['tracking'],
  } = {},
) {
  const now = rt.clock.now();
  const ids = await rt.store.write(async (tx) => {
    const brand = await addBrand(tx, {
      name: 'Maison',
      language: 'en',
      postal_address: '1 rue du Port',
      created_at: now,
    });
    const domain = await addSendingDomain(tx, {
      brand_id: brand,
      name: 'maison.example',
      bounce_host: 'bounces.maison.example',
      reply_host: 'replies.maison.example',
      created_at: now,
    });
    const mailbox = await addMailbox(tx, {
      brand_id: brand,
      name: 'Contact',
      address: 'contact@maison.example',
      signature: 'La Maison',
      created_at: now,
    });
    const contact = (await addContact(
      tx,
      contactRow({ email: 'camille@client.example', first_name: 'Camille', language, source: 'test' }, now),
    )) as number;
    const list = await addList(
      tx,
      { name: 'Lettre <b>', brand_id: brand, description: 'Une fois par mois' },
      now,
    );
    const other = await addList(tx, { name: 'Soldes', brand_id: brand }, now);
    await tx.updateTable('contact').set({ tracking }).where('id', '=', contact).execute();
    await joinList(tx, list, [contact], 'test', now);
    await joinList(tx, other, [contact], 'test', now);
    const settings = templateSettings({
      language: 'fr',
      brand: { name: 'Maison', postal_address: '1 rue du Port' },
      campaign: { id: 1, name: 'Été' },
      bounce_host: 'bounces.maison.example',
      base_url: 'https://parley.example.org',
      links: linkTable(html, '', { language: 'fr', timezone: 'UTC' }),
    });
    const letter = {
      subject: 'Votre été',
      preheader: '',
      html,
      text: '',
      from_name: 'Maison',
      from_address: 'contact@maison.example',
      reply_to: '',
    };
    const { id: campaign } = await tx
      .insertInto('campaign')
      .values({
        name: 'Été',
        state: 'sent',
        brand_id: brand,
        subject: 'Votre été',
        audience: '{}',
        list_id: toList ? list : null,
        mailbox_id: mailbox,
        created_at: now,
        updated_at: now,
        from_name: 'Maison',
        from_local: 'contact',
        preheader: '',
        html,
        text: '',
        pool: 'marketing',
        paused: 0,
      })
      .returning('id')
      .executeTakeFirstOrThrow();
    const version = await addTemplateVersion(tx, {
      ...letter,
      campaign_id: campaign,
      sending_domain_id: domain,
      list_id: toList ? list : null,
      settings: toJson(settings),
      created_at: now,
    });
    await tx
      .updateTable('campaign')
      .set({ template_version_id: version })
      .where('id', '=', campaign)
      .execute();
    const fill = fillFor(
      compileTemplate({ ...letter, settings }),
      { email: 'camille@client.example', first_name: 'Camille', tracking },
      { now, seed: 'x'.repeat(16), key: rt.tokens.currentKey },
    );
    const domains = await domainIds(tx, ['client.example']);
    const { id: delivery } = await tx
      .insertInto('delivery')
      .values({
        lane: 'bulk',
        origin_kind: test ? 'test' : 'campaign',
        origin_id: test ? version : campaign,
        recipient_key: String(contact),
        contact_id: contact,
        address: 'camille@client.example',
        domain_id: domains.get('client.example') as number,
        sending_domain_id: domain,
        pool: 'marketing',
        state: 'delivered',
        due_at: now,
        queued_at: now,
        attempt: 1,
        finished_at: now,
        template_version_id: version,
        fill: toJson(fill),
      })
      .returning('id')
      .executeTakeFirstOrThrow();
    const conversation = await openConversation(tx, {
      mailbox_id: mailbox,
      contact_id: contact,
      address: 'camille@client.example',
      subject: 'Re: Votre été',
      state: 'open',
      category: 'human',
      assignee_id: null,
      waiting_on: 'us',
      unread: 1,
      intent: 'question',
      campaign_id: campaign,
      delivery_id: delivery,
      preview: 'Bonjour',
      message_count: 1,
      last_message_at: now,
      created_at: now,
      closed_at: null,
    });
    const { id: message } = await tx
      .insertInto('message')
      .values({
        conversation_id: conversation,
        direction: 'in',
        kind: 'reply',
        author_id: null,
        from_name: 'Camille',
        from_address: 'camille@client.example',
        to_addresses: '["contact@maison.example"]',
        cc_addresses: '[]',
        subject: 'Re: Votre été',
        message_id: 'abc@client.example',
        in_reply_to: null,
        references: '[]',
        text: 'Bonjour, la robe est-elle bleue ?',
        segments: '[]',
        html: '<p>Bonjour, <b>la robe</b> est-elle bleue ?</p>',
        intent: 'question',
        intent_evidence: '?',
        inbound_id: null,
        delivery_id: delivery,
        created_at: now,
      })
      .returning('id')
      .executeTakeFirstOrThrow();
    return { brand, domain, mailbox, contact, list, other, campaign, delivery, conversation, message };
  });
  const links = linksFor(rt.tokens, { id: ids.delivery, now }, '');
  return { ...ids, links };
}
