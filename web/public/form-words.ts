/** The words of sign-up pages that no team writes itself: labels, faults, what happens next. */
import type { Language } from './words.ts';

const words = {
  fr: {
    email: 'Adresse e-mail',
    first_name: 'Prénom',
    last_name: 'Nom',
    privacy: 'Politique de confidentialité',
    leave: 'Chaque message contient un lien pour vous désabonner en un clic.',
    badEmail: 'Cette adresse n’est pas valable.',
    once: 'Vérifiez ce que vous avez saisi, puis validez.',
    sentTitle: 'Plus qu’une étape',
    sent: (address: string) =>
      `Si <strong>${address}</strong> peut recevoir notre courrier, un message vient d’y partir. Ouvrez son lien pour confirmer.`,
    sentHint: 'Rien reçu ? Regardez dans les indésirables. Un seul message est envoyé par jour.',
    confirmTitle: 'Confirmer votre inscription',
    confirm: (address: string, list: string) => `Inscrire <strong>${address}</strong> à « ${list} » ?`,
    confirmButton: 'Confirmer',
    agreed: 'Vous acceptez :',
    confirmedTitle: 'C’est confirmé',
    confirmed: (address: string, list: string) => `<strong>${address}</strong> est inscrite à « ${list} ».`,
    closedTitle: 'Ce formulaire est fermé',
    closed: 'Il ne prend plus d’inscriptions.',
    lapsedTitle: 'Ce lien n’est plus valable',
    lapsed: 'Il a plus de sept jours, ou n’est pas complet. Remplissez le formulaire une nouvelle fois.',
    trap: 'Laissez ce champ vide',
  },
  en: {
    email: 'E-mail address',
    first_name: 'First name',
    last_name: 'Last name',
    privacy: 'Privacy policy',
    leave: 'Every message has a link to unsubscribe in one click.',
    badEmail: 'That is not an address.',
    once: 'Check what you typed, then send it.',
    sentTitle: 'One step to go',
    sent: (address: string) =>
      `If <strong>${address}</strong> can get our mail, a message is on its way. Open its link to confirm.`,
    sentHint: 'Nothing there? Look among the junk. Only one message is sent a day.',
    confirmTitle: 'Confirm your sign-up',
    confirm: (address: string, list: string) => `Sign <strong>${address}</strong> up to “${list}”?`,
    confirmButton: 'Confirm',
    agreed: 'You agree:',
    confirmedTitle: 'Confirmed',
    confirmed: (address: string, list: string) => `<strong>${address}</strong> is signed up to “${list}”.`,
    closedTitle: 'This form is closed',
    closed: 'It takes no more sign-ups.',
    lapsedTitle: 'This link is not good any more',
    lapsed: 'It is older than seven days, or incomplete. Fill the form in once more.',
    trap: 'Leave this field empty',
  },
} as const;

export type FormWords = (typeof words)[Language];

export const formWordsOf = (language: Language): FormWords => words[language];
