/** Words of the room: inbox. */
import type { Table } from './table.ts';

export const inbox = {} as const satisfies Table;
