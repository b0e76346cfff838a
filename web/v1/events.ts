/** `/v1/identify`, `/v1/track`, `/v1/batch`: what programs tell of people. 200 when it is on disk. */
import {
  isObject,
  LARGEST_BATCH,
  LARGEST_CALL,
  MOST_ENTRIES,
  readCall,
  type CallFault,
  type EventCall,
} from '../../core/audience/event-call.ts';
import type { CallOutcome } from '../../core/audience/event-group.ts';
import { eventIntake } from '../../core/audience/event-intake.ts';
import { Problem } from '../../core/errors.ts';
import { parseJson, readBody } from '../http/body.ts';
import { HttpProblem } from '../http/errors.ts';
import type { KeyCall } from './app.ts';

async function read({ ctx }: KeyCall, limit: number): Promise<unknown> {
  if (!/^application\/json\b/i.test(ctx.get('Content-Type')))
    throw new HttpProblem(415, 'invalid', 'the body must be application/json');
  if (!/^(identity)?$/i.test(ctx.get('Content-Encoding')))
    throw new HttpProblem(415, 'invalid', 'the body must not be compressed');
  return parseJson(await readBody(ctx.req, limit));
}

const isFault = (one: EventCall | CallFault): one is CallFault => 'words' in one;

const problem = ({ field, words }: CallFault) =>
  new Problem('invalid', field === '' ? `the call ${words}` : `${field}: ${words}`, {
    fields: { [field === '' ? 'body' : field]: words },
  });

async function one(call: KeyCall, type: 'identify' | 'track'): Promise<unknown> {
  const given = readCall(await read(call, LARGEST_CALL), { now: call.now, type });
  if (isFault(given)) throw problem(given);
  const [outcome] = await eventIntake(call.rt).take({ credentialId: call.credential.id, calls: [given] });
  const { kind } = outcome as CallOutcome;
  if (outcome?.kind === 'refused') throw problem(outcome);
  return {
    success: true,
    duplicate: kind === 'duplicate',
    contact: outcome?.kind === 'taken' ? outcome.contactId : null,
    ignored: outcome?.kind === 'taken' ? outcome.ignored : [],
  };
}

export const identify = (call: KeyCall): Promise<unknown> => one(call, 'identify');
export const track = (call: KeyCall): Promise<unknown> => one(call, 'track');

/** What is wrong with an entry concerns that entry: the others are taken. When nothing is right, the call is refused. */
export async function batch(call: KeyCall): Promise<unknown> {
  const body = await read(call, LARGEST_BATCH);
  const entries = isObject(body) ? body['batch'] : undefined;
  if (!isObject(body) || !Array.isArray(entries) || entries.length === 0)
    throw problem({ field: 'batch', words: 'is not a list of at least one entry' });
  if (entries.length > MOST_ENTRIES)
    throw problem({ field: 'batch', words: `has ${entries.length} entries: at most ${MOST_ENTRIES} a call` });
  const given = (entries as unknown[]).map((entry) =>
    readCall(entry, { now: call.now, sentAt: body['sentAt'] }),
  );
  const calls = given.filter((entry) => !isFault(entry)) as EventCall[];
  const outcomes =
    calls.length === 0 ? [] : await eventIntake(call.rt).take({ credentialId: call.credential.id, calls });
  const answer = {
    success: true,
    taken: 0,
    duplicates: 0,
    refused: [] as unknown[],
    ignored: [] as unknown[],
  };
  const faults: Record<string, string> = {};
  for (const [index, entry] of given.entries()) {
    const outcome: CallOutcome = isFault(entry)
      ? { kind: 'refused', ...entry }
      : (outcomes[calls.indexOf(entry)] as CallOutcome);
    if (outcome.kind === 'taken') {
      answer.taken += 1;
      answer.ignored.push(...outcome.ignored.map((ignored) => ({ index, ...ignored })));
    } else if (outcome.kind === 'duplicate') answer.duplicates += 1;
    else {
      const { field, words } = outcome;
      faults[`batch.${index}${field === '' ? '' : `.${field}`}`] = words;
      answer.refused.push({
        index,
        messageId: messageIdOf((entries as unknown[])[index]),
        field,
        message: field === '' ? `the entry ${words}` : `${field}: ${words}`,
      });
    }
  }
  if (answer.refused.length === entries.length) {
    const [place, words] = Object.entries(faults)[0] as [string, string];
    throw new Problem('invalid', `${place}: ${words}`, { fields: faults });
  }
  return answer;
}

const messageIdOf = (entry: unknown): string | null =>
  isObject(entry) && typeof entry['messageId'] === 'string' ? entry['messageId'].slice(0, 256) : null;
