/** The health of the audience over HTTP: a sample at once, what needs everybody beside, counts from the membership engine. */
import {
  columnHealth,
  isDisposable,
  isRole,
  type Column,
  type ColumnHealth,
} from '../../core/audience/health.ts';
import { membershipOf } from '../../core/audience/membership.ts';
import { countDefinition, sampleOf } from '../../core/audience/segment-count.ts';
import { standardFields, type Node } from '../../core/audience/segment.ts';
import { explain } from '../../core/errors.ts';
import type { Runtime } from '../../core/runtime.ts';
import { contactPage, contactsById, countContacts, fields } from '../../core/store/contact.ts';
import { arrivalsByMonth, sharingName } from '../../core/store/health.ts';
import { fromJson } from '../../core/store/json.ts';
import { eventKindsSeen } from '../../core/store/segment.ts';
import type { Answer } from '../contract.ts';
import type { SomeHandlers } from '../http/route.ts';

type Health = Answer<'audienceHealth'>;

const SAMPLE = 3000;
const KEPT_MS = 60_000;
const WHOLE_KEPT_MS = 10 * 60_000;
const YEAR_MS = 365 * 86_400_000;
/** These tell of nobody's data: they are Parley's own notes. */
const NOT_ASKED = new Set(['updated_at', 'soft_bounces', 'tracking', 'email_domain', 'email', 'away_until']);

interface Known {
  sample?: Pick<Health, 'at' | 'ms' | 'total' | 'sampled' | 'fields' | 'roles' | 'disposable'>;
  whole?: NonNullable<Health['whole']>;
  wholeAt?: number;
  kinds?: Set<string>;
}
const known = new WeakMap<Runtime, Known>();

async function lookAtSample(rt: Runtime, now: number): Promise<NonNullable<Known['sample']>> {
  const begun = performance.now();
  const db = rt.store.read;
  const everybody = membershipOf(rt)?.everybody;
  const isReady = everybody !== undefined && everybody.count() > 0;
  const rows = isReady
    ? await contactsById(db, sampleOf(everybody))
    : (await contactPage(db, { limit: SAMPLE })).rows;
  const columns: Column[] = [
    ...(await fields(db)).map(({ name, label, kind }) => ({ name: `fields.${name}`, label, kind })),
    ...Object.entries(standardFields)
      .filter(([name]) => !NOT_ASKED.has(name))
      .map(([name, kind]) => ({ name, label: name, kind })),
  ];
  const sample = rows.map((row) => ({ row, fields: fromJson<Record<string, unknown>>(row.fields, {}) }));
  return {
    at: now,
    total: isReady ? everybody.count() : await countContacts(db),
    sampled: rows.length,
    fields: columnHealth(columns, sample),
    roles: rows.filter((row) => isRole(row.email)).length,
    disposable: rows.filter((row) => isDisposable(row.email)).length,
    ms: Math.round(performance.now() - begun),
  };
}

/** Asked of everybody, beside: whoever looks gets the last answer, and the next one is on its way. */
function lookAtAll(rt: Runtime, mine: Known, now: number): void {
  if (mine.wholeAt !== undefined && now - mine.wholeAt < WHOLE_KEPT_MS) return;
  mine.wholeAt = now;
  const begun = performance.now();
  const db = rt.store.read;
  void Promise.all([sharingName(db), arrivalsByMonth(db, now - YEAR_MS), eventKindsSeen(db)]).then(
    ([sharing, growth, kinds]) => {
      mine.kinds = new Set(kinds.map((one) => one.name));
      mine.whole = { at: now, ms: Math.round(performance.now() - begun), sharing, growth };
    },
    (error: unknown) => {
      delete mine.wholeAt;
      rt.log.warn('audience health not worked out', { error: explain(error) });
    },
  );
}

const never = (event: string, last: string): Node => ({
  event,
  count: { op: 'eq', n: 0 },
  window: { last },
});
const INACTIVE: Node = {
  all: [
    { field: 'created_at', op: 'before', value: { rel: '-180d' } },
    never('opened', '180d'),
    never('clicked', '180d'),
    never('replied', '180d'),
  ],
};

type Suggested = Pick<Health['suggestions'][number], 'what' | 'field'> & { root: Node };

/** Segments worth having, by what is known of people; the first five of which somebody, and not everybody, is. */
function candidates(
  columns: readonly ColumnHealth[],
  sampled: number,
  kinds: ReadonlySet<string>,
): Suggested[] {
  const own = columns.filter(({ name }) => name.startsWith('fields.'));
  const born = own.find(({ name, kind }) => kind === 'date' && /birth|naiss|anniv/.test(name));
  const missing = own
    .filter(({ filled }) => filled < sampled && filled >= sampled / 3)
    .toSorted((a, b) => b.filled - a.filled)[0];
  const has = (kind: string) => kinds.has(kind);
  return [
    { what: 'silent', field: null, root: { all: [{ suppressed: false }, INACTIVE] } },
    ...(has('order_placed')
      ? ([
          {
            what: 'loyal',
            field: null,
            root: { event: 'order_placed', count: { op: 'gte', n: 3 }, window: { last: '12m' } },
          },
          {
            what: 'lapsed',
            field: null,
            root: { all: [{ event: 'order_placed' }, never('order_placed', '6m')] },
          },
        ] as Suggested[])
      : []),
    ...(born === undefined
      ? []
      : [
          {
            what: 'birthday' as const,
            field: born.name,
            root: { field: born.name, op: 'anniversary' as const, value: [0, 7] as [number, number] },
          },
        ]),
    { what: 'replied', field: null, root: { event: 'replied', window: { last: '90d' } } },
    ...(missing === undefined
      ? []
      : [
          {
            what: 'missing' as const,
            field: missing.name,
            root: { field: missing.name, op: 'empty' as const },
          },
        ]),
    { what: 'fresh', field: null, root: { field: 'created_at', op: 'since', value: { rel: '-30d' } } },
    { what: 'bounced', field: null, root: { suppressed: true, reason: 'hard-bounce' } },
  ];
}

export const healthHandlers = {
  async audienceHealth({ rt, now }) {
    const mine = known.get(rt) ?? {};
    known.set(rt, mine);
    lookAtAll(rt, mine, now);
    if (mine.sample === undefined || now - mine.sample.at > KEPT_MS)
      mine.sample = await lookAtSample(rt, now);
    const { sample } = mine;
    const ask = async (root: Node) => {
      const { count, exact } = await countDefinition(rt, { root }, now);
      return { count, exact };
    };
    const shares = await Promise.all(
      (
        [
          ['unreachable', { suppressed: true }],
          ['bounced', { suppressed: true, reason: 'hard-bounce' }],
          ['inactive', INACTIVE],
        ] as const
      ).map(async ([what, root]) => ({ what, ...(await ask(root)) })),
    );
    const counted = await Promise.all(
      candidates(sample.fields, sample.sampled, mine.kinds ?? new Set()).map(
        async ({ what, field, root }) => ({
          what,
          field,
          definition: { root },
          ...(await ask(root)),
        }),
      ),
    );
    return {
      ...sample,
      shares,
      whole: mine.whole ?? null,
      suggestions: counted.filter(({ count }) => count > 0 && count < sample.total).slice(0, 5),
    };
  },
} satisfies SomeHandlers;
