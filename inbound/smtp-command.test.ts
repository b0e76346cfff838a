import { expect, test } from 'vitest';
import { readChunk, readCommand, readPath } from './smtp-command.ts';

test.each([
  ['EHLO mx.remote.example', { verb: 'EHLO', argument: 'mx.remote.example' }],
  ['quit', { verb: 'QUIT', argument: '' }],
  ['MAIL  FROM:<a@b.example> ', { verb: 'MAIL', argument: 'FROM:<a@b.example>' }],
  ['', { verb: '', argument: '' }],
])('%j is a command', (line, expected) => {
  expect(readCommand(line)).toEqual(expected);
});

const path = (argument: string, keyword: 'FROM' | 'TO' = 'FROM') => {
  const found = readPath(argument, keyword);
  return typeof found === 'string' ? found : [found.address, Object.fromEntries(found.parameters)];
};

test.each([
  ['FROM:<>', ['', {}]],
  ['from:<ana@a.example>', ['ana@a.example', {}]],
  ['FROM: <ana@a.example> SIZE=12 BODY=8BITMIME', ['ana@a.example', { SIZE: '12', BODY: '8BITMIME' }]],
  ['FROM:<ana@a.example>  smtputf8', ['ana@a.example', { SMTPUTF8: '' }]],
  ['FROM:<"a > b"@a.example>', ['"a > b"@a.example', {}]],
  ['FROM:<"a\\"> b"@a.example>', ['"a\\"> b"@a.example', {}]],
  ['FROM:<@relay.example:ana@a.example>', ['@relay.example:ana@a.example', {}]],
  ['FROM:ana@a.example', 'syntax'],
  ['FROM:<ana@a.example', 'syntax'],
  ['FROM:<<ana@a.example>>', 'syntax'],
  ['FROM:<ana@a.example>x', 'syntax'],
  ['TO:<ana@a.example>', 'syntax'],
  ['FROM:<a@a.example> =12', 'parameter'],
  ['FROM:<a@a.example> SIZE=a=b', 'parameter'],
  ['FROM:<a@a.example> SIZE=1 size=2', 'repeated'],
])('%s', (argument, expected) => {
  expect(path(argument)).toEqual(expected);
});

test.each([
  ['0 LAST', { size: 0, last: true }],
  ['1000', { size: 1000, last: false }],
  ['1000 last', { size: 1000, last: true }],
  ['', undefined],
  ['-1', undefined],
  ['10 FIRST', undefined],
  ['99999999999999999999', undefined],
])('BDAT %s', (argument, expected) => {
  expect(readChunk(argument)).toEqual(expected);
});
