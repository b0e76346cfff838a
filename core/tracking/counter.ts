/**
 * Counts opens and clicks. Whoever pressed a link is answered at once; the hit goes to memory and, at the latest a second
 * later, into the database, where it waits ten seconds until what speaks against it has been seen. Then it becomes an event,
 * `clicked` or `clicked_machine`, `opened` or `opened_machine`, and the hit is forgotten.
 *
 * A power cut may cost the last second of hits, and nothing else ever (docs/tracking.md).
 */
import { createHash, randomBytes } from 'node:crypto';
import { PIXEL, TRAP } from '../campaign/link-table.ts';
import type { LinkUse } from '../campaign/template.ts';
import type { Timer } from '../clock.ts';
import type { Runtime } from '../runtime.ts';
import { addEvents, type NewEvent } from '../store/event.ts';
import { fromJson } from '../store/json.ts';
import {
  dropHits,
  hitsBeside,
  hitsWait,
  keepHits,
  keepOpenDays,
  linkOwners,
  takeDueHits,
  type HitRow,
  type KeptHit,
  type LinkOwner,
  type TrackingMode,
} from '../store/tracking.ts';
import type { Fill } from '../campaign/fill.ts';
import type { HitFacts } from './hit.ts';
import { linkTables, type LinkTables } from './link-tables.ts';
import { HOLD_MS, judge, REMEMBER_MS, type Verdict } from './verdict.ts';

const FLUSH_MS = 1000;
const JUDGE_MS = 2000;
/** In memory at most: under a flood what is too much is not counted. */
const MOST_WAITING = 20_000;
/** Of one message in a minute: nobody presses more often. */
const MOST_A_MINUTE = 60;
const BATCH = 500;
const DAY = 86_400_000;

export interface HitCounter {
  /** For `factsOf`: new with every start, so that no visitor is known again. */
  readonly key: Uint8Array;
  readonly tables: LinkTables;
  /** Takes a hit; whether it is on disk is known a second later. */
  add(hit: KeptHit<HitFacts>): void;
  /** Writes what waits in memory. */
  flush(): Promise<void>;
  /** Makes events of the hits whose time is over. */
  judgeDue(): Promise<void>;
  start(): void;
  stop(): Promise<void>;
}

type Needs = Pick<Runtime, 'store' | 'clock' | 'log' | 'secrets'>;

export function createCounter(
  { store, clock, log, secrets }: Needs,
  tables: LinkTables = linkTables(store),
): HitCounter {
  let waiting: KeptHit<HitFacts>[] = [];
  let flushing: Timer | undefined;
  let judging: Timer | undefined;
  let isRunning = false;
  let counted = new Map<number, number>();
  let minute = 0;

  const failed = (what: string) => (error: unknown) => log.warn(what, { error });

  async function flush(): Promise<void> {
    const batch = waiting;
    waiting = [];
    if (batch.length === 0) return;
    await store.write((tx) => keepHits(tx, batch));
  }

  async function judgeDue(): Promise<void> {
    const now = clock.now();
    if (!(await hitsWait(store.read))) return;
    for (;;) {
      const judged = await store.write(async (tx) => {
        const due = new Set(await takeDueHits(tx, now - HOLD_MS, BATCH));
        if (due.size === 0) return 0;
        const hits = await hitsBeside<HitFacts>(tx, [...due]);
        const owners = await linkOwners(
          tx,
          hits.map((hit) => hit.delivery_id),
        );
        const of = new Map<number, ReadonlyMap<number, LinkUse>>();
        for (const owner of owners.values())
          of.set(owner.id, (await tables.of(owner.template_version_id)).links);
        const { events, openDays } = eventsOf(hits, due, owners, of);
        await addEvents(tx, events);
        for (const [day, people] of openDays) await keepOpenDays(tx, people, day);
        await dropHits(tx, now - REMEMBER_MS);
        return due.size;
      });
      if (judged < BATCH) return;
    }
  }

  const repeat = () => {
    judging = clock.after(JUDGE_MS, () => {
      void judgeDue()
        .catch(failed('opens and clicks could not be judged'))
        .finally(() => {
          if (isRunning) repeat();
        });
    });
  };

  return {
    key: createHash('sha256').update(secrets.derive('visitors')).update(randomBytes(16)).digest(),
    tables,

    add(hit) {
      if (Math.floor(hit.at / 60_000) !== minute) {
        minute = Math.floor(hit.at / 60_000);
        counted = new Map();
      }
      const times = (counted.get(hit.delivery_id) ?? 0) + 1;
      counted.set(hit.delivery_id, times);
      if (times > MOST_A_MINUTE || waiting.length >= MOST_WAITING) return;
      waiting.push(hit);
      flushing ??= clock.after(FLUSH_MS, () => {
        flushing = undefined;
        void flush().catch(failed('opens and clicks could not be kept'));
      });
    },
    flush,
    judgeDue,

    start() {
      isRunning = true;
      repeat();
    },
    async stop() {
      isRunning = false;
      judging?.cancel();
      flushing?.cancel();
      await flush();
    },
  };
}

/** The least of what was agreed to when the mail left and what is agreed to now. */
export function modeOf(
  owner: Pick<LinkOwner, 'fill' | 'tracking' | 'origin_kind' | 'contact_id'>,
): TrackingMode {
  // A test goes to colleagues.
  if (owner.contact_id === null || owner.origin_kind === 'test') return 'none';
  const frozen = fromJson<Partial<Fill>>(owner.fill, {}).track ?? 'none';
  if (frozen === 'none' || owner.tracking === 'none') return 'none';
  return frozen === 'full' && owner.tracking === 'full' ? 'full' : 'hygiene';
}

/** What becomes of the hits that are due. Asked again who agreed: ten seconds are enough to say no. */
function eventsOf(
  hits: readonly HitRow<HitFacts>[],
  due: ReadonlySet<number>,
  owners: ReadonlyMap<number, LinkOwner>,
  links: ReadonlyMap<number, ReadonlyMap<number, LinkUse>>,
): { events: NewEvent[]; openDays: Map<number, number[]> } {
  const events: NewEvent[] = [];
  const openDays = new Map<number, number[]>();
  for (const [deliveryId, ofMessage] of Map.groupBy(hits, (hit) => hit.delivery_id)) {
    const owner = owners.get(deliveryId);
    const mode = owner === undefined ? 'none' : modeOf(owner);
    if (owner === undefined || mode === 'none') continue;
    const table = links.get(deliveryId);
    const verdicts = judge(ofMessage, { acceptedAt: owner.accepted_at, links: table?.size ?? 0 });
    for (const [place, hit] of ofMessage.entries()) {
      const verdict = verdicts[place] as Verdict;
      if (!due.has(hit.id) || verdict.who === 'again') continue;
      if (mode === 'hygiene') {
        if (hit.link !== PIXEL || verdict.who !== 'person') continue;
        const day = Math.floor(hit.at / DAY);
        openDays.set(day, [...(openDays.get(day) ?? []), owner.contact_id as number]);
        continue;
      }
      events.push({
        kind: `${hit.link === PIXEL ? 'opened' : 'clicked'}${verdict.who === 'machine' ? '_machine' : ''}`,
        at: hit.at,
        contact_id: owner.contact_id,
        campaign_id: owner.origin_kind === 'campaign' ? owner.origin_id : null,
        delivery_id: deliveryId,
        data: dataOf(hit, verdict, table?.get(hit.link)),
      });
      if (hit.link === PIXEL && verdict.who === 'person') {
        const day = Math.floor(hit.at / DAY);
        openDays.set(day, [...(openDays.get(day) ?? []), owner.contact_id as number]);
      }
    }
  }
  return { events, openDays };
}

function dataOf(
  { link }: { link: number },
  verdict: Verdict,
  use: LinkUse | undefined,
): Record<string, unknown> {
  const about: Record<string, unknown> = {};
  if (link !== PIXEL && link !== TRAP && use !== undefined) {
    const { number, ...rest } = use;
    Object.assign(about, { link: number }, rest);
  } else if (link === TRAP) about['link'] = TRAP;
  if (verdict.who === 'machine') about['reason'] = verdict.reason;
  else if (verdict.who === 'person' && link === PIXEL) about['timed'] = verdict.timed;
  return about;
}
