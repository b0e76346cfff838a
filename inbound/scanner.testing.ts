/** For tests: scanners of one's own that speak the three protocols by a script, right or wrong, on free ports. */
import { createServer as createHttp, type IncomingMessage } from 'node:http';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';

/** What a test clamd does with the message that it was sent; undefined: it says nothing, ever. */
export type Script = (raw: Buffer) => string | Buffer | undefined | 'close' | 'reset';

export interface TestScanner {
  /** HOST:PORT. */
  place: string;
  /** Every message that came whole, as it came. */
  seen: Buffer[];
  /** How many connections there were. */
  connections(): number;
}

/** A server that hands whole messages to a script; `read` says where a message ends. */
async function tcp(
  read: (bytes: Buffer, hasEnded: boolean) => { raw: Buffer } | { fault: string } | undefined,
  script: Script,
): Promise<TestScanner> {
  const seen: Buffer[] = [];
  let connections = 0;
  const open = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    connections++;
    open.add(socket);
    socket.on('close', () => open.delete(socket));
    socket.on('error', () => undefined);
    let bytes = Buffer.alloc(0);
    let isDone = false;
    const look = (hasEnded: boolean) => {
      const found = isDone ? undefined : read(bytes, hasEnded);
      if (found === undefined) return;
      isDone = true;
      if ('fault' in found) return void socket.end(found.fault);
      seen.push(found.raw);
      const answer = script(found.raw);
      if (answer === 'close') socket.end();
      else if (answer === 'reset') socket.resetAndDestroy();
      else if (answer !== undefined) socket.end(answer);
    };
    socket.on('end', () => look(true));
    socket.on('data', (piece: Buffer) => {
      bytes = Buffer.concat([bytes, piece]);
      look(false);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    for (const socket of open) socket.destroy();
    server.close();
  });
  return {
    place: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    connections: () => connections,
  };
}

/** clamd(8), INSTREAM. */
export const testClamd = (script: Script): Promise<TestScanner> =>
  tcp((bytes) => {
    const command = 'zINSTREAM\0';
    if (bytes.length < command.length) return undefined;
    if (bytes.subarray(0, command.length).toString('latin1') !== command)
      return { fault: 'UNKNOWN COMMAND\0' };
    const chunks: Buffer[] = [];
    for (let at = command.length; at + 4 <= bytes.length;) {
      const length = bytes.readUInt32BE(at);
      if (length === 0) return { raw: Buffer.concat(chunks) };
      if (at + 4 + length > bytes.length) return undefined;
      chunks.push(bytes.subarray(at + 4, at + 4 + length));
      at += 4 + length;
    }
    return undefined;
  }, script);

/** spamd of SpamAssassin: SYMBOLS of SPAMC/1.5. Like the real one it waits for the end of the last line, or of the half. */
export const testSpamd = (script: Script): Promise<TestScanner> =>
  tcp((bytes, hasEnded) => {
    const text = bytes.toString('latin1');
    const end = text.indexOf('\r\n\r\n');
    if (end < 0) return undefined;
    const length = /^SYMBOLS SPAMC\/1\.5\r\nContent-length: (\d+)$/.exec(text.slice(0, end))?.[1];
    if (length === undefined) return { fault: 'SPAMD/1.0 76 Bad header line: what?\r\n' };
    const raw = bytes.subarray(end + 4);
    if (raw.length < Number(length))
      return hasEnded ? { fault: 'SPAMD/1.0 76 Content-Length mismatch\r\n' } : undefined;
    return raw.at(-1) === 0x0a || hasEnded ? { raw } : undefined;
  }, script);

export const spamdSays = (isSpam: boolean, points: number, rules = 'A_RULE,OTHER_RULE'): string =>
  `SPAMD/1.1 0 EX_OK\r\nContent-length: ${rules.length}\r\nSpam: ${isSpam ? 'True' : 'False'} ; ${points} / 5.0\r\n\r\n${rules}`;

export interface TestRspamd extends TestScanner {
  url: string;
  fields: IncomingMessage['headers'][];
}

/** rspamd's normal worker. The script's words are the body of a 200; a number is a status instead. */
export async function testRspamd(script: (raw: Buffer) => ReturnType<Script> | number): Promise<TestRspamd> {
  const seen: Buffer[] = [];
  const fields: IncomingMessage['headers'][] = [];
  let connections = 0;
  const server = createHttp((asked, answer) => {
    const pieces: Buffer[] = [];
    asked.on('error', () => undefined);
    asked.on('data', (piece: Buffer) => pieces.push(piece));
    asked.on('end', () => {
      const raw = Buffer.concat(pieces);
      seen.push(raw);
      fields.push(asked.headers);
      const said = asked.method === 'POST' && asked.url === '/checkv2' ? script(raw) : 404;
      if (said === 'close') asked.socket.end();
      else if (said === 'reset') asked.socket.resetAndDestroy();
      else if (typeof said === 'number') answer.writeHead(said).end();
      else if (said !== undefined) answer.end(said);
    });
  });
  server.on('connection', () => connections++);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const place = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { place, url: `http://${place}`, seen, fields, connections: () => connections };
}

export const rspamdSays = (action: string, score: number): string =>
  JSON.stringify({
    is_skipped: false,
    score,
    required_score: 15,
    action,
    symbols: { BAYES_SPAM: { name: 'BAYES_SPAM', score }, INFO: { name: 'INFO', score: 0 } },
    messages: {},
  });
