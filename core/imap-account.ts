/**
 * Mailboxes elsewhere, as people connect them: what is asked of one before it is taken, and its secret, which goes in and
 * never comes out again. The house that receives sees the change and connects by itself.
 */
import { isIP } from 'node:net';
import { Problem } from './errors.ts';
import { asciiDomain } from './mail/domain.ts';
import { isLoopback } from './private-address.ts';
import type { Runtime } from './runtime.ts';
import type { Secrets } from './secrets.ts';
import {
  addImapAccount,
  changeImapAccount,
  imapAccountById,
  imapAccountNamed,
  removeImapAccount,
  type ImapAccount,
} from './store/imap-account.ts';
import { mailboxById } from './store/identity.ts';

type Needs = Pick<Runtime, 'store' | 'secrets' | 'clock' | 'wake'>;

export interface ImapSecret {
  password?: string | undefined;
  client_id?: string | undefined;
  client_secret?: string | undefined;
  refresh_token?: string | undefined;
}

export interface ImapWanted extends ImapSecret {
  host: string;
  port: number;
  tls: ImapAccount['tls'];
  verify: boolean;
  username: string;
  auth: ImapAccount['auth'];
  token_url: string;
  folder: string;
  after: ImapAccount['after'];
  move_to: string;
  mailbox_id: number;
}

const PURPOSE = 'imap';

export const openImapSecret = (secrets: Secrets, { sealed }: Pick<ImapAccount, 'sealed'>): ImapSecret =>
  sealed === null ? {} : (JSON.parse(secrets.open(PURPOSE, sealed).toString('utf8')) as ImapSecret);

export const sealImapSecret = (secrets: Secrets, secret: ImapSecret): Buffer =>
  secrets.seal(PURPOSE, Buffer.from(JSON.stringify(secret)));

export async function createImapAccount(
  { store, secrets, clock, wake }: Needs,
  name: string,
  wanted: ImapWanted,
): Promise<number> {
  const now = clock.now();
  const id = await store.write(async (tx) => {
    if ((await imapAccountNamed(tx, name)) !== undefined)
      throw new Problem('conflict', `there is a connected mailbox ${name} already`, {
        fields: { name: 'is taken' },
      });
    const columns = columnsOf(secrets, wanted, {});
    await knownMailbox(tx, wanted.mailbox_id);
    return addImapAccount(tx, {
      ...columns,
      name,
      paused: 0,
      uid_validity: null,
      first_uid: null,
      last_uid: null,
      taken: 0,
      skipped: 0,
      last_taken_at: null,
      checked_at: null,
      error: null,
      error_at: null,
      created_at: now,
      updated_at: now,
    });
  });
  wake.ring('settings');
  return id;
}

/** Another host, user or folder is another mailbox: reading begins there anew, and the old secret is not sent there. */
export async function updateImapAccount(
  { store, secrets, clock, wake }: Needs,
  id: number,
  change: { [K in keyof ImapWanted]?: ImapWanted[K] | undefined } & { paused?: boolean | undefined },
): Promise<void> {
  await store.write(async (tx) => {
    const row = await existing(await imapAccountById(tx, id));
    const { paused, ...rest } = change;
    const given = Object.fromEntries(
      Object.entries(rest).filter(([, value]) => value !== undefined),
    ) as Partial<ImapWanted>;
    const whole: ImapWanted = { ...row, verify: row.verify === 1, ...given };
    const isElsewhere =
      whole.host.trim().toLowerCase() !== row.host ||
      whole.username !== row.username ||
      whole.token_url !== row.token_url ||
      whole.auth !== row.auth;
    if (change.mailbox_id !== undefined) await knownMailbox(tx, whole.mailbox_id);
    await changeImapAccount(tx, id, {
      ...columnsOf(secrets, whole, isElsewhere ? {} : openImapSecret(secrets, row)),
      ...(paused !== undefined && { paused: paused ? 1 : 0 }),
      ...((isElsewhere || whole.folder !== row.folder) && {
        uid_validity: null,
        first_uid: null,
        last_uid: null,
      }),
      error: null,
      error_at: null,
      // What runs is told by its time: never the same one twice.
      updated_at: Math.max(clock.now(), row.updated_at + 1),
    });
  });
  wake.ring('settings');
}

/** Connects anew, now. */
export const reconnectImapAccount = (needs: Needs, id: number): Promise<void> =>
  updateImapAccount(needs, id, {});

export async function dropImapAccount({ store, wake }: Needs, id: number): Promise<void> {
  await store.write(async (tx) => {
    await existing(await imapAccountById(tx, id));
    await removeImapAccount(tx, id);
  });
  wake.ring('settings');
}

async function existing(row: ImapAccount | undefined): Promise<ImapAccount> {
  if (row === undefined) throw new Problem('not-found', 'there is no such connected mailbox');
  return row;
}

async function knownMailbox(tx: Parameters<typeof mailboxById>[0], id: number): Promise<void> {
  if ((await mailboxById(tx, id)) === undefined)
    throw new Problem('invalid', 'there is no such shared mailbox', {
      fields: { mailbox_id: 'is not known' },
    });
}

function columnsOf(secrets: Secrets, wanted: ImapWanted, kept: ImapSecret) {
  const host = wanted.host.trim().toLowerCase();
  const isHere = host === 'localhost' || isLoopback(host);
  const fields: Record<string, string> = {};
  if (isIP(host) === 0 && host !== 'localhost' && !asciiDomain(host)?.includes('.'))
    fields['host'] = 'is not a host name';
  else if (isIP(host) !== 0 && !isHere)
    fields['host'] = 'must be a name: the certificate is checked against it';
  if (!isHere && !wanted.verify) fields['verify'] = 'may be left out on this machine only';
  if (wanted.username.trim() === '') fields['username'] = 'is missing';
  if (wanted.folder.trim() === '') fields['folder'] = 'is missing';
  if (wanted.after === 'move' && wanted.move_to.trim() === '') fields['move_to'] = 'is missing';
  if (wanted.after === 'move' && wanted.move_to === wanted.folder) fields['move_to'] = 'is the same folder';
  const secret: ImapSecret =
    wanted.auth === 'password'
      ? { password: wanted.password || kept.password }
      : {
          client_id: wanted.client_id || kept.client_id,
          client_secret: wanted.client_secret ?? kept.client_secret,
          refresh_token: wanted.refresh_token || kept.refresh_token,
        };
  if (wanted.auth === 'password' && !secret.password) fields['password'] = 'is missing';
  if (wanted.auth === 'oauth2') {
    if (!secret.client_id) fields['client_id'] = 'is missing';
    if (!secret.refresh_token) fields['refresh_token'] = 'is missing';
    if (!isTokenUrl(wanted.token_url)) fields['token_url'] = 'must be an https address';
  }
  if (Object.keys(fields).length > 0)
    throw new Problem('invalid', `the mailbox at ${host} cannot be connected so`, { fields });
  return {
    host: isHere ? host : (asciiDomain(host) ?? host),
    port: wanted.port,
    tls: wanted.tls,
    verify: wanted.verify ? 1 : 0,
    username: wanted.username.trim(),
    auth: wanted.auth,
    sealed: sealImapSecret(secrets, secret),
    token_url: wanted.auth === 'oauth2' ? wanted.token_url : '',
    folder: wanted.folder.trim(),
    after: wanted.after,
    move_to: wanted.after === 'move' ? wanted.move_to.trim() : '',
    mailbox_id: wanted.mailbox_id,
  };
}

/** A refresh token goes there: TLS, or this very machine. */
function isTokenUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname } = new URL(text);
  return protocol === 'https:' || (protocol === 'http:' && isLoopback(hostname));
}
