import { expect, test } from 'vitest';
import { withEvidence } from './evidence.ts';

const lit = (text: string, evidence: string | null) =>
  withEvidence(text, evidence)
    .map((part) => (part.isEvidence ? `[${part.text}]` : part.text))
    .join('');

test('the words are lit up where they stand, however the lines broke', () => {
  expect(lit('Hello,\nplease take me\n  off your list. Bye', 'take me off your list')).toBe(
    'Hello,\nplease [take me\n  off your list]. Bye',
  );
  expect(lit('STOP', 'stop')).toBe('[STOP]');
  expect(lit('What? (really) $5 [now]', '(really) $5')).toBe('What? [(really) $5] [now]');
});

test('nothing is lit that is not there, and no text is lost', () => {
  expect(lit('Bonjour', 'au revoir')).toBe('Bonjour');
  expect(lit('Bonjour', '')).toBe('Bonjour');
  expect(lit('Bonjour', null)).toBe('Bonjour');
});
