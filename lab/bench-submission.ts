/**
 * `bench submission`: how many messages of 10 KB a second are accepted and on disk, synced, before the 250 or the 202, by
 * SMTP submission (TLS, AUTH, pipelined, 20 connections) and by the HTTP API (20 connections, one message a request, and a
 * hundred a request); beside it Postfix accepting the same mail. Both sides deliver to the same sink meanwhile.
 */
import { Agent, request } from 'node:http';
import { connect, type TLSSocket } from 'node:tls';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../core/clock.ts';
import { createLog } from '../core/log.ts';
import { openStore } from '../core/store/open.ts';
import { issueCredential } from '../core/submission/credential.ts';
import {
  inject,
  median,
  postfixIsHere,
  sinkHas,
  startPostfix,
  startSink,
  type Sink,
} from './bench-machine.ts';
import { makeBed, peerLetter, type Bed } from './bench-outbound.ts';
import type { BenchOptions, BenchResult } from './bench.ts';
import { DOMAIN } from './office.ts';
import { freePort } from './parley.ts';

const CONNECTIONS = 20;
const A_REQUEST = 100;

export async function benchSubmission(options: BenchOptions): Promise<BenchResult> {
  const count = options.count ?? (options.quick ? 1500 : 10_000);
  const rounds = options.rounds ?? (options.quick ? 1 : 3);
  const sink = await startSink();
  const tlsPort = await freePort();
  const bed = await makeBed(0, sink, {
    MTA_SUBMISSION_TLS_PORT: tlsPort,
    MTA_SUBMISSION_HOST: '127.0.0.1',
    HTTP_KEY_REQUESTS_PER_SECOND: 1_000_000,
    LOG_LEVEL: 'error',
  }).catch((error: unknown) => {
    sink.stop();
    throw error;
  });
  const directory = mkdtempSync(join(tmpdir(), 'parley-submission-'));
  const template = join(directory, 'letter.eml');
  writeFileSync(template, peerLetter());
  const smtp: number[] = [];
  const http: number[] = [];
  const many: number[] = [];
  const peer: number[] = [];
  try {
    const keys = await credentials(bed);
    let serial = 0;
    for (let round = 1; round <= rounds; round++) {
      await sink.reset();
      smtp.push(await bySmtp(tlsPort, keys.smtp, count, serial));
      await sinkHas(sink, count, 120_000);
      serial += count;
      await sink.reset();
      http.push(await byHttp(bed, keys.api, count, 1, serial));
      await sinkHas(sink, count, 120_000);
      serial += count;
      await sink.reset();
      many.push(await byHttp(bed, keys.api, count, A_REQUEST, serial));
      await sinkHas(sink, count, 120_000);
      serial += count;
      if (postfixIsHere()) peer.push(await byPostfix(sink, template, Math.min(count, 5000)));
      options.say(
        `round ${round}: SMTP ${at(smtp)}/s, HTTP one by one ${at(http)}/s, a hundred at once ${at(many)}/s${peer.length > 0 ? `, Postfix ${at(peer)}/s` : ''}`,
      );
    }
    const ratios = peer.map((rate, place) => (smtp[place] as number) / rate);
    return {
      size: { messages: count, connections: CONNECTIONS, rounds },
      rate: median(smtp),
      figures: { smtp_per_s: median(smtp), http_per_s: median(http), http_batch_per_s: median(many) },
      peers: peer.length === 0 ? {} : { postfix: { rate: median(peer), ratio: median(ratios) } },
      limits: {},
      absent: peer.length === 0 ? ['postfix'] : [],
      runs: rounds,
      spread: [Math.min(...smtp), Math.max(...smtp)],
      notes: ['Ours comes through TLS and AUTH, Postfix accepts in clear; both sync before they answer.'],
    };
  } finally {
    rmSync(directory, { recursive: true, force: true });
    await bed.end();
    sink.stop();
  }
}

const at = (rates: readonly number[]): string => (rates.at(-1) ?? 0).toFixed(0);

interface Keys {
  smtp: { user: string; password: string };
  api: string;
}

/** Two credentials whose limits are no limits: they are not what is measured. */
async function credentials(bed: Bed): Promise<Keys> {
  const url = `sqlite:${join(bed.directory, 'data', 'parley.db')}`;
  const clock = systemClock();
  const store = await openStore({ url, connections: 1 }, clock, createLog('silent'));
  const limits = { daily_cap: 10_000_000, new_recipients_per_hour: 10_000_000, bounce_percent: 100 };
  try {
    const issue = (kind: 'smtp' | 'api') =>
      store.write((tx) =>
        issueCredential(tx, { name: `bench ${kind}`, kind, senders: [`@${DOMAIN}`], limits }, clock.now()),
      );
    const smtp = await issue('smtp');
    const api = await issue('api');
    return { smtp: { user: smtp.credential.username, password: smtp.secret }, api: api.secret };
  } finally {
    await store.close();
  }
}

const BODY =
  `${'Votre commande est partie ce matin de notre atelier, et arrive demain avant midi. '.repeat(1)}\r\n`.repeat(
    112,
  );

const letter = (n: number): string =>
  `From: Camille <camille@${DOMAIN}>\r\nTo: user${n}@d${n % 50}.test\r\nSubject: Commande ${n}\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n${BODY}`;

/** Messages per second, from the first command to the last 250. The log-ins are made before. */
async function bySmtp(
  port: number,
  { user, password }: Keys['smtp'],
  count: number,
  from: number,
): Promise<number> {
  const lines = await Promise.all(Array.from({ length: CONNECTIONS }, () => Talk.open(port)));
  for (const line of lines) {
    await line.ask('EHLO bench.test', 250);
    await line.ask(`AUTH PLAIN ${Buffer.from(`\0${user}\0${password}`).toString('base64')}`, 235);
  }
  let next = from;
  const began = performance.now();
  await Promise.all(
    lines.map(async (line) => {
      while (next < from + count) {
        const n = next++;
        const opening = line.asks(
          [`MAIL FROM:<camille@${DOMAIN}>`, `RCPT TO:<user${n}@d${n % 50}.test>`, 'DATA'],
          [250, 250, 354],
        );
        await opening;
        await line.ask(`${letter(n)}.`, 250);
      }
    }),
  );
  const rate = count / ((performance.now() - began) / 1000);
  for (const line of lines) line.end();
  return rate;
}

/** A line to the submission port: commands out, codes in. */
class Talk {
  readonly #socket: TLSSocket;
  #text = '';
  #waiting: { codes: number[]; resolve: () => void; reject: (error: Error) => void } | undefined;

  private constructor(socket: TLSSocket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.#read(chunk.toString('latin1')));
    socket.on('close', () => this.#waiting?.reject(new Error('the line was closed')));
    socket.on('error', (error) => this.#waiting?.reject(error));
  }

  static async open(port: number): Promise<Talk> {
    // A certificate of our own making, on loopback.
    const talk = new Talk(connect({ port, host: '127.0.0.1', rejectUnauthorized: false }));
    await talk.#expect([220]);
    return talk;
  }

  ask(command: string, code: number): Promise<void> {
    return this.asks([command], [code]);
  }

  asks(commands: string[], codes: number[]): Promise<void> {
    const heard = this.#expect(codes);
    this.#socket.write(`${commands.join('\r\n')}\r\n`);
    return heard;
  }

  end(): void {
    this.#waiting = undefined;
    this.#socket.destroy();
  }

  #expect(codes: number[]): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting = { codes: [...codes], resolve, reject };
    });
  }

  #read(text: string): void {
    this.#text += text;
    for (let end = this.#text.indexOf('\r\n'); end >= 0; end = this.#text.indexOf('\r\n')) {
      const line = this.#text.slice(0, end);
      this.#text = this.#text.slice(end + 2);
      if (line[3] === '-') continue;
      const waiting = this.#waiting;
      const code = waiting?.codes.shift();
      if (waiting === undefined || !line.startsWith(String(code))) {
        waiting?.reject(new Error(`expected ${code}, heard ${line}`));
        return;
      }
      if (waiting.codes.length === 0) waiting.resolve();
    }
  }
}

async function byHttp(bed: Bed, key: string, count: number, atOnce: number, from: number): Promise<number> {
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  const message = (n: number) => ({
    from: `Camille <camille@${DOMAIN}>`,
    to: `user${n}@d${n % 50}.test`,
    subject: `Commande ${n}`,
    text: BODY,
  });
  let next = from;
  const began = performance.now();
  await Promise.all(
    Array.from({ length: CONNECTIONS }, async () => {
      while (next < from + count) {
        const first = next;
        next += atOnce;
        const rows = Array.from({ length: Math.min(atOnce, from + count - first) }, (_, place) =>
          message(first + place),
        );
        await post(agent, bed, key, JSON.stringify(atOnce === 1 ? rows[0] : { messages: rows }));
      }
    }),
  );
  agent.destroy();
  return count / ((performance.now() - began) / 1000);
}

function post(agent: Agent, bed: Bed, key: string, body: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const asked = request(
      `${bed.parley.url}/v1/messages`,
      {
        agent,
        method: 'POST',
        headers: {
          authorization: `Bearer ${key}`,
          'content-type': 'application/json',
          'content-length': Buffer.byteLength(body),
        },
      },
      (answer) => {
        let text = '';
        answer.on('data', (chunk: Buffer) => (text += chunk.toString()));
        answer.on('end', () =>
          answer.statusCode === 202
            ? resolve()
            : reject(new Error(`/v1/messages answered ${answer.statusCode}: ${text.slice(0, 300)}`)),
        );
      },
    );
    asked.on('error', reject);
    asked.end(body);
  });
}

async function byPostfix(sink: Sink, template: string, count: number): Promise<number> {
  const postfix = await startPostfix(sink.port, false);
  try {
    await sink.reset();
    const { t0, t1 } = await inject(postfix.port, template, count, CONNECTIONS);
    await sinkHas(sink, count);
    return count / (t1 - t0);
  } finally {
    postfix.stop();
  }
}
