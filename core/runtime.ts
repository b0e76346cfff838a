/** What every role is given, and what a role is: something with a name that starts and stops. */
import type { Config } from '../config/schema.ts';
import type { SuppressionView } from './audience/suppress.ts';
import type { Clock } from './clock.ts';
import type { Resolver } from './dns.ts';
import type { Log } from './log.ts';
import type { Tokens } from './mail/tokens.ts';
import type { Metrics } from './metrics.ts';
import type { Secrets } from './secrets.ts';
import type { Store } from './store/open.ts';
import type { Wake } from './wake.ts';

export interface Runtime {
  config: Config;
  store: Store;
  clock: Clock;
  log: Log;
  metrics: Metrics;
  wake: Wake;
  dns: Resolver;
  secrets: Secrets;
  tokens: Tokens;
  /** Who may not be mailed, in memory; current before any suppression is acknowledged. */
  suppressions: SuppressionView;
  /** Random identity of this process, for leases. */
  node: string;
}

export interface Role {
  name: string;
  start(): Promise<void>;
  /** Stops taking new work, lets what is in flight end, then resolves. */
  stop(): Promise<void>;
}
