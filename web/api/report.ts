/** Receivers' reports over HTTP: what the tables hold, and nothing that acts. */
import { Problem } from '../../core/errors.ts';
import { namesOfSources, reportsIn } from '../../core/sending/reports.ts';
import { sendingDomains } from '../../core/store/identity.ts';
import { fromJson } from '../../core/store/json.ts';
import { reportDay, reportWhole } from '../../core/store/report.ts';
import type { SomeHandlers } from '../http/route.ts';

const MOST_LINES = 1000;

export const reportHandlers = {
  async reports({ rt, query, now }) {
    const { days, domain, unproved, limit } = query;
    const to = reportDay(now);
    const name = domain?.toLowerCase() || undefined;
    const [found, domains] = await Promise.all([
      reportsIn(rt.store.read, { from: to - days + 1, to, domain: name, unproved, limit }),
      sendingDomains(rt.store.read),
    ]);
    return { ...found, domains: domains.map((one) => one.name) };
  },
  async report({ rt, params }) {
    const found = await reportWhole(rt.store.read, params.id, MOST_LINES);
    if (found === undefined) throw new Problem('not-found', 'there is no such report');
    const named = await namesOfSources(rt.store.read);
    const { policy, problems, ...report } = found.report;
    return {
      ...found,
      report: {
        ...report,
        policy: fromJson<Record<string, string>>(policy, {}),
        problems: fromJson<string[]>(problems, []),
      },
      sources: found.sources.map((line) => ({ ...line, source_name: named(line.source_ip) })),
    };
  },
} satisfies SomeHandlers;
