/** A reader's reply of 10 KB: a few new words above the whole of our mail, as mail programs write it, from a domain that signs. */
import { signed } from './letter.ts';

/** The readers of the benchmark write from here; lab/zone.ts publishes its key, its SPF and its policy. */
export const DMARC_DOMAIN = 'gmail.com';

const QUOTED =
  'Le lin lavé de cet été est teint à la main dans notre atelier de la rue Mercière, en petites séries.';

const WORDS = [
  'Merci, je prends la robe en 40. Vous livrez avant samedi ?',
  'Bonjour, est-ce que le bleu existe aussi en 38 ?',
  'Très jolie collection, je passe à la boutique demain matin.',
  'Can you tell me when my order will be sent? Thank you.',
];

export interface ReplyFields {
  from: string;
  to: string;
  serial: string;
  /** Message-ID of ours, without <>. */
  inReplyTo: string;
  at: number;
  /** Of quoted lines; 10 KB has 62. */
  lines?: number;
}

export function replyText({ from, to, serial, inReplyTo, at, lines = 88 }: ReplyFields): Buffer {
  const words = WORDS[serial.length % WORDS.length] as string;
  return Buffer.from(
    [
      `Return-Path: <${from}>`,
      `Received: from mail-x.${DMARC_DOMAIN} (localhost [127.0.0.1]) by mx.${DMARC_DOMAIN} with ESMTPS id ${serial}`,
      'MIME-Version: 1.0',
      `Date: ${new Date(at).toUTCString().replace('GMT', '+0000')}`,
      `Message-ID: <${serial}@mail.${DMARC_DOMAIN}>`,
      `From: Lecteur ${serial} <${from}>`,
      `To: ${to}`,
      'Subject: =?utf-8?Q?Re=3A_votre_s=C3=A9lection_d=E2=80=99=C3=A9t=C3=A9?=',
      `In-Reply-To: <${inReplyTo}>`,
      `References: <${inReplyTo}>`,
      'Content-Type: text/plain; charset=utf-8',
      'Content-Transfer-Encoding: 8bit',
      '',
      words,
      '',
      '-- ',
      `Lecteur ${serial}`,
      '',
      'Le lun. 23 nov. 2026 à 10:00, Maison Colombe <camille@colombe.example> a écrit :',
      '>',
      ...Array.from({ length: lines }, () => `> ${QUOTED}`),
      '> Se désabonner',
      '',
    ].join('\r\n'),
  );
}

/** The same as Gmail writes it in HTML, of at least so many bytes, with a paragraph of Outlook's in each quoted line. */
export function htmlReply(bytes: number): Buffer {
  const lines: string[] = [];
  for (let size = 0; size < bytes; size += lines.at(-1)!.length) {
    const at = lines.length;
    lines.push(
      `<p class="MsoNormal" style="margin:0cm 0cm 8pt;font-family:Calibri,sans-serif"><span lang=FR style='font-size:11.0pt;color:#1f497d'>` +
        `${QUOTED}&nbsp;<a href="https://colombe.example/l/${at}?a=1&amp;b=2">Voir la pièce n°&nbsp;${at}</a></span>` +
        `<img src="https://colombe.example/i/${at}.jpg" width="300" height="200" alt=""><br></p>\r\n`,
    );
  }
  return Buffer.from(
    [
      'MIME-Version: 1.0',
      `From: Lecteur <lecteur@${DMARC_DOMAIN}>`,
      'To: bonjour@colombe.example',
      'Subject: Re: lettre',
      'Content-Type: text/html; charset=utf-8',
      'Content-Transfer-Encoding: 8bit',
      '',
      `<html><head><style>p{margin:0}</style></head><body><div dir="ltr">${WORDS[0]}</div><br>`,
      `<div class="gmail_quote"><div dir="ltr" class="gmail_attr">Le lun. 23 nov. 2026, Camille a écrit :<br></div>`,
      `<blockquote class="gmail_quote" style="margin:0 0 0 .8ex">${lines.join('')}</blockquote></div></body></html>`,
      '',
    ].join('\r\n'),
  );
}

export const signedReply = (fields: ReplyFields): Promise<Buffer> => signed(replyText(fields), DMARC_DOMAIN);
