/**
 * Whether a letter is spam, by rules that are always there and the word of the filters that are set. Each sign that speaks against it has points; enough of them
 * make it spam, and staff read each sign in "why". Mail that answers ours, and mail of people whom we have written to, is
 * never spam: a lost order costs more than an advertisement in the inbox. Spam suppresses nobody and nothing is thrown away.
 */
import type { Authentication } from './authenticate.ts';
import type { Rule } from './classify.ts';
import type { Letter } from './parse.ts';
import { scannerName, type FilterWord } from './scan.ts';

export interface SpamSigns {
  letter: Pick<Letter, 'from' | 'to' | 'cc' | 'attachments'>;
  authentication: Authentication;
  /** The zones that list the sending address. */
  listedIn: readonly string[];
  /** It came to an address with a token that we signed. */
  hasToken: boolean;
  /** It answers a message or joins a conversation of ours. */
  isAnswer: boolean;
  /** A contact, or somebody whom staff wrote to. */
  isKnown: boolean;
  /** From whom it says: not proved is no sign by itself. */
  isProved: boolean;
  /** From an address at a domain that we send from. */
  isFromUs: boolean;
  /** What rspamd and SpamAssassin say, as far as they are set and answered. */
  filters: readonly FilterWord[];
}

export interface SpamVerdict {
  isSpam: boolean;
  points: number;
  rules: Rule[];
}

const MANY_RECIPIENTS = 30;
/** What Windows runs on a double click, and the containers that carry it past the warning. */
const EXECUTABLE =
  /\.(?:exe|scr|com|pif|bat|cmd|cpl|msi|msp|hta|jse?|vbs|vbe|wsf|wsh|ps1|jar|lnk|reg|iso|img|vhdx?|appx|xll)$/i;
const ADDRESS_IN_NAME = /[a-z0-9._%+-]{1,64}@([a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63})+)/i;

interface Sign {
  points: number;
  id: string;
  why: string;
}

export function weighSpam(signs: SpamSigns, threshold: number): SpamVerdict {
  const found = signsOf(signs, threshold);
  const points = found.reduce((sum, sign) => sum + sign.points, 0);
  const filtered = threshold * signs.filters.filter((word) => word.isSpam).length;
  const rules = [
    ...signs.filters
      .filter((word) => !word.isSpam)
      .map((word) => ({ id: `scan-${word.scanner}`, why: filterSays(word, 'does not call it spam') })),
    ...found.map(({ id, points: worth, why }) => ({ id: `spam-${id}`, why: `${why} (+${worth})` })),
  ];
  if (points < threshold) return { isSpam: false, points, rules };
  const spared = sparedBy(signs, { isByFilterAlone: points - filtered < threshold });
  if (spared !== undefined)
    return { isSpam: false, points, rules: [...rules, { id: 'spam-spared', why: spared }] };
  return {
    isSpam: true,
    points,
    rules: [...rules, { id: 'spam', why: `${points} points, and ${threshold} make it spam` }],
  };
}

/** Why it is not spam whatever its points; a name that DMARC refutes is no friend's. */
function sparedBy(
  { hasToken, isAnswer, isKnown, authentication }: SpamSigns,
  { isByFilterAlone }: { isByFilterAlone: boolean },
): string | undefined {
  if (hasToken) return 'never spam: it came to an address that we gave to one person';
  if (isAnswer && isByFilterAlone) return 'never spam by a filter alone: it answers our mail';
  if (authentication.dmarc.result === 'fail') return undefined;
  if (isAnswer) return 'never spam: it answers our mail';
  if (isKnown) return 'never spam: we have written to this person';
  return undefined;
}

/** Its own points and rules beside its word: staff read why it thinks so. */
function filterSays({ scanner, points, limit, rules }: FilterWord, says: string): string {
  const matched = rules.length === 0 ? '' : `: ${rules.slice(0, 8).join(', ')}`;
  return `${scannerName(scanner)} ${says}, ${points} of ${limit}${matched}`;
}

function signsOf(
  { letter, authentication, listedIn, isProved, isFromUs, filters }: SpamSigns,
  threshold: number,
): Sign[] {
  const signs: Sign[] = [];
  const add = (points: number, id: string, why: string) => signs.push({ points, id, why });
  // Who set a filter believes it: its word alone makes spam, unless the sender is spared.
  for (const word of filters)
    if (word.isSpam) add(threshold, word.scanner, filterSays(word, 'calls it spam'));
  const { dmarc, spf } = authentication;
  if (dmarc.result === 'fail') {
    // RFC 9989 5.4: what the owner of the From domain asks for.
    const worth = { reject: 6, quarantine: 3 }[dmarc.policy] ?? 1;
    add(worth, 'dmarc', `DMARC failed; ${dmarc.domain || 'its domain'} says ${dmarc.policy || 'none'}`);
  }
  // RFC 7208 8.4: the domain says that this host may not send for it.
  if (spf.result === 'fail' && !isProved)
    add(1, 'spf', `SPF failed for ${spf.domain || 'the envelope sender'}`);
  if (listedIn.length > 0)
    add(listedIn.length > 1 ? 5 : 3, 'block-list', `the sending host is listed in ${listedIn.join(', ')}`);
  const sender = letter.from[0];
  const address = sender?.address ?? '';
  if (!/^[^@]+@[^@]+$/.test(address)) add(3, 'no-from', 'it names no sender that one could answer');
  // RFC 5322 3.6.2 allows several with a Sender; people's programs never do it.
  if (new Set(letter.from.map((one) => one.address)).size > 1)
    add(2, 'several-from', 'several senders in From');
  const claimed = ADDRESS_IN_NAME.exec(sender?.name ?? '')?.[1]?.toLowerCase();
  const domain = address.slice(address.lastIndexOf('@') + 1).toLowerCase();
  if (claimed !== undefined && domain !== '' && !isOneDomain(claimed, domain))
    add(3, 'name-is-address', `the name shows an address at ${claimed}, the mail is from ${domain}`);
  if (isFromUs && !isProved) add(3, 'from-us', 'it says that it is from us, and nothing proves it');
  const recipients = letter.to.length + letter.cc.length;
  if (recipients >= MANY_RECIPIENTS) add(2, 'many-recipients', `sent to ${recipients} addresses at once`);
  const program = letter.attachments.find((file) => EXECUTABLE.test(file.fileName.trim()));
  if (program !== undefined) {
    const isDisguised = /\.[a-z]{3,4}\s*\.[a-z0-9]{2,4}$/i.test(program.fileName.trim());
    add(isDisguised ? 6 : 4, 'program', `it carries a program: ${program.fileName.slice(0, 100)}`);
  }
  return signs;
}

const isOneDomain = (a: string, b: string): boolean => a === b || a.endsWith(`.${b}`) || b.endsWith(`.${a}`);
