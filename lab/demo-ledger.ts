/**
 * Two ledgers of one campaign laid beside each other, recipient by recipient: what Parley says became of each, and what
 * the world saw with its own eyes. They must agree line by line.
 */
import type { LedgerEntry } from './mailbox.ts';

export const LINES = [
  'delivered',
  'delivered, then bounced',
  'bounced in session',
  'expired',
  'cancelled',
  'suppressed',
] as const;
export type Line = (typeof LINES)[number];

/** One recipient as Parley's own ledger has them. */
export interface OurRecipient {
  address: string;
  state: string;
  bounced_after_at: number | null;
}

/** Null while a recipient still waits: at the end nobody may. */
export function ourLine({ state, bounced_after_at }: OurRecipient): Line | null {
  switch (state) {
    case 'delivered':
      return bounced_after_at === null ? 'delivered' : 'delivered, then bounced';
    case 'bounced':
      return 'bounced in session';
    case 'expired':
    case 'cancelled':
    case 'suppressed':
      return state;
    default:
      return null;
  }
}

export interface WorldFacts {
  entries: ReadonlyMap<string, LedgerEntry>;
  /** Only messages with this subject's key word, and answers within these lab times, belong to the campaign. */
  isOurs: (subject: string) => boolean;
  from: number;
  until: number;
  /** Whose later return was taken by Parley. */
  bouncedLater: ReadonlySet<string>;
  /** Whose domain cannot be mailed: nothing was ever sent, and it must have bounced. */
  unmailable: ReadonlySet<string>;
  /** Who had left, complained or bounced before the campaign, by the world's own record. */
  left: ReadonlySet<string>;
}

/** What the world knows of one address. `nothing seen` is right only for those who may not be mailed. */
export function worldLine(address: string, facts: WorldFacts): Line | 'nothing seen' {
  const entry = facts.entries.get(address);
  const took = entry?.accepted.some((receipt) => facts.isOurs(receipt.subject)) ?? false;
  if (took) return facts.bouncedLater.has(address) ? 'delivered, then bounced' : 'delivered';
  const refused =
    entry?.refused.some((answer) => answer.at >= facts.from && answer.at <= facts.until) ?? false;
  if (refused) return 'bounced in session';
  if (facts.left.has(address)) return 'suppressed';
  if (facts.unmailable.has(address)) return 'bounced in session';
  return 'nothing seen';
}

export interface Comparison {
  lines: { line: Line; parley: number; world: number }[];
  recipients: number;
  /** Recipients that still wait, or about whom the two differ. */
  differences: { address: string; parley: string; world: string }[];
}

export function compare(recipients: readonly OurRecipient[], facts: WorldFacts): Comparison {
  const counts = new Map(LINES.map((line) => [line, { line, parley: 0, world: 0 }]));
  const differences: Comparison['differences'] = [];
  const seen = new Set<string>();
  for (const recipient of recipients) {
    const ours = ourLine(recipient);
    const theirs = worldLine(recipient.address, facts);
    if (ours !== null) (counts.get(ours) as { parley: number }).parley++;
    if (theirs !== 'nothing seen') (counts.get(theirs) as { world: number }).world++;
    if (ours !== theirs || seen.has(recipient.address)) {
      differences.push({
        address: recipient.address,
        parley: ours ?? `still ${recipient.state}`,
        world: theirs,
      });
    }
    seen.add(recipient.address);
  }
  // Someone whom the world heard from us, but whom our ledger does not have, is a difference too.
  for (const [address, entry] of facts.entries) {
    if (seen.has(address)) continue;
    if (entry.accepted.some((receipt) => facts.isOurs(receipt.subject))) {
      differences.push({ address, parley: 'not in the ledger', world: 'delivered' });
    }
  }
  return { lines: [...counts.values()], recipients: recipients.length, differences };
}

/** The two columns as text. */
export function ledgerText({ lines, recipients, differences }: Comparison): string {
  const width = Math.max(...LINES.map((line) => line.length));
  const row = (name: string, ours: string | number, theirs: string | number, mark: string) =>
    `  ${name.padEnd(width)}  ${String(ours).padStart(8)}  ${String(theirs).padStart(8)}  ${mark}`;
  const sum = (of: 'parley' | 'world') => lines.reduce((total, line) => total + line[of], 0);
  return [
    row('', 'Parley', 'the world', ''),
    ...lines.map(({ line, parley, world }) => row(line, parley, world, parley === world ? '=' : '≠')),
    row('in all', sum('parley'), sum('world'), `of ${recipients}`),
    ...(differences.length === 0
      ? []
      : [
          `  ${differences.length} recipients differ:`,
          ...differences
            .slice(0, 20)
            .map((one) => `    ${one.address}: Parley says ${one.parley}, the world ${one.world}`),
        ]),
  ].join('\n');
}
