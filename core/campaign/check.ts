/** One line of the checks before a campaign starts: what is wrong, what to do about it, and where. */

export type Level = 'ok' | 'warn' | 'block';

export interface Check {
  id: string;
  level: Level;
  says: string;
  fix: string;
  /** What it is about: an address, a host, how many. The interface shows it beside its own words. */
  about: string;
  step: 'audience' | 'content' | 'sender' | 'checks' | 'time';
  /** Where in the content: `html:12`. */
  place: string | null;
  /** Whether somebody who may can answer for it. What could not be sent at all cannot be overridden. */
  overridable: boolean;
}

/** Somebody answered for checks that were red. */
export interface Override {
  /** By their names (`nameOf`). */
  checks: string[];
  reason: string;
  by: number | null;
  at: number;
}

type More = Partial<Pick<Check, 'fix' | 'about' | 'place' | 'overridable'>>;

export const check = (
  step: Check['step'],
  id: string,
  level: Level,
  says: string,
  { fix = '', about = '', place = null, overridable = true }: More = {},
): Check => ({ id, level, says, fix, about, step, place, overridable });

/** What an override names: another address with the same fault is another fault. */
export const nameOf = ({ id, about }: Pick<Check, 'id' | 'about'>): string =>
  about === '' ? id : `${id} ${about}`;

/** True when nothing blocks it but what was answered for. */
export function isReady(checks: readonly Check[], override: Override | null): boolean {
  const answered = new Set(override?.checks);
  return checks.every((one) => one.level !== 'block' || (one.overridable && answered.has(nameOf(one))));
}
