/**
 * `bench fanout`: how soon a million recipients of a segment are queued and the first message is on the wire, what a claim
 * costs beside ten million waiting rows, and whether taking a campaign back is effective at once while nobody else waits.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { createLog } from '../core/log.ts';
import { FAN_OUT_SLICE } from '../core/campaign/fan-out.ts';
import { systemClock } from '../core/clock.ts';
import { openStore } from '../core/store/open.ts';
import { claimDue, domainIds } from '../core/store/queue.ts';
import type { Answer } from '../web/contract.ts';
import { READY_BOUND } from '../mta/ready.ts';
import { startSink, watchRss, type Sink } from './bench-machine.ts';
import { makeBed, type Bed } from './bench-outbound.ts';
import type { BenchOptions, BenchResult } from './bench.ts';
import { DOMAIN, until, writeCampaign } from './office.ts';
import { sendOnce } from './parley.ts';

const LETTER = {
  subject: 'Bonjour {{ contact.first_name | default: "à vous" }}',
  html: '<p>Bonjour {{ contact.first_name | default: "à vous" }}, <a href="https://www.colombe.example/ete">voir</a>.</p><p>{{ brand.name }} · {{ brand.postal_address }} · <a href="{{ unsubscribe_url }}">Se désabonner</a></p>',
  text: '',
};
const DOMAINS = 50;

export async function benchFanout(options: BenchOptions): Promise<BenchResult> {
  const people = options.count ?? (options.quick ? 100_000 : 1_000_000);
  const waiting = options.quick ? 300_000 : people * 10;
  const sink = await startSink();
  const bed = await makeBed(0, sink).catch((error: unknown) => {
    sink.stop();
    throw error;
  });
  try {
    options.say(`${people} people are made`);
    await settle(bed, people);
    const fanned = await fanOut(bed, sink);
    options.say(
      `queued in ${fanned.queuedS.toFixed(2)} s, first on the wire after ${fanned.firstS.toFixed(2)} s, answered after ${fanned.answeredS.toFixed(2)} s (its checks shown before that took ${fanned.checkedS.toFixed(2)} s), ${fanned.rssMb.toFixed(0)} MB`,
    );
    const cancelled = await cancel(bed, sink, fanned.id);
    options.say(
      `cancelled: last message ${cancelled.effectiveMs.toFixed(0)} ms after the answer, swept in ${cancelled.sweptS.toFixed(1)} s, an inbound 250 meanwhile p99 ${cancelled.inboundP99.toFixed(0)} ms of ${cancelled.probes}`,
    );
    await bed.end();
    const claims = await claimsBeside(waiting, options);
    options.say(
      `claims of ${READY_BOUND} beside ${waiting} waiting rows: p50 ${claims.p50.toFixed(1)}, p99 ${claims.p99.toFixed(1)} ms`,
    );
    return {
      size: { recipients: people, waiting },
      rate: people / fanned.queuedS,
      rss_mb: fanned.rssMb,
      p50_ms: claims.p50,
      p99_ms: claims.p99,
      figures: {
        queued_s: fanned.queuedS,
        first_on_wire_s: fanned.firstS,
        send_answered_s: fanned.answeredS,
        checks_shown_s: fanned.checkedS,
        claim_p50_ms: claims.p50,
        claim_p99_ms: claims.p99,
        cancel_effective_ms: cancelled.effectiveMs,
        cancel_swept_s: cancelled.sweptS,
        inbound_p99_during_cancel_ms: cancelled.inboundP99,
      },
      peers: {},
      limits: {},
      absent: [],
      runs: 1,
      spread: [people / fanned.queuedS, people / fanned.queuedS],
      notes: [],
    };
  } finally {
    await bed.end().catch(() => undefined);
    sink.stop();
  }
}

/** People by one statement: the import has a benchmark of its own. One in fifty is suppressed. */
async function settle(bed: Bed, people: number): Promise<void> {
  const path = join(bed.directory, 'data', 'parley.db');
  const database = new DatabaseSync(path, { timeout: 60_000 });
  // In slices, so that the server beside us is not locked out for long.
  const slice = database.prepare(`with recursive n(i) as (select ? union all select i + 1 from n where i < ?)
    insert into contact (email, email_domain, first_name, fields, tags, created_at, updated_at)
    select 'user' || i || '@d' || (i % ${DOMAINS}) || '.test', 'd' || (i % ${DOMAINS}) || '.test', 'Prénom' || (i % 997),
      '{"orders":' || (i % 7 + 1) || '}', '[]', 1, 1 from n`);
  for (let from = 1; from <= people; from += 50_000) slice.run(from, Math.min(people, from + 49_999));
  database.exec(`insert into list_member (list_id, contact_id, status, since)
      select ${bed.listId}, id, 'subscribed', 1 from contact where true on conflict do nothing;
    insert into suppression (address, scope, reason, created_at)
      select email, 'marketing', 'unsubscribed', 1 from contact where id % 50 = 0;
    analyze;`);
  database.close();
  await bed.restart();
}

interface Fanned {
  id: number;
  queuedS: number;
  firstS: number;
  answeredS: number;
  /** The checks that the page shows before anybody presses send. */
  checkedS: number;
  rssMb: number;
}

async function fanOut(bed: Bed, sink: Sink): Promise<Fanned> {
  const { client } = bed;
  const segment = await client.post<Answer<'createSegment'>>('/api/segments', {
    name: 'Everybody who has a first name',
    definition: { root: { all: [{ field: 'first_name', op: 'nempty' }] } },
  });
  const id = await writeCampaign(client, bed.house, bed.listId, { name: 'a million', ...LETTER });
  await client.call('PATCH', `/api/campaigns/${id}`, {
    audience: { lists: [], segments: [segment.id], excludeSegments: [], excludeOpenConversations: false },
  });
  // The page of a campaign shows its checks before anybody can press send.
  const shown = Date.now();
  await client.get(`/api/campaigns/${id}/preflight`);
  const checkedS = (Date.now() - shown) / 1000;
  await sink.reset();
  const rss = watchRss(bed.parley.process.pid as number);
  const pressed = Date.now();
  await client.post(`/api/campaigns/${id}/send`);
  const answeredS = (Date.now() - pressed) / 1000;
  await until(
    'everybody is queued',
    async () =>
      (await client.get<Answer<'campaign'>>(`/api/campaigns/${id}`)).state === 'sending' ? true : undefined,
    600_000,
    50,
  );
  const queuedS = (Date.now() - pressed) / 1000;
  const first = await until(
    'the first message is out',
    async () => {
      const counts = await sink.counts();
      return counts.msgs > 0 ? counts.first : undefined;
    },
    60_000,
    20,
  );
  const rssMb = rss.peak();
  rss.stop();
  return { id, queuedS, firstS: first - pressed / 1000, answeredS, checkedS, rssMb };
}

async function cancel(
  bed: Bed,
  sink: Sink,
  id: number,
): Promise<{ effectiveMs: number; sweptS: number; inboundP99: number; probes: number }> {
  const { client, parley } = bed;
  const over = new AbortController();
  const took: number[] = [];
  const probe = (async () => {
    for (let n = 0; !over.signal.aborted; n++) {
      const began = performance.now();
      const raw = Buffer.from(
        `From: <p${n}@probe.test>\r\nTo: <bonjour@${DOMAIN}>\r\nSubject: probe ${n}\r\nMessage-ID: <${n}@probe.test>\r\nDate: Mon, 23 Nov 2026 10:00:00 +0000\r\n\r\nBonjour\r\n`,
      );
      const outcome = await sendOnce(parley.inboundPort, {
        from: `p${n}@probe.test`,
        to: `bonjour@${DOMAIN}`,
        raw,
      });
      if (outcome === 'accepted') took.push(performance.now() - began);
    }
  })();
  const asked = Date.now();
  await client.post(`/api/campaigns/${id}/cancel`);
  const answered = Date.now();
  await until(
    'the campaign is swept',
    async () => {
      const { rows } = await client.get<Answer<'queue'>>('/api/queue');
      return rows.length === 0 ? true : undefined;
    },
    600_000,
    1000,
  );
  const sweptS = (Date.now() - asked) / 1000;
  over.abort();
  await probe;
  const { last } = await sink.counts();
  took.sort((a, b) => a - b);
  return {
    effectiveMs: Math.max(0, last * 1000 - answered),
    sweptS,
    inboundP99: took[Math.min(took.length - 1, Math.floor(took.length * 0.99))] ?? 0,
    probes: took.length,
  };
}

/** Claims of a ready queue's size for one domain after another, each with its commit. */
async function claimsBeside(waiting: number, options: BenchOptions): Promise<{ p50: number; p99: number }> {
  const directory = mkdtempSync(join(tmpdir(), 'parley-claims-'));
  const url = `sqlite:${join(directory, 'parley.db')}`;
  const store = await openStore({ url }, systemClock(), createLog('silent'));
  try {
    const ids = await store.write((tx) =>
      domainIds(
        tx,
        Array.from({ length: DOMAINS }, (_, at) => `d${at}.test`),
      ),
    );
    const [lowest] = [...ids.values()].sort((a, b) => a - b);
    const database = new DatabaseSync(join(directory, 'parley.db'), { timeout: 60_000 });
    const slice =
      database.prepare(`with recursive n(i) as (select ? union all select i + 1 from n where i < ?)
      insert into delivery (lane, origin_kind, origin_id, recipient_key, contact_id, address, domain_id, sending_domain_id,
        pool, state, due_at, queued_at, template_version_id)
      select 'bulk', 'campaign', 1, cast(i as text), i, 'user' || i || '@d' || (i % ${DOMAINS}) || '.test',
        ${lowest} + i % ${DOMAINS}, 1, 'marketing', 'queued', 1, 1, 1 from n order by i / ${FAN_OUT_SLICE}, i % ${DOMAINS}`);
    for (let from = 1; from <= waiting; from += 100_000) {
      slice.run(from, Math.min(waiting, from + 99_999));
      if ((from - 1) % 1_000_000 === 0 && from > 1) options.say(`  ${from - 1} rows wait`);
    }
    database.close();
    const took: number[] = [];
    const all = [...ids.values()];
    for (let turn = 0; turn < (options.quick ? 200 : 1000); turn++) {
      const began = performance.now();
      await store.write((tx) =>
        claimDue(tx, {
          domainIds: [all[(turn * 17) % all.length] as number],
          lane: 'bulk',
          limit: READY_BOUND,
          now: 10,
          owner: 'bench',
          leaseMs: 60_000,
          nextAt: 60_010,
          exceptCampaigns: [],
        }),
      );
      took.push(performance.now() - began);
    }
    took.sort((a, b) => a - b);
    return {
      p50: took[took.length >> 1] as number,
      p99: took[Math.floor(took.length * 0.99)] as number,
    };
  } finally {
    await store.close();
    rmSync(directory, { recursive: true, force: true });
  }
}
