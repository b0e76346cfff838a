/**
 * Mail that the server itself writes to the people who run it. It takes the way of submitted mail, with the server as
 * origin (credential 0), so no brake of somebody's can hold it.
 */
import { createHash } from 'node:crypto';
import { composeReply, wireForm, type OutgoingMessage } from '../mail/compose.ts';
import { messageIdFor } from '../mail/identifiers.ts';
import type { Runtime } from '../runtime.ts';
import type { Credential } from '../store/credential.ts';
import { sendingDomains } from '../store/identity.ts';
import { toJson } from '../store/json.ts';
import { addRawMessage } from '../store/raw-message.ts';
import { addSubmissions } from '../store/submission.ts';
import type { Db, Row } from '../store/tables.ts';
import { owners } from '../store/user.ts';
import { newPublicId } from './accept.ts';

/** The origin of what the server writes itself; no credential has this id. */
export const SERVER = 0;

export interface Notice {
  to: readonly string[];
  subject: string;
  text: string;
}

/** Queues one notice, within somebody's transaction. Nothing happens while there is no domain to send from. */
export async function addNotice(
  { tokens }: Runtime,
  tx: Db,
  { to, subject, text }: Notice,
  now: number,
): Promise<void> {
  const domain = (await sendingDomains(tx))[0];
  if (domain === undefined || to.length === 0) return;
  const publicId = newPublicId();
  const from = `postmaster@${domain.name}`;
  const messageId = messageIdFor(tokens, { id: now % 2 ** 40, now }, domain.name, 'c');
  const message = composeReply({
    from: { name: 'Parley', address: from },
    to: to.map((address) => ({ name: '', address })),
    subject,
    text,
    messageId,
    date: now,
    seed: publicId,
    autoSubmitted: 'auto-generated',
  });
  await addOwn(tx, { domain, publicId, from, messageId, subject, message, to }, now);
}

export interface Own extends Pick<Notice, 'to' | 'subject'> {
  domain: Row<'sending_domain'>;
  publicId: string;
  from: string;
  messageId: string;
  message: OutgoingMessage;
}

/** A message of the server itself as rows. */
export async function addOwn(tx: Db, own: Own, now: number): Promise<void> {
  const bytes = wireForm(own.message);
  const hash = createHash('sha256').update(bytes).digest('hex');
  await addRawMessage(tx, { hash, size: bytes.length, encoding: 'identity', body: bytes }, now);
  await addSubmissions(
    tx,
    [
      {
        row: {
          public_id: own.publicId,
          credential_id: SERVER,
          via: 'api',
          sending_domain_id: own.domain.id,
          envelope_from: '',
          from_address: own.from,
          subject: own.subject,
          message_id: own.messageId,
          tags: toJson([]),
          metadata: toJson({}),
          raw_hash: hash,
          size: bytes.length,
          smtputf8: own.message.needsSmtputf8 ? 1 : 0,
          send_at: now,
          created_at: now,
          cancelled_at: null,
        },
        tags: [],
        recipients: own.to.map((address) => ({ address, refused: null })),
      },
    ],
    now,
  );
}

/** The brake went on by itself: those who can decide about it are told at once. */
export async function warnOwners(
  rt: Runtime,
  tx: Db,
  { name, username, kind }: Credential,
  reason: string,
  now: number,
): Promise<void> {
  const { base_url: baseUrl, host, port } = rt.config.http;
  const page = `${baseUrl || `http://${host}:${port}`}/settings/programs`;
  await addNotice(
    rt,
    tx,
    {
      to: (await owners(tx)).map((owner) => owner.email),
      subject: `Held: mail of ${name}`,
      text:
        `The ${kind === 'smtp' ? 'SMTP login' : 'API key'} "${name}" (${username}) was held by itself: ${reason}.\n\n` +
        'What it had handed in and what it hands in from now on waits in the queue; nothing of it leaves.\n' +
        'If it was not your own program, revoke the credential and throw its mail away. If it was, release it.\n\n' +
        `${page}\n`,
    },
    now,
  );
}
