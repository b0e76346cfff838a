/**
 * The story of a received message.
 *
 *     port 25: keep        the message is on disk and its row is committed; then, and only then, 250 (keep.ts)
 *     worker:  fetch -> authenticate and read (parse, classify) -> thread and apply (applier.ts)
 *
 * Between the two stands a durable row. A crash anywhere leaves it `received`, and the worker begins again; what it does
 * to the store is one transaction that ends with `applied`, so nothing is ever done twice. A message that cannot be read
 * is tried three times, then shown as unreadable. Its bytes are never thrown away.
 */
import { explain } from '../core/errors.ts';
import type { Runtime } from '../core/runtime.ts';
import { fromJson } from '../core/store/json.ts';
import { earlierCopies, failInbound, settleInbound } from '../core/store/inbound.ts';
import { readRawMessage, readRawMessages } from '../core/store/raw-message.ts';
import type { Row } from '../core/store/tables.ts';
import { answeredText } from './answered-text.ts';
import { Applier } from './applier.ts';
import type { Applied } from './apply.ts';
import { authenticate, nothingKnown, type Authentication } from './authenticate.ts';
import { listedIn } from './block-list.ts';
import { Breach, type Cage } from './cage.ts';
import type { Rule } from './classify.ts';
import type { Forwarders } from './forwarder.ts';
import { withLostToken } from './lost-token.ts';
import type { Reading } from './read.ts';
import { headOf } from './received-path.ts';
import { originalAddress } from './rewritten-address.ts';
import { scannersOf } from './scan.ts';
import { isWeighed } from './spam-check.ts';
import { readEnvelopeTokens, type EnvelopeTokens } from './envelope-token.ts';
import { unreadable } from './unreadable.ts';

export interface Reader {
  rt: Runtime;
  cage: Cage;
  hostname: string;
  forwarders: Forwarders;
}

const ATTEMPTS = 3;
const RETRY_MS = 30_000;
const SAME_WITHIN_MS = 10 * 60_000;
/** Larger ones are fetched one by one, when it is their turn: memory stays flat. */
const FETCHED_TOGETHER_BYTES = 256 * 1024;

/** Whoever reads for one runtime applies through one door. */
const appliers = new WeakMap<Runtime, Applier>();

function applierOf(rt: Runtime): Applier {
  const known = appliers.get(rt) ?? new Applier(rt);
  appliers.set(rt, known);
  return known;
}

/** The worker's half: claimed rows, from their bytes to their effects. `ended` hears of each. */
export async function process(
  reader: Reader,
  rows: readonly Row<'inbound'>[],
  ended: (row: Row<'inbound'>) => void = () => undefined,
): Promise<void> {
  const { rt } = reader;
  const end = async (row: Row<'inbound'>, work: () => Promise<void>) => {
    try {
      await work();
    } catch (error) {
      await postpone(rt, row, error);
    }
    ended(row);
  };
  const small = rows.filter((row) => row.size <= FETCHED_TOGETHER_BYTES);
  const hashes = small.map((row) => row.raw_hash);
  let copies: Map<number, number>;
  let raws: Map<string, Buffer>;
  try {
    [copies, raws] = await Promise.all([
      earlierCopies(rt.store.glance, rows, SAME_WITHIN_MS),
      readRawMessages(rt.store.glance, rt.config.data_dir, hashes),
    ]);
  } catch (error) {
    await Promise.all(rows.map((row) => end(row, () => Promise.reject(error as Error))));
    return;
  }
  const one = (row: Row<'inbound'>) =>
    end(row, async () => {
      const earlier = copies.get(row.id);
      if (earlier !== undefined) return repeated(rt, row, earlier);
      const raw =
        raws.get(row.raw_hash) ?? (await readRawMessage(rt.store.glance, rt.config.data_dir, row.raw_hash));
      if (raw === undefined) throw new Error('the raw message is missing');
      await understand(reader, row, raw);
    });
  await Promise.all([
    ...small.map(one),
    (async () => {
      for (const row of rows) if (row.size > FETCHED_TOGETHER_BYTES) await one(row);
    })(),
  ]);
}

async function understand(reader: Reader, row: Row<'inbound'>, raw: Buffer): Promise<void> {
  const { rt } = reader;
  const rcptTo = fromJson<string[]>(row.rcpt_to, []);
  const now = rt.clock.now();
  const envelope = withLostToken(readEnvelopeTokens(rcptTo, rt.tokens, now), () => headOf(raw), {
    tokens: rt.tokens,
    now,
  });
  const scanners = scannersOf(rt);
  const seen = { mailFrom: row.mail_from, rcptTo, remoteIp: row.remote_ip, helo: row.helo };
  const sender = examineSender(reader, row, raw);
  const [[authentication, listed], [reading, scan], malware] = await Promise.all([
    sender,
    read(reader, row, raw, envelope).then(
      async (found) =>
        [
          found,
          isWeighed(found.verdict.kind)
            ? await scanners.spam(raw, seenBefore((await sender)[0], seen))
            : { words: [], rules: [] },
        ] as const,
    ),
    scanners.malware(raw, seen),
  ]);
  const trusted = authentication.dmarc.result === '' ? nothingKnown('none') : authentication;
  const { letter } = reading;
  const forwarded = throughForwarder(trusted);
  const verdict = {
    ...reading.verdict,
    rules: [...reading.verdict.rules, ...forwarded, ...malware.rules],
  };
  const applied = await applierOf(rt).apply({
    row,
    rcptTo,
    letter,
    verdict,
    authentication: trusted,
    envelope,
    malware: malware.malware,
    listedIn: listed,
    scan,
  });
  announce(rt, row, reading, applied);
}

/** A peer that did not hear our 250 sends it again: kept and marked, nothing done twice. */
async function repeated(rt: Runtime, row: Row<'inbound'>, earlier: number): Promise<void> {
  const facts = JSON.stringify({ duplicateOf: earlier });
  await rt.store.write((tx) =>
    settleInbound(tx, row.id, { kind: 'other', detail_kind: 'duplicate', facts }, rt.clock.now()),
  );
  rt.log.info('mail received twice', { inbound: row.id, first: earlier });
}

/** Who it is from, and whether block lists name the host that sent it: behind a trusted forwarder, the one before. */
async function examineSender(
  { rt, hostname, forwarders }: Reader,
  row: Row<'inbound'>,
  raw: Buffer,
): Promise<[Authentication, string[]]> {
  const spam = rt.config.inbound.spam;
  const authentication = await authenticate(
    { raw, mailFrom: row.mail_from, remoteIp: row.remote_ip, helo: row.helo, hostname, forwarders },
    rt.dns,
  );
  const sender = authentication.forwarding?.origin ?? row.remote_ip;
  const terms = { dns: rt.dns, timeoutMs: spam.block_list_timeout_ms };
  return [authentication, await listedIn(sender, spam.block_lists, terms)];
}

/** What a filter is told of the host: behind a trusted forwarder, the one before it. */
function seenBefore<T extends { mailFrom: string; remoteIp: string; helo: string }>(
  { forwarding }: Authentication,
  seen: T,
): T {
  if (forwarding === undefined) return seen;
  return { ...seen, mailFrom: originalAddress(seen.mailFrom), remoteIp: forwarding.origin, helo: '' };
}

const throughForwarder = ({ forwarding }: Authentication): Rule[] =>
  forwarding === undefined ? [] : [{ id: 'forwarded', why: forwarding.why }];

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

/** After the commit: the view in memory first, then whoever waits. */
function announce(rt: Runtime, row: Row<'inbound'>, { verdict }: Reading, applied: Applied): void {
  for (const suppression of applied.suppressed) rt.suppressions.add(suppression);
  if (applied.suppressed.length > 0) rt.wake.ring('suppression');
  if (applied.conversationId !== null) rt.wake.ring('conversation');
  rt.metrics.count('inbound_applied', { kind: applied.kind });
  rt.log.info('mail applied', {
    inbound: row.id,
    kind: applied.kind,
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
