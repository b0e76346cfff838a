/**
 * Smarthosts as people set them: what is asked of one before it is taken, and its password, which goes in and never comes
 * out again. Who asks for a test gets it from the house that sends, which alone speaks SMTP.
 */
import { isIP } from 'node:net';
import { Problem } from '../errors.ts';
import { asciiDomain } from '../mail/domain.ts';
import { isLoopback } from '../private-address.ts';
import type { Runtime } from '../runtime.ts';
import type { Secrets } from '../secrets.ts';
import { fromJson, toJson } from '../store/json.ts';
import {
  addSmarthost,
  changeSmarthost,
  isSmarthostName,
  removeSmarthost,
  smarthostById,
  type Smarthost,
} from '../store/smarthost.ts';

type Needs = Pick<Runtime, 'store' | 'secrets' | 'clock' | 'wake'>;

export interface SmarthostWanted {
  host: string;
  port: number;
  tls: Smarthost['tls'];
  verify: boolean;
  username: string;
  /** Left out on a change: the one that is there stays. */
  password?: string | undefined;
  max_connections: number;
  messages_per_connection: number;
  messages_per_minute: number;
  note: string;
}

/** How a test ended, or that one is waited for. */
export type SmarthostTest =
  | { state: 'asked'; at: number }
  | { state: 'ok'; at: number; tls: string; ms: number; greeting: string }
  | { state: 'failed'; at: number; step: string; words: string; ms: number };

const PURPOSE = 'smarthost';

export const openPassword = (secrets: Secrets, { sealed }: Pick<Smarthost, 'sealed'>): string =>
  sealed === null ? '' : secrets.open(PURPOSE, sealed).toString('utf8');

export const testOf = ({ test }: Pick<Smarthost, 'test'>): SmarthostTest | null =>
  fromJson<SmarthostTest | null>(test, null);

export async function createSmarthost(
  { store, secrets, clock, wake }: Needs,
  name: string,
  wanted: SmarthostWanted,
): Promise<number> {
  const columns = columnsOf(secrets, wanted, false);
  const id = await store.write(async (tx) => {
    if (await isSmarthostName(tx, name))
      throw new Problem('conflict', `there is or was a smarthost ${name} already`, {
        fields: { name: 'is taken' },
      });
    return addSmarthost(tx, {
      sealed: null,
      ...columns,
      name,
      paused: 0,
      aside_since: null,
      aside_until: null,
      aside_reason: null,
      tested_at: null,
      test: null,
      created_at: clock.now(),
      removed_at: null,
    });
  });
  wake.ring('settings');
  return id;
}

/** A person who changes it has mended it: it is tried again at once. */
export async function updateSmarthost(
  { store, secrets, wake }: Needs,
  id: number,
  change: { [K in keyof SmarthostWanted]?: SmarthostWanted[K] | undefined } & {
    paused?: boolean | undefined;
  },
): Promise<void> {
  await store.write(async (tx) => {
    const row = await existing(await smarthostById(tx, id));
    const { paused, ...rest } = change;
    const whole: SmarthostWanted = { ...row, verify: row.verify === 1, ...given(rest) };
    // Else whoever may change a host could have the password sent to one of their own.
    const isElsewhere = whole.host.trim().toLowerCase() !== row.host;
    await changeSmarthost(tx, id, {
      ...columnsOf(secrets, whole, row.sealed !== null && !isElsewhere),
      ...(paused !== undefined && { paused: paused ? 1 : 0 }),
      aside_since: null,
      aside_until: null,
      aside_reason: null,
    });
  });
  wake.ring('settings');
}

export async function dropSmarthost({ store, clock, wake }: Needs, id: number): Promise<void> {
  await store.write(async (tx) => {
    await existing(await smarthostById(tx, id));
    await removeSmarthost(tx, id, clock.now());
  });
  wake.ring('settings');
}

/** The house that sends sees it, does it, and writes down how it ended. */
export async function askForTest({ store, clock, wake }: Needs, id: number): Promise<void> {
  await store.write(async (tx) => {
    await existing(await smarthostById(tx, id));
    await changeSmarthost(tx, id, { test: toJson({ state: 'asked', at: clock.now() }) });
  });
  wake.ring('settings');
}

async function existing(row: Smarthost | undefined): Promise<Smarthost> {
  if (row === undefined) throw new Problem('not-found', 'there is no such smarthost');
  return row;
}

const given = <T extends object>(change: T): Partial<T> =>
  Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined)) as Partial<T>;

function columnsOf(secrets: Secrets, wanted: SmarthostWanted, hasPassword: boolean) {
  const host = wanted.host.trim().toLowerCase();
  const isHere = host === 'localhost' || isLoopback(host);
  const fields: Record<string, string> = {};
  if (isIP(host) === 0 && host !== 'localhost' && !asciiDomain(host)?.includes('.'))
    fields['host'] = 'is not a host name';
  else if (isIP(host) !== 0 && !isHere)
    fields['host'] = 'must be a name: the certificate is checked against it';
  if (!isHere && wanted.tls === 'none') fields['tls'] = 'may be left out on this machine only';
  if (!isHere && !wanted.verify) fields['verify'] = 'may be left out on this machine only';
  if (wanted.username !== '' && !hasPassword && !wanted.password)
    fields['password'] = 'is needed with a user name';
  if (Object.keys(fields).length > 0)
    throw new Problem('invalid', `the smarthost ${host} cannot be used so`, { fields });
  return {
    host: isHere ? host : (asciiDomain(host) ?? host),
    port: wanted.port,
    tls: wanted.tls,
    verify: wanted.verify ? 1 : 0,
    username: wanted.username,
    ...(wanted.username === ''
      ? { sealed: null }
      : wanted.password
        ? { sealed: secrets.seal(PURPOSE, Buffer.from(wanted.password)) }
        : {}),
    max_connections: wanted.max_connections,
    messages_per_connection: wanted.messages_per_connection,
    messages_per_minute: wanted.messages_per_minute,
    note: wanted.note,
  };
}

/** As it is shown: everything but the password. */
export function shownSmarthost(row: Smarthost) {
  const { sealed, removed_at: _removed, ...rest } = row;
  return {
    ...rest,
    verify: row.verify === 1,
    paused: row.paused === 1,
    has_password: sealed !== null,
    test: testOf(row),
  };
}
