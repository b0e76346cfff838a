/** Where the lab listens: loopback only, on free ports, many addresses on one port. */
import type { Server } from 'node:net';

export const LOOPBACK = '127.0.0.1';

export function listenOn(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : port);
    });
  });
}

export const closeServer = (server: Server): Promise<void> =>
  new Promise((resolve) => server.close(() => resolve()));

/** Starts one server per address, all on the same port; a port that one of the addresses lacks is given up. */
export async function listenEverywhere(
  addresses: readonly string[],
  make: (address: string) => Server,
  port = 0,
): Promise<{ port: number; servers: Server[] }> {
  for (let tries = 0; ; tries++) {
    const servers: Server[] = [];
    let chosen = port;
    try {
      for (const address of addresses) {
        const server = make(address);
        chosen = await listenOn(server, address, chosen);
        servers.push(server);
      }
      return { port: chosen, servers };
    } catch (cause) {
      await Promise.all(servers.map(closeServer));
      const taken = (cause as NodeJS.ErrnoException).code === 'EADDRINUSE';
      if (port !== 0 || !taken || tries >= 20) throw new Error('listening on the lab addresses', { cause });
    }
  }
}
