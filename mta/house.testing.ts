/**
 * For tests of the house at work: a receiver on loopback that does as it is told, and a campaign whose recipients are all
 * queued, with the house that sends it. Time runs 2,000 times faster unless a test brings its own clock.
 */
import { randomBytes } from 'node:crypto';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { expect, onTestFinished, vi } from 'vitest';
import { schema } from '../config/schema.ts';
import { SuppressionView } from '../core/audience/suppress.ts';
import { systemClock, type Clock } from '../core/clock.ts';
import { DnsError, type Resolver } from '../core/dns.ts';
import { silentLog } from '../core/log.ts';
import { createTokens } from '../core/mail/tokens.ts';
import { createMetrics } from '../core/metrics.ts';
import type { Runtime } from '../core/runtime.ts';
import { createSecrets } from '../core/secrets.ts';
import type { DeliveryState } from '../core/store/tables.ts';
import { openTestStore } from '../core/store/testing.ts';
import { createWake } from '../core/wake.ts';
import { mta } from './service.ts';
import { stage } from './stage.testing.ts';

// ── a receiver that does as it is told ────────────────────────────────────────────────────────────────────────────

type Answer = string | 'drop-after-dot';

export class Receiver {
  port = 0;
  /** Every RCPT, in order, with the real time. */
  readonly rcpts: string[] = [];
  /** What was taken, or at least read whole. */
  readonly messages: { to: string; from: string; raw: string; answered: boolean; ip: string }[] = [];
  answer: (to: string, time: number) => Answer = () => '250 2.0.0 ok';
  atRcpt: (to: string) => void = () => {};
  /** What it greets an address with. */
  greet: (ip: string) => string = () => '220 mx.test';
  /** After a message: when the connection is closed unless more came, and with what words. */
  closes: () => { afterMs: number; words: string } | undefined = () => undefined;
  readonly #times = new Map<string, number>();
  readonly #open = new Set<Socket>();
  most = 0;

  async start(host = '127.0.0.1'): Promise<this> {
    const server = createServer((socket) => this.#serve(socket));
    await new Promise<void>((resolve) => server.listen(0, host, resolve));
    this.port = (server.address() as AddressInfo).port;
    onTestFinished(async () => {
      for (const socket of this.#open) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    });
    return this;
  }

  #serve(socket: Socket): void {
    this.#open.add(socket);
    this.most = Math.max(this.most, this.#open.size);
    socket.on('close', () => this.#open.delete(socket)).on('error', () => {});
    const say = (line: string) => void socket.write(`${line}\r\n`);
    let text = '';
    let from = '';
    let to = '';
    let inData = false;
    const ip = socket.remoteAddress ?? '';
    say(this.greet(ip));
    let closing: NodeJS.Timeout | undefined;
    socket.on('data', (bytes) => {
      clearTimeout(closing);
      text += bytes.toString('latin1');
      for (;;) {
        if (inData) {
          const end = text.indexOf('\r\n.\r\n');
          if (end < 0) return;
          inData = false;
          const raw = text.slice(0, end + 2);
          text = text.slice(end + 5);
          const verdict = this.answer(to, this.#times.get(to) ?? 1);
          this.messages.push({ to, from, raw, answered: verdict !== 'drop-after-dot', ip });
          if (verdict === 'drop-after-dot') return void socket.destroy();
          say(verdict);
          const closes = this.closes();
          if (closes !== undefined)
            closing = setTimeout(() => socket.end(closes.words), closes.afterMs).unref();
          continue;
        }
        const end = text.indexOf('\r\n');
        if (end < 0) return;
        const line = text.slice(0, end);
        text = text.slice(end + 2);
        const verb = line.slice(0, 4).toUpperCase();
        if (verb === 'EHLO') socket.write('250-mx.test\r\n250-PIPELINING\r\n250 8BITMIME\r\n');
        else if (verb === 'MAIL') {
          from = /<(.*?)>/.exec(line)?.[1] ?? '';
          say('250 ok');
        } else if (verb === 'RCPT') {
          to = /<(.*?)>/.exec(line)?.[1] ?? '';
          this.rcpts.push(to);
          this.atRcpt(to);
          const time = (this.#times.get(to) ?? 0) + 1;
          this.#times.set(to, time);
          const verdict = this.answer(to, time);
          if (/^[45]/.test(verdict)) {
            to = '';
            say(verdict);
          } else say('250 ok');
        } else if (verb === 'DATA') {
          if (to === '') say('503 no recipient');
          else {
            inData = true;
            say('354 go on');
          }
        } else if (verb === 'QUIT') {
          say('221 bye');
          return void socket.end();
        } else say('250 ok');
      }
    });
  }
}

// ── Parley around it ──────────────────────────────────────────────────────────────────────────────────────────────

/** Every domain has the one receiver for its host; `nowhere.example` does not exist. */
export const dns: Resolver = {
  mx: async (name) => {
    if (name === 'nowhere.example') throw new DnsError('NXDOMAIN', name);
    return [{ exchange: `mx.${name}`, priority: 10 }];
  },
  a: async () => ['127.0.0.1'],
  aaaa: async (name) => {
    throw new DnsError('NODATA', name);
  },
  txt: async (name) => {
    throw new DnsError('NODATA', name);
  },
  cname: async (name) => {
    throw new DnsError('NODATA', name);
  },
  ptr: async (name) => {
    throw new DnsError('NODATA', name);
  },
  forget: () => {},
};

export interface House {
  runtime: Runtime;
  campaign: number;
  start(): Promise<void>;
  stop(): Promise<void>;
  states(): Promise<Record<string, number>>;
  until(states: Record<string, number>): Promise<void>;
}

/** A campaign whose recipients are all queued, and the house that will send it once started. */
export async function houseFor(
  receiver: Receiver,
  addresses: string[],
  clock: Clock = systemClock({ speed: 2000, epoch: Date.now() }),
  more: Partial<Runtime> = {},
): Promise<House> {
  const store = await openTestStore();
  const secrets = createSecrets(randomBytes(32));
  const runtime: Runtime = {
    config: schema.parse({
      mta: {
        hostname: 'out.example.org',
        remote_port: receiver.port,
        allow_private_targets: true,
        lease_ms: 86_400_000,
        drain_ms: 1000,
      },
    }),
    store,
    clock,
    log: silentLog,
    metrics: createMetrics(),
    wake: createWake(),
    dns,
    secrets,
    tokens: createTokens([{ id: 1, secret: randomBytes(32) }]),
    suppressions: new SuppressionView(),
    node: 'test/1',
    ...more,
  };
  const campaign = await stage(runtime, [{ addresses }]);
  const role = mta(runtime);
  let running = false;
  const stop = async () => {
    if (running) await role.stop();
    running = false;
  };
  onTestFinished(stop);
  const states = async () => {
    const rows = await store.read
      .selectFrom('any_delivery')
      .select(['state', ({ fn }) => fn.countAll<number>().as('n')])
      .groupBy('state')
      .execute();
    return Object.fromEntries(rows.map((row) => [row.state, Number(row.n)])) as Record<DeliveryState, number>;
  };
  return {
    runtime,
    campaign,
    start: async () => {
      running = true;
      await role.start();
    },
    stop,
    states,
    until: (wanted) =>
      vi.waitFor(async () => expect(await states()).toEqual(wanted), { timeout: 20_000, interval: 20 }),
  };
}

export const people = (count: number, domain = (at: number) => `d${at % 5}.example`) =>
  Array.from({ length: count }, (_, at) => `p${at}@${domain(at)}`);
