import { expect, test } from 'vitest';
import { manualClock } from '../clock.ts';
import { addInbound } from './inbound.ts';
import { lastArrival } from './last-arrival.ts';
import { eachEngine } from './testing.ts';

eachEngine((_, open) => {
  test('the last mail for an address is found by the whole address, and nothing else by its wildcards', async () => {
    const clock = manualClock();
    const store = await open(clock);
    const came = (rcptTo: string[], at: number) =>
      store.write((tx) =>
        addInbound(
          tx,
          { mailFrom: '', rcptTo, remoteIp: '', helo: '', tls: '', rawHash: `${at}`, size: 1 },
          at,
        ),
      );
    await came(['a_b@shop.example'], 10);
    await came(['x@shop.example', 'a_b@shop.example'], 20);
    await came(['axb@shop.example'], 30);
    const last = (...addresses: string[]) => lastArrival(store.read, addresses);
    expect(await last('a_b@shop.example')).toBe(20);
    expect(await last('b@shop.example')).toBeUndefined();
    expect(await last('none@shop.example', 'axb@shop.example')).toBe(30);
    expect(await last()).toBeUndefined();
  });
});
