/**
 * Whom a bounce in prose is about: the places in which each family of mail programs writes a failed address, the surest
 * first. Without one of these the caller guesses from what the message was sent to.
 */

const ADDRESS = String.raw`[^\s<>"(),;:]{1,64}@[^\s<>"(),;:]{1,253}`;

interface Place {
  dialect: string;
  /** Every match's first group is an address. */
  pattern: RegExp;
}

/** Nobody else's address stands there, not even that of whom the report is for. */
const certain: readonly Place[] = [
  // `<ana@example.net>:` at the beginning of a line.
  {
    dialect: 'qmail, Postfix',
    pattern: new RegExp(`^[ \\t]*<(${ADDRESS})>(?: \\(expanded from[^\\n]*)?:`, 'gim'),
  },
  // `554 <ana@example.net>... Host unknown`, `550 5.1.1 ana@example.net... User unknown`
  {
    dialect: 'sendmail',
    pattern: new RegExp(`^[45]\\d\\d(?: [45]\\.\\d+\\.\\d+)? <?(${ADDRESS}?)>?\\.\\.\\. `, 'gim'),
  },
  // `"ana@example.net":` on a line of its own.
  { dialect: 'GMX, 1&1', pattern: new RegExp(`^[ \\t]*"(${ADDRESS})":[ \\t]*$`, 'gim') },
  {
    dialect: 'Exchange 5.5 and 2000',
    pattern: new RegExp(`did not reach the following recipient\\(s\\):\\s+(${ADDRESS})`, 'gi'),
  },
  {
    dialect: 'Oracle Messaging Server',
    pattern: new RegExp(`^[ \\t]*Recipient address: (${ADDRESS})`, 'gim'),
  },
  { dialect: 'vtext, Verizon', pattern: new RegExp(`^[ \\t]*RCPT TO: (${ADDRESS})`, 'gim') },
  { dialect: 'DragonFly', pattern: new RegExp(`error delivering your mail to <(${ADDRESS})>`, 'gi') },
];

const MOST = 50;

/** Addresses in such a place, lower-case, once each. */
export function certainRecipients(text: string): string[] {
  const found = new Set<string>();
  for (const { pattern } of certain)
    for (const match of text.matchAll(pattern)) {
      found.add((match[1] ?? '').toLowerCase().replace(/\.$/, ''));
      if (found.size >= MOST) return [...found];
    }
  return [...found];
}
