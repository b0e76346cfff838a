/** SpamAssassin's daemon: SYMBOLS of SPAMC/1.5, which answers with its points and the names of its rules that matched. */
import type { NetConnectOpts } from 'node:net';
import { printable } from './clamd.ts';
import { ask, ScanFault, type SpamWord } from './scan-wire.ts';

const MAX_ANSWER = 64 * 1024;

export async function askSpamd(place: NetConnectOpts, raw: Buffer, signal: AbortSignal): Promise<SpamWord> {
  const head = `SYMBOLS SPAMC/1.5\r\nContent-length: ${raw.length}\r\n\r\n`;
  // spamd reads line by line: after a last line without an end only the closing of our half tells that no more comes.
  const answer = await ask(
    { place, parts: [head, raw], endsHalf: true, isWhole, maxAnswer: MAX_ANSWER },
    signal,
  );
  return readAnswer(answer.toString('latin1'));
}

interface Split {
  head: string[];
  body: string;
  length: number | undefined;
}

function split(answer: string): Split | undefined {
  const end = answer.indexOf('\r\n\r\n');
  if (end < 0) return undefined;
  const head = answer.slice(0, end).split('\r\n');
  const length = head.map((line) => /^content-length:\s*(\d{1,9})\s*$/i.exec(line)?.[1]).find(Boolean);
  return { head, body: answer.slice(end + 4), length: length === undefined ? undefined : Number(length) };
}

/** With a length; without one its closing is the end. */
function isWhole(bytes: Buffer): boolean {
  const found = split(bytes.toString('latin1'));
  return found?.length !== undefined && found.body.length >= found.length;
}

export function readAnswer(answer: string): SpamWord {
  const status = /^SPAMD\/[\d.]{1,8} (\d{1,4}) ([^\r\n]{0,200})/.exec(answer);
  if (status === null) throw new ScanFault(`it said "${printable(answer).slice(0, 100)}"`);
  if (status[1] !== '0') throw new ScanFault(`it said "${printable(`${status[1]} ${status[2]}`)}"`);
  const found = split(answer);
  if (found === undefined || found.body.length < (found.length ?? 0))
    throw new ScanFault('its answer breaks off');
  const verdict = found.head
    .map((line) =>
      /^spam:\s*(true|yes|false|no)\s*;\s*(-?\d{1,6}(?:\.\d{1,6})?)\s*\/\s*(-?\d{1,6}(?:\.\d{1,6})?)/i.exec(
        line,
      ),
    )
    .find((match) => match !== null);
  if (verdict === undefined || verdict === null) throw new ScanFault('its answer has no verdict');
  return {
    isSpam: /true|yes/i.test(verdict[1]!),
    points: Number(verdict[2]),
    limit: Number(verdict[3]),
    rules: found.body
      .split(/[,\s]+/)
      .filter((name) => /^[\w.-]{1,80}$/.test(name))
      .slice(0, 60),
  };
}
