/**
 * What is remembered of a request for a link or the picture: enough to tell a machine from a person, and neither address
 * nor agent. Whence it came is a keyed hash that is thrown away with the row, a minute later.
 */
import { createHmac } from 'node:crypto';
import { agentKind, shouldSpeak, type AgentKind } from './agents.ts';
import { cloudOf, networkOf } from './networks.ts';

export interface HitRequest {
  method: string;
  address: string;
  /** Lower-case names. */
  headers: Record<string, string | string[] | undefined>;
  /** It came by https: only then browsers say what they fetch for. */
  secure: boolean;
}

export interface HitFacts {
  agent: AgentKind;
  /** HEAD: nobody reads the answer. */
  head?: true;
  /** Fetched ahead, by its own words. */
  ahead?: true;
  /** Calls itself a browser of today and does not speak like one. */
  impostor?: true;
  /** From one of the large clouds. */
  cloud?: true;
  /** Same place and same agent: the same visitor, for a minute. */
  visitor: string;
}

export function factsOf({ method, address, headers, secure }: HitRequest, key: Uint8Array): HitFacts {
  const header = (name: string) => String(headers[name] ?? '');
  const agent = header('user-agent').slice(0, 500);
  const kind = agentKind(agent);
  const isAhead =
    /prefetch|prerender|preview/i.test(
      `${header('purpose')} ${header('sec-purpose')} ${header('x-purpose')}`,
    ) || /prefetch/i.test(header('x-moz'));
  const isImpostor =
    kind === 'browser' &&
    header('accept-language') === '' &&
    (!secure || header('sec-fetch-mode') === '') &&
    shouldSpeak(agent);
  return {
    agent: kind,
    ...(method === 'HEAD' && { head: true }),
    ...(isAhead && { ahead: true }),
    ...(isImpostor && { impostor: true }),
    ...(cloudOf(address) !== undefined && { cloud: true }),
    visitor: createHmac('sha256', key)
      .update(`${networkOf(address)} ${agent}`)
      .digest('base64url')
      .slice(0, 16),
  };
}
