/** What changes on the server, as it changes: one event stream, which finds its way back after a lost connection. */
import type { StreamEvent } from '../../contract.ts';
import { session } from './session.svelte.ts';

const EVENTS = [
  'hello',
  'conversation',
  'campaign',
  'import',
  'queue',
  'suppression',
  'segment',
  'settings',
] as const satisfies StreamEvent['event'][];

const SECOND_LOOK_MS = 5000;

type Listener = (event: StreamEvent) => void;

class Live {
  #connected = $state(true);
  #source: EventSource | undefined;
  readonly #listeners = new Set<Listener>();

  get connected(): boolean {
    return this.#connected;
  }

  open(): void {
    if (this.#source !== undefined) return;
    const source = new EventSource('/api/stream');
    source.addEventListener('open', () => (this.#connected = true));
    source.addEventListener('error', () => (this.#connected = false));
    for (const event of EVENTS) {
      source.addEventListener(event, (message: MessageEvent<string>) => {
        const heard = { event, data: JSON.parse(message.data) as unknown } as StreamEvent;
        session.hear(
          heard.event === 'hello' ? heard.data.now : 'at' in heard.data ? heard.data.at : session.now(),
        );
        for (const listener of this.#listeners) listener(heard);
      });
    }
    this.#source = source;
    // A second reading of the clock tells how fast the server's runs.
    setTimeout(() => void session.askTime().catch(() => undefined), SECOND_LOOK_MS);
  }

  close(): void {
    this.#source?.close();
    this.#source = undefined;
  }

  /** Calls back for each event; returns how to stop. Give it to an `$effect`. */
  on(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

export const live = new Live();
