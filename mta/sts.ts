/**
 * MTA-STS (RFC 8461), the part that needs no network: what a domain's DNS record and its policy say, and whether a mail
 * host is one that the policy names.
 */

export interface StsPolicy {
  mode: 'enforce' | 'testing' | 'none';
  /** Names, or patterns that begin with `*.`. */
  mx: string[];
  maxAgeS: number;
}

/** RFC 8461 3.2 */
const LONGEST_S = 31_557_600;

/** The id in the TXT records at `_mta-sts.DOMAIN`; null when there is no policy, or not one alone (RFC 8461 3.1). */
export function policyIdOf(records: readonly string[]): string | null {
  const ours = records.filter((record) => /^v=STSv1\s*(;|$)/.test(record));
  if (ours.length !== 1) return null;
  return /;\s*id=([A-Za-z0-9]{1,32})\s*(?:;|$)/.exec(ours[0]!)?.[1] ?? null;
}

/** Reads a policy file; throws an Error that says what is wrong with it. */
export function readPolicy(text: string): StsPolicy {
  const fields = new Map<string, string>();
  const mx: string[] = [];
  for (const line of text.split(/\r?\n/)) {
    if (line.trim() === '') continue;
    const [, name, value] = /^([A-Za-z0-9][A-Za-z0-9_.-]{0,31}):[ \t]*(.*?)[ \t]*$/.exec(line) ?? [];
    if (name === undefined || value === undefined) throw new Error('a line that is no field');
    // RFC 8461 3.2: of fields that may stand once the first one counts.
    if (name === 'mx') mx.push(value.toLowerCase().replace(/\.$/, ''));
    else if (!fields.has(name)) fields.set(name, value);
  }
  if (fields.get('version') !== 'STSv1') throw new Error('its version is not STSv1');
  const mode = fields.get('mode');
  if (mode !== 'enforce' && mode !== 'testing' && mode !== 'none') throw new Error('its mode is unknown');
  const age = fields.get('max_age') ?? '';
  if (!/^\d{1,10}$/.test(age)) throw new Error('its max_age is no number of seconds');
  if (mode !== 'none' && mx.length === 0) throw new Error('it names no mx');
  if (mx.length > 1000) throw new Error('it names more than 1000 mx');
  return { mode, mx, maxAgeS: Math.min(Number(age), LONGEST_S) };
}

/** RFC 8461 4.1: a pattern stands for exactly one label at the left. */
export function isNamedMx(host: string, patterns: readonly string[]): boolean {
  const name = host.toLowerCase().replace(/\.$/, '');
  return patterns.some((pattern) =>
    pattern.startsWith('*.') ? name.slice(name.indexOf('.')) === pattern.slice(1) : name === pattern,
  );
}
