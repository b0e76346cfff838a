/**
 * The checks on whether we can be reached: the link to leave answers over valid TLS, and bounces come home. Both are tried
 * on ourselves with a canary, a signed token of no delivery: it is taken like anybody's, and changes nothing.
 */
import { connect as dial } from 'node:net';
import type { Resolver } from '../dns.ts';
import { linksFor, returnPath } from '../mail/identifiers.ts';
import type { Runtime } from '../runtime.ts';
import { check, type Check } from './check.ts';

type Needs = Pick<Runtime, 'config' | 'dns' | 'tokens' | 'clock'>;

/** The delivery that a canary is of: there is none with this number. */
export const CANARY = 0;
/** What the page behind a canary's link says. */
export const CANARY_WORDS = 'parley canary';

const PATIENCE_MS = 6000;
const KEPT_MS = 60_000;
const kept = new WeakMap<Resolver, Map<string, { at: number; checks: Promise<Check[]> }>>();

export interface Reached {
  /** Status of each, or why there was none; undefined when it was not tried. */
  get: number | string | undefined;
  post: number | string | undefined;
}

export interface Home {
  host: string;
  /** What the host answered to a return path that we signed, and to one that nobody did. */
  signed: number | string;
  forged: number | string;
}

export interface ReachFacts {
  baseUrl: string;
  /** A laboratory may do without https and without a public address. */
  isLab: boolean;
  link: Reached;
  home: Home | undefined;
}

/** Tries both, at most once a minute while somebody is writing. */
export function reachChecks(
  runtime: Needs,
  bounceHost: string | undefined,
  baseUrl: string,
  { fresh = false }: { fresh?: boolean } = {},
): Promise<Check[]> {
  const known = kept.get(runtime.dns) ?? new Map();
  kept.set(runtime.dns, known);
  const key = `${baseUrl} ${bounceHost ?? ''}`;
  const last = known.get(key);
  if (!fresh && last !== undefined && Date.now() - last.at < KEPT_MS) return last.checks;
  const checks = look(runtime, bounceHost, baseUrl).then(reachVerdict);
  known.set(key, { at: Date.now(), checks });
  checks.catch(() => known.delete(key));
  return checks;
}

async function look(runtime: Needs, bounceHost: string | undefined, baseUrl: string): Promise<ReachFacts> {
  const { config } = runtime;
  // A port that the system chose is known to nobody else: there is nothing to try.
  const hasAddress = config.http.base_url !== '' || config.http.port !== 0;
  const [link, home] = await Promise.all([
    hasAddress ? tryLink(runtime, baseUrl) : { get: undefined, post: undefined },
    bounceHost === undefined || smtpPort(runtime) === 0 ? undefined : tryHome(runtime, bounceHost),
  ]);
  return { baseUrl: config.http.base_url, isLab: config.mta.allow_private_targets, link, home };
}

const smtpPort = ({ config }: Needs): number =>
  // Bounces come to port 25; only where nothing goes to port 25 (the lab) do they come to the listener's own.
  config.mta.remote_port === 25 ? 25 : config.inbound.port;

// ── the link ──────────────────────────────────────────────────────────────────────────────────────────────────────

async function tryLink({ tokens, clock }: Needs, baseUrl: string): Promise<Reached> {
  const { unsubscribe } = linksFor(tokens, { id: CANARY, now: clock.now() }, baseUrl);
  const ask = async (init: RequestInit): Promise<number | string> => {
    try {
      const response = await fetch(unsubscribe, {
        ...init,
        // RFC 8058 3.1: a one-click POST is never redirected.
        redirect: 'manual',
        signal: AbortSignal.timeout(PATIENCE_MS),
      });
      const text = (await response.text()).slice(0, 1000);
      if (response.status === 200 && !text.includes(CANARY_WORDS)) return 'another page answers';
      return response.status;
    } catch (error) {
      const cause = (error as { cause?: { code?: string; message?: string } }).cause;
      return cause?.code ?? cause?.message ?? (error instanceof Error ? error.message : String(error));
    }
  };
  const get = await ask({ method: 'GET' });
  if (get !== 200) return { get, post: undefined };
  const post = await ask({
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: 'List-Unsubscribe=One-Click',
  });
  return { get, post };
}

// ── bounces come home ─────────────────────────────────────────────────────────────────────────────────────────────

async function tryHome(runtime: Needs, bounceHost: string): Promise<Home> {
  const { dns, tokens, clock } = runtime;
  const signed = returnPath(tokens, { id: CANARY, now: clock.now() }, bounceHost);
  const at = signed.indexOf('@');
  const last = signed[at - 1] === '0' ? '1' : '0';
  const forged = `${signed.slice(0, at - 1)}${last}${signed.slice(at)}`;
  let host = bounceHost;
  try {
    const mx = (await dns.mx(bounceHost)).toSorted((one, other) => one.priority - other.priority)[0];
    host = (mx?.exchange ?? bounceHost).replace(/\.$/, '');
    const address = (await dns.a(host))[0] ?? (await dns.aaaa(host))[0] ?? '';
    const [yes = 'no answer', no = 'no answer'] = await recipients(address, smtpPort(runtime), [
      signed,
      forged,
    ]);
    return { host, signed: yes, forged: no };
  } catch (error) {
    const why = (error as { code?: string }).code ?? (error instanceof Error ? error.message : String(error));
    return { host, signed: why, forged: why };
  }
}

/** What a mail host answers to each recipient; nothing is sent. */
function recipients(address: string, port: number, asked: readonly string[]): Promise<number[]> {
  return new Promise((resolve, reject) => {
    const socket = dial({ host: address, port });
    const timer = setTimeout(() => socket.destroy(new Error('no answer in time')), PATIENCE_MS);
    const lines = ['EHLO probe.invalid', 'MAIL FROM:<>', ...asked.map((one) => `RCPT TO:<${one}>`), 'QUIT'];
    const codes: number[] = [];
    let heard = '';
    socket.setEncoding('utf8');
    socket.on('error', reject);
    socket.on('close', () => {
      clearTimeout(timer);
      // After the greeting, EHLO and MAIL come the recipients.
      if (codes.length >= 3 + asked.length) resolve(codes.slice(3, 3 + asked.length));
      else reject(new Error(`the host answered ${codes.at(-1) ?? 'nothing'} and no more`));
    });
    socket.on('data', (text: string) => {
      heard += text;
      for (let end = heard.indexOf('\r\n'); end !== -1; end = heard.indexOf('\r\n')) {
        const line = heard.slice(0, end);
        heard = heard.slice(end + 2);
        if (line[3] === '-') continue;
        codes.push(Number(line.slice(0, 3)));
        const refused = codes.length <= 3 && (codes.at(-1) ?? 500) >= 400;
        const next = refused ? 'QUIT' : lines[codes.length - 1];
        if (next === undefined) socket.end();
        else socket.write(`${next}\r\n`);
      }
      // A host that talks without end is none of ours.
      if (heard.length > 10_000) socket.destroy();
    });
  });
}

// ── judging ───────────────────────────────────────────────────────────────────────────────────────────────────────

export function reachVerdict({ baseUrl, isLab, link, home }: ReachFacts): Check[] {
  const checks: Check[] = [];
  const fix = 'set http.base_url to the https address at which this application answers';
  if (!baseUrl.startsWith('https:'))
    checks.push(
      isLab
        ? check('checks', 'links', 'warn', 'links are not https; only a lab may do that', { fix })
        : check(
            'checks',
            'links',
            'block',
            'links are not https: receivers refuse one-click unsubscribe without it (RFC 8058)',
            { fix },
          ),
    );
  if (link.get !== undefined && link.get !== 200)
    checks.push(
      check('checks', 'links.get', 'block', `the link to leave does not answer: ${link.get}`, {
        fix,
        about: String(link.get),
      }),
    );
  else if (link.get === 200 && link.post !== 200)
    checks.push(
      check('checks', 'links.post', 'block', `leaving by one click does not work: ${link.post} (RFC 8058)`, {
        about: String(link.post),
        fix: 'let POST to /u/ through to this application, without a redirect or a login',
      }),
    );
  if (checks.length === 0 || (link.get === 200 && link.post === 200))
    checks.push(check('checks', 'links.answer', 'ok', 'people can unsubscribe by one click (RFC 8058)'));
  if (home !== undefined) checks.push(homeCheck(home));
  return checks;
}

function homeCheck({ host, signed, forged }: Home): Check {
  const isOurs = typeof signed === 'number' && signed < 300 && typeof forged === 'number' && forged >= 500;
  if (isOurs) return check('checks', 'home', 'ok', `bounces come home through ${host}`, { about: host });
  const says =
    typeof signed === 'number' && signed < 300
      ? `${host} takes any return path: it is not this server`
      : `bounces would not come home: ${host} answers ${signed}`;
  return check('checks', 'home', 'block', says, {
    about: `${host} · ${signed}`,
    fix: `let port 25 of ${host} reach the inbound listener of this server`,
  });
}
