/**
 * Errors that have two voices: the message, which a stranger may read, and the cause, which is for us. Anything else
 * that is thrown is a fault of ours and is shown to nobody.
 */
export type ProblemCode =
  | 'invalid'
  | 'not-found'
  | 'conflict'
  | 'forbidden'
  | 'unauthenticated'
  | 'too-many'
  | 'too-large'
  | 'unavailable';

export interface ProblemOptions {
  /** What is wrong with which field, when fields were handed in. */
  fields?: Record<string, string>;
  cause?: unknown;
}

/** A "no" that the person who asked can understand and act upon. */
export class Problem extends Error {
  readonly code: ProblemCode;
  readonly fields: Record<string, string>;

  constructor(code: ProblemCode, message: string, { fields = {}, cause }: ProblemOptions = {}) {
    super(message, { cause });
    this.name = 'Problem';
    this.code = code;
    this.fields = fields;
  }
}

/** The whole chain of an error in one line, for a log or a command's last words. */
export function explain(error: unknown): string {
  const words: string[] = [];
  for (let at: unknown = error; at instanceof Error && words.length < 5; at = at.cause) {
    if (!words.includes(at.message)) words.push(at.message);
  }
  return words.length > 0 ? words.join(': ') : String(error);
}
