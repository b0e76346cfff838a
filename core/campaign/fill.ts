/**
 * From a frozen template and a person to the message. The first claim of a delivery freezes its `fill`: the values of the
 * merge fields that are used, the date, the seed of the boundaries, the token key. From then on the message is a pure
 * function of (template version, fill, delivery id), so a retry repeats it byte for byte, and the inbox can show the very
 * mail that a person got without anybody having kept it.
 */
import {
  clickUrl,
  linksFor,
  messageIdFor,
  pixelUrl,
  replyAddress,
  returnPath,
  unsubscribeAddress,
  type Origin,
} from '../mail/identifiers.ts';
import { dateField, mailboxField, rawField, textField, type HeaderField } from '../mail/header.ts';
import { listHeaders } from '../mail/list-headers.ts';
import type { OutgoingMessage } from '../mail/compose.ts';
import type { Tokens } from '../mail/tokens.ts';
import { linkField, PIXEL, TRAP } from './link-table.ts';
import { domainOf, type CompiledTemplate } from './template.ts';
import type { Scope } from './liquid.ts';

/** What is frozen, small: it is a JSON column of a million rows. */
export interface Fill {
  /** Milliseconds: the Date field, and the issue day of every token. */
  date: number;
  /** Random letters and digits, for the boundaries. */
  seed: string;
  /** The token key that signs. */
  key: number;
  /** The DKIM keys that sign, by id, RSA first. Rows frozen before keys were named have none: the current ones sign. */
  dkim?: number[];
  /** The contact's values that the template uses, by name. */
  contact: Record<string, unknown>;
  /** What they agreed to when it was frozen; absent: nothing, and every link is as it was written. */
  track?: 'hygiene' | 'full';
}

/** A contact row, as far as a message may show it. `fields` may be the JSON text as stored. */
export interface FillContact {
  email: string;
  first_name?: string;
  last_name?: string;
  language?: string;
  timezone?: string | null;
  external_id?: string | null;
  fields?: string | Record<string, unknown>;
  tags?: string | unknown[];
  tracking?: 'none' | 'hygiene' | 'full';
}

export interface Freezing {
  now: number;
  /** At least 16 random letters and digits, e.g. `randomBytes(10).toString('hex')`. */
  seed: string;
  /** `tokens.currentKey`. */
  key: number;
  /** The ids of the DKIM keys that sign for the domain now. */
  dkim?: number[];
}

/** The values to freeze for one person: only those that the template uses. */
export function fillFor(
  template: CompiledTemplate,
  contact: FillContact,
  { now, seed, key, dkim }: Freezing,
): Fill {
  const values: Record<string, unknown> = {};
  const { fields, tags, tracking = 'none', ...columns } = contact;
  const wanted = template.contactFields;
  const all = wanted.includes('*');
  const row = columns as Record<string, unknown>;
  let custom: Record<string, unknown> | undefined;
  const customOf = () => (custom ??= parsed<Record<string, unknown>>(fields, {}));
  // A column comes before a custom field of the same name.
  for (const name of all ? new Set([...Object.keys(customOf()), ...SHOWN, 'tags']) : wanted) {
    let value: unknown;
    if (name === 'tags') value = parsed<unknown[]>(tags, []);
    else if (SHOWN.has(name)) value = row[name];
    else value = Object.hasOwn(customOf(), name) ? customOf()[name] : undefined;
    if (value !== undefined && value !== null && value !== '') values[name] = value;
  }
  const track = template.version.settings.links !== null && tracking !== 'none' ? tracking : undefined;
  return { date: now, seed, key, ...(dkim && { dkim }), contact: values, ...(track && { track }) };
}

const SHOWN = new Set(['email', 'first_name', 'last_name', 'language', 'timezone', 'external_id']);

export interface DeliveryIdentity {
  deliveryId: number;
  /** The envelope recipient, checked. */
  address: string;
}

export interface RenderedMessage extends OutgoingMessage {
  /** With brackets. */
  messageId: string;
  /** MAIL FROM. */
  returnPath: string;
  subject: string;
  /** RFC 8689: not to a host without proved TLS that promises the same. */
  requireTls?: boolean;
  /** RFC 8689 5: what the recipient's domain asks of TLS is not to keep it back. */
  tlsIsOptional?: boolean;
}

/**
 * The message of one delivery. Pure: the same three give the same bytes. Throws a `TemplateFault` when a limit of the
 * template language is passed, which defers the delivery.
 *
 *     const message = renderMessage(tokens, compiled, fromJson(delivery.fill), { deliveryId: delivery.id, address });
 *     const bytes = wireForm(message, await signer.sign(message, keys));
 */
export function renderMessage(
  tokens: Tokens,
  template: CompiledTemplate,
  fill: Fill,
  { deliveryId, address }: DeliveryIdentity,
): RenderedMessage {
  const { version, uses } = template;
  const { settings } = version;
  const domain = domainOf(version.from_address);
  const origin = { id: deliveryId, now: fill.date, key: fill.key };
  const links = linksFor(tokens, origin, settings.base_url);
  const messageId = messageIdFor(tokens, origin, domain);
  const scope: Scope = {
    contact: fill.contact,
    brand: settings.brand,
    campaign: { name: settings.campaign.name },
    now: fill.date,
    unsubscribe_url: links.unsubscribe,
    preferences_url: links.preferences,
    view_url: uses.has('view_url') ? links.view : '',
  };
  const subject = template.subject.renderText(scope);
  const parts = fill.track === undefined ? template : template.tracked(fill.track);
  if (fill.track !== undefined) Object.assign(scope, trackedLinks(tokens, origin, template, fill.track));
  const content = template.frame.fill(
    fill.seed,
    parts.text.renderEncoded(scope),
    parts.html?.renderEncoded(scope),
  );
  const headers: HeaderField[] = [
    dateField(fill.date),
    mailboxField('From', [{ name: version.from_name, address: version.from_address }]),
    mailboxField('To', [{ name: '', address }]),
    textField('Subject', subject),
    rawField('Message-ID', [messageId]),
  ];
  if (version.reply_to) {
    const at = version.reply_to.lastIndexOf('@');
    const mailbox = version.reply_to.slice(0, at);
    const host = version.reply_to.slice(at + 1);
    const reply = replyAddress(tokens, origin, { mailbox, host, delimiter: settings.reply_delimiter });
    headers.push(mailboxField('Reply-To', [{ name: version.from_name, address: reply }]));
  }
  if (settings.stream === 'marketing') {
    headers.push(
      ...listHeaders({
        unsubscribeUrl: links.unsubscribe,
        unsubscribeAddress: unsubscribeAddress(tokens, origin, settings.bounce_host),
        frame: template.listFrame,
        reference: tokens.mint({ ...origin, purpose: 'f', domain }),
      }),
    );
  }
  headers.push(...content.headers);
  return {
    headers,
    body: content.body.wire,
    canonicalBody: content.body.canonical,
    // oxlint-disable-next-line no-control-regex
    needsSmtputf8: /[^\u0000-\u007f]/.test(address) || /[^\u0000-\u007f]/.test(version.from_address),
    messageId,
    returnPath: returnPath(tokens, origin, settings.bounce_host),
    subject,
  };
}

/** The addresses of this recipient's links, of the pixel and of the trap, by the names that the tracked parts use. */
function trackedLinks(
  tokens: Tokens,
  origin: Origin,
  { version: { settings } }: CompiledTemplate,
  mode: 'hygiene' | 'full',
): Scope {
  const scope: Scope = { [linkField(PIXEL)]: pixelUrl(tokens, origin, settings.base_url) };
  if (mode === 'hygiene') return scope;
  for (const number of [...(settings.links ?? []).map((link) => link.number), TRAP])
    scope[linkField(number)] = clickUrl(tokens, origin, settings.base_url, number);
  return scope;
}

/** What a person would read, for a preview: nothing is encoded, no token is made, no link is counted. */
export function previewMessage(
  template: CompiledTemplate,
  fill: Fill,
): { subject: string; html: string | undefined; text: string } {
  const { settings } = template.version;
  const scope: Scope = {
    contact: fill.contact,
    brand: settings.brand,
    campaign: { name: settings.campaign.name },
    now: fill.date,
    unsubscribe_url: '#unsubscribe',
    preferences_url: '#preferences',
    view_url: '#view',
  };
  return {
    subject: template.subject.renderText(scope),
    html: template.html?.renderText(scope),
    text: template.text.renderText(scope),
  };
}

function parsed<T>(value: string | T | undefined, empty: T): T {
  if (value === undefined || value === '') return empty;
  return typeof value === 'string' ? (JSON.parse(value) as T) : value;
}
