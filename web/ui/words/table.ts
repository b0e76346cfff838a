/** One table for both languages: each key has its English and its French beside each other, so that neither is forgotten. */
export type Table = Record<string, readonly [en: string, fr: string]>;
