/** Words of the room: sending. */
import type { Table } from './table.ts';

export const sending = {} as const satisfies Table;
