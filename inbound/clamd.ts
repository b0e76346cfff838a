/** ClamAV's daemon: INSTREAM, as clamd(8) describes it. It says the name of what it found, or that it found nothing. */
import { ask, ScanFault, ScanRefusal } from './scan-wire.ts';
import type { NetConnectOpts } from 'node:net';

const CHUNK = 1024 * 1024;
const MAX_ANSWER = 4096;

/** The name of the malware; null: none. */
export async function askClamd(
  place: NetConnectOpts,
  raw: Buffer,
  signal: AbortSignal,
): Promise<string | null> {
  // "z": command and answer end with a NUL. Each chunk has its length before it, in network order; one of nothing ends.
  const parts: Buffer[] = [Buffer.from('zINSTREAM\0', 'latin1')];
  for (let at = 0; at < raw.length; at += CHUNK) {
    const chunk = raw.subarray(at, at + CHUNK);
    parts.push(lengthOf(chunk), chunk);
  }
  parts.push(Buffer.alloc(4));
  const answer = await ask(
    { place, parts, isWhole: (bytes) => bytes.includes(0), endsHalf: false, maxAnswer: MAX_ANSWER },
    signal,
  );
  return readAnswer(answer.toString('latin1'));
}

export function readAnswer(answer: string): string | null {
  const text = answer.replace(/\0[^]*$/, '').trim();
  // Without its end it may be half a name, or half of "not OK".
  if (!answer.includes('\0')) throw new ScanFault('its answer breaks off');
  if (text === 'stream: OK') return null;
  const found = /^stream: (.{1,300}) FOUND$/.exec(text);
  if (found !== null) return printable(found[1]!);
  if (/size limit exceeded/i.test(text)) throw new ScanRefusal('it takes no message of this size');
  throw new ScanFault(`it said "${printable(text).slice(0, 100)}"`);
}

export const printable = (text: string): string => text.replace(/[^\x20-\x7e]+/g, '?');

function lengthOf(chunk: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(chunk.length);
  return length;
}
