/** Words of the room: campaigns. */
import type { Table } from './table.ts';

export const campaigns = {} as const satisfies Table;
