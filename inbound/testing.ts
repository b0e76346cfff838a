/** For tests of this house: a runtime on a fresh store, a sending domain of ours, one delivery, and a client that speaks the wire. */
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { schema } from '../config/schema.ts';
import { SuppressionView } from '../core/audience/suppress.ts';
import { manualClock, type ManualClock } from '../core/clock.ts';
import { DnsError, type Resolver } from '../core/dns.ts';
import { silentLog } from '../core/log.ts';
import { messageIdFor, replyAddress, returnPath, unsubscribeAddress } from '../core/mail/identifiers.ts';
import { createTokens, type Tokens } from '../core/mail/tokens.ts';
import { createMetrics } from '../core/metrics.ts';
import type { Runtime } from '../core/runtime.ts';
import { createSecrets } from '../core/secrets.ts';
import { addInbound } from '../core/store/inbound.ts';
import { toJson } from '../core/store/json.ts';
import type { Store } from '../core/store/open.ts';
import { addRawMessage, RawSpool } from '../core/store/raw-message.ts';
import { openTestStore, type OpenStore } from '../core/store/testing.ts';
import { createWake } from '../core/wake.ts';
import { Cage } from './cage.ts';
import { Forwarders } from './forwarder.ts';
import { Workers } from './service.ts';

export const FROM_DOMAIN = 'shop.example';
export const BOUNCE_HOST = 'bounce.shop.example';
export const REPLY_HOST = 'reply.shop.example';

/** Nobody answers: every check of authenticity is "none". */
export const silentDns = new Proxy({} as Resolver, {
  get: (_, name) =>
    name === 'forget'
      ? () => undefined
      : (question: string) => Promise.reject(new DnsError('NXDOMAIN', question)),
});

export interface House {
  rt: Runtime;
  clock: ManualClock;
  store: Store;
  tokens: Tokens;
  mailboxId: number;
  /** A campaign's delivery to a contact of that address, delivered. */
  delivery(address: string): Promise<Sent>;
  /** Received as if port 25 had kept it. */
  receive(mail: { from?: string; to: string | string[]; raw: string; ip?: string }): Promise<number>;
  /** Reads and applies everything that waits. */
  settle(): Promise<void>;
}

export interface Sent {
  id: number;
  contactId: number;
  campaignId: number;
  address: string;
  returnPath: string;
  replyTo: string;
  unsubscribe: string;
  /** Without <>. */
  messageId: string;
}

export async function openHouse({
  open = openTestStore,
  dns = silentDns,
}: { open?: OpenStore; dns?: Resolver } = {}): Promise<House> {
  const clock = manualClock();
  const store = await open(clock);
  const dataDir = mkdtempSync(join(tmpdir(), 'parley-inbound-'));
  const tokens = createTokens([{ id: 1, secret: Buffer.alloc(32, 7) }]);
  const rt: Runtime = {
    config: { ...schema.parse({}), data_dir: dataDir },
    store,
    clock,
    log: silentLog,
    metrics: createMetrics(),
    wake: createWake(),
    dns,
    secrets: createSecrets(Buffer.alloc(32, 1)),
    tokens,
    suppressions: new SuppressionView(),
    node: 'test',
  };
  const now = clock.now();
  const ids = await store.write(async (tx) => {
    const brand = await tx
      .insertInto('brand')
      .values({ name: 'Shop', language: 'fr', postal_address: '1 rue X', created_at: now })
      .returning('id')
      .executeTakeFirstOrThrow();
    const domain = await tx
      .insertInto('sending_domain')
      .values({
        brand_id: brand.id,
        name: FROM_DOMAIN,
        bounce_host: BOUNCE_HOST,
        reply_host: REPLY_HOST,
        created_at: now,
        checked_at: null,
        check: null,
      })
      .returning('id')
      .executeTakeFirstOrThrow();
    const mailbox = await tx
      .insertInto('mailbox')
      .values({
        brand_id: brand.id,
        name: 'Support',
        address: `support@${FROM_DOMAIN}`,
        signature: '',
        created_at: now,
      })
      .returning('id')
      .executeTakeFirstOrThrow();
    const campaign = await tx
      .insertInto('campaign')
      .values({
        name: 'Summer',
        state: 'sending',
        brand_id: brand.id,
        sending_domain_id: domain.id,
        from_name: 'Shop',
        from_local: 'hello',
        mailbox_id: mailbox.id,
        subject: 'Summer letter',
        preheader: '',
        html: '',
        text: '',
        audience: toJson({}),
        list_id: null,
        template_version_id: null,
        pool: 'marketing',
        scheduled_at: null,
        started_at: now,
        finished_at: null,
        fanout_cursor: null,
        fanout_done_at: null,
        paused: 0,
        cancelled_at: null,
        preflight: null,
        created_by: null,
        created_at: now,
        updated_at: now,
      })
      .returning('id')
      .executeTakeFirstOrThrow();
    const remote = await tx
      .insertInto('domain')
      .values({ name: 'remote.example', site: null, provider: null, resolved_at: null, held: 0 })
      .returning('id')
      .executeTakeFirstOrThrow();
    return { domain: domain.id, mailbox: mailbox.id, campaign: campaign.id, remote: remote.id };
  });
  onTestFinished(() => rmSync(dataDir, { recursive: true, force: true }));

  return {
    rt,
    clock,
    store,
    tokens,
    mailboxId: ids.mailbox,
    delivery: (address) =>
      store.write(async (tx) => {
        const contact = await tx
          .insertInto('contact')
          .values({
            email: address,
            email_domain: address.split('@')[1] ?? '',
            first_name: 'Ana',
            last_name: 'Roy',
            language: 'fr',
            timezone: null,
            external_id: null,
            fields: toJson({}),
            tags: toJson([]),
            tracking: 'none',
            created_at: now,
            updated_at: now,
            last_human_reply_at: null,
            reply_intent_last: null,
            away_until: null,
            soft_bounces: 0,
            source: '',
          })
          .returning('id')
          .executeTakeFirstOrThrow();
        const { id } = await tx
          .insertInto('delivery')
          .values({
            lane: 'bulk',
            origin_kind: 'campaign',
            origin_id: ids.campaign,
            recipient_key: String(contact.id),
            contact_id: contact.id,
            address,
            domain_id: ids.remote,
            sending_domain_id: ids.domain,
            pool: 'marketing',
            state: 'delivered',
            due_at: now,
            queued_at: now,
            attempt: 1,
            lease_owner: null,
            lease_until: null,
            template_version_id: null,
            fill: null,
            source_id: null,
            message_id: null,
            last_code: 250,
            last_enhanced: null,
            last_reply: null,
            last_mx: null,
            last_attempt_at: now,
            class: null,
            reason: null,
            finished_at: now,
            bounced_after_at: null,
          })
          .returning('id')
          .executeTakeFirstOrThrow();
        const origin = { id, now };
        return {
          id,
          contactId: contact.id,
          campaignId: ids.campaign,
          address,
          returnPath: returnPath(tokens, origin, BOUNCE_HOST),
          replyTo: replyAddress(tokens, origin, { mailbox: 'support', host: REPLY_HOST }),
          unsubscribe: unsubscribeAddress(tokens, origin, BOUNCE_HOST),
          messageId: messageIdFor(tokens, origin, FROM_DOMAIN).slice(1, -1),
        };
      }),
    receive: async ({ from = '', to, raw, ip = '127.0.0.1' }) => {
      const spool = new RawSpool(dataDir);
      await spool.write(Buffer.from(raw.replace(/\r?\n/g, '\r\n')));
      const kept = await spool.keep();
      return store.write(async (tx) => {
        await addRawMessage(tx, kept, clock.now());
        return addInbound(
          tx,
          {
            mailFrom: from,
            rcptTo: [to].flat().map((one) => one.toLowerCase()),
            remoteIp: ip,
            helo: 'mx.remote.example',
            tls: '',
            rawHash: kept.hash,
            size: kept.size,
          },
          clock.now(),
        );
      });
    },
    settle: async () => {
      const forwarders = new Forwarders(rt.config.inbound.forwarders);
      const reader = { rt, hostname: 'mx.shop.example', forwarders, cage: new Cage({ workers: 1 }) };
      const workers = new Workers(reader, 1);
      await workers.drain();
      await workers.stop();
    },
  };
}

/** A client that writes lines and reads replies, so that a test reads as a transcript. */
export class Wire {
  readonly #socket: Socket;
  #text = '';
  #closed = false;
  #waiting: (() => void) | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk) => {
      this.#text += chunk.toString();
      this.#waiting?.();
    });
    socket.on('close', () => {
      this.#closed = true;
      this.#waiting?.();
    });
    socket.on('error', () => undefined);
  }

  static async open(port: number): Promise<Wire> {
    const socket = connect({ host: '127.0.0.1', port, noDelay: true });
    const wire = new Wire(socket);
    await once(socket, 'connect');
    onTestFinished(() => void socket.destroy());
    return wire;
  }

  write(bytes: string | Buffer): boolean {
    return this.#socket.write(bytes);
  }

  drained(): Promise<unknown> {
    return once(this.#socket, 'drain');
  }

  /** The next whole reply; empty when the other side hung up. */
  async reply(): Promise<string> {
    for (;;) {
      const match = /^((?:\d{3}-[^\n]*\n)*\d{3}(?: [^\n]*)?)\r?\n/.exec(this.#text);
      if (match !== null) {
        this.#text = this.#text.slice(match[0].length);
        return match[1]!.trim();
      }
      if (this.#closed) return '';
      await new Promise<void>((resolve) => (this.#waiting = resolve));
    }
  }

  async say(line: string): Promise<string> {
    this.write(`${line}\r\n`);
    return this.reply();
  }

  /** Greeting, EHLO, and an envelope up to the answer of DATA. */
  async begin(from: string, to: string): Promise<string> {
    await this.reply();
    await this.say('EHLO mx.remote.example');
    await this.say(`MAIL FROM:<${from}>`);
    const answer = await this.say(`RCPT TO:<${to}>`);
    return answer.startsWith('250') ? this.say('DATA') : answer;
  }

  async isClosed(): Promise<boolean> {
    while (!this.#closed) await new Promise<void>((resolve) => (this.#waiting = resolve));
    return true;
  }
}
