import { expect, onTestFinished, test } from 'vitest';
import { silentLog, type Log } from '../core/log.ts';
import { RawSpool } from '../core/store/raw-message.ts';
import { Cage } from './cage.ts';
import { Forwarders } from './forwarder.ts';
import { keeper, type Rush } from './keep.ts';
import { inbound, Workers } from './service.ts';
import { openHouse, Wire } from './testing.ts';

/** A log that hands out one field of one line. */
function listening(): { log: Log; port: Promise<number> } {
  let heard: (port: number) => void = () => undefined;
  const port = new Promise<number>((resolve) => (heard = resolve));
  const log: Log = {
    ...silentLog,
    info: (phrase, fields) => {
      if (phrase === 'listening for mail') heard(fields?.['port'] as number);
    },
  };
  return { log, port };
}

test('a reply that comes to the port is a conversation when the bell rings, and a stop is clean', async () => {
  const house = await openHouse();
  const sent = await house.delivery('ana@remote.example');
  const { log, port } = listening();
  const rt = { ...house.rt, log };
  rt.config = { ...rt.config, inbound: { ...rt.config.inbound, host: '127.0.0.1', port: 0 } };
  const role = inbound(rt);
  await role.start();
  let stopped = false;
  onTestFinished(() => (stopped ? undefined : role.stop()));
  const bell = new Promise<void>((resolve) => rt.wake.on('conversation', resolve));
  const wire = await Wire.open(await port);
  expect(await wire.begin(sent.address, sent.replyTo)).toMatch(/^354/);
  expect(
    await wire.say(`From: ${sent.address}\r\nSubject: Re: Summer letter\r\n\r\nWhere is my parcel?\r\n.`),
  ).toMatch(/^250 2\.6\.0 accepted as 1/);
  await bell;
  const rows = await house.store.read.selectFrom('conversation').select(['address', 'intent']).execute();
  expect(rows).toEqual([{ address: sent.address, intent: 'question' }]);
  await wire.say('QUIT');
  await role.stop();
  stopped = true;
});

test('what a crash left received is taken up at the next start', async () => {
  const house = await openHouse();
  const sent = await house.delivery('ana@remote.example');
  await house.receive({
    from: sent.address,
    to: sent.replyTo,
    raw: `From: ${sent.address}\nSubject: Re: x\n\nhello\n`,
  });
  // The process that died had claimed it.
  await house.store.write((tx) =>
    tx
      .updateTable('inbound')
      .set({ lease_until: house.clock.now() + 3_600_000, attempts: 1 })
      .execute(),
  );
  const { log } = listening();
  const rt = { ...house.rt, log };
  rt.config = { ...rt.config, inbound: { ...rt.config.inbound, host: '127.0.0.1', port: 0 } };
  const bell = new Promise<void>((resolve) => rt.wake.on('conversation', resolve));
  const role = inbound(rt);
  await role.start();
  await bell;
  await role.stop();
  expect(await house.store.read.selectFrom('inbound').select('state').execute()).toEqual([
    { state: 'applied' },
  ]);
});

test('in a flood nothing is read, so that those on the line are answered, but no longer than five seconds', async () => {
  const house = await openHouse();
  const forwarders = new Forwarders(house.rt.config.inbound.forwarders);
  const reader = { rt: house.rt, hostname: 'mx.shop.example', forwarders, cage: new Cage({ workers: 1 }) };
  let rush: Rush = 'flood';
  const workers = new Workers(reader, 1, () => rush);
  onTestFinished(() => workers.stop());
  const states = async () =>
    (await house.store.read.selectFrom('inbound').select('state').orderBy('id').execute()).map(
      (row) => row.state,
    );
  const receive = (raw: string) =>
    house.receive({ from: 'ana@remote.example', to: 'postmaster@shop.example', raw });
  await workers.drain();
  await receive('Subject: one\n\nhello\n');
  await workers.drain();
  expect(await states()).toEqual(['received']);
  await house.clock.advance(5000);
  await workers.drain();
  expect(await states()).toEqual(['applied']);
  await receive('Subject: two\n\nhello\n');
  await workers.drain();
  expect(await states()).toEqual(['applied', 'received']);
  rush = 'some';
  await workers.drain();
  expect(await states()).toEqual(['applied', 'applied']);
});

test('twenty messages within a tenth of a second are a flood, one is not', async () => {
  const house = await openHouse();
  const keep = keeper(house.rt);
  const envelope = {
    mailFrom: '',
    rcptTo: ['postmaster@shop.example'],
    remoteIp: '127.0.0.1',
    helo: 'x',
    tls: '',
  };
  const one = async (serial: number) => {
    const spool = new RawSpool(house.rt.config.data_dir);
    await spool.write(Buffer.from(`Subject: ${serial}\r\n\r\nhello\r\n`));
    await keep(envelope, spool);
  };
  expect(keep.rush()).toBe('none');
  await one(0);
  expect(keep.rush()).toBe('some');
  await Promise.all(Array.from({ length: 19 }, (_, at) => one(at + 1)));
  expect(keep.rush()).toBe('flood');
  await house.clock.advance(100);
  expect(keep.rush()).toBe('none');
});
