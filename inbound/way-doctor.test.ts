import { describe, expect, test } from 'vitest';
import { DnsError, type Resolver } from '../core/dns.ts';
import { addImapAccount } from '../core/store/imap-account.ts';
import { addInbound } from '../core/store/inbound.ts';
import { openHouse, silentDns, type House } from './testing.ts';
import { examineWays } from './way-doctor.ts';

const ADDRESS = 'support@shop.example';

interface World {
  mx: string[] | 'silent';
  forwarders?: { addresses?: string[]; arc_domains?: string[] };
  imap?: 'reads' | 'paused';
  /** For whom a message came. */
  came?: string;
}

async function houseIn({ mx: hosts, forwarders = {}, imap, came }: World): Promise<House> {
  const mx = (name: string) =>
    hosts === 'silent'
      ? Promise.reject(new DnsError('TIMEOUT', name))
      : Promise.resolve(hosts.map((exchange) => ({ priority: 10, exchange })));
  const house = await openHouse({ dns: Object.assign(Object.create(silentDns), { mx }) as Resolver });
  const { inbound } = house.rt.config;
  Object.assign(inbound, {
    hostname: 'mx.shop.example',
    forwarders: { ...inbound.forwarders, ...forwarders },
  });
  await house.store.write(async (tx) => {
    if (imap !== undefined)
      await addImapAccount(tx, {
        name: 'main',
        host: 'imap.gmail.com',
        port: 993,
        tls: 'implicit',
        verify: 1,
        username: ADDRESS,
        auth: 'password',
        sealed: null,
        token_url: '',
        folder: 'INBOX',
        after: 'keep',
        move_to: '',
        mailbox_id: house.mailboxId,
        paused: imap === 'paused' ? 1 : 0,
        uid_validity: null,
        first_uid: null,
        last_uid: null,
        taken: 0,
        skipped: 0,
        last_taken_at: null,
        checked_at: null,
        error: null,
        error_at: null,
        created_at: 0,
        updated_at: 0,
      });
    if (came !== undefined)
      await addInbound(
        tx,
        { mailFrom: '', rcptTo: [came], remoteIp: '', helo: '', tls: '', rawHash: 'x', size: 1 },
        house.clock.now(),
      );
  });
  return house;
}

describe('the way of a mailbox', () => {
  const google = ['aspmx.l.google.com.', 'alt1.aspmx.l.google.com.'];
  const sealed = { arc_domains: ['Google.com'] };
  const forward = 'support@reply.shop.example';
  test.each<[string, World, string, RegExp, RegExp]>([
    ['our own MX', { mx: ['MX.shop.example.'] }, 'ok', /arrives here.*All our marks survive/, /^$/],
    ['no MX', { mx: [] }, 'fail', /no MX/, /set MX shop\.example to 10 mx\.shop\.example/],
    ['a null MX', { mx: ['.'] }, 'fail', /no MX/, /set MX/],
    ['a DNS that is silent', { mx: 'silent' }, 'warn', /does not answer/, /dns\.servers/],
    ['IMAP', { mx: google, imap: 'reads' }, 'ok', /kept at Google and pulled by IMAP \(main\)/, /^$/],
    [
      'elsewhere, and nothing brings it here',
      { mx: google, imap: 'paused' },
      'fail',
      /kept at Google, and no forwarder is trusted/,
      /forward it to support@reply\.shop\.example and set inbound\.forwarders\.arc_domains: \[google\.com\].*parley imap add/,
    ],
    [
      'a forward that nobody trusts',
      { mx: ['shop-example.mail.protection.outlook.com'], came: forward },
      'warn',
      /Microsoft 365, and no forwarder/,
      /arc_domains: \[microsoft\.com\]/,
    ],
    [
      'a forward that is trusted, and brings mail',
      { mx: google, forwarders: sealed, came: forward },
      'ok',
      /comes by forward, trusted by its ARC seal; the last came on 2026-01-05.*footer survive/,
      /^$/,
    ],
    [
      'a forward that is trusted, and has brought nothing',
      { mx: google, forwarders: sealed, came: 'other@reply.shop.example' },
      'warn',
      /nothing has come yet/,
      /forward it to support@reply\.shop\.example at Google/,
    ],
    [
      'the seal of another host',
      { mx: google, forwarders: { arc_domains: ['microsoft.com'] } },
      'fail',
      /no forwarder is trusted/,
      /google\.com/,
    ],
    [
      'a host that does not seal, trusted by its addresses',
      { mx: ['mx1.mail.ovh.net'], forwarders: { addresses: ['46.105.0.0/16'] }, came: forward },
      'ok',
      /kept at OVH and comes by forward, trusted by its addresses/,
      /^$/,
    ],
    [
      'a host that nobody knows',
      { mx: ['mail.host.example'] },
      'fail',
      /kept at mail\.host\.example/,
      /set inbound\.forwarders\.addresses to the addresses it sends from/,
    ],
  ])('%s', async (_, world, level, says, fix) => {
    const house = await houseIn(world);
    const [found] = (await examineWays(house.rt)).filter((one) => one.id === `way.${ADDRESS}`);
    expect(found?.level).toBe(level);
    expect(found?.says).toMatch(says);
    expect(found?.fix).toMatch(fix);
  });

  test('a network of half the world is no forwarder', async () => {
    const house = await houseIn({
      mx: [],
      forwarders: { addresses: ['0.0.0.0/1', '46.105.0.0/16', '::/0'] },
    });
    const found = (await examineWays(house.rt)).filter((one) => one.id.startsWith('forwarder.'));
    expect(found.map((one) => [one.id, one.level])).toEqual([
      ['forwarder.0.0.0.0/1', 'fail'],
      ['forwarder.::/0', 'fail'],
    ]);
  });
});
