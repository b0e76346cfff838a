/**
 * Tells another house that a committed row waits for it. A ring is only a hint: whoever waits also polls, so a crash
 * between commit and ring delays nothing for long. On PostgreSQL rings also reach the other nodes.
 */
export type Channel =
  | 'queue'
  | 'order'
  | 'inbound'
  | 'campaign'
  | 'import'
  | 'conversation'
  | 'suppression'
  | 'settings'
  | 'segment'
  | 'events';

export interface Wake {
  /** Calls back after each ring, at most once per turn of the event loop. Returns how to stop listening. */
  on(channel: Channel, listener: () => void): () => void;
  ring(channel: Channel): void;
}

export function createWake(): Wake {
  const listeners = new Map<Channel, Set<() => void>>();
  const pending = new Set<Channel>();
  return {
    on(channel, listener) {
      const set = listeners.get(channel) ?? new Set();
      listeners.set(channel, set);
      set.add(listener);
      return () => set.delete(listener);
    },
    ring(channel) {
      if (pending.has(channel)) return;
      pending.add(channel);
      setImmediate(() => {
        pending.delete(channel);
        for (const listener of listeners.get(channel) ?? []) listener();
      });
    },
  };
}
