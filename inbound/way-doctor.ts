/**
 * Which of the three ways the mail of each shared mailbox takes to us, for `parley doctor`: our own MX, a forward from the
 * host that keeps it, or a pull by IMAP; what of our marks survives on it, and what is still missing. It looks at settings
 * and the DNS. Whether the forward is set over there nobody can see from here, so it says when mail last came.
 */
import type { Finding } from '../core/doctor.ts';
import { mailHost } from '../core/identity.ts';
import type { Runtime } from '../core/runtime.ts';
import { imapAccounts, type ImapAccount } from '../core/store/imap-account.ts';
import { receivingAddresses, type ReceivingAddresses } from '../core/store/inbound.ts';
import { lastArrival } from '../core/store/last-arrival.ts';

type Needs = Pick<Runtime, 'store' | 'dns' | 'config' | 'clock'>;

interface Keeper {
  name: string;
  /** Of its MX hosts. */
  suffix: RegExp;
  /** With what it seals what it forwards; none: trusted by its addresses only. */
  seals?: string;
}

const KEEPERS: Keeper[] = [
  { name: 'Google', suffix: /\.(?:google|googlemail)\.com$/, seals: 'google.com' },
  { name: 'Microsoft 365', suffix: /\.(?:outlook\.com|microsoft)$/, seals: 'microsoft.com' },
  { name: 'OVH', suffix: /\.ovh\.(?:net|com|ca)$/ },
  { name: 'Gandi', suffix: /\.gandi\.net$/ },
];

export async function examineWays(rt: Needs): Promise<Finding[]> {
  const [known, accounts] = await Promise.all([
    receivingAddresses(rt.store.read),
    imapAccounts(rt.store.read),
  ]);
  return [
    ...wideNetworks(rt),
    ...(await Promise.all(
      known.mailboxes.map((mailbox) => examineMailbox(rt, mailbox, { known, accounts })),
    )),
  ];
}

/** A network of half the world is nobody's forwarder: whoever writes from it could claim any origin. */
function wideNetworks({ config }: Needs): Finding[] {
  return config.inbound.forwarders.addresses.flatMap((network): Finding[] => {
    const [address = '', bits] = network.split('/');
    if (bits === undefined || Number(bits) >= (address.includes(':') ? 16 : 8)) return [];
    return [
      {
        id: `forwarder.${network}`,
        level: 'fail',
        says: `inbound.forwarders.addresses trusts ${network}, which is far more than one host`,
        fix: 'name the forwarder’s own addresses: anybody in this network can claim to forward',
      },
    ];
  });
}

async function examineMailbox(
  rt: Needs,
  mailbox: ReceivingAddresses['mailboxes'][number],
  { known, accounts }: { known: ReceivingAddresses; accounts: readonly ImapAccount[] },
): Promise<Finding> {
  const { address } = mailbox;
  const [local = '', domain = ''] = address.split('@');
  const finding = (level: Finding['level'], says: string, fix = ''): Finding => ({
    id: `way.${address}`,
    level,
    says: `${address} ${says}`,
    fix,
  });
  const hosts = await mxOf(rt, domain);
  if (typeof hosts === 'string')
    return finding('warn', `cannot be examined: ${hosts}`, 'check dns.servers, and look again');
  const ours = known.domains.filter((one) => one.brand_id === mailbox.brand_id);
  const ourHosts = new Set(
    [domain, ...ours.map((one) => one.name)].map((name) => mailHost(rt.config.inbound.hostname, name)),
  );
  if (hosts.some((host) => ourHosts.has(host)))
    return finding('ok', `arrives here: the MX of ${domain} is this server. All our marks survive`);
  if (hosts.length === 0)
    return finding(
      'fail',
      `gets no mail: ${domain} has no MX`,
      `set MX ${domain} to 10 ${mailHost(rt.config.inbound.hostname, domain)}, or create the mailbox at a host`,
    );
  const keeper = KEEPERS.find((one) => hosts.some((host) => one.suffix.test(host)));
  const kept = `is kept at ${keeper?.name ?? hosts[0]}`;
  const pulled = accounts.find((account) => account.mailbox_id === mailbox.id && account.paused === 0);
  if (pulled !== undefined)
    return finding(
      'ok',
      `${kept} and pulled by IMAP (${pulled.name}). Tokens in To and our Message-IDs survive; SPF is not known, DKIM and a trusted ARC seal decide`,
    );
  const target = ours[0] === undefined ? undefined : `${local}@${ours[0].reply_host}`;
  const { addresses, arc_domains: seals } = rt.config.inbound.forwarders;
  const isSealTrusted =
    keeper?.seals !== undefined && seals.some((one) => one.toLowerCase() === keeper.seals);
  const pull = `or connect it: parley imap add NAME --mailbox ${address} …`;
  if (target === undefined)
    return finding(
      'fail',
      `${kept}, and its organisation has no sending domain that could take a forward`,
      pull,
    );
  const last = await lastArrival(rt.store.read, [target, address]);
  if (!isSealTrusted && addresses.length === 0)
    return finding(
      last === undefined ? 'fail' : 'warn',
      `${kept}, and no forwarder is trusted: SPF fails on what it forwards, and answers may look forged`,
      `forward it to ${target} and set inbound.forwarders.${
        keeper?.seals === undefined
          ? 'addresses to the addresses it sends from'
          : `arc_domains: [${keeper.seals}]`
      }; ${pull}`,
    );
  if (last === undefined)
    return finding(
      'warn',
      `${kept}, a forward from there is trusted, and nothing has come yet`,
      `forward it to ${target} at ${keeper?.name ?? 'its host'}; ${pull}`,
    );
  return finding(
    'ok',
    `${kept} and comes by forward, trusted by its ${isSealTrusted ? 'ARC seal' : 'addresses'}; the last came on ${new Date(last).toISOString().slice(0, 10)}. Tokens in To, our Message-IDs and our footer survive; the host before the forwarder is judged`,
  );
}

/** In lower case; empty when there are none, words when the DNS does not say. */
async function mxOf({ dns }: Needs, domain: string): Promise<string[] | string> {
  try {
    const records = await dns.mx(domain);
    // RFC 7505 3: a single "." takes no mail.
    return records.map((mx) => mx.exchange.replace(/\.$/, '').toLowerCase()).filter((host) => host !== '');
  } catch (error) {
    const { code } = error as { code?: string };
    if (code === 'NXDOMAIN' || code === 'NODATA') return [];
    return `the DNS does not answer for ${domain} (${code ?? 'error'})`;
  }
}
