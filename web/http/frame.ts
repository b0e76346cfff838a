/**
 * Mail shown in a browser: always a response of its own, whose headers alone would hold a hostile page (inbox.md section
 * 6), with the sanitiser as the second wall.
 */
import type Koa from 'koa';
import { mailCsp } from './request.ts';

const STYLE =
  'html{color-scheme:light}body{margin:0;padding:12px;font:14px/1.45 system-ui,sans-serif;color:#1c1c22;background:#fff;' +
  'overflow-wrap:anywhere}img{max-width:100%;height:auto}pre{white-space:pre-wrap}' +
  'blockquote{margin:0 0 0 8px;padding-left:10px;border-left:2px solid #d5d5dd}' +
  'details.old{margin-top:8px}details.old>summary{width:max-content;padding:0 9px;border-radius:99px;list-style:none;' +
  'background:#ececf0;color:#55555f;cursor:pointer;font-size:9px;line-height:18px;letter-spacing:1px}details.old>summary::-webkit-details-marker{display:none}' +
  'details.old[open]>summary{margin-bottom:8px}';

/** A stranger's mail, sanitised before it was kept. Nothing is fetched from anywhere: there is no image proxy yet. */
export function strangersMail(ctx: Koa.Context, html: string): void {
  ctx.set('X-Parley-Remote-Images', 'blocked');
  frame(ctx, 'data:', page(html));
}

/** Mail of our own making, as it was sent. Its images are ours and may load. */
export function ownMail(ctx: Koa.Context, html: string): void {
  frame(ctx, 'data: https: http:', /<html[\s>]/i.test(html) ? html : page(html));
}

/** Plain words where there is no HTML. */
export const textAsHtml = (text: string): string =>
  `<pre style="font:inherit;margin:0">${text.replace(/[&<>"]/g, (char) => ENTITIES[char] as string)}</pre>`;

const ENTITIES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

function frame(ctx: Koa.Context, images: Parameters<typeof mailCsp>[0], body: string): void {
  ctx.set('Content-Security-Policy', mailCsp(images));
  ctx.set('X-Frame-Options', 'SAMEORIGIN');
  ctx.set('Referrer-Policy', 'no-referrer');
  ctx.set('Cache-Control', 'no-store');
  ctx.set('X-Robots-Tag', 'noindex');
  ctx.type = 'text/html; charset=utf-8';
  ctx.body = body;
}

const page = (html: string): string =>
  `<!doctype html><html dir="auto"><head><meta charset="utf-8"><meta name="referrer" content="no-referrer">` +
  `<base target="_blank"><style>${STYLE}</style></head><body>${html}</body></html>`;

/** A file from a stranger: to be saved, never shown, whatever it says it is. */
export function inertDownload(ctx: Koa.Context, fileName: string, bytes: Uint8Array): void {
  ctx.set('Content-Security-Policy', "sandbox; default-src 'none'");
  ctx.set('Content-Disposition', `attachment; filename*=UTF-8''${encodeName(fileName)}`);
  ctx.set('Cache-Control', 'private, no-store');
  ctx.type = 'application/octet-stream';
  ctx.body = Buffer.from(bytes);
}

/** RFC 8187 3.2: no path, no control character, nothing that turns the text around and hides the real ending. */
function encodeName(name: string): string {
  const plain = name
    .toWellFormed()
    .replace(/^.*[/\\]/s, '')
    .replace(/[\p{Cc}\p{Cf}]/gu, '')
    .slice(-150);
  return encodeURIComponent(plain === '' || plain === '.' || plain === '..' ? 'attachment' : plain).replace(
    /['()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
