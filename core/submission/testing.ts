/** For tests of submitted mail: a house with one sending domain, an owner, and a DNS that leads to one receiver. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { loadConfig } from '../../config/load.ts';
import { SuppressionView } from '../audience/suppress.ts';
import { manualClock, type Clock } from '../clock.ts';
import { DnsError, type Resolver } from '../dns.ts';
import { silentLog } from '../log.ts';
import { generateDkimKey } from '../mail/dkim-key.ts';
import { prepareSubmitted, type Prepared } from '../mail/submitted.ts';
import { createTokens } from '../mail/tokens.ts';
import { createMetrics } from '../metrics.ts';
import type { Runtime } from '../runtime.ts';
import { createSecrets } from '../secrets.ts';
import { addDkimKey } from '../store/dkim-key.ts';
import { addBrand, addSendingDomain } from '../store/identity.ts';
import type { Store } from '../store/open.ts';
import { openTestStore } from '../store/testing.ts';
import { addUser } from '../store/user.ts';
import { createWake } from '../wake.ts';
import { newPublicId, type Handed } from './accept.ts';
import { issueCredential, type Issued, type NewCredential } from './credential.ts';

export interface SubmissionHouse {
  runtime: Runtime;
  domainId: number;
  issue(more?: Partial<NewCredential>): Promise<Issued>;
}

/** Every name leads to 127.0.0.1; nothing else exists. */
const oneReceiver: Resolver = {
  mx: async (name) => [{ priority: 10, exchange: `mx.${name}` }],
  a: async () => ['127.0.0.1'],
  aaaa: async (name) => Promise.reject(new DnsError('NODATA', name)),
  txt: async (name) => Promise.reject(new DnsError('NXDOMAIN', name)),
  cname: async (name) => Promise.reject(new DnsError('NODATA', name)),
  ptr: async (name) => Promise.reject(new DnsError('NXDOMAIN', name)),
  forget: () => undefined,
};

export async function submissionHouse({
  store: opened,
  clock = manualClock(),
  overrides = {},
}: {
  store?: Store;
  clock?: Clock;
  overrides?: Record<string, unknown>;
} = {}): Promise<SubmissionHouse> {
  const store = opened ?? (await openTestStore());
  const directory = mkdtempSync(join(tmpdir(), 'parley-submission-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const secrets = createSecrets(Buffer.alloc(32, 7));
  const runtime: Runtime = {
    config: { ...loadConfig({ environment: {}, overrides }), data_dir: directory },
    store,
    clock,
    log: silentLog,
    metrics: createMetrics(),
    wake: createWake(),
    dns: oneReceiver,
    secrets,
    tokens: createTokens([{ id: 0, secret: Buffer.alloc(32, 1) }]),
    suppressions: new SuppressionView(),
    node: 'test/1',
  };
  const key = await generateDkimKey('ed25519-sha256');
  const now = clock.now();
  const domainId = await store.write(async (tx) => {
    const brand = await addBrand(tx, { name: 'Shop', language: 'en', postal_address: '', created_at: now });
    const domain = await addSendingDomain(tx, {
      brand_id: brand,
      name: 'shop.example',
      bounce_host: 'bounces.shop.example',
      reply_host: 'replies.shop.example',
      created_at: now,
    });
    await addDkimKey(tx, {
      sending_domain_id: domain,
      selector: 's',
      algorithm: 'ed25519-sha256',
      sealed: secrets.seal('dkim', key.privateDer),
      record: key.record,
      state: 'active',
      created_at: now,
    });
    await addUser(tx, {
      email: 'owner@shop.example',
      name: 'Odile',
      password_hash: null,
      role: 'owner',
      language: 'fr',
      theme: 'system',
      created_at: now,
    });
    return domain;
  });
  return {
    runtime,
    domainId,
    issue: (more) =>
      store.write((tx) =>
        issueCredential(tx, { name: 'Shop', kind: 'api', senders: ['@shop.example'], ...more }, clock.now()),
      ),
  };
}

export function prepared(lines: readonly string[], smtputf8 = false): Prepared {
  const result = prepareSubmitted(Buffer.from(`${lines.join('\r\n')}\r\n`), {
    now: 0,
    id: 'test',
    received: 'Received: by test; Thu, 01 Jan 1970 00:00:00 +0000',
    smtputf8,
  });
  if (result.kind === 'refused') throw new Error(result.reason);
  return result.message;
}

/** One message to these people, as if it had just come in. */
export const handed = (to: readonly string[], more: Partial<Handed> = {}): Handed => ({
  via: 'api',
  publicId: newPublicId(),
  envelopeFrom: '',
  recipients: to.map((address) => ({ address })),
  message: prepared(['From: till@shop.example', `To: ${to[0]}`, 'Subject: Your order', '', 'Thank you.']),
  ...more,
});
