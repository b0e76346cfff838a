import { expect, test } from 'vitest';
import { manualClock } from '../core/clock.ts';
import { Circuit } from './scan-circuit.ts';

const SECOND = 1000;

test('two failures in a row change nothing, the third leaves it alone for fifteen seconds', () => {
  const circuit = new Circuit(manualClock());
  expect([circuit.bad(), circuit.bad(), circuit.mayAsk()]).toEqual([0, 0, true]);
  expect([circuit.bad(), circuit.mayAsk()]).toEqual([15 * SECOND, false]);
});

test('an answer between failures begins the count anew', () => {
  const circuit = new Circuit(manualClock());
  circuit.bad();
  circuit.bad();
  expect(circuit.good()).toBe(false);
  expect([circuit.bad(), circuit.bad(), circuit.mayAsk()]).toEqual([0, 0, true]);
});

test('after the pause one message tries it, and the others still do not', async () => {
  const clock = manualClock();
  const circuit = new Circuit(clock);
  for (let i = 0; i < 3; i++) circuit.bad();
  await clock.advance(15 * SECOND - 1);
  expect(circuit.mayAsk()).toBe(false);
  await clock.advance(1);
  expect([circuit.mayAsk(), circuit.mayAsk()]).toEqual([true, false]);
  expect(circuit.good()).toBe(true);
  expect([circuit.mayAsk(), circuit.mayAsk()]).toEqual([true, true]);
});

test('each try that fails doubles the pause, to five minutes at most', async () => {
  const clock = manualClock();
  const circuit = new Circuit(clock);
  for (let i = 0; i < 2; i++) circuit.bad();
  const pauses: number[] = [];
  for (let pause = circuit.bad(); pauses.length < 7; pause = circuit.bad()) {
    pauses.push(pause / SECOND);
    await clock.advance(pause);
    expect(circuit.mayAsk()).toBe(true);
  }
  expect(pauses).toEqual([15, 30, 60, 120, 240, 300, 300]);
});

test('failures of messages that were asked before it was left alone do not make the pause longer', async () => {
  const clock = manualClock();
  const circuit = new Circuit(clock);
  for (let i = 0; i < 3; i++) circuit.bad();
  expect([circuit.bad(), circuit.bad()]).toEqual([0, 0]);
  await clock.advance(15 * SECOND);
  expect(circuit.mayAsk()).toBe(true);
});
