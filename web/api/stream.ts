/**
 * Live updates as server-sent events. A ring of the bell makes us look; what is sent is what the store says, so a missed
 * ring loses nothing: each listener also polls, and catches up from the last version it has seen.
 */
import { PassThrough } from 'node:stream';
import type { Channel } from '../../core/wake.ts';
import { conversationsChangedSince, conversationVersion } from '../../core/store/conversation.ts';
import { liveSession } from '../../core/store/session.ts';
import { may } from '../http/policy.ts';
import type { Call, SomeHandlers } from '../http/route.ts';
import { conversationLine } from './inbox.ts';

const HEARTBEAT_MS = 20_000;
const POLL_MS = 5_000;
const MOST_PER_LOOK = 200;
/** A reader this far behind is cut off; its browser comes back and catches up. */
const MOST_UNREAD_BYTES = 1024 * 1024;
/** Campaigns change a thousand times a second; a screen needs it twice. */
const QUIET_MS = 500;

const open = new Set<PassThrough>();

/** Ends every stream, so that the server can stop. */
export function endStreams(): void {
  for (const stream of open) stream.end();
}

export const streamHandlers = {
  async stream(call) {
    const { rt, ctx, user } = call;
    ctx.req.socket.setNoDelay(true);
    ctx.req.socket.setTimeout(0);
    ctx.set('Content-Type', 'text/event-stream; charset=utf-8');
    ctx.set('X-Accel-Buffering', 'no');
    const stream = new PassThrough();
    const send = (event: string, data: unknown, id?: number) => {
      if (stream.writableLength > MOST_UNREAD_BYTES) return void stream.destroy();
      stream.write(
        `${id === undefined ? '' : `id: ${id}\n`}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`,
      );
    };
    const current = await conversationVersion(rt.store.read);
    const seen = await lastSeen(call, current);
    stream.write('retry: 2000\n\n');
    send('hello', { version: seen, now: rt.clock.now() }, seen);

    const stops = [heartbeat(stream, call)];
    if (may(user.role, 'inbox.read')) stops.push(conversations(call, seen, send));
    for (const channel of channelsOf(call)) stops.push(bell(call, channel, send));
    open.add(stream);
    const close = () => {
      open.delete(stream);
      for (const stop of stops.splice(0)) stop();
      stream.destroy();
    };
    stream.on('close', close);
    stream.on('error', close);
    ctx.req.on('close', close);
    ctx.status = 200;
    ctx.body = stream;
  },
} satisfies SomeHandlers;

/** Where to go on: the browser's last event when it comes back, else now. */
async function lastSeen({ ctx }: Call<'stream'>, current: number): Promise<number> {
  const id = ctx.get('Last-Event-ID');
  return /^\d{1,15}$/.test(id) ? Math.min(Number(id), current) : current;
}

function channelsOf({ user }: Call<'stream'>): Channel[] {
  const channels: Channel[] = ['settings'];
  if (may(user.role, 'campaign.read')) channels.push('campaign');
  if (may(user.role, 'audience.read')) channels.push('import', 'segment');
  if (may(user.role, 'sending.read')) channels.push('queue');
  if (may(user.role, 'suppression.read')) channels.push('suppression');
  return channels;
}

/** Keeps proxies from hanging up, and hangs up ourselves on somebody whose session has ended meanwhile. */
function heartbeat(stream: PassThrough, { rt, session }: Call<'stream'>): () => void {
  const beat = async () => {
    const live = await liveSession(rt.store.read, session?.id ?? '', rt.clock.now());
    if (live === undefined) stream.end();
    else stream.write(': still here\n\n');
  };
  const timer = setInterval(() => void beat().catch(() => stream.end()), HEARTBEAT_MS);
  timer.unref();
  return () => clearInterval(timer);
}

type Send = (event: string, data: unknown, id?: number) => void;

function conversations({ rt }: Call<'stream'>, from: number, send: Send): () => void {
  let version = from;
  let isLooking = false;
  let isRung = false;
  const look = async () => {
    if (isLooking) {
      isRung = true;
      return;
    }
    isLooking = true;
    try {
      do {
        isRung = false;
        const rows = await conversationsChangedSince(rt.store.read, version, MOST_PER_LOOK);
        const last = rows.at(-1);
        if (last === undefined) continue;
        version = last.version;
        send('conversation', { rows: rows.map(conversationLine), version }, version);
        isRung ||= rows.length === MOST_PER_LOOK;
      } while (isRung);
    } catch (error) {
      rt.log.warn('stream could not look', { error });
    } finally {
      isLooking = false;
    }
  };
  const off = rt.wake.on('conversation', () => void look());
  const timer = setInterval(() => void look(), POLL_MS);
  timer.unref();
  void look();
  return () => {
    off();
    clearInterval(timer);
  };
}

/** Says that something of a kind changed, at most twice a second, and never forgets the last time. */
function bell({ rt }: Call<'stream'>, channel: Channel, send: Send): () => void {
  let timer: NodeJS.Timeout | undefined;
  let isRung = false;
  const say = () => {
    isRung = false;
    send(channel, { at: rt.clock.now() });
    timer = setTimeout(() => {
      timer = undefined;
      if (isRung) say();
    }, QUIET_MS);
    timer.unref();
  };
  const off = rt.wake.on(channel, () => {
    if (timer === undefined) say();
    else isRung = true;
  });
  return () => {
    off();
    clearTimeout(timer);
  };
}
