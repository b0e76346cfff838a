/**
 * The fault matrix, each kind of row once against a whole house: the right answer to the bad destination, everything to
 * the good ones while the fault lasts, nothing lost, and twice only where a message was sent whole and never answered.
 * `parley faults` runs all rows, and many times.
 */
import { expect, test } from 'vitest';
import { faultRows } from './fault-rows.ts';
import { runRow } from './faults-run.ts';

const HEALTHY = 30;

test.each(faultRows.filter((row) => row.long !== true).map((row) => [row.name, row] as const))(
  'a destination that %s',
  { timeout: 90_000 },
  async (_, row) => {
    expect((await runRow(row, HEALTHY)).problems).toEqual([]);
  },
);
