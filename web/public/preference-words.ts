/** The words of the preference page. What stands beside a choice about measuring is kept in the ledger, so it is exact. */
import type { Language } from './words.ts';

const words = {
  fr: {
    topics: 'Sujets',
    frequency: 'À quel rythme',
    frequencies: {
      all: 'Chaque message',
      weekly: 'Un par semaine au plus',
      monthly: 'Un par mois au plus',
    },
    tracking: 'Mesure de lecture',
    trackings: {
      none: 'Aucune',
      hygiene: 'Le strict nécessaire',
      full: 'Complète',
    },
    trackingsSay: {
      none: 'Nous ne savons ni si vous ouvrez nos messages, ni quels liens vous suivez.',
      hygiene:
        'Seulement le jour de votre dernière ouverture, pour ne plus écrire à une adresse que personne ne lit.',
      full: 'Vos ouvertures et vos clics, pour mieux choisir ce que nous vous envoyons.',
    },
    language: 'Langue',
    save: 'Enregistrer',
    pause: 'Faire une pause de 30 jours',
    pausedUntil: (day: string) => `En pause jusqu’au <strong>${day}</strong>.`,
    resume: 'Reprendre maintenant',
    back: 'Recevoir à nouveau vos messages',
  },
  en: {
    topics: 'Topics',
    frequency: 'How often',
    frequencies: {
      all: 'Every message',
      weekly: 'One a week at most',
      monthly: 'One a month at most',
    },
    tracking: 'Reading measurement',
    trackings: {
      none: 'None',
      hygiene: 'The bare minimum',
      full: 'Full',
    },
    trackingsSay: {
      none: 'We know neither whether you open our messages nor which links you follow.',
      hygiene: 'Only the day of your last opening, so that we stop writing to an address that nobody reads.',
      full: 'Your openings and clicks, to choose better what we send you.',
    },
    language: 'Language',
    save: 'Save',
    pause: 'Pause for 30 days',
    pausedUntil: (day: string) => `Paused until <strong>${day}</strong>.`,
    resume: 'Go on now',
    back: 'Get your messages again',
  },
} as const;

export type PreferenceWords = (typeof words)[Language];

export const preferenceWordsOf = (language: Language): PreferenceWords => words[language];
