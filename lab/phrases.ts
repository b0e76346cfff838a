/** What the people of the lab say, and what their machines say for them: French, English, German and Spanish. */
import type { ReplyClient } from './providers.ts';

export type Language = 'fr' | 'en' | 'de' | 'es';
export type Intent = 'question' | 'interested' | 'not-now' | 'thanks' | 'wrong-person' | 'unhappy';

export const REPLIES: Record<Language, readonly (readonly [Intent, string])[]> = {
  fr: [
    [
      'question',
      'Bonjour,\n\nEst-ce que la livraison à Lyon est possible avant samedi ? Je suis dans le 3e.\n\nMerci,\n{name}',
    ],
    ['question', 'Bonjour, le modèle en bleu existe-t-il aussi en taille 38 ?\n\nCordialement\n{name}'],
    [
      'question',
      'Bonsoir\nj’ai commandé il y a 10 jours (commande n° 48213) et je n’ai toujours rien reçu. Où en est mon colis ?\n{name}',
    ],
    [
      'interested',
      'Bonjour,\nça m’intéresse beaucoup ! Pouvez-vous m’envoyer un devis pour 12 pièces ?\nVous pouvez me joindre au 06 12 34 56 78.\n\nBien à vous,\n{name}',
    ],
    ['interested', 'Oui, je veux bien être rappelée pour une démonstration, plutôt le matin.\n{name}'],
    [
      'not-now',
      'Bonjour, merci mais pas maintenant. Recontactez-moi en mars quand le budget sera voté.\n{name}',
    ],
    ['thanks', 'Merci pour l’info, belle journée à toute l’équipe !\n{name}'],
    [
      'wrong-person',
      'Bonjour, ce n’est plus moi qui m’occupe des achats, il faut voir avec ma collègue Sophie.\n{name}',
    ],
    [
      'unhappy',
      'Bonjour,\nTrès déçue de ma dernière commande, l’article est arrivé cassé. Je souhaite un remboursement.\n{name}',
    ],
  ],
  en: [
    ['question', 'Hi,\n\nDo you ship to Ireland, and how long does it take?\n\nThanks\n{name}'],
    ['question', 'Hello, is the discount also valid in the shop, or online only?\n\n{name}'],
    [
      'interested',
      'Hi there,\nthis looks great. Could you send me a quote for 20 units? You can call me on 020 7946 0018.\nBest,\n{name}',
    ],
    ['interested', 'Yes please, I would like to book a demo next Tuesday.\n{name}'],
    ['not-now', 'Thanks, but not right now. Please get back to me next quarter.\n\n{name}'],
    ['thanks', 'Thank you, much appreciated!\n{name}'],
    [
      'wrong-person',
      'I am not the right person for this, please write to our buyer instead.\nRegards, {name}',
    ],
    [
      'unhappy',
      'The lamp I ordered arrived broken and nobody answers the phone. I would like a refund.\n{name}',
    ],
  ],
  de: [
    ['question', 'Guten Tag,\n\nist der Artikel auch in Grün lieferbar?\n\nMit freundlichen Grüßen\n{name}'],
    [
      'interested',
      'Hallo, das klingt interessant. Können Sie mir ein Angebot schicken?\nViele Grüße\n{name}',
    ],
    ['not-now', 'Danke, im Moment nicht. Melden Sie sich gern im Frühjahr wieder.\n{name}'],
    ['thanks', 'Vielen Dank für die Information!\n{name}'],
  ],
  es: [
    ['question', 'Hola,\n\n¿cuánto tarda el envío a Valencia?\n\nUn saludo,\n{name}'],
    ['interested', 'Buenos días, me interesa. ¿Me pueden mandar un presupuesto?\nGracias\n{name}'],
    ['not-now', 'Gracias, pero ahora no. Quizás más adelante.\n{name}'],
    ['thanks', '¡Muchas gracias por la información!\n{name}'],
  ],
};

export const UNSUBSCRIBE_WORDS: Record<Language, readonly string[]> = {
  fr: [
    'Merci de me désinscrire de votre liste.\n\n{name}',
    'Désabonnez-moi svp',
    'Je ne souhaite plus recevoir vos mails.\n{name}',
  ],
  en: ['Please unsubscribe me.\n\n{name}', 'Please remove me from your list', 'STOP'],
  de: [
    'Bitte melden Sie mich vom Newsletter ab.\n\n{name}',
    'Ich möchte keine weiteren E-Mails erhalten.\n{name}',
  ],
  es: ['Por favor, quiero darme de baja.\n{name}', 'No quiero recibir más correos.'],
};

/** `{until}` is the day of return, `{colleague}` somebody to ask meanwhile. */
export const AWAY: Record<
  Language,
  { subject: Record<'exchange' | 'vacation', string>; texts: readonly string[] }
> = {
  fr: {
    subject: { exchange: 'Réponse automatique : {subject}', vacation: 'Absence du bureau Re: {subject}' },
    texts: [
      'Bonjour,\n\nJe suis absent(e) du bureau jusqu’au {until} inclus. En cas d’urgence, merci de contacter {colleague}.\n\nCordialement,\n{name}',
      'Je suis actuellement en congés, de retour le {until}. Je répondrai à votre message à mon retour.\n\n{name}',
    ],
  },
  en: {
    subject: { exchange: 'Automatic reply: {subject}', vacation: 'Out of Office Re: {subject}' },
    texts: [
      'Hello,\n\nI am out of the office until {until} with limited access to email. For anything urgent please contact {colleague}.\n\nKind regards,\n{name}',
      'Thank you for your message. I am on annual leave and will be back on {until}.\n\n{name}',
    ],
  },
  de: {
    subject: { exchange: 'Automatische Antwort: {subject}', vacation: 'Abwesenheitsnotiz: {subject}' },
    texts: [
      'Guten Tag,\n\nich bin bis zum {until} nicht im Büro. In dringenden Fällen wenden Sie sich bitte an {colleague}.\n\nMit freundlichen Grüßen\n{name}',
    ],
  },
  es: {
    subject: { exchange: 'Respuesta automática: {subject}', vacation: 'Fuera de la oficina: {subject}' },
    texts: [
      'Hola:\n\nEstoy fuera de la oficina hasta el {until}. Para cualquier urgencia, escriba a {colleague}.\n\nUn saludo,\n{name}',
    ],
  },
};

export const LEFT: Record<Language, string> = {
  fr: 'Bonjour,\n\n{name} ne fait plus partie de l’entreprise. Merci d’adresser vos messages à {colleague}.\n\nCordialement',
  en: 'Hello,\n\n{name} no longer works here. Please write to {colleague} instead.\n\nKind regards',
  de: 'Guten Tag,\n\n{name} ist nicht mehr im Unternehmen. Bitte wenden Sie sich an {colleague}.\n\nMit freundlichen Grüßen',
  es: 'Hola:\n\n{name} ya no trabaja con nosotros. Por favor, escriba a {colleague}.\n\nUn saludo',
};

export const LOCALES: Record<Language, string> = { fr: 'fr-FR', en: 'en-GB', de: 'de-DE', es: 'es-ES' };

export const REPLY_PREFIX: Record<ReplyClient, Record<Language, string>> = {
  gmail: { fr: 'Re: ', en: 'Re: ', de: 'Re: ', es: 'Re: ' },
  outlook: { fr: 'RE: ', en: 'RE: ', de: 'AW: ', es: 'RE: ' },
  apple: { fr: 'Re: ', en: 'Re: ', de: 'Re: ', es: 'Re: ' },
  thunderbird: { fr: 'Re: ', en: 'Re: ', de: 'Re: ', es: 'Re: ' },
};

/** The line over the quoted mail: `{date}`, `{time}`, `{who}`, `{address}`. */
export const QUOTE_LINES: Record<Exclude<ReplyClient, 'outlook'>, Record<Language, string>> = {
  gmail: {
    fr: 'Le {date} à {time}, {who} <{address}> a écrit :',
    en: 'On {date} at {time} {who} <{address}> wrote:',
    de: 'Am {date} um {time} Uhr schrieb {who} <{address}>:',
    es: 'El {date} a las {time}, {who} (<{address}>) escribió:',
  },
  apple: {
    fr: 'Le {date} à {time}, {who} <{address}> a écrit :',
    en: 'On {date}, at {time}, {who} <{address}> wrote:',
    de: 'Am {date} um {time} schrieb {who} <{address}>:',
    es: 'El {date}, a las {time}, {who} <{address}> escribió:',
  },
  thunderbird: {
    fr: 'Le {date} à {time}, {who} a écrit :',
    en: 'On {date} {time}, {who} wrote:',
    de: 'Am {date} um {time} schrieb {who}:',
    es: 'El {date} a las {time}, {who} escribió:',
  },
};

export const OUTLOOK_BLOCK: Record<
  Language,
  readonly [from: string, sent: string, to: string, subject: string]
> = {
  fr: ['De :', 'Envoyé :', 'À :', 'Objet :'],
  en: ['From:', 'Sent:', 'To:', 'Subject:'],
  de: ['Von:', 'Gesendet:', 'An:', 'Betreff:'],
  es: ['De:', 'Enviado:', 'Para:', 'Asunto:'],
};

export const SENT_FROM_PHONE: Record<Language, string> = {
  fr: 'Envoyé de mon iPhone',
  en: 'Sent from my iPhone',
  de: 'Von meinem iPhone gesendet',
  es: 'Enviado desde mi iPhone',
};
