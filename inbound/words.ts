/** Letters made comparable: lower case, no accents, plain apostrophes. Phrases in data files are written this way. */
export function plainLetters(text: string): string {
  return text
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .replace(/[’‘´`]/g, "'")
    .replaceAll('ß', 'ss')
    .replaceAll('œ', 'oe');
}

/** A piece of the text around a place, for evidence that a person can read. */
export function snippet(text: string, at: number, size = 120): string {
  const start = Math.max(0, at - 30);
  return text
    .slice(start, start + size)
    .replace(/\s+/g, ' ')
    .trim();
}

/** The language whose little words stand in the text most; undefined when it cannot be told. */
export type Language = 'en' | 'fr' | 'de' | 'es';

const LITTLE_WORDS: Record<Language, Set<string>> = {
  en: new Set(
    'the and you your for is are this that with have not please will would of to in my me we it can was on'.split(
      ' ',
    ),
  ),
  fr: new Set(
    'le la les des est vous votre je ne pas pour une un de du que qui nous merci bonjour avec dans sur mon et plus ce cette au'.split(
      ' ',
    ),
  ),
  de: new Set(
    'der die das und ist nicht ich sie ihre ihr bitte mit fur ein eine den dem zu von auf wir mich im bin keine danke'.split(
      ' ',
    ),
  ),
  es: new Set(
    'el la los las que de en por para no su una un con es me gracias hola mi usted del al lo como mas esta'.split(
      ' ',
    ),
  ),
};

export function languageOf(text: string): Language | undefined {
  const words = plainLetters(text.slice(0, 4000)).split(/[^a-z]+/);
  let best: Language | undefined;
  let most = 1;
  for (const language of ['en', 'fr', 'de', 'es'] as const) {
    const count = words.filter((word) => LITTLE_WORDS[language].has(word)).length;
    if (count > most) {
      most = count;
      best = language;
    }
  }
  return best;
}
