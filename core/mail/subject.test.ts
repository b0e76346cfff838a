import { describe, expect, test } from 'vitest';
import { baseSubject, subjectsBefore } from './subject.ts';

test.each([
  ['RE: [EXTERNAL] Aw: Order 7', 'order 7', true, false],
  ['TR : Order 7', 'order 7', false, true],
  ['回复：Order 7', 'order 7', true, false],
  ['Regarding: Order 7', 'regarding: order 7', false, false],
])('%s has the subject %s', (subject, base, isReply, isForward) => {
  expect(baseSubject(subject)).toEqual({ base, isReply, isForward });
});

describe('a new subject in a conversation', () => {
  const mail = (subject: string, direction: 'in' | 'out' | 'note' = 'in', kind = 'reply') => ({
    subject,
    direction,
    kind,
  });
  test.each<[string, ReturnType<typeof mail>[], [number, string][]]>([
    ['is told with the one before', [mail('Order 7'), mail('Invoice 9')], [[2, 'Order 7']]],
    [
      'is none when only the marks differ',
      [mail('Order 7'), mail('RE: order  7'), mail('Aw: Re: Order 7')],
      [],
    ],
    [
      'is told once: the answers under it are not',
      [mail('A'), mail('B'), mail('Re: B', 'out'), mail('RE: B')],
      [[2, 'A']],
    ],
    [
      'is told again when the old one returns',
      [mail('A'), mail('B'), mail('Re: A')],
      [
        [2, 'A'],
        [3, 'B'],
      ],
    ],
    ['is not our own', [mail('A'), mail('B', 'out')], []],
    ['against ours is one', [mail('A', 'out'), mail('B')], [[2, 'A']]],
    ['is not a note', [mail('A'), mail('', 'note'), mail('Re: A')], []],
    ['is not an automatic answer', [mail('A'), mail('Out of office', 'in', 'autoreply'), mail('Re: A')], []],
    ['is not an empty one', [mail('A'), mail(''), mail('Re: A')], []],
  ])('%s', (_, mails, expected) => {
    const messages = mails.map((one, at) => ({ ...one, id: at + 1 }));
    expect([...subjectsBefore(messages)]).toEqual(expected);
  });
});
