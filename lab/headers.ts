/** Reading a received message the cheap way: its header fields, and where its body begins. */

export interface Head {
  /** Lower-case names with unfolded values, in the order of the message. */
  fields: [name: string, value: string][];
  /** Offset of the first byte of the body. */
  bodyAt: number;
}

export function readHead(raw: Buffer): Head {
  const end = raw.indexOf('\r\n\r\n');
  const text = raw.toString('utf8', 0, end < 0 ? raw.length : end);
  const fields = text
    .replace(/\r\n([ \t])/g, '$1')
    .split('\r\n')
    .map((line): [string, string] => {
      const colon = line.indexOf(':');
      return [line.slice(0, Math.max(0, colon)).trim().toLowerCase(), line.slice(colon + 1).trim()];
    });
  return { fields, bodyAt: end < 0 ? raw.length : end + 4 };
}

export function field(head: Head, name: string): string | undefined {
  return head.fields.find(([one]) => one === name)?.[1];
}

/** The bare address of `Name <a@b>` or `a@b`. */
export function addressIn(value: string | undefined): string {
  const angle = /<([^<>]*)>\s*$/.exec(value ?? '')?.[1];
  return (angle ?? value ?? '').trim().toLowerCase();
}

export const domainOf = (address: string): string =>
  address.slice(address.lastIndexOf('@') + 1).toLowerCase();

/** All URIs of a List-Unsubscribe header, in order. RFC 2369 2. */
export function listUris(value: string | undefined): string[] {
  return [...(value ?? '').matchAll(/<([^<>]+)>/g)].map((match) => (match[1] ?? '').replace(/\s/g, ''));
}

/** RFC 2047: the text behind `=?charset?B?…?=` and `=?charset?Q?…?=`. */
export function decodeWords(value: string): string {
  return value
    .replace(/(\?=)\s+(=\?)/g, '$1$2')
    .replace(/(?:=\?([\w-]+)(?:\*\w+)?\?([bq])\?([^?]*)\?=)+/gi, (run) => {
      const parts = [...run.matchAll(/=\?([\w-]+)(?:\*\w+)?\?([bq])\?([^?]*)\?=/gi)];
      const bytes = parts.map(([, , how, text = '']) =>
        how?.toLowerCase() === 'b' ? Buffer.from(text, 'base64') : quotedBytes(text),
      );
      return new TextDecoder(charset(parts[0]?.[1])).decode(Buffer.concat(bytes));
    });
}

function quotedBytes(text: string): Buffer {
  const latin = text
    .replaceAll('_', ' ')
    .replace(/=([0-9A-F]{2})/gi, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)));
  return Buffer.from(latin, 'latin1');
}

function charset(name = 'utf-8'): string {
  return /^(utf-8|us-ascii|iso-8859-\d+|windows-125\d)$/i.test(name) ? name.toLowerCase() : 'utf-8';
}
