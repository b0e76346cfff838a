/** Words of the room: settings. */
import type { Table } from './table.ts';

export const settings = {} as const satisfies Table;
