/**
 * What people, and the machines that stand in for them, do with the mail they got: ignore it, answer it, be away,
 * press the spam button, unsubscribe in three ways. Also what providers send back late, and what an attacker forges.
 * Everything they did, and how Parley answered, is kept, so that a test can expect exactly that.
 */
import type { Clock } from '../core/clock.ts';
import { bounceMail } from './bounce.ts';
import { complaintMail } from './complaint.ts';
import { fateOf, type Fate, type FateOptions } from './fate.ts';
import { addressIn, decodeWords, domainOf, field, listUris, readHead } from './headers.ts';
import { signed } from './letter.ts';
import type { Receipt } from './mailbox.ts';
import { REPLIES, UNSUBSCRIBE_WORDS, type Intent, type Language } from './phrases.ts';
import type { Mail, Post, Sent } from './post.ts';
import { PROVIDERS, SMALL, providerOf, type Host, type Provider } from './providers.ts';
import { pick, roll, weigh } from './random.ts';
import {
  awayMail,
  leftMail,
  replyMail,
  unsubscribeMail,
  type Original,
  type Person,
  type Writing,
} from './reply.ts';
import { visit, type WebOptions } from './web-visit.ts';
import type { Zone } from './zone.ts';

export type Doing = Exclude<Fate, 'reader' | 'unknown-user' | 'full' | 'full-for-a-while'>;

/** One thing that somebody did about one message, and what came of it. */
export interface Act {
  kind: Doing;
  address: string;
  /** The message that it is about. */
  messageId: string;
  intent?: Intent;
  language?: Language;
  /** Message-ID of the mail that was sent. */
  sentMessageId?: string;
  /** When they are back, for `away`. */
  until?: number;
  at: number;
  /** `done` when Parley took it (2xx by SMTP or HTTP); null while it is under way. */
  outcome: 'done' | 'refused' | 'given-up' | null;
  answer: string;
}

export interface PeopleOptions extends FateOptions {
  /** Where spam reports go; to the return path of the message, when absent. */
  feedbackTo?: string;
  web: WebOptions;
  /** Lab time between a message and what is done about it, from and to. */
  reactAfterMs: readonly [number, number];
}

export interface PeopleDeps {
  clock: Clock;
  zone: Zone;
  post: Post;
}

interface Sending extends Omit<Mail, 'raw'> {
  raw: Buffer;
  domain: string;
}

const DAY = 86_400_000;
const ATTACKER: Host = { host: 'mail.evil.test', address: '127.66.6.6' };

export class People {
  readonly #options: PeopleOptions;
  readonly #deps: PeopleDeps;
  readonly #acts: Act[] = [];
  readonly #times = new Map<string, number>();
  readonly #idle: (() => void)[] = [];
  #pending = 0;
  #stopped = false;

  constructor(options: PeopleOptions, deps: PeopleDeps) {
    this.#options = options;
    this.#deps = deps;
  }

  get acts(): readonly Act[] {
    return this.#acts;
  }

  get pending(): number {
    return this.#pending;
  }

  set web(web: WebOptions) {
    this.#options.web = web;
  }

  /** Resolves when nobody has anything left to do about what has arrived so far. */
  settled(): Promise<void> {
    if (this.#pending === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  stop(): void {
    this.#stopped = true;
  }

  /** What the recipient will do about a message that was just put into the mailbox. */
  got(receipt: Receipt, raw: Buffer): void {
    const fate = fateOf(receipt.address, this.#options);
    if (fate === 'reader' || fate === 'unknown-user' || fate === 'full' || fate === 'full-for-a-while')
      return;
    // Only what was sent to many is reacted to. RFC 3834 2: an automatic mail is never answered.
    const head = readHead(raw);
    if (!receipt.isBulk || (field(head, 'auto-submitted') ?? 'no') !== 'no') return;
    const nth = (this.#times.get(receipt.address) ?? 0) + 1;
    this.#times.set(receipt.address, nth);
    const chance = (word: string) => roll(this.#options.seed, word, receipt.address, String(nth));
    const [soonest, latest] = this.#options.reactAfterMs;
    // Machines answer at once, people take their time.
    const span =
      fate === 'away' || fate === 'left'
        ? soonest * (0.5 + chance('when'))
        : soonest + chance('when') * (latest - soonest);
    this.#pending++;
    this.#deps.clock.after(span, () => {
      void this.#do(fate, receipt, raw, chance).finally(() => {
        this.#pending--;
        if (this.#pending === 0) for (const tell of this.#idle.splice(0)) tell();
      });
    });
  }

  async #do(kind: Doing, receipt: Receipt, raw: Buffer, chance: (word: string) => number): Promise<void> {
    if (this.#stopped) return;
    const { clock } = this.#deps;
    const act: Act = {
      kind,
      address: receipt.address,
      messageId: receipt.messageId,
      at: clock.now(),
      outcome: null,
      answer: '',
    };
    this.#acts.push(act);
    try {
      if (kind === 'one-click') await this.#oneClick(act, raw);
      else await this.#write(act, await this.#mailFor(act, receipt, raw, chance));
    } catch (cause) {
      act.outcome = 'given-up';
      act.answer = cause instanceof Error ? cause.message : String(cause);
    }
  }

  async #mailFor(
    act: Act,
    receipt: Receipt,
    raw: Buffer,
    chance: (word: string) => number,
  ): Promise<Sending> {
    const provider = providerOf(domainOf(receipt.address));
    const person = personOf(
      receipt.address,
      decodeWords(field(readHead(raw), 'to') ?? ''),
      provider,
      this.#options.seed,
    );
    const id = sendingId(this.#options.seed, act.kind, receipt.address, receipt.messageId);
    const writing = (to: string): Writing => {
      return { person, original: originalOf(receipt, raw), to, at: act.at, id };
    };
    const byPerson = { from: provider.out, domain: domainOf(person.address), returnPath: person.address };
    const replyTo = receipt.replyTo || addressIn(receipt.from);
    switch (act.kind) {
      case 'replies': {
        const [intent, words] = pick(REPLIES[person.language], chance('words'));
        act.intent = intent;
        act.language = person.language;
        return { ...byPerson, to: replyTo, raw: await replyMail(writing(replyTo), words) };
      }
      case 'in-words': {
        act.language = person.language;
        const words = pick(UNSUBSCRIBE_WORDS[person.language], chance('words'));
        return { ...byPerson, to: replyTo, raw: await replyMail(writing(replyTo), words) };
      }
      case 'away':
      case 'left': {
        // RFC 3834 4: to the return path, with an empty one of its own; Exchange writes to From instead
        const to = person.server === 'exchange' ? addressIn(receipt.from) : receipt.returnPath;
        const until = act.at + Math.ceil(2 + chance('until') * 18) * DAY;
        if (act.kind === 'away') act.until = until;
        act.language = person.language;
        const mail =
          act.kind === 'away' ? awayMail(writing(to), until, chance('text')) : leftMail(writing(to));
        return { ...byPerson, returnPath: '', to, raw: mail };
      }
      case 'mailto': {
        const uri = listUris(field(readHead(raw), 'list-unsubscribe')).find((one) => /^mailto:/i.test(one));
        if (uri === undefined) throw new Error('no mailto in List-Unsubscribe');
        const [to = '', query = ''] = uri.slice('mailto:'.length).split('?');
        const subject = new URLSearchParams(query).get('subject') ?? 'unsubscribe';
        const address = decodeURIComponent(to);
        return { ...byPerson, to: address, raw: unsubscribeMail(writing(address), subject) };
      }
      case 'complains': {
        const to = this.#options.feedbackTo ?? receipt.returnPath;
        const from = provider.feedback?.from ?? provider.bounces.from;
        const mail = complaintMail({
          provider,
          recipient: receipt.address,
          returnPath: receipt.returnPath,
          to,
          raw,
          clientIp: receipt.clientIp,
          at: act.at,
          receivedAt: receipt.at,
          id,
        });
        return { from: provider.out, domain: domainOf(from), returnPath: from, to, raw: mail };
      }
      case 'bounces-later':
        return {
          from: provider.out,
          domain: domainOf(provider.bounces.from),
          returnPath: '',
          to: receipt.returnPath,
          raw: bounceMail({
            provider,
            recipient: receipt.address,
            returnPath: receipt.returnPath,
            raw,
            messageId: receipt.messageId,
            subject: receipt.subject,
            at: act.at,
            id,
          }),
        };
      case 'forged': {
        const returnPath = forged(receipt.returnPath);
        const bounce = bounceMail({
          provider: SMALL,
          recipient: receipt.address,
          returnPath,
          raw: Buffer.from(`From: <${addressIn(receipt.from)}>\r\nTo: <${receipt.address}>\r\n\r\n`),
          messageId: '',
          subject: '',
          at: act.at,
          id,
        });
        return { from: ATTACKER, domain: '', returnPath: '', to: returnPath, raw: bounce, once: true };
      }
      case 'one-click':
        throw new Error('one click is not a mail');
      default:
        return act.kind satisfies never;
    }
  }

  async #write(act: Act, { domain, raw, ...mail }: Sending): Promise<void> {
    act.sentMessageId = field(readHead(raw), 'message-id');
    const sent = await this.#deps.post.send({
      ...mail,
      raw: domain === '' ? raw : await signed(raw, domain),
    });
    finish(act, sent);
  }

  /** RFC 8058 3.2: the provider posts for the person; 5xx and no answer are tried again. */
  async #oneClick(act: Act, raw: Buffer): Promise<void> {
    const head = readHead(raw);
    const url = listUris(field(head, 'list-unsubscribe')).find((one) => /^https?:/i.test(one));
    if (url === undefined) throw new Error('no web address in List-Unsubscribe');
    const body = field(head, 'list-unsubscribe-post') ?? '';
    if (body !== 'List-Unsubscribe=One-Click') throw new Error('no one-click in List-Unsubscribe-Post');
    let { status, why } = { status: 0, why: 'not tried' };
    for (let attempt = 1; attempt <= 20 && !this.#stopped; attempt++) {
      ({ status, why } = await visit({ method: 'POST', url, body }, this.#deps.zone, this.#options.web));
      if (status > 0 && status < 500 && status !== 429) break;
      await this.#deps.clock.sleep(attempt * 60_000);
    }
    act.answer = status === 0 ? why : `HTTP ${status}`;
    act.outcome =
      status >= 200 && status < 300 ? 'done' : status > 0 && status < 500 ? 'refused' : 'given-up';
  }
}

function finish(act: Act, sent: Sent): void {
  act.outcome = sent.kind === 'accepted' ? 'done' : sent.kind;
  act.answer = `${sent.code} ${sent.text}`;
}

/** Who lives at an address; their language goes by the country of the address, with some travellers. */
export function personOf(address: string, shown: string, provider: Provider, seed: number): Person {
  const named = /^\s*"?([^"<]*?)"?\s*</.exec(shown)?.[1] ?? '';
  const guessed = (address.split('@')[0] ?? '')
    .replace(/\+.*|\d+/g, '')
    .split(/[._-]+/)
    .filter((one) => one !== '')
    .map((one) => one.charAt(0).toUpperCase() + one.slice(1))
    .join(' ');
  const unit = roll(seed, 'language', address);
  const mixed: readonly (readonly [Language, number])[] = [
    ['fr', 58],
    ['en', 34],
    ['es', 5],
    ['de', 3],
  ];
  const language: Language = address.endsWith('.fr')
    ? 'fr'
    : address.endsWith('.de')
      ? 'de'
      : address.endsWith('.uk')
        ? 'en'
        : weigh(mixed, unit);
  return {
    address,
    name: named !== '' ? named : guessed,
    language,
    client: weigh(provider.clients, roll(seed, 'client', address)),
    server: provider.bounces.dialect === 'exchange' ? 'exchange' : 'vacation',
  };
}

function originalOf(receipt: Receipt, raw: Buffer): Original {
  return {
    raw,
    messageId: receipt.messageId,
    references: receipt.references,
    subject: receipt.subject,
    from: addressIn(receipt.from),
    fromName: /^\s*"?([^"<]*?)"?\s*</.exec(receipt.from)?.[1] ?? '',
    to: receipt.address,
    receivedAt: receipt.at,
  };
}

/** The attacker knows what our addresses look like, and lacks the key. */
function forged(returnPath: string): string {
  const at = returnPath.lastIndexOf('@');
  const local = returnPath.slice(0, at);
  const swapped = local.slice(-8).replace(/[a-z0-9]/g, (one) => (one === 'a' ? 'b' : 'a'));
  return `${local.slice(0, -8)}${swapped}${returnPath.slice(at)}`;
}

function sendingId(seed: number, ...words: string[]): string {
  const half = (salt: string) => Math.floor(roll(seed, salt, ...words) * 2 ** 32).toString(36);
  return `${half('a')}${half('b')}`;
}

/** Every address of the lab that mail can come from. */
export const SENDING_HOSTS: readonly Host[] = [...PROVIDERS.map((one) => one.out), SMALL.out, ATTACKER];
