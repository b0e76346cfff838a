/**
 * The very mail that somebody got, made again from what was frozen: template version and fill. Nobody kept a copy. For the
 * inbox (what do they answer?), for a delivery's story, and for "view in the browser".
 */
import type { Fill } from '../core/campaign/fill.ts';
import { compileTemplate, type TemplateSettings } from '../core/campaign/template.ts';
import { Problem } from '../core/errors.ts';
import { linksFor } from '../core/mail/identifiers.ts';
import type { Runtime } from '../core/runtime.ts';
import { outgoingMessage, templateVersionById } from '../core/store/content.ts';
import { fromJson } from '../core/store/json.ts';
import { readRawMessage } from '../core/store/raw-message.ts';
import { submissionById, submissionIdOf } from '../core/store/submission.ts';
import type { Row } from '../core/store/tables.ts';
import { textAsHtml } from './http/frame.ts';

export interface SentMail {
  subject: string;
  html: string;
}

type Sent = Pick<
  Row<'delivery'>,
  'id' | 'origin_kind' | 'origin_id' | 'recipient_key' | 'template_version_id' | 'fill' | 'address'
>;

/** Throws `not-found` while nothing is frozen yet: then there is no mail, only the plan of one. */
export async function sentMail({ store, tokens, config }: Runtime, delivery: Sent): Promise<SentMail> {
  if (delivery.origin_kind === 'submission') {
    const submission = await submissionById(store.read, submissionIdOf(delivery.recipient_key));
    if (submission === undefined) throw new Problem('not-found', 'the message is gone');
    const raw = await readRawMessage(store.read, config.data_dir, submission.raw_hash);
    return { subject: submission.subject, html: textAsHtml((raw ?? Buffer.alloc(0)).toString('utf8')) };
  }
  if (delivery.template_version_id === null) {
    const message = await outgoingMessage(store.read, delivery.origin_id);
    if (message === undefined) throw new Problem('not-found', 'the message is gone');
    return { subject: message.subject, html: textAsHtml(message.text) };
  }
  const version = await templateVersionById(store.read, delivery.template_version_id);
  if (version === undefined || delivery.fill === null)
    throw new Problem('not-found', 'this message was not made yet');
  const settings = fromJson(version.settings, {} as TemplateSettings);
  const template = compileTemplate({ ...version, settings });
  const fill = fromJson<Fill>(delivery.fill, { date: 0, seed: '', key: 0, contact: {} });
  const links = linksFor(tokens, { id: delivery.id, now: fill.date, key: fill.key }, settings.base_url);
  const scope = {
    contact: fill.contact,
    brand: settings.brand,
    campaign: { name: settings.campaign.name },
    now: fill.date,
    unsubscribe_url: links.unsubscribe,
    preferences_url: links.preferences,
    view_url: links.view,
  };
  return {
    subject: template.subject.renderText(scope),
    html: withImages(
      template.html?.renderText(scope) ?? textAsHtml(template.text.renderText(scope)),
      settings.images,
    ),
  };
}

/** Pictures that travelled inside the message stand in the page itself. */
function withImages(html: string, images: TemplateSettings['images']): string {
  return images.reduce(
    (page, image) =>
      page.replaceAll(`cid:${image.content_id}`, `data:${image.media_type};base64,${image.content}`),
    html,
  );
}
