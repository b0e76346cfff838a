/** Programs that hand in mail, and the webhooks that tell them what became of it. */
import { hostname } from 'node:os';
import { Problem } from '../../core/errors.ts';
import type { Runtime } from '../../core/runtime.ts';
import { changeCredential, credentialById, credentialLines } from '../../core/store/credential.ts';
import { fromJson } from '../../core/store/json.ts';
import { attemptsOf, removeWebhook, webhookById, webhooks } from '../../core/store/webhook.ts';
import {
  holdCredential,
  issueCredential,
  releaseCredential,
  revokeCredential,
  type Scope,
} from '../../core/submission/credential.ts';
import {
  makeWebhook,
  replayFrom,
  switchOn,
  testWebhook,
  WEBHOOK_KINDS,
} from '../../core/submission/webhook.ts';
import type { SomeHandlers } from '../http/route.ts';

async function webhookLine(rt: Runtime, id: number) {
  const row = await webhookById(rt.store.read, id);
  if (row === undefined) throw new Problem('not-found', 'there is no such webhook');
  return row;
}

export const programHandlers = {
  async programs({ rt, now }) {
    const { http, mta } = rt.config;
    return {
      rows: (await credentialLines(rt.store.read, now)).map((row) => ({
        ...row,
        senders: fromJson<string[]>(row.senders, []),
        scopes: fromJson<Scope[]>(row.scopes, []),
      })),
      smtp: {
        host: mta.hostname || hostname(),
        port: mta.submission.port,
        tls_port: mta.submission.tls_port,
      },
      api: `${http.base_url || `http://${http.host}:${http.port}`}/v1`,
    };
  },
  async addProgram({ rt, body: { name, kind, senders, scopes, ...limits }, user, now }) {
    const given = Object.fromEntries(Object.entries(limits).filter(([, value]) => value !== undefined));
    const { credential, secret } = await rt.store.write((tx) =>
      issueCredential(tx, { name, kind, senders, scopes, limits: given, userId: user.id }, now),
    );
    return { username: credential.username, secret };
  },
  async limitProgram({ rt, params, body }) {
    if ((await credentialById(rt.store.read, params.id)) === undefined)
      throw new Problem('not-found', 'there is no such credential');
    await rt.store.write((tx) => changeCredential(tx, params.id, body));
    return {};
  },
  async holdProgram({ rt, params, body, user, now }) {
    await rt.store.write((tx) => holdCredential(tx, params.id, body.reason, { userId: user.id }, now));
    rt.wake.ring('order');
    return {};
  },
  async releaseProgram({ rt, params, user, now }) {
    await rt.store.write((tx) => releaseCredential(tx, params.id, { userId: user.id }, now));
    rt.wake.ring('order');
    return {};
  },
  async revokeProgram({ rt, params, body: { cancel }, user, now }) {
    await rt.store.write((tx) => revokeCredential(tx, params.id, { userId: user.id, cancel }, now));
    rt.wake.ring('order');
    return {};
  },

  async webhooks({ rt }) {
    const rows = await webhooks(rt.store.read);
    return {
      rows: rows.map((row) => ({ ...row, kinds: fromJson<string[]>(row.kinds, []) })),
      kinds: [...WEBHOOK_KINDS],
    };
  },
  async addWebhook({ rt, body, user }) {
    const strange = body.kinds.find((kind) => !(WEBHOOK_KINDS as readonly string[]).includes(kind));
    if (strange !== undefined)
      throw new Problem('invalid', `kinds: there is no event ${strange.slice(0, 40)}`, {
        fields: { kinds: 'is not known here' },
      });
    const { webhook, secret } = await makeWebhook(rt, { ...body, userId: user.id });
    return { id: webhook.id, secret };
  },
  async removeWebhook({ rt, params }) {
    await webhookLine(rt, params.id);
    await rt.store.write((tx) => removeWebhook(tx, params.id));
    return {};
  },
  async webhookAttempts({ rt, params }) {
    await webhookLine(rt, params.id);
    const rows = await attemptsOf(rt.store.read, params.id);
    return { rows: rows.map((row) => ({ ...row, ok: row.ok === 1 })) };
  },
  async testWebhook({ rt, params }) {
    return testWebhook(rt, await webhookLine(rt, params.id));
  },
  async enableWebhook({ rt, params }) {
    await webhookLine(rt, params.id);
    await switchOn(rt, params.id);
    return {};
  },
  async replayWebhook({ rt, params, body, now }) {
    await replayFrom(rt, params.id, now - body.hours * 3_600_000);
    return {};
  },
} satisfies SomeHandlers;
