/** Words for the way that mail took to us, and for how conversations hang together. */
import type { Table } from './table.ts';

export const ways = {
  'verdict.forwarded': ['forwarded', 'transféré'],
} satisfies Table;
