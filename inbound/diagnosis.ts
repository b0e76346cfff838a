/**
 * What a receiver's words about one recipient mean, an hour after the fact. The classifier is the one that judges answers
 * in session (core/mail/classify-reply.ts); here stands only what reports in prose add: where the code is, and sentences
 * that no SMTP server says.
 */
import { classified, type BounceClassName } from '../core/mail/bounce-class.ts';
import { classifyReply } from '../core/mail/classify-reply.ts';
import { findStatus, parseStatus } from '../core/mail/status.ts';
import { dialectSentences } from './dialect-sentences.ts';
import { stageOf, type Stage } from './smtp-stage.ts';

export interface Diagnosis {
  class: BounceClassName;
  /** The enhanced code, from the field, the words or the basic code; empty when nothing says. */
  status: string;
  /** Never mail this address again: unknown user, unknown host, moved, takes no mail. */
  hard: boolean;
}

/** Sentences of mail programs, not of SMTP servers; asked when the common rules know nothing. */
const prose: [BounceClassName, RegExp][] = [
  ['mailbox-full', /quota|mailbox (?:is )?full|disk (?:is )?full|no space|too many messages|容量/i],
  ['moved-recipient', /has (?:been )?moved|no longer (?:with|at|works)|new address/i],
  [
    'invalid-domain',
    /no mx found|host (?:name )?(?:is )?(?:unknown|not found)|unknown (?:host|domain)|domain .{0,60}(?:not found|does not exist)|null mx/i,
  ],
  [
    'invalid-recipient',
    /invalid final delivery user|(?:user|recipient|mailbox|account|address|alias).{0,80}(?:unknown|not (?:be )?found|not (?:exist|listed|known|valid)|invalid|does ?n[o']?t (?:exist|have))|(?:unknown|no such|invalid|bad) (?:user|recipient|mailbox|address|account)|check (?:if|that|whether) (?:the )?address is correct|not listed in|宛先.{0,20}(?:不明|存在)|n'existe pas|existiert nicht|no existe/i,
  ],
  ['expired-remotely', /(?:too old|expired|giving up|timed? ?out|for more than|in the queue)/i],
  ['spam-content', /\bspam\b|unsolicited|junk|content/i],
  ['connection-failed', /connect|network|unreachable|no answer/i],
];

/** Classes after which the address is not mailed again. */
const HARD = new Set<BounceClassName>(['invalid-recipient', 'invalid-domain', 'moved-recipient']);

const isVague = (status: string): boolean => status === '' || status.endsWith('.0.0');

/**
 * Reads one recipient's fate. `status` is the report's field, when there was one; `words` the diagnostic text;
 * `transcript` what people get to read, where the step at which it was refused may stand.
 *
 *     diagnose('5.0.0', '550 5.1.1 <ana@example.net>: user unknown') // invalid-recipient, 5.1.1, hard
 */
export function diagnose(status: string, words: string, transcript = ''): Diagnosis {
  const text = words.slice(0, 4000).replace(/\s+/g, ' ').trim();
  const reply = replyIn(text);
  const code = Number(/^([245]\d\d)\b/.exec(reply)?.[1] ?? 0);
  const best = bestStatus(parseStatus(status)?.text ?? '', reply, text, code);
  const name = believed(namedBy(text, reply, code, best), best, () =>
    stageOf(words.slice(0, 4000), transcript),
  );
  // RFC 3463 2: the first digit is the one thing that everybody gets right.
  const temporary = best.startsWith('4');
  const verdict = classified(name, temporary ? { temporary: true } : { temporary: false });
  return {
    class: name,
    status: best || (verdict.temporary ? '4.0.0' : '5.0.0'),
    hard: HARD.has(name) && verdict.suppress === 'now',
  };
}

function namedBy(text: string, reply: string, code: number, status: string): BounceClassName {
  const own = dialectSentences.find(({ pattern }) => pattern.test(text));
  if (own !== undefined) return own.class;
  const common = classifyReply(code, status === '' ? undefined : status, reply);
  const isUnknown = common.class === 'unknown-permanent' || common.class === 'unknown-temporary';
  return (isUnknown ? prose.find(([, pattern]) => pattern.test(text))?.[0] : undefined) ?? common.class;
}

/**
 * "No such user" destroys an address, so it has to be meant. Said after the message was sent it is a filter's word; with a
 * status that speaks of a disabled mailbox or of policy it is not about the address (RFC 3463 3.3, 3.8).
 */
function believed(name: BounceClassName, status: string, stage: () => Stage | undefined): BounceClassName {
  if (name !== 'invalid-recipient') return name;
  // RFC 3463 3.2: about the address itself. With PIPELINING the answer to RCPT is read after DATA was written.
  if (/^\d\.1\./.test(status)) return name;
  const at = stage();
  if (at === 'data') return 'recipient-policy';
  if (at === 'rcpt' || isVague(status) || /^\d\.[45]\./.test(status)) return name;
  return /^\d\.2\./.test(status) ? 'inactive-mailbox' : 'recipient-policy';
}

/** The remote's own reply inside the sentence, from its code on; the whole when there is none. */
function replyIn(text: string): string {
  const at = /(?:^|[\s:;("'>=-])([45]\d\d)(?=[ -](?:[45]\.\d{1,3}\.\d{1,3}|\S))/.exec(text);
  return at === null ? text : text.slice(at.index + at[0].length - 3);
}

/**
 * The field often says what the reporting host made of it: given up after days (4.4.7), or "bad address" because RCPT was
 * refused. The remote's own code, where its reply has another one, says why.
 */
function innerStatus(stated: string, reply: string, text: string): string | undefined {
  if (isVague(stated)) return undefined;
  const own = /^[45]\d\d[ -]([45]\.\d{1,3}\.\d{1,3})\b/.exec(reply)?.[1];
  if (own !== undefined && own !== stated && !isVague(own) && !own.endsWith('.4.7')) return own;
  if (!stated.endsWith('.4.7')) return undefined;
  const further = [...text.matchAll(/\b[45]\d\d[ -]([45]\.\d{1,3}\.\d{1,3})\b/g)].map((match) => match[1]);
  return further.findLast((one) => one !== undefined && !one.endsWith('.4.7') && !isVague(one));
}

function bestStatus(stated: string, reply: string, text: string, code: number): string {
  const inner = innerStatus(stated, reply, text);
  if (inner !== undefined) return inner;
  if (!isVague(stated)) return stated;
  const found = findStatus(reply, code === 0 ? undefined : code)?.text ?? findStatus(text)?.text ?? '';
  if (found !== '' && (stated === '' || found[0] === stated[0])) return found;
  if (stated !== '') return stated;
  return code >= 400 ? `${Math.floor(code / 100)}.0.0` : '';
}
