/**
 * What stands in the way of sending a campaign, and what is only unwise. A campaign does not start through any door while
 * a check says `block`. Each check says what is wrong, what to do, and which step of the page mends it.
 */
import { fromJson } from '../store/json.ts';
import { fields } from '../store/contact.ts';
import { activeDkimKeys } from '../store/dkim-key.ts';
import { brandById, mailboxById, sendingDomainById } from '../store/identity.ts';
import type { DomainCheck } from '../identity.ts';
import { checkAddress } from '../mail/address.ts';
import type { Runtime } from '../runtime.ts';
import type { Campaign } from '../store/campaign.ts';
import {
  audienceByProvider,
  audienceCondition,
  audienceOf,
  audienceSize,
  isEmptyAudience,
  stoppingScopes,
  type AudienceSize,
} from './audience.ts';
import { checkTemplate, knownFields } from './template-check.ts';

export interface Check {
  id: string;
  level: 'ok' | 'warn' | 'block';
  says: string;
  fix: string;
  step: 'audience' | 'content' | 'sender' | 'checks' | 'time';
  /** Where in the content: `html:12`. */
  place: string | null;
}

export interface Preflight {
  ready: boolean;
  checks: Check[];
  audience: AudienceSize;
  providers: { provider: string; count: number }[];
}

type Needs = Pick<Runtime, 'store' | 'clock' | 'config'>;

/** Examines a campaign as it stands. Changes nothing. */
export async function preflight({ store, clock, config }: Needs, campaign: Campaign): Promise<Preflight> {
  const db = store.read;
  const audience = audienceOf(campaign);
  const condition = await audienceCondition(db, audience, clock.now());
  const [size, providers, custom, domain, brand, mailbox] = await Promise.all([
    audienceSize(db, condition, stoppingScopes(campaign.list_id, campaign.brand_id)),
    audienceByProvider(db, condition),
    fields(db),
    campaign.sending_domain_id === null ? undefined : sendingDomainById(db, campaign.sending_domain_id),
    brandById(db, campaign.brand_id),
    campaign.mailbox_id === null ? undefined : mailboxById(db, campaign.mailbox_id),
  ]);
  const checks: Check[] = [];
  const add = (
    id: string,
    step: Check['step'],
    level: Check['level'],
    says: string,
    fix = '',
    place: string | null = null,
  ) => checks.push({ id, level, says, fix, step, place });

  if (isEmptyAudience(audience))
    add('audience.none', 'audience', 'block', 'no list and no segment is chosen', 'choose who gets it');
  else if (size.mailable === 0)
    add(
      'audience.empty',
      'audience',
      'block',
      'nobody would get it',
      'choose a list or segment with people who may be mailed',
    );
  else
    add('audience', 'audience', 'ok', `${size.mailable} people get it, ${size.suppressed} may not be mailed`);

  const report = checkTemplate(campaign, knownFields(custom.map((field) => field.name)));
  for (const problem of report.problems) {
    add(
      `content.${problem.code}`,
      'content',
      problem.severity === 'error' ? 'block' : 'warn',
      problem.message,
      problem.suggestion === undefined ? '' : `write ${problem.suggestion}`,
      `${problem.place}:${problem.line}`,
    );
  }
  if (!report.problems.some((problem) => problem.severity === 'error'))
    add('content', 'content', 'ok', 'the content can be sent');

  if (domain === undefined)
    add(
      'sender.domain',
      'sender',
      'block',
      'no sending domain is chosen',
      'choose the domain that the mail comes from',
    );
  else {
    const from = `${campaign.from_local}@${domain.name}`;
    if (campaign.from_local === '' || checkAddress(from).kind !== 'address') {
      add('sender.address', 'sender', 'block', `${from} is not an address`, 'write what stands before the @');
    } else if (/^(no|do[-_.]?not|ne[-_.]?pas)[-_.]?(reply|repondre|r[eé]pondre)/i.test(campaign.from_local)) {
      add(
        'sender.noreply',
        'sender',
        'block',
        `${from} says that nobody reads the answers`,
        'send from an address that people may answer',
      );
    } else add('sender', 'sender', 'ok', `it comes from ${from}`);
    if ((await activeDkimKeys(db, domain.id)).length === 0)
      add(
        'sender.dkim',
        'sender',
        'block',
        `${domain.name} has no DKIM key`,
        'make the sending domain again',
      );
    const check = fromJson<DomainCheck | null>(domain.check, null);
    const faults = check?.records.filter((record) => record.status !== 'ok') ?? [];
    if (check === null)
      add(
        'sender.dns',
        'checks',
        'block',
        `the DNS of ${domain.name} was never checked`,
        'open the domain and check it',
      );
    else if (faults.length === 0)
      add('sender.dns', 'checks', 'ok', `all DNS records of ${domain.name} are right`);
    for (const record of faults)
      add(
        `sender.dns.${record.purpose}`,
        'checks',
        'block',
        record.fault,
        `set ${record.type} ${record.name}`,
      );
  }
  if (campaign.from_name.trim() === '')
    add('sender.name', 'sender', 'warn', 'there is no sender name', 'people open mail from names they know');
  if (mailbox === undefined)
    add(
      'sender.mailbox',
      'sender',
      'block',
      'nobody would read the answers',
      'choose the mailbox where replies arrive',
    );
  if ((brand?.postal_address ?? '').trim() === '')
    add(
      'brand.address',
      'sender',
      'block',
      'the brand has no postal address, which the law asks for',
      'write it in Settings, Brand',
    );

  const base = config.http.base_url;
  if (base.startsWith('https:'))
    add('links', 'checks', 'ok', 'people can unsubscribe by one click (RFC 8058)');
  else if (config.mta.allow_private_targets)
    add(
      'links',
      'checks',
      'warn',
      'links are not https; only a lab may do that',
      'set http.base_url to an https address',
    );
  else
    add(
      'links',
      'checks',
      'block',
      'links are not https: receivers refuse one-click unsubscribe without it (RFC 8058)',
      'set http.base_url to an https address',
    );

  return { ready: !checks.some((check) => check.level === 'block'), checks, audience: size, providers };
}
