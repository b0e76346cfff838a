/**
 * The checks on what a campaign says: the template as it is written, and the message as fifty people of its audience
 * would really get it, with the headers that let them leave.
 */
import { wireForm } from '../mail/compose.ts';
import type { Tokens } from '../mail/tokens.ts';
import type { Row } from '../store/tables.ts';
import { check, type Check } from './check.ts';
import { fillFor, previewMessage, renderMessage } from './fill.ts';
import { findLinks } from './links.ts';
import type { TemplateReport } from './template-check.ts';
import type { CompiledTemplate } from './template.ts';

/** RFC 5321 4.5.3.1.6: 1,000 octets with the CRLF. */
const LONGEST_LINE = 998;
/** Gmail clips what is longer. */
const LARGEST_BYTES = 100_000;

export function templateChecks(report: TemplateReport): Check[] {
  const checks = report.problems.map((problem) =>
    check(
      'content',
      `content.${problem.code}`,
      problem.severity === 'error' ? 'block' : 'warn',
      problem.message,
      {
        fix: problem.suggestion === undefined ? '' : `write ${problem.suggestion}`,
        place: `${problem.place}:${problem.line}`,
        // Without a postal address or a link to leave it could be sent, and somebody may have good reasons.
        overridable: problem.code === 'no-postal-address' || problem.code === 'no-unsubscribe',
      },
    ),
  );
  if (!report.problems.some((problem) => problem.severity === 'error'))
    checks.push(check('content', 'content', 'ok', 'the content can be sent'));
  return checks;
}

export interface Rendered {
  contact: string;
  /** Why it could not be rendered. */
  fault: string;
  longestLine: number;
  bytes: number;
  /** Merge fields without a fallback that this person has no value for. */
  empty: string[];
  unsubscribe: { list: boolean; post: boolean; visible: boolean };
}

/** One person's message, measured. It is made as the queue would make it; the delivery's number alone is made up. */
export function renderFor(
  contact: Row<'contact'>,
  template: CompiledTemplate,
  report: Pick<TemplateReport, 'fields'>,
  { tokens, now }: { tokens: Tokens; now: number },
): Rendered {
  const nothing = {
    longestLine: 0,
    bytes: 0,
    empty: [],
    unsubscribe: { list: false, post: false, visible: false },
  };
  try {
    const fill = fillFor(template, contact, { now, seed: 'preflightpreflight00', key: tokens.currentKey });
    const message = renderMessage(tokens, template, fill, { deliveryId: 1, address: contact.email });
    const wire = wireForm(message);
    const seen = previewMessage(template, fill);
    const fields = message.headers.map((field) => String(field).toLowerCase());
    return {
      contact: contact.email,
      fault: '',
      longestLine: longestLine(wire),
      bytes: wire.length,
      empty: [
        ...new Set(
          report.fields
            .filter((use) => use.path.startsWith('contact.') && !use.hasFallback)
            .map((use) => use.path)
            .filter((path) => fill.contact[path.slice('contact.'.length)] === undefined),
        ),
      ],
      unsubscribe: {
        list: fields.some((field) => field.startsWith('list-unsubscribe:')),
        post: fields.some((field) => field.startsWith('list-unsubscribe-post:')),
        visible: (seen.html ?? seen.text).includes('#unsubscribe'),
      },
    };
  } catch (error) {
    return {
      ...nothing,
      contact: contact.email,
      fault: error instanceof Error ? error.message : String(error),
    };
  }
}

function longestLine(wire: Buffer): number {
  let longest = 0;
  for (let from = 0; from < wire.length;) {
    const end = wire.indexOf('\r\n', from);
    longest = Math.max(longest, (end === -1 ? wire.length : end) - from);
    if (end === -1) break;
    from = end + 2;
  }
  return longest;
}

/** What the sample says, in at most one line a fault. */
export function sampleChecks(sample: readonly Rendered[]): Check[] {
  if (sample.length === 0) return [];
  const checks: Check[] = [];
  const block = (
    id: string,
    hit: readonly Rendered[],
    says: (one: Rendered) => string,
    fix: string,
    overridable = true,
  ) => {
    if (hit.length === 0) return;
    const first = hit[0] as Rendered;
    checks.push(
      check(
        'content',
        id,
        'block',
        `${says(first)} (${hit.length} of ${sample.length} people looked at, for one ${first.contact})`,
        {
          fix,
          about: first.contact,
          overridable,
        },
      ),
    );
  };
  const good = sample.filter((one) => one.fault === '');
  block(
    'sample.fault',
    sample.filter((one) => one.fault !== ''),
    (one) => `the message cannot be made: ${one.fault}`,
    'mend the template',
    false,
  );
  block(
    'sample.empty',
    good.filter((one) => one.empty.length > 0),
    (one) => `the message has a hole where ${one.empty.join(', ')} is empty`,
    'give the field a default: {{ contact.first_name | default: "…" }}',
  );
  block(
    'sample.line',
    good.filter((one) => one.longestLine > LONGEST_LINE),
    (one) => `a line of ${one.longestLine} octets is longer than ${LONGEST_LINE} (RFC 5321)`,
    'break the line in the content',
    false,
  );
  block(
    'sample.size',
    good.filter((one) => one.bytes > LARGEST_BYTES),
    (one) => `the message has ${Math.round(one.bytes / 1000)} KB; Gmail cuts off what is over 100 KB`,
    'shorten the content',
  );
  block(
    'sample.headers',
    good.filter((one) => !one.unsubscribe.list || !one.unsubscribe.post),
    () => 'the headers for leaving by one click are missing (RFC 8058)',
    'set http.base_url to an https address',
  );
  block(
    'sample.unsubscribe',
    good.filter((one) => !one.unsubscribe.visible),
    () => 'the message shows no link to leave',
    'put {{ unsubscribe_url }} into the content',
  );
  if (checks.length === 0)
    checks.push(
      check('content', 'sample', 'ok', `the message is right for ${sample.length} people who were looked at`),
    );
  return checks;
}

// Linear: no class can match what the next begins with.
const SHOWN_LINK = /<a\s(?:[^<>"']|"[^"]*"|'[^']*')*>([^<>]{4,300})<\/a>/gi;
const HOST = /^\s*(?:https?:\/\/)?((?:[a-z0-9-]{1,63}\.){1,8}[a-z]{2,20})(?:[/?#]\S*)?\s*$/i;

/** A link whose words show another host than it leads to is what thieves do, and filters know it. */
export function linkChecks(html: string): Check[] {
  return [...html.matchAll(SHOWN_LINK)].flatMap(([tag, words = '']) => {
    const shown = HOST.exec(words)?.[1]?.toLowerCase();
    const url = findLinks(tag)[0]?.url ?? '';
    if (shown === undefined || !URL.canParse(url)) return [];
    const host = new URL(url).hostname.toLowerCase();
    if (host === '' || host === shown || host.endsWith(`.${shown}`) || shown === `www.${host}`) return [];
    return [
      check('content', 'content.link-host', 'warn', `a link shows ${shown} and leads to ${host}`, {
        fix: 'show where the link leads, or words',
      }),
    ];
  });
}
