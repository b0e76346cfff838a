/** An error as a person can read it, in their language. */
import { ApiFault } from './api.ts';
import { toasts } from './toasts.svelte.ts';
import { say } from './words.svelte.ts';

export function wordsFor(error: unknown): string {
  if (!(error instanceof ApiFault)) return say('error.unknown');
  if (error.code === 'offline') return say('error.offline');
  if (error.code === 'forbidden') return say('error.forbidden');
  return error.message || say('error.unknown');
}

/** Runs something a person asked for; a failure becomes a toast, and null. */
export async function attempt<T>(run: () => Promise<T>): Promise<T | null> {
  try {
    return await run();
  } catch (error) {
    toasts.show(wordsFor(error), { kind: 'bad' });
    return null;
  }
}
