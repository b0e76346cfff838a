/** `/v1/messages`: hand in, look up, take back. */
import { createHash } from 'node:crypto';
import type { z } from 'zod';
import { Problem } from '../../core/errors.ts';
import { prepareSubmitted, type Prepared } from '../../core/mail/submitted.ts';
import { dateField } from '../../core/mail/header.ts';
import type { Runtime } from '../../core/runtime.ts';
import { brandById } from '../../core/store/identity.ts';
import { campaignById } from '../../core/store/campaign.ts';
import { addEvents } from '../../core/store/event.ts';
import { fromJson } from '../../core/store/json.ts';
import {
  cancelSubmission,
  eventsOf,
  recipientsOf,
  submissionOf,
  submissionsOf,
  type Submission,
} from '../../core/store/submission.ts';
import {
  accept,
  answered,
  checkFrom,
  newPublicId,
  type Accepted,
  type Handed,
} from '../../core/submission/accept.ts';
import { composeWritten, fillTemplate, mailbox } from '../../core/submission/written.ts';
import { messageQuery, newMessage, newMessages, type NewMessage } from '../contract/v1.ts';
import { parseJson, readBody } from '../http/body.ts';
import { HttpProblem, problemOf } from '../http/errors.ts';
import type { KeyCall } from './app.ts';

/** With its attachments in base64. */
const LARGEST_REQUEST = 48 * 1024 * 1024;
const MOST_RECIPIENTS = 1000;
const FARTHEST_MS = 366 * 86_400_000;

export async function postMessages({ rt, ctx, credential, now }: KeyCall): Promise<unknown> {
  if (!/^application\/json\b/i.test(ctx.get('Content-Type')))
    throw new HttpProblem(415, 'invalid', 'the body must be application/json');
  const idempotencyKey = ctx.get('Idempotency-Key');
  if (idempotencyKey.length > 200 || !/^[\x20-\x7e]*$/.test(idempotencyKey))
    throw new Problem('invalid', 'Idempotency-Key: at most 200 printable characters');
  const bytes = await readBody(ctx.req, LARGEST_REQUEST);
  const body = parseJson(bytes);
  const many = typeof body === 'object' && body !== null && 'messages' in body;
  const wanted = many ? check(newMessages, body).messages : [check(newMessage, body)];
  const idempotency =
    idempotencyKey === ''
      ? undefined
      : { key: idempotencyKey, bodyHash: createHash('sha256').update(bytes).digest('hex') };

  // Before anything is checked that may have changed since: a retry hears what the first request was answered.
  let accepted = idempotency && (await answered(rt.store.glance, credential.id, idempotency));
  if (accepted === undefined) {
    const handed: Handed[] = [];
    for (const [at, one] of wanted.entries()) {
      try {
        const made = await handedFrom(rt, one, now);
        await checkFrom(rt.store.glance, credential, made.message.from).catch(toField);
        handed.push(made);
      } catch (error) {
        throw many ? placed(error, at) : error;
      }
    }
    accepted = await accept(rt, { credential, idempotency }, handed);
  }
  return many ? { messages: accepted.map(answerOf) } : answerOf(accepted[0] as Accepted);
}

function check<T extends z.ZodType>(schema: T, body: unknown): z.output<T> {
  const parsed = schema.safeParse(body);
  if (!parsed.success) throw problemOf(parsed.error, 'body');
  return parsed.data;
}

/** A From that is not the key's is a fault of the body, not of the key. */
function toField(error: unknown): never {
  if (error instanceof Problem && error.code === 'forbidden')
    throw new Problem('invalid', error.message, { fields: error.fields });
  throw error;
}

/** The fault of one message of many, with its place. */
function placed(error: unknown, at: number): unknown {
  if (!(error instanceof Problem)) return error;
  const fields = Object.fromEntries(
    Object.entries(error.fields).map(([name, words]) => [`messages.${at}.${name}`, words]),
  );
  return new Problem(error.code, `messages.${at}.${error.message}`, { fields });
}

const answerOf = ({ id, messageId, recipients, held }: Accepted) => ({
  id,
  message_id: messageId,
  status: held ? 'held' : 'queued',
  recipients: recipients.map(({ address, refused }) => ({
    address,
    status: refused !== null ? 'refused' : held ? 'held' : 'queued',
    reason: refused ?? '',
  })),
});

async function handedFrom(rt: Runtime, wanted: NewMessage, now: number): Promise<Handed> {
  const { to, cc, bcc, tags, metadata, send_at: sendAt, require_tls: requireTls } = wanted;
  const recipients = [
    ...to.map((one) => mailbox(one, 'to')),
    ...cc.map((one) => mailbox(one, 'cc')),
    ...bcc.map((one) => mailbox(one, 'bcc')),
  ];
  if (recipients.length === 0) throw fault('to', 'name at least one recipient');
  if (recipients.length > MOST_RECIPIENTS) throw fault('to', `at most ${MOST_RECIPIENTS} recipients`);
  if (sendAt !== undefined && sendAt > now + FARTHEST_MS) throw fault('send_at', 'is more than a year away');
  const publicId = newPublicId();
  const unique = new Map(recipients.map(({ address }) => [address.key, address.address]));
  return {
    via: 'api',
    publicId,
    envelopeFrom: '',
    recipients: [...unique.values()].map((address) => ({ address })),
    message: await contentOf(rt, wanted, publicId, now),
    tags,
    metadata,
    sendAt,
    requireTls,
  };
}

const fault = (field: string, words: string) =>
  new Problem('invalid', `${field}: ${words}`, { fields: { [field]: words } });

async function contentOf(rt: Runtime, wanted: NewMessage, id: string, now: number): Promise<Prepared> {
  const { raw, template, html, text } = wanted;
  const given = [raw, template, html ?? text].filter((one) => one !== undefined).length;
  if (given !== 1) throw fault('text', 'give one of html or text, template, raw');
  if (raw !== undefined) return rawContent(wanted, raw, id, now);
  if (wanted.from === undefined) throw fault('from', 'is missing');
  const filled = template === undefined ? { subject: undefined, html, text } : await filledFrom(rt, template);
  const subject = wanted.subject ?? filled.subject;
  if (subject === undefined) throw fault('subject', 'is missing');
  return composeWritten(
    {
      from: wanted.from,
      to: wanted.to,
      cc: wanted.cc,
      replyTo: wanted.reply_to,
      subject,
      html: filled.html,
      text: filled.text,
      attachments: wanted.attachments.map(({ name, type, content, cid }) => ({
        fileName: name,
        mediaType: type,
        content: Buffer.from(content, 'base64'),
        ...(cid === undefined ? {} : { contentId: cid }),
      })),
      headers: wanted.headers,
    },
    id,
    now,
  );
}

async function filledFrom(rt: Runtime, template: NonNullable<NewMessage['template']>) {
  const campaign = await campaignById(rt.store.glance, template.campaign);
  if (campaign === undefined) throw fault('template.campaign', 'there is no such campaign');
  const brand = await brandById(rt.store.glance, campaign.brand_id);
  return fillTemplate(campaign, template.data, { language: brand?.language ?? 'en', timezone: 'UTC' });
}

function rawContent(wanted: NewMessage, raw: string, id: string, now: number): Prepared {
  for (const field of ['from', 'subject', 'reply_to'] as const)
    if (wanted[field] !== undefined) throw fault(field, 'stands in the raw message');
  if (wanted.attachments.length > 0) throw fault('attachments', 'stand in the raw message');
  if (Object.keys(wanted.headers).length > 0) throw fault('headers', 'stand in the raw message');
  const prepared = prepareSubmitted(Buffer.from(raw, 'base64'), {
    now,
    id: id.slice(4),
    received: `Received: by parley with HTTP id ${id};\r\n ${dateField(now).slice(6)}`,
    smtputf8: true,
  });
  if (prepared.kind === 'refused') throw fault('raw', prepared.reason);
  return prepared.message;
}

const lineOf = (row: Submission) => ({
  id: row.public_id,
  message_id: row.message_id,
  from: row.from_address,
  subject: row.subject,
  tags: fromJson<string[]>(row.tags, []),
  metadata: fromJson<Record<string, string>>(row.metadata, {}),
  created_at: row.created_at,
  send_at: row.send_at,
  cancelled_at: row.cancelled_at,
});

export async function listMessages({
  rt,
  credential,
  query,
}: KeyCall & { query: z.output<typeof messageQuery> }): Promise<unknown> {
  const { tag, before, limit } = query;
  const rows = await submissionsOf(rt.store.read, credential.id, {
    tag,
    before: before === undefined ? undefined : Number(before),
    limit: limit + 1,
  });
  const page = rows.slice(0, limit);
  return {
    messages: page.map(lineOf),
    next: rows.length > limit ? String(page.at(-1)?.id ?? '') : null,
  };
}

export async function getMessage({ rt, credential, id }: KeyCall): Promise<unknown> {
  const row = await own(rt, credential.id, id);
  const [recipients, events] = await Promise.all([
    recipientsOf(rt.store.read, row.id),
    eventsOf(rt.store.read, row.id),
  ]);
  return {
    ...lineOf(row),
    recipients: recipients.map((to) => ({
      address: to.address,
      status: to.refused === null ? (to.state ?? 'queued') : 'refused',
      attempts: to.attempt ?? 0,
      code: to.last_code,
      reply: to.refused ?? to.last_reply ?? to.reason ?? '',
      bounced_after_at: to.bounced_after_at,
    })),
    events: events.map(({ id: number, kind, at, address }) => ({
      id: number,
      type: kind,
      at,
      recipient: address,
    })),
  };
}

export async function cancelMessage(call: KeyCall): Promise<unknown> {
  const { rt, credential, id, now } = call;
  const row = await own(rt, credential.id, id);
  const cancelled = await rt.store.write(async (tx) => {
    const ids = await cancelSubmission(tx, row, now);
    await addEvents(
      tx,
      ids.map((delivery) => ({ kind: 'cancelled', at: now, delivery_id: delivery })),
    );
    return ids.length;
  });
  if (cancelled === 0) throw new Problem('conflict', 'nothing of it waits any more');
  return getMessage(call);
}

async function own(rt: Runtime, credentialId: number, id: string): Promise<Submission> {
  const row = await submissionOf(rt.store.glance, credentialId, id.slice(0, 60));
  if (row === undefined) throw new Problem('not-found', 'there is no such message');
  return row;
}
