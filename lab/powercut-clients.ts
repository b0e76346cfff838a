/**
 * Clients whose every promise can be found again in the record: each call is a connection of its own, known by the port it
 * speaks from.
 */
import { request } from 'node:http';
import { connect } from 'node:net';

export interface Said {
  status: number;
  body: unknown;
  port: number;
}

/** A person's browser for the power cut: like `ApiClient`, with one connection a call. */
export class TracedClient {
  readonly #url: string;
  #cookie = '';
  #csrf = '';

  constructor(url: string) {
    this.#url = url;
  }

  call(method: string, path: string, body?: unknown): Promise<Said> {
    return new Promise((resolve, reject) => {
      const call = request(this.#url + path, {
        method,
        agent: false,
        headers: {
          origin: this.#url,
          cookie: this.#cookie,
          'x-csrf-token': this.#csrf,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
      });
      call.on('error', reject);
      call.on('response', (response) => {
        const port = response.socket.localPort ?? 0;
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          const set = (response.headers['set-cookie'] ?? []).map((cookie) => cookie.split(';')[0] as string);
          if (set.length > 0) this.#cookie = set.join('; ');
          const text = Buffer.concat(chunks).toString();
          const isJson = response.headers['content-type']?.includes('json') ?? false;
          const answer: unknown = isJson ? JSON.parse(text) : text;
          const csrf = (answer as { csrf?: unknown } | null)?.csrf;
          if (typeof csrf === 'string') this.#csrf = csrf;
          resolve({ status: response.statusCode ?? 0, body: answer, port });
        });
      });
      call.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }

  async must<T>(method: string, path: string, body?: unknown): Promise<{ body: T; port: number }> {
    const { status, body: answer, port } = await this.call(method, path, body);
    if (status >= 300) throw new Error(`${method} ${path} answered ${status}: ${JSON.stringify(answer)}`);
    return { body: answer as T, port };
  }
}

/** One message by SMTP; the port that it came from, or undefined when it was not taken. */
export function sendTraced(
  port: number,
  mail: { from: string; to: string; raw: Buffer },
): Promise<number | undefined> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    const steps = ['EHLO cut.example', `MAIL FROM:<${mail.from}>`, `RCPT TO:<${mail.to}>`, 'DATA'];
    let own = 0;
    let step = 0;
    let text = '';
    const end = (outcome: number | undefined) => {
      socket.destroy();
      resolve(outcome);
    };
    socket.on('connect', () => (own = socket.localPort ?? 0));
    socket.on('error', () => end(undefined));
    socket.on('close', () => end(undefined));
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      const done = /^(\d{3}) .*\r\n$/m.exec(text);
      if (done === null || !text.endsWith('\r\n')) return;
      text = '';
      if (!/^[23]/.test(done[1] as string)) return end(undefined);
      if (step > steps.length) return end(own);
      const next = steps[step++];
      socket.write(next === undefined ? Buffer.concat([mail.raw, Buffer.from('.\r\n')]) : `${next}\r\n`);
    });
  });
}
