/**
 * The web house: the HTTP API, the pages behind the links of our mail, the interface. `app.ts` is the story of a request.
 *
 *   contract.ts   every route as one table          account.ts  how people come in
 *   http/         the rings around every request    api/        one file per noun
 *   public/       pages for strangers               ui/         the interface (Svelte), built into ui/dist
 */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { consentCare } from '../core/audience/consent-care.ts';
import { EventTidy } from '../core/audience/event-tidy.ts';
import { imports } from '../core/audience/import.ts';
import { Membership } from '../core/audience/membership.ts';
import { firstBrand } from '../core/identity.ts';
import type { Role, Runtime } from '../core/runtime.ts';
import { createCounter } from '../core/tracking/counter.ts';
import { ownerLink } from './account.ts';
import { createApp, type AppOptions } from './app.ts';
import { endStreams } from './api/stream.ts';

const DRAIN_MS = 10_000;

export interface WebRole extends Role {
  /** The port that was really taken, once started. */
  readonly port: number;
}

export function web(rt: Runtime, options: AppOptions = {}): WebRole {
  // Whoever took the file takes its rows, too: it lies on this machine.
  const importing = imports(rt);
  const membership = new Membership(rt);
  const care = consentCare(rt);
  const eventTidy = new EventTidy(rt);
  const counter = createCounter(rt);
  let server: Server | undefined;
  let port = rt.config.http.port;
  return {
    name: 'web',
    get port() {
      return port;
    },

    async start() {
      // There is always a brand, so that no form begins with an empty choice.
      await rt.store.write((tx) => firstBrand(tx, rt.clock.now()));
      server = createServer(
        {
          maxHeaderSize: 16 * 1024,
          headersTimeout: 20_000,
          requestTimeout: 10 * 60_000,
          keepAliveTimeout: 65_000,
          insecureHTTPParser: false,
        },
        createApp(rt, { counter, ...options }).callback(),
      );
      port = await listen(server, rt.config.http.port, rt.config.http.host);
      await importing.start();
      membership.start();
      care.start();
      eventTidy.start();
      counter.start();
      rt.log.info('web listening', { host: rt.config.http.host, port });
      const link = await ownerLink(rt, port);
      // To standard output, for the person who started it; the log keeps no keys.
      if (link !== undefined)
        process.stdout.write(`Parley has no owner yet. Open this once to make your account:\n  ${link}\n`);
    },

    async stop() {
      const closing = server;
      if (closing === undefined) return;
      server = undefined;
      endStreams();
      const closed = new Promise<void>((resolve) => closing.close(() => resolve()));
      closing.closeIdleConnections();
      const limit = setTimeout(() => closing.closeAllConnections(), DRAIN_MS);
      await closed;
      await importing.stop();
      await membership.stop();
      await care.stop();
      await eventTidy.stop();
      await counter.stop();
      clearTimeout(limit);
    },
  };
}

function listen(server: Server, port: number, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) =>
      reject(
        new Error(
          cause.code === 'EADDRINUSE'
            ? `port ${port} of ${host} is in use: stop what listens there, or set http.port`
            : `listening on ${host}:${port}`,
          { cause },
        ),
      ),
    );
    server.listen(port, host, () => resolve((server.address() as AddressInfo).port));
  });
}
