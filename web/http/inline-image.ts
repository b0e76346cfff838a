/**
 * Pictures that came inside a message, put into its HTML. Only raster images by their first bytes, whatever they say they
 * are, and only so much; an image of another message cannot be named.
 */
import { extractPart } from '../../core/mail/mime-part.ts';
import type { AttachmentPlace } from '../../core/store/conversation.ts';

const LARGEST_BYTES = 10 * 1024 * 1024;

/** The media type of a raster image that browsers show, or undefined. */
export function rasterType(bytes: Uint8Array): string | undefined {
  const head = Buffer.from(bytes.subarray(0, 16)).toString('latin1');
  if (head.startsWith('\x89PNG\r\n\x1a\n')) return 'image/png';
  if (head.startsWith('\xff\xd8\xff')) return 'image/jpeg';
  if (head.startsWith('GIF87a') || head.startsWith('GIF89a')) return 'image/gif';
  if (head.startsWith('RIFF') && head.slice(8, 12) === 'WEBP') return 'image/webp';
  return undefined;
}

/** Replaces each `src="cid:…"` that the message carries by its bytes. `raw` is read once, when it is needed. */
export async function withInlineImages(
  html: string,
  places: readonly AttachmentPlace[],
  raw: (hash: string) => Promise<Uint8Array | undefined>,
): Promise<string> {
  const wanted = new Set(Array.from(html.matchAll(/src="cid:([^"]{1,300})"/gi), (match) => plain(match[1])));
  const used = places.filter((place) => wanted.has(plain(place.content_id)));
  const hash = used[0]?.raw_hash;
  const message = hash === undefined ? undefined : await raw(hash);
  if (message === undefined) return html;
  let left = LARGEST_BYTES;
  const images = new Map<string, string>();
  for (const place of used) {
    const bytes = extractPart(message, place.part);
    const type = bytes && rasterType(bytes);
    if (bytes === undefined || type === undefined || bytes.length > left) continue;
    left -= bytes.length;
    images.set(plain(place.content_id), `data:${type};base64,${bytes.toString('base64')}`);
  }
  return html.replace(/src="cid:([^"]{1,300})"/gi, (whole, id: string) => {
    const image = images.get(plain(id));
    return image === undefined ? whole : `src="${image}"`;
  });
}

/** RFC 2392 2: the address is the Content-ID without its brackets, percent-encoded. */
function plain(id: string | null | undefined): string {
  const text = (id ?? '').replace(/^<|>$/g, '').replaceAll('&amp;', '&');
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
