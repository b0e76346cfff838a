/** The checks on who a campaign is from: the address, the name, who reads the answers, and the law's postal address. */
import { checkAddress } from '../mail/address.ts';
import { check, type Check } from './check.ts';

export interface SenderFacts {
  fromLocal: string;
  fromName: string;
  /** Name of the sending domain; undefined when none is chosen. */
  domain: string | undefined;
  keys: number;
  hasMailbox: boolean;
  postalAddress: string;
}

/** Mailbox providers whose domains nobody may send from but they: their DMARC policy refuses it. */
const FREE_MAIL =
  /^(gmail|googlemail|yahoo|ymail|rocketmail|aol|outlook|hotmail|live|msn|icloud|me|mac|orange|wanadoo|free|sfr|laposte|gmx|web|proton|protonmail)\.[a-z]{2,3}(\.[a-z]{2})?$/i;

const NO_REPLY = /^(no|do[-_.]?not|ne[-_.]?pas)[-_.]?(reply|repondre|r[eé]pondre)/i;

export function senderChecks(facts: SenderFacts): Check[] {
  const { domain } = facts;
  const checks: Check[] = [];
  if (domain === undefined)
    checks.push(
      check('sender', 'sender.domain', 'block', 'no sending domain is chosen', {
        fix: 'choose the domain that the mail comes from',
        overridable: false,
      }),
    );
  else checks.push(...addressChecks(facts, domain));
  if (facts.fromName.trim() === '')
    checks.push(
      check('sender', 'sender.name', 'warn', 'there is no sender name', {
        fix: 'people open mail from names they know',
      }),
    );
  if (!facts.hasMailbox)
    checks.push(
      check('sender', 'sender.mailbox', 'block', 'nobody would read the answers', {
        fix: 'choose the mailbox where replies arrive',
      }),
    );
  if (facts.postalAddress.trim() === '')
    checks.push(
      check('sender', 'brand.address', 'block', 'the brand has no postal address, which the law asks for', {
        fix: 'write it in Settings, Brand',
      }),
    );
  return checks;
}

function addressChecks({ fromLocal, keys }: SenderFacts, domain: string): Check[] {
  const checks: Check[] = [];
  const from = `${fromLocal}@${domain}`;
  if (fromLocal === '' || checkAddress(from).kind !== 'address')
    checks.push(
      check('sender', 'sender.address', 'block', `${from} is not an address`, {
        fix: 'write what stands before the @',
        overridable: false,
      }),
    );
  else if (NO_REPLY.test(fromLocal))
    checks.push(
      check('sender', 'sender.noreply', 'block', `${from} says that nobody reads the answers`, {
        fix: 'send from an address that people may answer',
      }),
    );
  else checks.push(check('sender', 'sender', 'ok', `it comes from ${from}`));
  if (FREE_MAIL.test(domain))
    checks.push(
      check(
        'sender',
        'sender.freemail',
        'block',
        `${domain} is a mailbox provider's domain: its DMARC refuses our mail`,
        {
          fix: 'send from a domain of your own',
        },
      ),
    );
  if (keys === 0)
    checks.push(
      check('sender', 'sender.dkim', 'block', `${domain} has no DKIM key`, {
        fix: 'make the sending domain again',
        overridable: false,
      }),
    );
  return checks;
}
