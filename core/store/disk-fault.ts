/**
 * What an error of the store says about the disk below it. Full: nothing was kept, and all goes on once there is room.
 * Broken: a sync that failed may or may not have kept what it was for, and asking again would lie (the system forgets the
 * error), so the process must end and find out from the files. Away: the database server does not answer.
 */
import { Problem } from '../errors.ts';

export type DiskFault = 'full' | 'broken' | 'away';

const FULL = /SQLITE_FULL|database or disk is full|ENOSPC|EDQUOT/;
const BROKEN = /SQLITE_IOERR|disk I\/O error|SQLITE_CORRUPT|database disk image is malformed|\bEIO\b/;
/** PostgreSQL and the socket to it: shutting down, starting up, no connection, too many of them. */
const AWAY = /^(57P0[123]|08\w{3}|53300|58030|ECONNREFUSED|ECONNRESET|EPIPE)$/;
const PG_FULL = '53100';

export function diskFault(error: unknown): DiskFault | undefined {
  if (!(error instanceof Error)) return undefined;
  const code = String((error as { code?: unknown }).code ?? '');
  const words = `${code} ${error.message}`;
  if (code === PG_FULL || FULL.test(words)) return 'full';
  if (BROKEN.test(words)) return 'broken';
  return AWAY.test(code) ? 'away' : undefined;
}

/** What whoever waits is told: come again later, and nothing about our disks. Other errors stay what they are. */
export function toldOutside(error: unknown): unknown {
  return diskFault(error) === undefined
    ? error
    : new Problem('unavailable', 'the server cannot store anything at the moment, try again later', {
        cause: error,
      });
}
