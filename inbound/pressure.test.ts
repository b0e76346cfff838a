import { expect, test } from 'vitest';
import { PressureGauge } from './pressure.ts';
import { openHouse } from './testing.ts';

test('a disk with too little room, and a queue that is too deep, each keep mail away until they are not', async () => {
  const house = await openHouse();
  house.rt.config.inbound.max_waiting = 2;
  let free = 10 * house.rt.config.inbound.min_free_bytes;
  const gauge = new PressureGauge(house.rt, async () => free);
  await gauge.look();
  expect(gauge.now).toBeUndefined();
  free = 1000;
  await gauge.look();
  expect(gauge.now?.text).toMatch(/^4\.3\.1/);
  free = Infinity;
  for (let at = 0; at < 3; at++)
    await house.receive({ to: 'support@shop.example', raw: `Subject: ${at}\n\nx\n` });
  await gauge.look();
  expect(gauge.now?.text).toMatch(/^4\.3\.2/);
  await house.settle();
  await gauge.look();
  expect(gauge.now).toBeUndefined();
});
