/** For tests and the lab's fault run: a campaign that is under way, its recipients queued, in a store that was empty. */
import { generateKeyPairSync } from 'node:crypto';
import { templateSettings } from '../core/campaign/template.ts';
import type { Runtime } from '../core/runtime.ts';
import { addCampaign } from '../core/store/campaign.ts';
import { addTemplateVersion } from '../core/store/content.ts';
import { addDkimKey } from '../core/store/dkim-key.ts';
import { addBrand, addSendingDomain } from '../core/store/identity.ts';
import { domainIds } from '../core/store/queue.ts';

export const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({
  type: 'pkcs8',
  format: 'der',
});

/** Recipients of one letter. */
export interface Audience {
  addresses: readonly string[];
  /** More text in the letter: a heavy one. */
  padding?: string;
}

const ROWS_AT_ONCE = 500;

/** The campaign's number. */
export async function stage(
  { store, secrets, clock }: Pick<Runtime, 'store' | 'secrets' | 'clock'>,
  audiences: readonly Audience[],
): Promise<number> {
  const now = clock.now();
  return store.write(async (tx) => {
    const brand = await addBrand(tx, {
      name: 'Maison',
      language: 'en',
      postal_address: '1 rue X, Lyon',
      created_at: now,
    });
    const domain = await addSendingDomain(tx, {
      brand_id: brand,
      name: 'example.org',
      bounce_host: 'bounces.example.org',
      reply_host: 'replies.example.org',
      created_at: now,
      checked_at: null,
      check: null,
    });
    await addDkimKey(tx, {
      sending_domain_id: domain,
      selector: 'p1',
      algorithm: 'rsa-sha256',
      sealed: secrets.seal('dkim', rsa),
      record: '',
      state: 'active',
      created_at: now,
    });
    const campaign = await addCampaign(tx, {
      name: 'Spring',
      state: 'sending',
      brand_id: brand,
      sending_domain_id: domain,
      audience: '{}',
      from_name: 'Maison',
      from_local: 'news',
      subject: 's',
      started_at: now,
      fanout_done_at: now,
      created_at: now,
      updated_at: now,
    } as never);
    for (const { addresses, padding = '' } of audiences) {
      const version = await addTemplateVersion(tx, {
        campaign_id: campaign.id,
        subject: 'Hello {{ contact.email }}',
        preheader: '',
        html: `<p>Hello {{ contact.email }}</p><p><a href="{{ unsubscribe_url }}">leave</a></p>${padding}`,
        text: 'Hello {{ contact.email }}\n\nLeave: {{ unsubscribe_url }}\n',
        from_name: 'Maison',
        from_address: 'news@example.org',
        reply_to: 'news@replies.example.org',
        sending_domain_id: domain,
        list_id: null,
        settings: JSON.stringify(
          templateSettings({
            campaign: { id: campaign.id, name: 'Spring' },
            bounce_host: 'bounces.example.org',
            base_url: 'http://127.0.0.1',
          }),
        ),
        created_at: now,
      });
      const domains = await domainIds(tx, [...new Set(addresses.map(domainOf))]);
      const rows = addresses.map((address) => ({
        lane: 'bulk',
        origin_kind: 'campaign',
        origin_id: campaign.id,
        recipient_key: address,
        contact_id: null,
        address,
        domain_id: domains.get(domainOf(address)) as number,
        sending_domain_id: domain,
        pool: 'marketing',
        state: 'queued',
        due_at: now,
        queued_at: now,
        template_version_id: version,
        attempt: 0,
      }));
      for (let at = 0; at < rows.length; at += ROWS_AT_ONCE)
        await tx
          .insertInto('delivery')
          .values(rows.slice(at, at + ROWS_AT_ONCE) as never)
          .execute();
    }
    return campaign.id;
  });
}

const domainOf = (address: string): string => address.slice(address.lastIndexOf('@') + 1);
