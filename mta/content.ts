/**
 * What deliveries refer to, ready to be filled: template versions compiled once, DKIM keys parsed once, a person's answer
 * read from its row. Everything that `deliver` needs of the database is fetched here, before it begins.
 */
import { randomBytes } from 'node:crypto';
import { fillFor, renderMessage, type Fill, type RenderedMessage } from '../core/campaign/fill.ts';
import { compileTemplate, type CompiledTemplate, type TemplateSettings } from '../core/campaign/template.ts';
import { composeReply, type OutgoingMessage } from '../core/mail/compose.ts';
import { returnPath } from '../core/mail/identifiers.ts';
import type { Runtime } from '../core/runtime.ts';
import { contactsToFill } from '../core/store/contact.ts';
import { activeDkimKeys, dkimKeyById } from '../core/store/dkim-key.ts';
import { mailboxByAddress, sendingDomainById } from '../core/store/identity.ts';
import { fromJson, toJson } from '../core/store/json.ts';
import { outgoingMessage, templateVersionById } from '../core/store/content.ts';
import { readRawMessage } from '../core/store/raw-message.ts';
import { submissionById, submissionIdOf } from '../core/store/submission.ts';
import type { Delivery } from '../core/store/queue.ts';
import type { Db } from '../core/store/tables.ts';
import { relaxedBody, signingKey, type SigningKey } from './sign.ts';

/** A template version and what is constant about it. */
export interface Compiled {
  template: CompiledTemplate;
  listId: number | null;
  brandId: number;
}

const KEPT = 50;
/** Keys may be rotated by another node or a command; a restart is not needed to notice. */
const KEYS_KEPT_MS = 60_000;

export class Contents {
  readonly #runtime: Runtime;
  readonly #templates = new Map<number, Promise<Compiled>>();
  readonly #current = new Map<number, { ids: Promise<number[]>; until: number }>();
  readonly #opened = new Map<number, Promise<SigningKey>>();

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  /** A template version is immutable, so it is compiled once. */
  template(id: number): Promise<Compiled> {
    const known = this.#templates.get(id);
    if (known !== undefined) return known;
    const compiled = this.#compile(id);
    this.#templates.set(id, compiled);
    compiled.catch(() => this.#templates.delete(id));
    if (this.#templates.size > KEPT) this.#templates.delete(this.#templates.keys().next().value as number);
    return compiled;
  }

  async #compile(id: number): Promise<Compiled> {
    const db = this.#runtime.store.glance;
    const row = await templateVersionById(db, id);
    if (row === undefined) throw new Error(`template version ${id} is gone`);
    const domain = await sendingDomainById(db, row.sending_domain_id);
    const template = compileTemplate({ ...row, settings: fromJson(row.settings, {} as TemplateSettings) });
    return { template, listId: row.list_id, brandId: domain?.brand_id ?? 0 };
  }

  /**
   * The keys that sign a delivery, RSA first: those that its first attempt signed with, though newer ones sign by now.
   * A retry repeats the signatures too.
   */
  async keys(delivery: Pick<Delivery, 'sending_domain_id' | 'fill'>): Promise<SigningKey[]> {
    const frozen = fromJson<Partial<Fill>>(delivery.fill, {}).dkim;
    const ids = frozen ?? (await this.#currentKeys(delivery.sending_domain_id));
    return Promise.all(ids.map((id) => this.#key(id)));
  }

  /** Which keys sign for a domain now, by id, RSA first. */
  #currentKeys(sendingDomainId: number): Promise<number[]> {
    const known = this.#current.get(sendingDomainId);
    if (known !== undefined && known.until > Date.now()) return known.ids;
    const ids = activeDkimKeys(this.#runtime.store.glance, sendingDomainId).then((rows) =>
      rows.map((row) => row.id),
    );
    this.#current.set(sendingDomainId, { ids, until: Date.now() + KEYS_KEPT_MS });
    ids.catch(() => this.#current.delete(sendingDomainId));
    return ids;
  }

  /** A key never changes under its id, so it is opened once. */
  #key(id: number): Promise<SigningKey> {
    const known = this.#opened.get(id);
    if (known !== undefined) return known;
    const opened = this.#openKey(id);
    this.#opened.set(id, opened);
    opened.catch(() => this.#opened.delete(id));
    if (this.#opened.size > KEPT) this.#opened.delete(this.#opened.keys().next().value as number);
    return opened;
  }

  async #openKey(id: number): Promise<SigningKey> {
    const { store, secrets } = this.#runtime;
    const row = await dkimKeyById(store.glance, id);
    if (row === undefined || row.state === 'retired') throw new Error(`dkim key ${id} is gone`);
    return signingKey(row.domain_name, row.selector, secrets.open('dkim', row.sealed));
  }

  forgetKeys(): void {
    this.#current.clear();
  }

  /** The fills of deliveries that have none yet: frozen within the claim's own transaction. */
  async fills(db: Db, deliveries: readonly Delivery[], now: number): Promise<{ id: number; fill: string }[]> {
    const fresh = deliveries.filter((one) => one.fill === null);
    const ids = [...new Set(fresh.flatMap((one) => (one.contact_id === null ? [] : [one.contact_id])))];
    const contacts = new Map((await contactsToFill(db, ids)).map((row) => [row.id, row]));
    const fills: { id: number; fill: string }[] = [];
    for (const one of fresh) {
      const dkim = await this.#currentKeys(one.sending_domain_id);
      if (one.template_version_id === null) {
        // What a person wrote is in its row already: only the keys are left to freeze.
        fills.push({ id: one.id, fill: toJson({ dkim }) });
        continue;
      }
      // A template that cannot be read must not hold up the others: its deliveries say so when their turn comes.
      const compiled = await this.template(one.template_version_id).catch(() => undefined);
      if (compiled === undefined) continue;
      const { template } = compiled;
      const contact = contacts.get(one.contact_id ?? 0);
      const fill = fillFor(
        template,
        { ...contact, email: one.address, tracking: contact?.tracking_now ?? 'none' },
        { now, seed: randomBytes(10).toString('hex'), key: this.#runtime.tokens.currentKey, dkim },
      );
      fills.push({ id: one.id, fill: toJson(fill) });
    }
    return fills;
  }

  /** The message of one delivery, before it is signed. A pure function of what is stored. */
  async message(delivery: Delivery): Promise<RenderedMessage & { date: number }> {
    if (delivery.template_version_id !== null) {
      const { template } = await this.template(delivery.template_version_id);
      if (delivery.fill === null) throw new Error(`delivery ${delivery.id} has no fill`);
      const fill = JSON.parse(delivery.fill) as Fill;
      const rendered = renderMessage(this.#runtime.tokens, template, fill, {
        deliveryId: delivery.id,
        address: delivery.address,
      });
      return { ...rendered, date: fill.date };
    }
    return delivery.origin_kind === 'submission' ? this.#submitted(delivery) : this.#written(delivery);
  }

  /** What a program submitted: its bytes were made fit to leave when it was accepted; only the return path is new. */
  async #submitted(delivery: Delivery): Promise<RenderedMessage & { date: number }> {
    const { store, tokens, config } = this.#runtime;
    const row = await submissionById(store.glance, submissionIdOf(delivery.recipient_key));
    if (row === undefined) throw new Error(`the submission of delivery ${delivery.id} is gone`);
    const domain = await sendingDomainById(store.glance, row.sending_domain_id);
    if (domain === undefined) throw new Error(`sending domain ${row.sending_domain_id} is gone`);
    const raw = await readRawMessage(store.glance, config.data_dir, row.raw_hash);
    if (raw === undefined) throw new Error(`the content of submission ${row.id} is gone`);
    const outgoing = outgoingFrom(raw, row.smtputf8 === 1);
    const requireTls = row.require_tls === 1;
    return {
      ...outgoing,
      requireTls,
      // RFC 8689 4.1: REQUIRETLS is the stronger word.
      tlsIsOptional: !requireTls && saysTlsRequiredNo(outgoing.headers),
      messageId: row.message_id,
      returnPath: returnPath(tokens, { id: delivery.id, now: row.created_at }, domain.bounce_host),
      subject: row.subject,
      date: row.created_at,
    };
  }

  /** What a person wrote: the `message` row is the content, and its time the date of every attempt. */
  async #written(delivery: Delivery): Promise<RenderedMessage & { date: number }> {
    const { store, tokens } = this.#runtime;
    const row = await outgoingMessage(store.glance, delivery.origin_id);
    if (row === undefined) throw new Error(`message ${delivery.origin_id} is gone`);
    const domain = await sendingDomainById(store.glance, delivery.sending_domain_id);
    if (domain === undefined) throw new Error(`sending domain ${delivery.sending_domain_id} is gone`);
    const mailbox = await mailboxByAddress(store.glance, row.from_address);
    const messageId = row.message_id ?? '';
    const composed = composeReply({
      from: { name: row.from_name || mailbox?.name || '', address: row.from_address },
      to: fromJson<string[]>(row.to_addresses, []).map((address) => ({ name: '', address })),
      cc: fromJson<string[]>(row.cc_addresses, []).map((address) => ({ name: '', address })),
      subject: row.subject,
      text: row.text,
      ...(row.html === null ? {} : { html: row.html }),
      messageId,
      ...(row.in_reply_to === null ? {} : { inReplyTo: row.in_reply_to }),
      references: fromJson<string[]>(row.references, []),
      date: row.created_at,
      seed: `message${row.id}`,
    });
    const origin = { id: delivery.id, now: row.created_at };
    return {
      ...composed,
      messageId: `<${messageId}>`,
      returnPath: returnPath(tokens, origin, domain.bounce_host),
      subject: row.subject,
      date: row.created_at,
    };
  }
}

/** A message that was kept as bytes: fields as they stand, and what the signer wants of the body. */
function outgoingFrom(raw: Buffer, isUtf8: boolean): OutgoingMessage {
  const text = raw.toString(isUtf8 ? 'utf8' : 'latin1');
  const end = text.indexOf('\r\n\r\n');
  const body = text.slice(end + 4);
  return {
    headers: text.slice(0, end).split(/\r\n(?![ \t])/),
    body,
    canonicalBody: relaxedBody(body),
    needsSmtputf8: isUtf8,
  };
}

/** RFC 8689 5: the field means something with the value "No" alone, and where it stands once. It stays for the next hop. */
export function saysTlsRequiredNo(headers: readonly string[]): boolean {
  const said = headers.filter((field) => /^tls-required[ \t]*:/i.test(field));
  return said.length === 1 && /^[^:]*:\s*no\s*$/i.test(said[0] ?? '');
}
