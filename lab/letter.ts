/** Writing mail as the programs of other people do: header fields, bodies, multipart nesting, and a signature. */
import DKIM from 'nodemailer/lib/dkim';
import { encode, wrap } from 'nodemailer/lib/qp';
import { LAB_SELECTOR, labKey } from './ca.ts';

export interface Part {
  type: string;
  body: string | Buffer;
  /** `7bit` for what is ASCII by its nature; quoted-printable for text otherwise. */
  encoding?: '7bit' | '8bit' | 'quoted-printable';
  fields?: readonly (readonly [string, string])[];
}

export type Fields = readonly (readonly [name: string, value: string])[];

export function singlePart(fields: Fields, part: Part): Buffer {
  return Buffer.concat([headOf(fields), Buffer.from('MIME-Version: 1.0\r\n'), partOf(part)]);
}

export function multipart(fields: Fields, subtype: string, boundary: string, parts: readonly Part[]): Buffer {
  const pieces = parts.flatMap((part) => [
    Buffer.from(`--${boundary}\r\n`),
    partOf(part),
    Buffer.from('\r\n'),
  ]);
  return Buffer.concat([
    headOf(fields),
    Buffer.from(`MIME-Version: 1.0\r\nContent-Type: multipart/${subtype}; boundary="${boundary}"\r\n\r\n`),
    ...pieces,
    Buffer.from(`--${boundary}--\r\n`),
  ]);
}

/** Signed by the domain with the lab's key, through nodemailer's signer. */
export async function signed(raw: Buffer, domain: string): Promise<Buffer> {
  const signer = new DKIM({ domainName: domain, keySelector: LAB_SELECTOR, privateKey: labKey });
  const chunks: Buffer[] = [];
  for await (const chunk of signer.sign(raw)) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

// RFC 2047 2: an encoded word is at most 75 characters
export function encodedWords(text: string): string {
  if (/^[\x20-\x7e]*$/.test(text)) return text;
  const words: string[] = [];
  let word = '';
  for (const letter of text) {
    if (Buffer.byteLength(word + letter) > 42) {
      words.push(word);
      word = '';
    }
    word += letter;
  }
  words.push(word);
  return words.map((one) => `=?UTF-8?B?${Buffer.from(one).toString('base64')}?=`).join(' ');
}

export function mailbox(name: string, address: string): string {
  if (name === '') return address;
  const shown = /^[\w .'-]+$/.test(name)
    ? name
    : /[^\x20-\x7e]/.test(name)
      ? encodedWords(name)
      : `"${name}"`;
  return `${shown} <${address}>`;
}

/** RFC 5322 3.3, in the zone of Paris in winter, where the lab's people live. */
export function mailDate(at: number): string {
  return new Date(at + 3_600_000).toUTCString().replace('GMT', '+0100');
}

function headOf(fields: Fields): Buffer {
  return Buffer.from(fields.map(([name, value]) => `${name}: ${value}\r\n`).join(''));
}

function partOf({ type, body, encoding = 'quoted-printable', fields = [] }: Part): Buffer {
  const text = typeof body === 'string' ? body.replace(/\r?\n/g, '\r\n') : body;
  const coded = encoding === 'quoted-printable' ? wrap(encode(text)) : text;
  const head = [['Content-Type', type], ['Content-Transfer-Encoding', encoding], ...fields] as const;
  return Buffer.concat([
    Buffer.from(`${head.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`),
    Buffer.from(coded),
  ]);
}
