/** Words of the room: audience. */
import type { Table } from './table.ts';

export const audience = {} as const satisfies Table;
