/**
 * What a stranger on port 25 hears when the answer is no: the code, and words that begin with their enhanced code
 * (RFC 3463). What is our own fault is a 4xx, so that the sender keeps the mail.
 */
import { explain } from '../core/errors.ts';
import type { Log } from '../core/log.ts';

// RFC 5321 6.3: count Received fields, at least 100.
const MAX_RECEIVED_FIELDS = 100;

export class Refusal extends Error {
  readonly code: number;

  /** `text` begins with the enhanced code. */
  constructor(code: number, text: string) {
    super(text);
    this.code = code;
  }
}

/** RFC 5321 4.5.4 and RFC 3463: a full disk is 452 4.3.1, any other fault of ours 451 4.3.0; the sender keeps the mail. */
export function refusalFor(error: unknown, log: Log): Refusal {
  if (error instanceof Refusal) return error;
  const reason = explain(error);
  const isFull = /ENOSPC|EDQUOT|SQLITE_FULL|disk is full|database or disk is full|53100/.test(
    `${(error as { code?: string }).code ?? ''} ${reason}`,
  );
  log.error('message not stored', { error: reason, full: isFull });
  return isFull
    ? new Refusal(452, '4.3.1 no room for the message now, try again later')
    : new Refusal(451, '4.3.0 the message could not be stored, try again later');
}

/** Whether a header shows that the message goes in a circle. */
export function isLooping(head: Buffer): boolean {
  const text = head.toString('latin1');
  const end = text.indexOf('\r\n\r\n');
  return (text.slice(0, end < 0 ? undefined : end).match(/^received:/gim)?.length ?? 0) > MAX_RECEIVED_FIELDS;
}

export const loopRefusal = (): Refusal => new Refusal(550, '5.4.6 the message goes in a circle');
