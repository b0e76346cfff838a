/**
 * The inside of the cage: a process that reads a few messages at a time and knows nothing else: no store, no keys, no
 * settings. It may die of what it reads; its keeper starts another.
 */
import { read } from './read.ts';
import type { Context } from './classify.ts';

export interface Task {
  id: number;
  raw: Uint8Array;
  context: Context;
}

/** The reading as JSON, or why there is none. */
export interface Answer {
  id: number;
  json?: string;
  error?: string;
}

const MAX_ANSWER_CHARACTERS = 8 * 1024 * 1024;

process.on('message', (tasks: Task[]) => void process.send?.(tasks.map(answer)));

function answer({ id, raw, context }: Task): Answer {
  try {
    const json = JSON.stringify(read(Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength), context));
    return json.length > MAX_ANSWER_CHARACTERS
      ? { id, error: 'more came out than a message can hold' }
      : { id, json };
  } catch (error) {
    return { id, error: error instanceof Error ? error.message.slice(0, 500) : 'unknown fault' };
  }
}
process.on('disconnect', () => process.exit(0));
