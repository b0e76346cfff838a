/**
 * Who pressed the link: a person, or one of the machines that stand between us and them. Pure: all hits on one message
 * within a minute or so, and when its receiver took it, to one verdict a hit. In doubt it is a person where only the
 * agent's or the network's name speaks against them, and a machine where what was done is beyond a person.
 */
import { PIXEL, TRAP } from '../campaign/link-table.ts';
import type { AgentKind } from './agents.ts';
import type { HitFacts } from './hit.ts';

export interface Hit {
  at: number;
  /** 0 the picture, else a link's number. */
  link: number;
  facts: HitFacts;
}

export interface MessageFacts {
  /** When the receiver said 250; null: not yet known to us. */
  acceptedAt: number | null;
  /** Different links that are counted in it. */
  links: number;
}

export type MachineReason =
  | 'trap'
  | 'head'
  | 'ahead'
  | 'agent'
  | 'privacy-proxy'
  | 'impostor'
  | 'soon'
  | 'burst'
  | 'companion'
  | 'same-visitor';

export type Verdict =
  /** `timed`: that it happened at that moment may be believed. */
  | { who: 'person'; timed: boolean }
  | { who: 'machine'; reason: MachineReason }
  /** The same person's second knock, within seconds: a double click, a browser that tries again. */
  | { who: 'again' };

/** A hit is judged when it is this old: what speaks against it may come after it. */
export const HOLD_MS = 10_000;
/** And it speaks against others for so long. */
export const REMEMBER_MS = 60_000;

/** Nobody gets a message, reads it and presses a link sooner than that after the receiver took it. */
const SOONEST_CLICK_MS = 5_000;
/** A preview pane draws a picture sooner, but nobody read anything then. */
const SOONEST_OPEN_MS = 2_000;
/** So many different links in so short a time are beyond a person. */
const BURST_LINKS = 3;
const BURST_MS = 5_000;
/** All links of a message that has only two: a person does that, too, but not as fast. */
const PAIR_MS = 1_000;
/** Around a trap everything is the scanner's, wherever it comes from. */
const TRAP_MS = 5_000;
const AGAIN_MS = 10_000;
/** What a machine did makes the same visitor's other hits a machine's for so long. */
const TAINT_MS = 30_000;

const MACHINES: ReadonlySet<AgentKind> = new Set(['scanner', 'preview', 'tool', 'crawler', 'none']);

/** One verdict for each hit, in their order. `hits` in the order of time. */
export function judge(hits: readonly Hit[], message: MessageFacts): Verdict[] {
  const reasons = hits.map((hit) => byItself(hit, message));
  const mark = (place: number, reason: MachineReason) => (reasons[place] ??= reason);

  const inBurst = bursts(hits, message.links);
  for (const [place, hit] of hits.entries()) {
    if (inBurst.has(place)) mark(place, 'burst');
    const isByTrap = hits.some((other) => other.link === TRAP && Math.abs(other.at - hit.at) <= TRAP_MS);
    // A proxy's picture stays a reader's: the reader opens when the scanner happens to look.
    if (isByTrap && !(hit.link === PIXEL && hit.facts.agent === 'picture-proxy')) mark(place, 'trap');
  }

  const tainting = hits.flatMap((hit, place) => (taints(hit, reasons[place]) ? [hit] : []));
  for (const [place, hit] of hits.entries()) {
    const same = tainting.some(
      (other) =>
        other !== hit &&
        other.facts.visitor === hit.facts.visitor &&
        Math.abs(other.at - hit.at) <= (isForgetful(other) ? HOLD_MS : TAINT_MS),
    );
    if (same && hit.facts.agent !== 'picture-proxy') mark(place, 'same-visitor');
  }
  for (const [place, hit] of hits.entries()) {
    if (reasons[place] === undefined && hasCompanion(hit, hits, reasons)) mark(place, 'companion');
  }

  return hits.map((hit, place) => {
    const reason = reasons[place];
    if (reason !== undefined) return { who: 'machine', reason };
    const before = hits.some(
      (other, earlier) =>
        earlier < place &&
        reasons[earlier] === undefined &&
        other.link === hit.link &&
        other.facts.visitor === hit.facts.visitor &&
        hit.at - other.at <= AGAIN_MS,
    );
    return before ? { who: 'again' } : { who: 'person', timed: hit.facts.agent !== 'picture-proxy' };
  });
}

function byItself({ at, link, facts }: Hit, { acceptedAt }: MessageFacts): MachineReason | undefined {
  if (link === TRAP) return 'trap';
  if (facts.head) return 'head';
  if (facts.ahead) return 'ahead';
  if (facts.agent === 'apple-privacy') return 'privacy-proxy';
  if (MACHINES.has(facts.agent)) return 'agent';
  // Proxies of pictures have no business with links.
  if (facts.agent === 'picture-proxy' && link !== PIXEL) return 'agent';
  if (facts.impostor && link !== PIXEL) return 'impostor';
  const soonest = link === PIXEL ? SOONEST_OPEN_MS : SOONEST_CLICK_MS;
  return acceptedAt === null || at < acceptedAt + soonest ? 'soon' : undefined;
}

/** The hits on links that come too many at once. */
function bursts(hits: readonly Hit[], links: number): Set<number> {
  const clicks = hits.flatMap((hit, place) => (hit.link === PIXEL ? [] : [{ ...hit, place }]));
  const found = new Set<number>();
  for (const [first, begin] of clicks.entries()) {
    const within = clicks.slice(first).filter((hit) => hit.at - begin.at <= BURST_MS);
    const distinct = new Set(within.map((hit) => hit.link));
    const pair = within.filter((hit) => hit.at - begin.at <= PAIR_MS);
    const isPair = links === 2 && new Set(pair.map((hit) => hit.link)).size === 2;
    const burst = distinct.size >= BURST_LINKS ? within : isPair ? pair : [];
    for (const { place } of burst) found.add(place);
  }
  return found;
}

/** Whether a machine's hit makes its visitor a machine. A picture that was drawn too soon may be a preview pane. */
function taints(hit: Hit, reason: MachineReason | undefined): boolean {
  if (reason === undefined || reason === 'companion' || reason === 'privacy-proxy') return false;
  return !(hit.link === PIXEL && reason === 'soon') && reason !== 'ahead';
}

/** What is known of a visitor by the time alone does not hold for long. */
const isForgetful = (hit: Hit): boolean => !hit.facts.head && hit.link !== TRAP;

/** A check at the moment of the click: the same link within seconds, once from a cloud and once from somewhere else. */
function hasCompanion(
  hit: Hit,
  hits: readonly Hit[],
  reasons: readonly (MachineReason | undefined)[],
): boolean {
  return (
    hit.facts.cloud === true &&
    hit.link !== PIXEL &&
    hits.some(
      (other, place) =>
        reasons[place] === undefined &&
        other.link === hit.link &&
        other.facts.cloud !== true &&
        Math.abs(other.at - hit.at) <= HOLD_MS,
    )
  );
}
