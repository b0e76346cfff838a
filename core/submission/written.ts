/** A message that a program hands in as parts: put together, or filled from a template, into the bytes that leave. */
import { parsePart, textFromHtml } from '../campaign/template.ts';
import { TemplateFault, type Locale } from '../campaign/liquid.ts';
import { Problem } from '../errors.ts';
import { parseMailbox, type Mailbox } from '../mail/address.ts';
import { composeReply, wireForm, type Attachment } from '../mail/compose.ts';
import { mailboxOf } from '../mail/header.ts';
import type { Prepared } from '../mail/submitted.ts';

export interface Written {
  from: string;
  to: readonly string[];
  cc: readonly string[];
  replyTo?: string | undefined;
  subject: string;
  html?: string | undefined;
  text?: string | undefined;
  attachments: readonly Attachment[];
  headers: Readonly<Record<string, string>>;
}

/** Throws a Problem that names the field. `id` makes the Message-ID and the boundaries. */
export function composeWritten(written: Written, id: string, now: number): Prepared {
  const from = mailbox(written.from, 'from');
  const text = written.text ?? (written.html === undefined ? '' : textFromHtml(written.html));
  const messageId = `<${id.slice(4)}@${from.address.domain}>`;
  const composed = composeReply({
    from: mailboxOf(from),
    to: written.to.map((one) => mailboxOf(mailbox(one, 'to'))),
    cc: written.cc.map((one) => mailboxOf(mailbox(one, 'cc'))),
    ...(written.replyTo === undefined ? {} : { replyTo: mailboxOf(mailbox(written.replyTo, 'reply_to')) }),
    subject: written.subject,
    text,
    ...(written.html === undefined ? {} : { html: written.html }),
    attachments: written.attachments,
    messageId,
    date: now,
    seed: id,
    extra: Object.entries(written.headers),
  });
  return {
    from: from.address,
    subject: written.subject,
    messageId,
    needsSmtputf8: composed.needsSmtputf8,
    bytes: wireForm(composed),
  };
}

export function mailbox(text: string, field: string): Mailbox {
  const parsed = parseMailbox(text);
  if (parsed !== undefined) return parsed;
  throw new Problem('invalid', `${field}: is not one address`, { fields: { [field]: 'is not one address' } });
}

export interface Fillable {
  subject: string;
  html: string;
  text: string;
}

/** A template with the program's values; a value that the template does not find is empty. */
export function fillTemplate(
  template: Fillable,
  data: Readonly<Record<string, unknown>>,
  locale: Locale,
): { subject: string; html: string | undefined; text: string | undefined } {
  const scope = { data };
  const fill = (place: 'subject' | 'html' | 'text') => {
    if (template[place].trim() === '') return undefined;
    try {
      return parsePart(place, template[place], locale).renderText(scope);
    } catch (error) {
      if (!(error instanceof TemplateFault)) throw error;
      const words = `its ${place} cannot be filled: ${error.message}`;
      throw new Problem('invalid', `template: ${words}`, { fields: { template: words } });
    }
  };
  return { subject: fill('subject') ?? '', html: fill('html'), text: fill('text') };
}
