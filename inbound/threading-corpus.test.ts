/**
 * Our own corpus of threading, inbound/corpus/threading.jsonl: every way in which shared inboxes are known to mix people up
 * or to tear a conversation apart, as small stories. The stories run side by side in one house, each with people and ids of
 * its own, one turn of every story at a time.
 */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { DnsError } from '../core/dns-error.ts';
import type { Resolver } from '../core/dns.ts';
import { answer, replyRecipients } from '../core/store/answer.ts';
import { closeConversation } from '../core/store/conversation.ts';
import { FROM_DOMAIN, openHouse, type House, type Sent } from './testing.ts';

interface Step {
  /** A campaign's letter to somebody. */
  campaign?: string;
  /** One of us answers the conversation with somebody, or closes it. */
  agent?: string;
  close?: string;
  days?: number;
  from?: string;
  to?: string;
  subject?: string;
  id?: string | null;
  answers?: string[];
  answersRaw?: string;
  references?: string[];
  cc?: string[];
  replyTo?: string;
  /** The domain answers for it (SPF); its DMARC policy refuses it. */
  proved?: boolean;
  forged?: boolean;
  index?: number;
  child?: boolean;
  fields?: string[];
  text?: string;
}

interface Story {
  mode: string;
  name: string;
  steps: Step[];
  /** Who is with whom, in the order they wrote; `us` is one of the team. */
  groups: string[][];
  days?: number;
  /** The second conversation names the first. */
  continues?: boolean;
  /** Under what our answer would go out. */
  answerSubject?: Record<string, string>;
}

const stories = readFileSync(new URL('corpus/threading.jsonl', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .map((line, at) => ({ ...(JSON.parse(line) as Story), at }));
type Numbered = (typeof stories)[number];

const DOMAINS: Record<string, string> = {
  eve: 'elsewhere.example',
  zoe: 'elsewhere.example',
  boss: 'bank.example',
  form: 'forms.example',
  staff: 'staff.example',
};
const address = (name: string, { at }: Numbered): string =>
  `${name}.${at}@${DOMAINS[name] ?? 'remote.example'}`;

const TRUE_IP = '45.33.32.9';
const zone: Record<string, string> = {
  ...Object.fromEntries(
    ['remote.example', 'forms.example', 'bank.example'].map((name) => [name, `v=spf1 ip4:${TRUE_IP} ?all`]),
  ),
  '_dmarc.bank.example': 'v=DMARC1; p=reject',
};
const dns = new Proxy({} as Resolver, {
  get: (_, type) => async (name: string) => {
    const text = type === 'txt' ? zone[name.toLowerCase().replace(/\.$/, '')] : undefined;
    if (text === undefined) throw new DnsError('NXDOMAIN', name);
    return [text];
  },
});

class Run {
  readonly #house: House;
  readonly #sent = new Map<string, Sent>();
  readonly #answers = new Map<number, string>();
  #serial = 0;

  constructor(house: House) {
    this.#house = house;
  }

  async play(told: readonly Numbered[], days: number): Promise<void> {
    const { clock } = this.#house;
    for (const story of told)
      for (const { campaign } of story.steps)
        if (campaign !== undefined)
          this.#sent.set(`${story.at} ${campaign}`, await this.#house.delivery(address(campaign, story)));
    const cut = ({ steps }: Numbered) => steps.findIndex((step) => step.days !== undefined);
    await this.#rounds(
      told.map((story) => [story, story.steps.slice(0, days === 0 ? undefined : cut(story))]),
    );
    if (days === 0) return;
    clock.advance(days * 24 * 60 * 60 * 1000);
    await this.#rounds(told.map((story) => [story, story.steps.slice(cut(story) + 1)]));
  }

  async #rounds(parts: [Numbered, Step[]][]): Promise<void> {
    const longest = Math.max(...parts.map(([, steps]) => steps.length));
    for (let round = 0; round < longest; round++) {
      for (const [story, steps] of parts) {
        const step = steps[round];
        if (step !== undefined) await this.#do(story, step);
      }
      await this.#house.settle();
    }
  }

  async #do(story: Numbered, step: Step): Promise<void> {
    const { store, clock, tokens } = this.#house;
    const whose = step.agent ?? step.close;
    if (whose !== undefined) {
      const conversationId = await this.conversationOf(whose, story);
      await store.write(async (tx) => {
        if (step.close !== undefined) return closeConversation(tx, conversationId, clock.now());
        const { messageId } = await answer(
          tx,
          { conversationId, authorId: null, text: 'Ours.' },
          { tokens, now: clock.now() },
        );
        const row = await tx
          .selectFrom('message')
          .select('message_id')
          .where('id', '=', messageId)
          .executeTakeFirstOrThrow();
        this.#answers.set(story.at, row.message_id ?? '');
      });
    } else if (step.from !== undefined) await this.#mail(story, step, step.from);
  }

  async #mail(story: Numbered, step: Step, from: string): Promise<void> {
    const list = (ids: string[]) => ids.map((id) => `<${this.#id(id, story)}>`);
    const answers = step.answersRaw?.replace(/\{(\w+)\}/, (_, id: string) => this.#id(id, story));
    const inReplyTo = answers ?? list(step.answers ?? []).join(' ');
    const id = step.id === undefined ? `n${++this.#serial}` : step.id;
    const lines = [
      `From: ${address(from, story)}`,
      `To: support@${FROM_DOMAIN}`,
      `Subject: =?utf-8?B?${Buffer.from(step.subject ?? 'Hello').toString('base64')}?=`,
      ...(id === null ? [] : [`Message-ID: <${this.#id(id, story)}>`]),
      ...(inReplyTo === '' ? [] : [`In-Reply-To: ${inReplyTo}`]),
      ...(step.references === undefined ? [] : [`References: ${list(step.references).join('\n ')}`]),
      ...(step.cc === undefined ? [] : [`Cc: ${step.cc.map((name) => address(name, story)).join(', ')}`]),
      ...(step.replyTo === undefined ? [] : [`Reply-To: ${address(step.replyTo, story)}`]),
      ...(step.index === undefined ? [] : [`Thread-Index: ${threadIndex(step.index, step.child === true)}`]),
      ...(step.fields ?? []),
      '',
      step.text ?? 'Hi.',
      '',
    ];
    await this.#house.receive({
      from: address(from, story),
      to: this.#recipient(step.to ?? 'support', story),
      raw: lines.join('\n'),
      ip: step.proved === true ? TRUE_IP : '46.105.1.1',
    });
  }

  #recipient(to: string, story: Numbered): string {
    const [name = '', part] = to.split('.');
    if (part === undefined) return `${name}@${FROM_DOMAIN}`;
    const sent = this.#sent.get(`${story.at} ${name}`) as Sent;
    if (part === 'bounce') return sent.returnPath;
    // Changed by one letter.
    if (part.endsWith('~')) return sent.replyTo.replace(/.@/, (end) => (end === '0@' ? '1@' : '0@'));
    return sent.replyTo;
  }

  #id(name: string, story: Numbered): string {
    const small = name.toLowerCase();
    const found =
      small === 'agent'
        ? (this.#answers.get(story.at) ?? '')
        : small.endsWith('.mail')
          ? (this.#sent.get(`${story.at} ${small.slice(0, -5)}`)?.messageId ?? '')
          : `${small}.${story.at}@ids.example`;
    return name === small ? found : found.toUpperCase();
  }

  async conversationOf(name: string, story: Numbered): Promise<number> {
    const { id } = await this.#house.store.read
      .selectFrom('conversation')
      .select('id')
      .where('address', '=', address(name, story))
      .orderBy('id', 'desc')
      .executeTakeFirstOrThrow();
    return id;
  }

  /** Who is in which conversation, of one story. */
  async groups(story: Numbered): Promise<{ groups: string[][]; continues: boolean }> {
    const db = this.#house.store.read;
    const rows = await db
      .selectFrom('message')
      .innerJoin('conversation', 'conversation.id', 'message.conversation_id')
      .select([
        'message.conversation_id',
        'message.direction',
        'message.from_address',
        'conversation.address',
        'conversation.continues_id',
      ])
      .orderBy('message.id')
      .execute();
    const groups = new Map<number, string[]>();
    let continues = false;
    for (const row of rows) {
      if (!row.address.includes(`.${story.at}@`)) continue;
      const who = row.direction === 'out' ? 'us' : (row.from_address.split('.')[0] as string);
      groups.set(row.conversation_id, [...(groups.get(row.conversation_id) ?? []), who]);
      continues ||= row.continues_id !== null;
    }
    return { groups: [...groups.values()], continues };
  }

  async answerSubject(name: string, story: Numbered): Promise<string> {
    return (await replyRecipients(this.#house.store.read, await this.conversationOf(name, story))).subject;
  }
}

/** [MS-OXOMSG] 2.2.1.3: 22 bytes, and five more for an answer. */
const threadIndex = (seed: number, isChild: boolean): string =>
  Buffer.from([
    1,
    ...Array.from({ length: isChild ? 26 : 21 }, (_, i) => (i * 7 + seed * 31) % 256),
  ]).toString('base64');

test('the corpus has at least sixty stories, of every way in which threading is known to fail', () => {
  expect(stories.length).toBeGreaterThanOrEqual(60);
  expect([...new Set(stories.map((story) => story.mode))]).toHaveLength(18);
  expect(new Set(stories.map((story) => `${story.mode} ${story.name}`)).size).toBe(stories.length);
});

describe.each([0, 29, 31])('with %i days between', (days) => {
  const told = stories.filter((story) => (story.days ?? 0) === days);
  let run: Run;
  const got = new Map<number, Awaited<ReturnType<Run['groups']>>>();
  const subjects = new Map<number, Record<string, string>>();
  test(`${told.length} stories are received`, async () => {
    const house = await openHouse({ dns });
    await house.store.write((tx) =>
      tx
        .insertInto('mailbox')
        .values({
          brand_id: 1,
          name: 'Sales',
          address: `sales@${FROM_DOMAIN}`,
          signature: '',
          created_at: house.clock.now(),
        })
        .execute(),
    );
    run = new Run(house);
    await run.play(told, days);
    for (const story of told) {
      got.set(story.at, await run.groups(story));
      const names = Object.keys(story.answerSubject ?? {});
      subjects.set(
        story.at,
        Object.fromEntries(
          await Promise.all(names.map(async (name) => [name, await run.answerSubject(name, story)])),
        ) as Record<string, string>,
      );
    }
  }, 120_000);

  test.each(told)('$mode: $name', (story) => {
    const found = got.get(story.at);
    expect(found?.groups).toEqual(story.groups);
    expect(found?.continues).toBe(story.continues ?? false);
    expect(subjects.get(story.at)).toEqual(story.answerSubject ?? {});
  });
});
