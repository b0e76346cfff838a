/**
 * What a person sends back, as their mail program writes it: Gmail, Outlook, Apple Mail and Thunderbird quote, thread
 * and encode each in its own way. And what their server says for them when they are away or gone.
 */
import { simpleParser } from 'mailparser';
import { encodedWords, mailbox, mailDate, multipart, singlePart, type Fields } from './letter.ts';
import {
  AWAY,
  LEFT,
  LOCALES,
  OUTLOOK_BLOCK,
  QUOTE_LINES,
  REPLY_PREFIX,
  SENT_FROM_PHONE,
  type Language,
} from './phrases.ts';
import type { ReplyClient } from './providers.ts';

export interface Person {
  address: string;
  name: string;
  language: Language;
  client: ReplyClient;
  /** Exchange answers for its people to the From address; others go by the return path. */
  server: 'exchange' | 'vacation';
}

export interface Original {
  raw: Buffer;
  messageId: string;
  references: string;
  subject: string;
  from: string;
  fromName: string;
  to: string;
  receivedAt: number;
}

export interface Writing {
  person: Person;
  original: Original;
  to: string;
  at: number;
  id: string;
}

/** A reply by hand. */
export async function replyMail(writing: Writing, words: string): Promise<Buffer> {
  const { person, original } = writing;
  const parsed = await simpleParser(original.raw, { skipImageLinks: true, skipTextToHtml: true });
  const quoted = (parsed.text ?? '').replace(/\r\n/g, '\n').trimEnd();
  const text = words.replaceAll('{name}', person.name.split(' ')[0] ?? person.name);
  const fields: Fields = [
    ...heads(writing, `${REPLY_PREFIX[person.client][person.language]}${bare(original.subject)}`),
    ...threading(original),
  ];
  switch (person.client) {
    case 'gmail':
      return gmail(writing, fields, text, quoted, typeof parsed.html === 'string' ? parsed.html : '');
    case 'outlook':
      return outlook(writing, fields, text, quoted);
    case 'apple':
      return apple(writing, fields, text, quoted);
    case 'thunderbird':
      return thunderbird(writing, fields, text, quoted);
    default:
      return person.client satisfies never;
  }
}

function heads({ person, to, at, id }: Writing, subject: string): Fields {
  const host = person.address.split('@')[1] ?? 'lab.test';
  return [
    ['Date', mailDate(at)],
    ['From', mailbox(person.name, person.address)],
    ['To', to],
    ['Subject', encodedWords(subject)],
    ['Message-ID', `<${id}@${person.client === 'gmail' ? 'mail.gmail.com' : host}>`],
  ];
}

// RFC 5322 3.6.4
function threading(original: Original): Fields {
  if (original.messageId === '') return [];
  return [
    ['In-Reply-To', original.messageId],
    ['References', `${original.references} ${original.messageId}`.trim()],
  ];
}

function gmail(writing: Writing, fields: Fields, text: string, quoted: string, html: string): Buffer {
  const line = quoteLine(writing, 'gmail');
  const plain = `${text}\n\n${line}\n\n${arrows(quoted)}\n`;
  const rich =
    `<div dir="ltr">${paragraphs(text)}</div><br><div class="gmail_quote gmail_quote_container">` +
    `<div dir="ltr" class="gmail_attr">${escape(line)}<br></div><blockquote class="gmail_quote" ` +
    `style="margin:0px 0px 0px 0.8ex;border-left:1px solid rgb(204,204,204);padding-left:1ex">` +
    `${html === '' ? paragraphs(quoted) : html}</blockquote></div>`;
  return multipart(fields, 'alternative', `000000000000${writing.id}`, [
    { type: 'text/plain; charset="UTF-8"', body: plain },
    { type: 'text/html; charset="UTF-8"', body: rich },
  ]);
}

function outlook(writing: Writing, fields: Fields, text: string, quoted: string): Buffer {
  const { person, original } = writing;
  const [from, sent, to, subject] = OUTLOOK_BLOCK[person.language];
  const block: readonly (readonly [string, string])[] = [
    [from, `${original.fromName} <${original.from}>`],
    [sent, day(original.receivedAt, person.language, { dateStyle: 'full', timeStyle: 'short' })],
    [to, `${person.name} <${person.address}>`],
    [subject, original.subject],
  ];
  const plain = `${text}\n\n________________________________\n${block.map((one) => one.join(' ')).join('\n')}\n\n${quoted}\n`;
  const rich =
    `<html><head></head><body dir="ltr"><div class="elementToProof">${paragraphs(text)}</div>` +
    `<div id="appendonsend"></div><hr style="display:inline-block;width:98%" tabindex="-1">` +
    `<div id="divRplyFwdMsg" dir="ltr"><font face="Calibri, sans-serif" style="font-size:11pt" color="#000000">` +
    `${block.map(([label, value]) => `<b>${escape(label)}</b> ${escape(value)}<br>`).join('')}</font>` +
    `<div>&nbsp;</div></div><div>${paragraphs(quoted)}</div></body></html>`;
  return multipart(
    [
      ...fields,
      ['Thread-Topic', encodedWords(original.subject)],
      ['Accept-Language', LOCALES[person.language]],
    ],
    'alternative',
    `_000_${writing.id}eurprd05pro_`,
    [
      { type: 'text/plain; charset="utf-8"', body: plain },
      { type: 'text/html; charset="utf-8"', body: rich },
    ],
  );
}

function apple(writing: Writing, fields: Fields, text: string, quoted: string): Buffer {
  const line = quoteLine(writing, 'apple');
  const phone = SENT_FROM_PHONE[writing.person.language];
  return singlePart([...fields, ['X-Mailer', 'iPhone Mail (23B85)']], {
    type: 'text/plain; charset=utf-8',
    body: `${text}\n\n${phone}\n\n> ${line}\n> \n${arrows(quoted)}\n`,
  });
}

function thunderbird(writing: Writing, fields: Fields, text: string, quoted: string): Buffer {
  return singlePart(
    [...fields, ['User-Agent', 'Mozilla Thunderbird'], ['Content-Language', writing.person.language]],
    {
      type: 'text/plain; charset=UTF-8; format=flowed',
      encoding: '8bit',
      body: `${text}\n\n${quoteLine(writing, 'thunderbird')}\n${arrows(quoted)}\n`,
    },
  );
}

/** RFC 3834: marked as automatic, threaded, and never an answer to another automatic mail. */
export function awayMail(writing: Writing, until: number, variant: number): Buffer {
  const { person } = writing;
  const { subject, texts } = AWAY[person.language];
  const text = texts[Math.floor(variant * texts.length)] ?? texts[0] ?? '';
  const filled = fill(
    text,
    person,
    day(until, person.language, { day: 'numeric', month: 'long', year: 'numeric' }),
  );
  return automatic(writing, subject[person.server], filled);
}

export function leftMail(writing: Writing): Buffer {
  const { person } = writing;
  return automatic(
    writing,
    AWAY[person.language].subject[person.server],
    fill(LEFT[person.language], person, ''),
  );
}

function automatic(writing: Writing, subject: string, text: string): Buffer {
  const { person, original } = writing;
  const marks: Fields =
    person.server === 'exchange'
      ? [
          ['Auto-Submitted', 'auto-generated'],
          ['X-Auto-Response-Suppress', 'All'],
          ['X-MS-Exchange-Inbox-Rules-Loop', person.address],
        ]
      : [
          ['Auto-Submitted', 'auto-replied (vacation)'],
          ['Precedence', 'bulk'],
          ['X-Autoreply', 'yes'],
        ];
  return singlePart(
    [...heads(writing, subject.replace('{subject}', original.subject)), ...threading(original), ...marks],
    { type: 'text/plain; charset=utf-8', body: `${text}\n` },
  );
}

export function unsubscribeMail(writing: Writing, subject: string): Buffer {
  return singlePart(heads(writing, subject), {
    type: 'text/plain; charset=utf-8',
    encoding: '7bit',
    body: 'This message was sent automatically by the mail program of the recipient.\n',
  });
}

function fill(text: string, person: Person, until: string): string {
  const domain = person.address.split('@')[1] ?? '';
  return text
    .replaceAll('{name}', person.name)
    .replaceAll('{until}', until)
    .replaceAll('{colleague}', `accueil@${domain}`);
}

function quoteLine({ person, original }: Writing, client: keyof typeof QUOTE_LINES): string {
  return QUOTE_LINES[client][person.language]
    .replace(
      '{date}',
      day(original.receivedAt, person.language, {
        weekday: 'short',
        day: 'numeric',
        month: 'short',
        year: 'numeric',
      }),
    )
    .replace('{time}', day(original.receivedAt, person.language, { hour: '2-digit', minute: '2-digit' }))
    .replace('{who}', original.fromName || original.from)
    .replace('{address}', original.from);
}

const formats = new Map<string, Intl.DateTimeFormat>();
function day(at: number, language: Language, options: Intl.DateTimeFormatOptions): string {
  const key = language + JSON.stringify(options);
  let format = formats.get(key);
  if (format === undefined) {
    format = new Intl.DateTimeFormat(LOCALES[language], { timeZone: 'Europe/Paris', ...options });
    formats.set(key, format);
  }
  return format.format(at);
}

const bare = (subject: string): string => subject.replace(/^((re|aw|rv|tr|fwd?)\s*:\s*)+/i, '');
const arrows = (text: string): string =>
  text
    .split('\n')
    .map((line) => (line.startsWith('>') ? `>${line}` : `> ${line}`))
    .join('\n');
const escape = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
const paragraphs = (text: string): string =>
  `<div>${escape(text).replaceAll('\n', '</div><div>')}</div>`.replaceAll('<div></div>', '<div><br></div>');
