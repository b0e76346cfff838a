import { expect, test } from 'vitest';
import { PhraseIndex, requiredLiterals } from './phrase-index.ts';

test.each([
  ['remove me', ['remove me']],
  ['(?:remove|delete) me', ['remove', 'delete']],
  ['colou?r', ['colo']],
  ['e ?mail', ['mail']],
  ['stop(?! the)', ['stop']],
  ['(?:stop )?it', ['it']],
  ['abmeld\\w*', ['abmeld']],
  ['stop|\\w+', undefined],
  ['(?:a|bc){2}', undefined],
  ['no{1,3} way', [' way']],
] as const)('whatever %s matches has one of %j in it', (pattern, literals) => {
  expect(requiredLiterals(pattern)).toEqual(literals);
});

test('only patterns that can match are to be tried, in their order', () => {
  const index = new PhraseIndex(['remove me', '\\d+', 'stop', '(?:me|us)']);
  expect(index.candidates('please remove me')).toEqual([0, 1, 3]);
  expect(index.candidates('stop it')).toEqual([1, 2]);
});
