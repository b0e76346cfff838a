/** Everything that is read from a raw message, in one go: what the cage runs and what the command line prints. */
import { classify, type Context, type Verdict } from './classify.ts';
import { parse, type Letter } from './parse.ts';

export interface Reading {
  letter: Letter;
  verdict: Verdict;
}

export function read(raw: Buffer, context: Context): Reading {
  const { letter, mime } = parse(raw);
  return { letter, verdict: classify(letter, mime, context) };
}
