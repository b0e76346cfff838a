/**
 * The story of a received message.
 *
 *     port 25: keep        the message is on disk and its row is committed; then, and only then, 250
 *     worker:  authenticate -> read (parse, classify) -> thread -> apply
 *
 * Between the two stands a durable row. A crash anywhere leaves it `received`, and the worker begins again; what it does
 * to the store is one transaction that ends with `applied`, so nothing is ever done twice. A message that cannot be read
 * is tried three times, then shown as unreadable. Its bytes are never thrown away.
 */
import { explain } from '../core/errors.ts';
import type { Runtime } from '../core/runtime.ts';
import { fromJson } from '../core/store/json.ts';
import {
  addInbound,
  earlierCopy,
  failInbound,
  settleInbound,
  type ReceivedEnvelope,
} from '../core/store/inbound.ts';
import { addRawMessage, readRawMessage, type RawSpool } from '../core/store/raw-message.ts';
import type { Row } from '../core/store/tables.ts';
import { answeredText } from './answered-text.ts';
import { apply, type Applied } from './apply.ts';
import { authenticate, nothingKnown } from './authenticate.ts';
import { Breach, type Cage } from './cage.ts';
import { isLooping, loopRefusal } from './listener.ts';
import type { Reading } from './read.ts';
import { readEnvelopeTokens, thread, type EnvelopeTokens } from './thread.ts';
import { unreadable } from './unreadable.ts';

export interface Reader {
  rt: Runtime;
  cage: Cage;
  hostname: string;
}

const ATTEMPTS = 3;
const RETRY_MS = 30_000;
const SAME_WITHIN_MS = 10 * 60_000;

/** Port 25's half: resolves when the message is safe, with the id for the 250. */
export async function keep(
  rt: Runtime,
  envelope: Omit<ReceivedEnvelope, 'rawHash' | 'size'>,
  spool: RawSpool,
): Promise<number> {
  const kept = await spool.keep();
  if (isLooping(spool.head)) throw loopRefusal();
  const now = rt.clock.now();
  const id = await rt.store.write(async (tx) => {
    await addRawMessage(tx, kept, now);
    return addInbound(tx, { ...envelope, rawHash: kept.hash, size: kept.size }, now);
  });
  rt.metrics.count('inbound_received');
  rt.wake.ring('inbound');
  return id;
}

/** The worker's half: one claimed row, from its bytes to its effects. */
export async function process(reader: Reader, row: Row<'inbound'>): Promise<void> {
  const { rt } = reader;
  try {
    if (await isRepeated(rt, row)) return;
    const raw = await readRawMessage(rt.store.read, rt.config.data_dir, row.raw_hash);
    if (raw === undefined) throw new Error('the raw message is missing');
    const rcptTo = fromJson<string[]>(row.rcpt_to, []);
    const envelope = readEnvelopeTokens(rcptTo, rt.tokens, rt.clock.now());
    const authentication = await authenticateRow(reader, row, raw);
    const reading = await read(reader, row, raw, envelope);
    const applied = await commit(rt, row, { rcptTo, envelope, authentication, reading });
    announce(rt, row, reading, applied);
  } catch (error) {
    await postpone(rt, row, error);
  }
}

/** A peer that did not hear our 250 sends it again: kept and marked, nothing done twice. */
async function isRepeated(rt: Runtime, row: Row<'inbound'>): Promise<boolean> {
  const earlier = await earlierCopy(rt.store.read, row, SAME_WITHIN_MS);
  if (earlier === undefined) return false;
  const facts = JSON.stringify({ duplicateOf: earlier });
  await rt.store.write((tx) =>
    settleInbound(tx, row.id, { kind: 'other', detail_kind: 'duplicate', facts }, rt.clock.now()),
  );
  rt.log.info('mail received twice', { inbound: row.id, first: earlier });
  return true;
}

function authenticateRow({ rt, hostname }: Reader, row: Row<'inbound'>, raw: Buffer) {
  return authenticate(
    { raw, mailFrom: row.mail_from, remoteIp: row.remote_ip, helo: row.helo, hostname },
    rt.dns,
  );
}

/** In the cage. The last try that still breaches its bounds is shown as what it is. */
async function read(
  { rt, cage }: Reader,
  row: Row<'inbound'>,
  raw: Buffer,
  envelope: EnvelopeTokens,
): Promise<Reading> {
  try {
    return await cage.read(raw, {
      mailFrom: row.mail_from,
      purposes: envelope.valid.map((token) => token.purpose),
      now: rt.clock.now(),
      ownText: await answeredText(rt, envelope, raw),
    });
  } catch (error) {
    if (!(error instanceof Breach) || row.attempts < ATTEMPTS) throw error;
    rt.log.warn('mail could not be read', { inbound: row.id, reason: error.kind });
    return unreadable(raw, error);
  }
}

function commit(
  rt: Runtime,
  row: Row<'inbound'>,
  {
    rcptTo,
    envelope,
    authentication,
    reading: { letter, verdict },
  }: {
    rcptTo: string[];
    envelope: EnvelopeTokens;
    authentication: Awaited<ReturnType<typeof authenticate>>;
    reading: Reading;
  },
): Promise<Applied> {
  const now = rt.clock.now();
  const trusted = authentication.dmarc.result === '' ? nothingKnown('none') : authentication;
  return rt.store.write(async (tx) => {
    const place = await thread(tx, {
      letter,
      verdict,
      authentication: trusted,
      envelope,
      mailFrom: row.mail_from,
      tokens: rt.tokens,
      now,
    });
    return apply(tx, { row, rcptTo, letter, verdict, authentication: trusted, place }, now);
  });
}

/** After the commit: the view in memory first, then whoever waits. */
function announce(rt: Runtime, row: Row<'inbound'>, { verdict }: Reading, applied: Applied): void {
  for (const suppression of applied.suppressed) rt.suppressions.add(suppression);
  if (applied.suppressed.length > 0) rt.wake.ring('suppression');
  if (applied.conversationId !== null) rt.wake.ring('conversation');
  rt.metrics.count('inbound_applied', { kind: verdict.kind });
  rt.log.info('mail applied', {
    inbound: row.id,
    kind: verdict.kind,
    detail: verdict.detail,
    conversation: applied.conversationId,
    suppressed: applied.suppressed.length,
  });
}

/** It went wrong: later again, or, after the last try, kept as failed for a person to see. */
async function postpone(rt: Runtime, row: Row<'inbound'>, error: unknown): Promise<void> {
  const isLast = row.attempts >= ATTEMPTS;
  const reason = explain(error);
  rt.log.error('mail not applied', { inbound: row.id, attempt: row.attempts, last: isLast, error: reason });
  const retryAt = isLast ? null : rt.clock.now() + RETRY_MS * row.attempts;
  await rt.store
    .write((tx) => failInbound(tx, row.id, reason, retryAt))
    // The lease runs out by itself.
    .catch((cause: unknown) =>
      rt.log.error('mail not postponed', { inbound: row.id, error: explain(cause) }),
    );
}
