/** The signed tokens among the recipients that a message was sent to: which delivery of ours it is about. */
import { createHash } from 'node:crypto';
import { readRecipient } from '../core/mail/identifiers.ts';
import type { Tokens } from '../core/mail/tokens.ts';

export interface EnvelopeToken {
  purpose: 'b' | 'r' | 'u';
  deliveryId: number;
  /** Of the token itself: each counts once. */
  hash: string;
  /** The field that still had it, when the envelope did not. */
  field?: string;
}

/** What the envelope's tokens say, and how many were no good. */
export interface EnvelopeTokens {
  valid: EnvelopeToken[];
  faulty: string[];
}

export function readEnvelopeTokens(rcptTo: readonly string[], tokens: Tokens, now: number): EnvelopeTokens {
  const result: EnvelopeTokens = { valid: [], faulty: [] };
  for (const address of rcptTo) {
    const found = readRecipient(address);
    if (found.kind !== 'token') continue;
    const reading = tokens.read(found.token, { domain: found.domain, purpose: found.purpose, now });
    if (reading.kind === 'valid')
      result.valid.push({ purpose: found.purpose, deliveryId: reading.id, hash: hashOf(found.token) });
    else result.faulty.push(reading.reason);
  }
  return result;
}

export const hashOf = (token: string): string =>
  createHash('sha256').update(token.toLowerCase()).digest('hex');
