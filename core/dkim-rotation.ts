/**
 * Changing DKIM keys without a message going out that nobody can verify. A rotation makes a new pair that waits; once the
 * DNS has shown both records at every look for an hour, the new pair signs and the old one steps back. It still repeats
 * what was frozen with it, and its record stays for receivers that verify late; a week later, when nothing is left that it
 * might have to sign again, its secret is wiped and its record may be removed.
 */
import { Problem } from './errors.ts';
import { dkimRecordName, generateDkimKey, hasDkimKey } from './mail/dkim-key.ts';
import type { Runtime } from './runtime.ts';
import {
  activatePendingKeys,
  addDkimKey,
  dkimKeysOf,
  hasFrozenMail,
  retireDkimKey,
  setDkimLook,
  type DkimKey,
} from './store/dkim-key.ts';
import { sendingDomainById, sendingDomains } from './store/identity.ts';
import type { Row } from './store/tables.ts';

type Needs = Pick<Runtime, 'store' | 'secrets' | 'clock' | 'wake' | 'dns' | 'config' | 'log'>;

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
/** How often the DNS is asked for a pending key, and how long it must have answered right. */
export const LOOK_EVERY_MS = HOUR;
/** How long the record of a key that no longer signs must stay: receivers may hold mail for days before they verify. */
export const KEEP_RECORD_MS = 7 * DAY;

/** Makes the next pair of keys, which waits for its records. Conflict while one waits already. */
export async function beginRotation(runtime: Needs, domainId: number): Promise<DkimKey[]> {
  const { store, secrets, clock, wake } = runtime;
  const domain = await sendingDomainById(store.read, domainId);
  if (domain === undefined) throw new Problem('not-found', 'there is no such sending domain');
  const now = clock.now();
  const pairs = await Promise.all((['rsa-sha256', 'ed25519-sha256'] as const).map(generateDkimKey));
  const made = await store.write(async (tx) => {
    const known = await dkimKeysOf(tx, domainId);
    if (known.some((key) => key.state === 'pending'))
      throw new Problem('conflict', `${domain.name} has a new key already that waits for its record`);
    const suffix = freeSuffix(known, now);
    for (const pair of pairs) {
      await addDkimKey(tx, {
        sending_domain_id: domainId,
        selector: `${pair.algorithm === 'rsa-sha256' ? 'pr' : 'pe'}${suffix}`,
        algorithm: pair.algorithm,
        sealed: secrets.seal('dkim', pair.privateDer),
        record: pair.record,
        state: 'pending',
        created_at: now,
      });
    }
    return (await dkimKeysOf(tx, domainId)).filter((key) => key.state === 'pending');
  });
  wake.ring('settings');
  return made;
}

/** `202611`, then `202611b`: a selector is never used for a second key, since receivers cache records. */
export function freeSuffix(known: readonly Pick<DkimKey, 'selector'>[], now: number): string {
  const month = new Date(now).toISOString().slice(0, 7).replace('-', '');
  for (let n = 0; ; n++) {
    const suffix = n === 0 ? month : n < 26 ? `${month}${String.fromCharCode(97 + n)}` : `${month}x${n}`;
    if (!known.some(({ selector }) => selector === `pr${suffix}` || selector === `pe${suffix}`))
      return suffix;
  }
}

/** What a look at the DNS makes of a pending key: since when its record has been there without a gap. */
export function seenSince(
  before: number | null,
  found: 'right' | 'absent' | 'unknown',
  now: number,
): number | null {
  switch (found) {
    case 'right':
      return before ?? now;
    case 'absent':
      return null;
    // A resolver that is down says nothing about the record.
    case 'unknown':
      return before;
    default:
      return found satisfies never;
  }
}

/** Whether a key's record was seen twice, the second time at least an hour after the first. */
export const mayActivate = ({ seen_at, looked_at }: Pick<DkimKey, 'seen_at' | 'looked_at'>): boolean =>
  seen_at !== null && looked_at !== null && looked_at - seen_at >= LOOK_EVERY_MS;

/** Asks the DNS for the pending keys of a domain now, and lets them sign when the time has come. True when it did. */
export async function lookForKeys(runtime: Needs, domain: Pick<Row<'sending_domain'>, 'id' | 'name'>) {
  const { store, dns, clock, wake, log } = runtime;
  const pending = (await dkimKeysOf(store.read, domain.id)).filter((key) => key.state === 'pending');
  if (pending.length === 0) return false;
  const looks = await Promise.all(
    pending.map(async (key) => {
      const found = await whatDnsSays(dns, dkimRecordName(key.selector, domain.name), key.record);
      const now = clock.now();
      return { id: key.id, found, looked_at: now, seen_at: seenSince(key.seen_at, found, now) };
    }),
  );
  // Unknown is no second sighting: only an answer may bring a key into use.
  const isReady = looks.every((look) => look.found === 'right' && mayActivate(look));
  const activated = await store.write(async (tx) => {
    for (const { id, looked_at, seen_at } of looks) await setDkimLook(tx, id, { looked_at, seen_at });
    const ids = looks.map((look) => look.id);
    return isReady && (await activatePendingKeys(tx, domain.id, ids, clock.now()));
  });
  if (activated) {
    log.info('new dkim keys sign', { domain: domain.name, keys: pending.map((key) => key.selector) });
    wake.ring('settings');
  }
  return activated;
}

async function whatDnsSays(dns: Needs['dns'], name: string, record: string) {
  dns.forget(name);
  try {
    return (await dns.txt(name)).some((text) => hasDkimKey(text, record)) ? 'right' : 'absent';
  } catch (error) {
    const { code } = error as { code?: string };
    return code === 'NXDOMAIN' || code === 'NODATA' ? 'absent' : 'unknown';
  }
}

/** The round of every hour: pending keys are looked for, old ones retired, and a rotation begins where one is due. */
export async function tendKeys(runtime: Needs): Promise<void> {
  const { store, clock, config, log } = runtime;
  for (const domain of await sendingDomains(store.read)) {
    const keys = await dkimKeysOf(store.read, domain.id);
    const now = clock.now();
    const pending = keys.filter((key) => key.state === 'pending');
    if (pending.some((key) => key.looked_at === null || now - key.looked_at >= LOOK_EVERY_MS))
      await lookForKeys(runtime, domain);
    for (const key of keys) {
      if (key.state !== 'retiring' || now - (key.retiring_at ?? now) < KEEP_RECORD_MS) continue;
      // An hour more than needed: a node may have frozen mail with the old key while it did not yet know of the new one.
      if (await hasFrozenMail(store.read, domain.id, (key.retiring_at ?? now) + HOUR)) continue;
      await store.write((tx) => retireDkimKey(tx, key.id));
      log.info('dkim key retired: its record may be removed', {
        domain: domain.name,
        record: dkimRecordName(key.selector, domain.name),
      });
    }
    if (pending.length === 0 && isRotationDue(keys, config.dkim.rotate_days, now)) {
      const made = await beginRotation(runtime, domain.id);
      log.warn('dkim keys are due for a change: set the new records', {
        domain: domain.name,
        records: made.map((key) => dkimRecordName(key.selector, domain.name)),
      });
    }
  }
}

export function isRotationDue(
  keys: readonly Pick<DkimKey, 'state' | 'created_at' | 'activated_at'>[],
  days: number,
  now: number,
): boolean {
  if (days === 0) return false;
  return keys.some(
    (key) => key.state === 'active' && now - (key.activated_at ?? key.created_at) >= days * DAY,
  );
}
