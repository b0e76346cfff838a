/** Words for the way that mail took to us, and for how conversations hang together. */
import type { Table } from './table.ts';

export const ways = {
  'verdict.forwarded': ['forwarded', 'transféré'],
  'subject.new': ['new subject', 'nouvel objet'],
  'subject.before': ['Before: {subject}', 'Auparavant : {subject}'],
  'continues.before': ['Goes on from', 'Fait suite à'],
  'continues.after': ['Goes on in', 'Se poursuit dans'],
} satisfies Table;
