import { expect, test } from 'vitest';
import { readIntent } from './intent.ts';

test.each([
  ['Combien coûte la robe bleue ?', 'interested', false],
  ['Please send me a quote for 20 pieces', 'interested', false],
  ['Ich habe Interesse, bitte ein Angebot', 'interested', false],
  ['Me interesa, cuánto cuesta?', 'interested', false],
  ['Kein Interesse, danke', 'not-interested', false],
  ["Ça ne m'intéresse pas", 'not-interested', false],
  ['Plus tard peut-être, recontactez-moi en mars', 'not-now', false],
  ['Where is my parcel?', 'question', false],
  ['Merci beaucoup !', 'thanks', false],
  ['The dress arrived broken, I want a refund', 'negative', false],
  ['This is spam, I will report you to the CNIL', 'complaint', false],
  ['STOP', 'unsubscribe', true],
  ['Unsubscribe me please', 'unsubscribe', true],
  ['Désinscrivez-moi svp', 'unsubscribe', true],
  ['Bitte keine weiteren E-Mails', 'unsubscribe', true],
  ['Quiero darme de baja', 'unsubscribe', true],
  [
    'Hello, we talked last week about the delivery and I forgot to say that I would like you to remove my address from the list',
    'unsubscribe',
    false,
  ],
  ['How do I unsubscribe my colleague?', 'question', false],
  ['STOP this bill, it is unfair to teachers', 'other', false],
  ["I don't want to unsubscribe", 'other', false],
  ['Voici mon adresse : 12 rue X, Lyon', 'other', false],
] as const)('“%s” is %s', (text, intent, mayAct) => {
  const reading = readIntent(text);
  expect({ intent: reading.intent, mayAct: reading.mayAct }).toEqual({ intent, mayAct });
});

test('the evidence is the words that say so', () => {
  expect(readIntent('Bonjour. Pourriez-vous me désinscrire de votre liste ?').evidence).toContain(
    'désinscrire',
  );
});
