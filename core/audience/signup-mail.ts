/** The one mail that asks whether it was really you. Short, with one link; whoever did not ask has nothing to do. */
import { composeReply } from '../mail/compose.ts';
import { messageIdFor } from '../mail/identifiers.ts';
import type { Runtime } from '../runtime.ts';
import { brandById, mailboxes, sendingDomains } from '../store/identity.ts';
import type { Db } from '../store/tables.ts';
import { newPublicId } from '../submission/accept.ts';
import { addOwn } from '../submission/notice.ts';

const words = {
  fr: {
    subject: (brand: string) => `Confirmez votre inscription à ${brand}`,
    ask: (brand: string, list: string) =>
      `Quelqu’un, vous sans doute, a inscrit cette adresse à « ${list} » chez ${brand}.`,
    press: 'Pour confirmer, ouvrez ce lien et appuyez sur le bouton :',
    button: 'Confirmer mon inscription',
    until: 'Le lien est valable sept jours.',
    ignore: 'Ce n’était pas vous ? Ne faites rien : sans confirmation, vous ne recevrez rien.',
  },
  en: {
    subject: (brand: string) => `Confirm your sign-up with ${brand}`,
    ask: (brand: string, list: string) =>
      `Somebody, most likely you, signed this address up to “${list}” of ${brand}.`,
    press: 'To confirm, open this link and press the button:',
    button: 'Confirm my sign-up',
    until: 'The link is good for seven days.',
    ignore: 'It was not you? Do nothing: without a confirmation you will get nothing.',
  },
} as const;

export interface Confirmation {
  to: string;
  brandId: number;
  list: string;
  language: 'fr' | 'en';
  link: string;
}

const escape = (text: string): string => text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);

/** Queues it in the transactional lane, within somebody's transaction. False while there is no domain to send from. */
export async function addConfirmation(
  { tokens }: Pick<Runtime, 'tokens'>,
  tx: Db,
  { to, brandId, list, language, link }: Confirmation,
  now: number,
): Promise<boolean> {
  const all = await sendingDomains(tx);
  const domain = all.find((one) => one.brand_id === brandId) ?? all[0];
  if (domain === undefined) return false;
  const brand = (await brandById(tx, brandId))?.name ?? domain.name;
  // Somebody reads that mailbox: a question in answer to this mail reaches a person.
  const mailbox = (await mailboxes(tx)).find((one) => one.address.endsWith(`@${domain.name}`));
  const from = mailbox?.address ?? `postmaster@${domain.name}`;
  const say = words[language];
  const publicId = newPublicId();
  const messageId = messageIdFor(tokens, { id: now % 2 ** 40, now }, domain.name, 'c');
  const subject = say.subject(brand);
  const message = composeReply({
    from: { name: brand, address: from },
    to: [{ name: '', address: to }],
    subject,
    text: `${say.ask(brand, list)}\n\n${say.press}\n${link}\n\n${say.until} ${say.ignore}\n`,
    html:
      `<!doctype html><html lang="${language}"><body style="font:16px/1.5 sans-serif;color:#1d2129;max-width:34em">` +
      `<p>${escape(say.ask(brand, list))}</p>` +
      `<p style="margin:28px 0"><a href="${escape(link)}" style="display:inline-block;padding:12px 22px;border-radius:6px;` +
      `background:#2f4fc4;color:#ffffff;text-decoration:none;font-weight:bold">${say.button}</a></p>` +
      `<p>${say.until} ${say.ignore}</p>` +
      `<p style="font-size:13px;color:#667;overflow-wrap:anywhere">${escape(link)}</p></body></html>`,
    messageId,
    date: now,
    seed: publicId,
    autoSubmitted: 'auto-generated',
  });
  await addOwn(tx, { domain, publicId, from, messageId, subject, message, to: [to] }, now);
  return true;
}
