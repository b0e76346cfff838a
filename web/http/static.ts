/** The built interface: hashed files for ever, and the one page for every address of the application. */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { extname, join, relative } from 'node:path';
import { gzipSync } from 'node:zlib';
import type Koa from 'koa';

interface StaticFile {
  body: Buffer;
  /** Where it is worth it. */
  gzip: Buffer | undefined;
  type: string;
  etag: string;
}

const TYPES: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.webmanifest': 'application/manifest+json',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.woff2': 'font/woff2',
  '.txt': 'text/plain; charset=utf-8',
};
const PACKED = /^(text|application\/(json|manifest)|image\/svg)/;

const NOT_BUILT = `<!doctype html><meta charset="utf-8"><title>Parley</title>
<body style="font:16px/1.5 system-ui;max-width:34rem;margin:15vh auto;padding:0 1rem">
<h1>The interface is not built yet</h1>
<p>The server runs and its API answers. Build the pages once with <code>npm run build</code>, then load this again.</p>`;

/** Files are read once, from a directory that the build wrote; an address can name none that is not in it. */
export function staticInterface(directory: string): Koa.Middleware {
  let files: Map<string, StaticFile> | undefined;
  return async function staticInterface(ctx, next) {
    if (ctx.method !== 'GET' && ctx.method !== 'HEAD') return next();
    files ??= readAll(directory);
    const file = files?.get(ctx.path);
    ctx.state.route = 'interface';
    if (file !== undefined && ctx.path !== '/index.html') {
      // vite puts a hash of the content into the names below /assets/.
      send(
        ctx,
        file,
        ctx.path.startsWith('/assets/') ? 'public, max-age=31536000, immutable' : 'public, max-age=3600',
      );
      return;
    }
    if (extname(ctx.path) !== '' && !ctx.accepts('html')) return next();
    if (ctx.path.startsWith('/assets/')) return next();
    const page = files?.get('/index.html');
    if (page === undefined) {
      ctx.status = 503;
      ctx.type = 'html';
      ctx.body = NOT_BUILT;
      return;
    }
    send(ctx, page, 'no-cache');
  };
}

function send(ctx: Koa.Context, file: StaticFile, cache: string): void {
  ctx.set('Cache-Control', cache);
  ctx.set('Content-Type', file.type);
  ctx.set('ETag', file.etag);
  ctx.vary('Accept-Encoding');
  ctx.status = 200;
  if (ctx.fresh) {
    ctx.status = 304;
    return;
  }
  if (file.gzip !== undefined && ctx.acceptsEncodings('gzip', 'identity') === 'gzip') {
    ctx.set('Content-Encoding', 'gzip');
    ctx.body = file.gzip;
  } else ctx.body = file.body;
}

/** Undefined while nothing is built, so that a build during the run is found. */
function readAll(directory: string): Map<string, StaticFile> | undefined {
  if (!existsSync(join(directory, 'index.html'))) return undefined;
  const files = new Map<string, StaticFile>();
  for (const entry of readdirSync(directory, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const body = readFileSync(path);
    const type = TYPES[extname(path)] ?? 'application/octet-stream';
    files.set(`/${relative(directory, path).replaceAll('\\', '/')}`, {
      body,
      gzip: PACKED.test(type) && body.length > 1024 ? gzipSync(body) : undefined,
      type,
      etag: `"${createHash('sha256').update(body).digest('base64url').slice(0, 27)}"`,
    });
  }
  return files;
}
