/**
 * The text of our own mail that a message answers, found before it is read, so that its words are known again in the
 * answer: by the token of the address it came to, else by a Message-ID of ours that it names, else by a signed link of our
 * footer that it quotes. Only ever used to fold; where the message belongs is decided by thread.ts.
 */
import { LINK_DOMAIN, readOwnMessageId } from '../core/mail/identifiers.ts';
import type { Runtime } from '../core/runtime.ts';
import { ownWords, wordsOfMessage } from '../core/store/thread.ts';
import { htmlToText } from './html-text.ts';
import type { EnvelopeTokens } from './envelope-token.ts';

const HEAD_BYTES = 64 * 1024;
const BODY_BYTES = 512 * 1024;
const MOST_IDS = 20;
const MOST_LINKS = 20;

export async function answeredText(
  rt: Runtime,
  envelope: EnvelopeTokens,
  raw: Buffer,
): Promise<string | undefined> {
  const token = envelope.valid.find((one) => one.purpose === 'r');
  if (token !== undefined) return ofDelivery(rt, token.deliveryId);
  const now = rt.clock.now();
  for (const id of ownIdsIn(raw)) {
    const reading = readOwnMessageId(rt.tokens, id, now);
    if (reading?.kind !== 'valid') continue;
    return reading.purpose === 'm' ? ofDelivery(rt, reading.id) : wordsOfMessage(rt.store.glance, reading.id);
  }
  for (const link of linksIn(raw)) {
    const reading = rt.tokens.read(link, { domain: LINK_DOMAIN, purpose: 'u', now });
    if (reading.kind === 'valid') return ofDelivery(rt, reading.id);
  }
  return undefined;
}

async function ofDelivery(rt: Runtime, deliveryId: number): Promise<string | undefined> {
  const sent = await ownWords(rt.store.glance, deliveryId);
  return sent && `${sent.text}\n${textOf(sent.html)}`;
}

/** A campaign is answered by many: its page is turned into text once. */
const pages = new Map<string, string>();
const PAGES_KEPT = 20;

function textOf(html: string): string {
  let text = pages.get(html);
  if (text === undefined) {
    text = htmlToText(html).text;
    pages.set(html, text);
    if (pages.size > PAGES_KEPT) pages.delete(pages.keys().next().value as string);
  }
  return text;
}

/** RFC 5322 3.6.4: In-Reply-To, then References from the newest. */
export function ownIdsIn(raw: Buffer): string[] {
  const head = raw.subarray(0, HEAD_BYTES).toString('latin1');
  const end = /\r?\n\r?\n/.exec(head)?.index ?? head.length;
  const fields = head.slice(0, end).replace(/\r?\n[ \t]+/g, ' ');
  const ids = (name: string) =>
    [...fields.matchAll(new RegExp(`^${name}:(.*)$`, 'gim'))].flatMap(
      (match) => match[1]!.match(/[mc]\.[0-9a-z]{32}@[a-z0-9.-]{1,253}/gi) ?? [],
    );
  return [...new Set([...ids('In-Reply-To'), ...ids('References').toReversed()])].slice(0, MOST_IDS);
}

/** Our unsubscribe links in the quotation, whatever broke them over lines. */
export function linksIn(raw: Buffer): string[] {
  const body = raw.subarray(0, BODY_BYTES).toString('latin1');
  const found = new Set<string>();
  // RFC 2045 6.7 (5): quoted-printable breaks a line with "=".
  for (const match of body.replace(/=\r?\n/g, '').matchAll(/\/[up]\/([0-9a-z]{32})(?![0-9a-z])/gi)) {
    found.add(match[1]!);
    if (found.size >= MOST_LINKS) break;
  }
  return [...found];
}
