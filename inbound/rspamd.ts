/** rspamd: POST /checkv2 of its normal worker, with the envelope in header fields, which its own checks need. */
import { request } from 'node:http';
import { request as requestTls } from 'node:https';
import { isIP } from 'node:net';
import { z } from 'zod';
import { saidOf, ScanFault, ScanRefusal, type ScannedEnvelope, type SpamWord } from './scan-wire.ts';

const MAX_ANSWER = 1024 * 1024;

export async function askRspamd(
  url: string,
  raw: Buffer,
  envelope: ScannedEnvelope,
  signal: AbortSignal,
): Promise<SpamWord> {
  return readAnswer(
    await post(new URL('checkv2', url.endsWith('/') ? url : `${url}/`), raw, envelope, signal),
  );
}

function post(url: URL, raw: Buffer, envelope: ScannedEnvelope, signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    const fail = (why: string) => {
      asked.destroy();
      reject(new ScanFault(why));
    };
    const asked = (url.protocol === 'https:' ? requestTls : request)(
      url,
      {
        method: 'POST',
        // No connection is kept: a scanner that restarts must not cost a message its verdict.
        agent: false,
        signal,
        headers: { 'content-type': 'message/rfc822', 'content-length': raw.length, ...fieldsOf(envelope) },
      },
      (answer) => {
        const pieces: Buffer[] = [];
        let size = 0;
        answer.on('data', (piece: Buffer) => {
          size += piece.length;
          if (size > MAX_ANSWER) fail('its answer is too long');
          pieces.push(piece);
        });
        answer.on('error', () => fail(signal.aborted ? 'no answer in time' : 'its answer breaks off'));
        answer.on('end', () => {
          if (answer.statusCode === 200) resolve(Buffer.concat(pieces).toString('utf8'));
          else if (answer.statusCode === 413) reject(new ScanRefusal('it takes no message of this size'));
          else fail(`it answered with HTTP ${answer.statusCode}`);
        });
      },
    );
    asked.on('error', (error: NodeJS.ErrnoException) =>
      fail(signal.aborted ? 'no answer in time' : saidOf(error)),
    );
    asked.end(raw);
  });
}

/** Mail that was pulled has no envelope that we saw: rspamd then leaves out what needs one. */
function fieldsOf({ mailFrom, rcptTo, remoteIp, helo }: ScannedEnvelope): Record<string, string | string[]> {
  const one = (name: string, value: string): Record<string, string> =>
    value === '' || !/^[\x21-\x7e]{1,500}$/.test(value) ? {} : { [name]: value };
  const recipients = rcptTo.filter((address) => /^[\x21-\x7e]{1,500}$/.test(address)).slice(0, 50);
  const ip = remoteIp.replace(/^::ffff:(?=\d+\.)/i, '');
  return {
    ...one('From', mailFrom),
    ...(recipients.length > 0 ? { Rcpt: recipients } : {}),
    ...(isIP(ip) > 0 ? { IP: ip, ...one('Helo', helo) } : {}),
  };
}

const shape = z.object({
  action: z.string().max(100),
  score: z.number(),
  required_score: z.number(),
  symbols: z.record(z.string(), z.object({ score: z.number().optional() })).optional(),
  error: z.string().optional(),
});

// "soft reject" and "greylist" mean "not yet", and we have accepted it: no verdict on what it is.
const SPAM_ACTIONS = new Set(['reject', 'add header', 'rewrite subject', 'quarantine']);

export function readAnswer(text: string): SpamWord {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new ScanFault('its answer is not JSON');
  }
  const parsed = shape.safeParse(value);
  if (!parsed.success) throw new ScanFault('its answer has no verdict');
  const { action, score, required_score: limit, symbols = {} } = parsed.data;
  return {
    isSpam: SPAM_ACTIONS.has(action),
    points: Math.round(score * 100) / 100,
    limit,
    rules: Object.entries(symbols)
      .filter(([name, { score: worth = 0 }]) => worth !== 0 && /^[\w.-]{1,80}$/.test(name))
      .sort(([, a], [, b]) => Math.abs(b.score ?? 0) - Math.abs(a.score ?? 0))
      .map(([name]) => name)
      .slice(0, 60),
  };
}
