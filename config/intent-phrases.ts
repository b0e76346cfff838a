/**
 * What a person's answer may mean and the words that say so, as data: one file a language. `inbound/intent.ts` reads them.
 * All is matched on one sentence in lower case, without accents, every sign but the apostrophe and "?" made a space.
 */
export const intents = [
  'unsubscribe',
  'complaint',
  'wrong-person',
  'address-change',
  'not-interested',
  'negative',
  'not-now',
  'interested',
  'question',
  'thanks',
  'other',
] as const;
export type Intent = (typeof intents)[number];

export interface IntentPhrases {
  language: 'en' | 'fr' | 'de' | 'es';
  /** Name, intent, pattern. The name is what staff read as the reason, with the language before it. */
  phrases: (readonly [string, Intent, string])[];
  /** What turns talk about leaving into no request to leave: a question how, somebody else's wish, a condition, a no. */
  takenBack: (readonly [string, string])[];
  /**
   * The grammar of a message that may unsubscribe without a person looking: nothing in it but courtesy, known reasons and at
   * least one whole clause that asks for exactly this. An unknown word anywhere hands it to a person.
   */
  alone: {
    courtesy: string;
    before: string;
    requests: (readonly [string, string])[];
    after: string;
    reasons: (readonly [string, string])[];
  };
}
