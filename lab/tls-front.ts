/**
 * STARTTLS before a server that has none: the benchmark's sink is a C program without TLS, and this stands before it as a
 * worker, speaks the handshake, and passes on everything else byte for byte.
 */
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { labCert, labKey } from './ca.ts';

export interface TlsFront {
  port: number;
  stop(): Promise<void>;
}

export async function startTlsFront(target: number): Promise<TlsFront> {
  const worker = new Worker(new URL(import.meta.url), { workerData: { target } });
  const port = await new Promise<number>((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
  });
  return { port, stop: async () => void (await worker.terminate()) };
}

/** In clear until STARTTLS; the first line of the answer to EHLO is followed by the offer. */
function serve(client: Socket, target: number): void {
  const sink = connect({ port: target, host: '127.0.0.1', noDelay: true });
  const end = () => {
    client.destroy();
    sink.destroy();
  };
  for (const socket of [client, sink]) socket.on('error', end).on('close', end);
  const fromSink = (bytes: Buffer) =>
    client.write(bytes.toString('latin1').replace('\r\n250-', '\r\n250-STARTTLS\r\n250-'), 'latin1');
  const fromClient = (bytes: Buffer) => {
    if (!/^starttls\r\n$/i.test(bytes.toString('latin1'))) return void sink.write(bytes);
    client.off('data', fromClient);
    sink.off('data', fromSink);
    client.write('220 2.0.0 go ahead\r\n');
    const secure = new TLSSocket(client, { isServer: true, key: labKey, cert: labCert });
    secure.on('error', end);
    secure.pipe(sink);
    sink.pipe(secure);
  };
  sink.on('data', fromSink);
  client.on('data', fromClient);
}

if (!isMainThread && parentPort !== null) {
  const { target } = workerData as { target: number };
  const server = createServer({ noDelay: true }, (client) => serve(client, target));
  server.listen(0, '127.0.0.1', () => parentPort?.postMessage((server.address() as AddressInfo).port));
}
