/**
 * Every setting of Parley: its name, default, unit and one sentence. A setting is added here or it does not exist.
 * In the file (YAML) names are nested; in the environment they are upper-case with underscores: `http.port` is
 * `PARLEY_HTTP_PORT`. The sentences are what `parley doctor --settings` and docs print.
 */
import { isIP } from 'node:net';
import { z } from 'zod';

const port = z.int().min(0).max(65535);
const host = z.string().min(1);
const milliseconds = z.int().min(0);
const bytes = z.int().min(0);
/** HOST:PORT, [IPV6]:PORT or an absolute path. */
const scanner = z
  .string()
  .regex(
    /^(|\/.+|(\[[0-9a-fA-F:.]+\]|[^\s:/[\]]+):\d{1,5})$/,
    'must be empty, HOST:PORT or the path of a socket',
  )
  .default('');
const percent = z.number().min(0).max(100);
/** An IP address, or a network as ADDRESS/BITS. */
const network = z.string().refine((text) => {
  const [address = '', bits, ...more] = text.split('/');
  const version = isIP(address);
  if (version === 0 || more.length > 0) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128));
}, 'must be an IP address or a network such as 192.0.2.0/24');

export const schema = z.strictObject({
  data_dir: z
    .string()
    .min(1)
    .default('.parley')
    .describe(
      'Directory for the database, the master key, large messages and uploads. Keep it on a disk that syncs.',
    ),
  log_level: z
    .enum(['debug', 'info', 'warn', 'error', 'silent'])
    .default('info')
    .describe('How much is logged to standard error.'),
  roles: z
    .array(z.enum(['mta', 'inbound', 'web']))
    .min(1)
    .default(['mta', 'inbound', 'web'])
    .describe('Which houses this process runs; split them over processes when one machine is not enough.'),
  database: z
    .strictObject({
      url: z
        .string()
        .regex(/^(sqlite:.+|postgres(ql)?:\/\/.+)?$/, 'must be empty, sqlite:PATH or postgres://…')
        .default('')
        .describe('Empty: one SQLite file in data_dir. Else sqlite:PATH or a postgres:// URL.'),
      driver: z
        .enum(['auto', 'sqlite3', 'node:sqlite'])
        .default('auto')
        .describe('SQLite driver: auto is node:sqlite, which comes with Node and is the faster one.'),
      connections: z
        .int()
        .min(1)
        .max(100)
        .default(4)
        .describe('Readers (SQLite) or pooled connections (PostgreSQL).'),
    })
    .prefault({}),
  http: z
    .strictObject({
      host: host.default('127.0.0.1').describe('Address that the web application listens on.'),
      port: port.default(8080).describe('Port that the web application listens on; 0 takes a free one.'),
      base_url: z
        .url({ protocol: /^https?$/ })
        .or(z.literal(''))
        .default('')
        .describe(
          'Public address of the application, as in links of mails. Empty: http://HOST:PORT, for a laptop only.',
        ),
      trusted_proxies: z
        .array(z.string())
        .default([])
        .describe('Addresses of reverse proxies whose X-Forwarded-For and -Proto are believed.'),
      key_requests_per_second: z
        .int()
        .min(1)
        .default(100)
        .describe(
          'Requests to /v1 that one API key may make a second, over ten seconds; more are answered 429.',
        ),
    })
    .prefault({}),
  events: z
    .strictObject({
      keep_days: z
        .int()
        .min(0)
        .max(36_500)
        .default(1096)
        .describe(
          'Days that events told by programs are kept, unless the page Events says otherwise for one of them; 0: for ever. What happened to mail is not meant.',
        ),
      stranger_days: z
        .int()
        .min(1)
        .max(3650)
        .default(90)
        .describe(
          'Days after which a visitor who never gave an address, and what they did, is forgotten when nothing more is heard of them.',
        ),
    })
    .prefault({}),
  dns: z
    .strictObject({
      servers: z
        .array(z.string().min(1))
        .default([])
        .describe('Resolvers as IP or IP:PORT. Empty: those of the system.'),
      timeout_ms: milliseconds.default(5000).describe('How long one DNS question may take, in milliseconds.'),
      trust_ad: z
        .enum(['auto', 'yes', 'no'])
        .default('auto')
        .describe(
          'Believe the resolvers when they say that an answer is proved by DNSSEC, which DANE needs. auto: when they are on this machine.',
        ),
    })
    .prefault({}),
  mta: z
    .strictObject({
      hostname: z
        .string()
        .default('')
        .describe(
          'Default EHLO name of sources that have none of their own. Empty: the name of the machine.',
        ),
      remote_port: port.default(25).describe('Port that receivers listen on. Only the lab changes it.'),
      allow_private_targets: z
        .boolean()
        .default(false)
        .describe(
          'Deliver to private and loopback addresses. Off outside the lab: a hostile MX could point inside.',
        ),
      block_list_zones: z
        .array(z.string().regex(/^[a-z0-9-]+(\.[a-z0-9-]+)+$/, 'is not the name of a zone'))
        .max(20)
        .default([])
        .describe(
          'DNS block lists, like zen.spamhaus.org, that may be asked whether a blocked source is still listed. Empty: none is.',
        ),
      patience_percent: z
        .number()
        .min(0.01)
        .max(100)
        .default(100)
        .describe(
          'Share of the waiting times of RFC 5321 that silent mail hosts are given. Only the lab changes it.',
        ),
      policy_port: port
        .default(443)
        .describe('Port that MTA-STS policies are fetched from. Only the lab changes it.'),
      max_connections: z
        .int()
        .min(1)
        .max(10_000)
        .default(200)
        .describe('SMTP connections open at once, all destinations.'),
      submission: z
        .strictObject({
          host: host
            .default('0.0.0.0')
            .describe('Address that programs which hand in mail by SMTP connect to.'),
          port: port
            .default(0)
            .describe('Port for submission with STARTTLS; 587 is what programs expect. 0: off.'),
          tls_port: port
            .default(0)
            .describe('Port for submission with TLS from the start; 465 is what programs expect. 0: off.'),
          max_size: bytes
            .default(35 * 1024 * 1024)
            .describe('Largest message that is taken by submission, in bytes.'),
          max_connections: z.int().min(1).default(200).describe('Submission connections open at once.'),
          max_connections_per_address: z
            .int()
            .min(1)
            .default(50)
            .describe('Submission connections open at once from one address.'),
        })
        .prefault({}),
      settle_window_ms: milliseconds
        .default(25)
        .describe(
          'Results that come within this many milliseconds are committed together; a kill may repeat them.',
        ),
      lease_ms: milliseconds
        .default(15 * 60_000)
        .describe(
          'How long a claimed delivery belongs to its node before another may take it, in milliseconds.',
        ),
      max_age_ms: milliseconds
        .default(4 * 24 * 3_600_000)
        .describe(
          'A delivery older than this, after enough attempts, expires, in milliseconds (RFC 5321 4.5.4.1: 4-5 days).',
        ),
      min_attempts: z
        .int()
        .min(1)
        .max(100)
        .default(6)
        .describe(
          'Attempts that a delivery has had before its age can expire it: a long stop takes none away from it.',
        ),
      retire_after_ms: milliseconds
        .default(3_600_000)
        .describe(
          'How long an ended delivery stays in the table that work is claimed from, in milliseconds. Reports have it for good.',
        ),
      transcript_days: z
        .int()
        .min(1)
        .max(3650)
        .default(30)
        .describe('How many days the words said in failed attempts are kept.'),
      drain_ms: milliseconds
        .default(30_000)
        .describe('How long a stop waits for messages in flight, in milliseconds.'),
    })
    .prefault({}),
  inbound: z
    .strictObject({
      host: host.default('0.0.0.0').describe('Address that the SMTP listener for incoming mail listens on.'),
      port: port
        .default(25)
        .describe('Port that the SMTP listener for incoming mail listens on; 0 takes a free one.'),
      hostname: z.string().default('').describe('Name in the SMTP greeting. Empty: the name of the machine.'),
      max_size: bytes.default(35 * 1024 * 1024).describe('Largest message accepted, in bytes.'),
      max_connections: z.int().min(1).default(500).describe('Connections open at once.'),
      max_connections_per_address: z
        .int()
        .min(1)
        .default(50)
        .describe('Connections open at once from one address.'),
      max_connections_per_minute: z
        .int()
        .min(1)
        .default(600)
        .describe('New connections from one address in a minute.'),
      greeting_delay_ms: milliseconds
        .max(30_000)
        .default(0)
        .describe(
          'How long the greeting is held back; who speaks before it is refused. 500 keeps many bots away.',
        ),
      min_free_bytes: bytes
        .default(256 * 1024 * 1024)
        .describe('With less room than this on the disk of data_dir, senders are asked to come again later.'),
      max_waiting: z
        .int()
        .min(1)
        .default(100_000)
        .describe('With more messages waiting to be understood, senders are asked to come again later.'),
      workers: z.int().min(1).max(32).default(2).describe('Child processes that parse incoming mail.'),
      forwarders: z
        .strictObject({
          addresses: z
            .array(network)
            .default([])
            .describe(
              'Hosts (IP addresses or networks) that forward mail to us: no limits by their address, and the host before them is judged. Empty: none.',
            ),
          arc_domains: z
            .array(z.string().min(3))
            .default([])
            .describe(
              'Domains whose valid ARC seal is believed about what they forward, such as google.com or microsoft.com. Empty: none.',
            ),
        })
        .prefault({}),
      spam: z
        .strictObject({
          points: z
            .int()
            .min(1)
            .max(100)
            .default(5)
            .describe(
              'A letter with this many points or more is spam; docs/inbound-trust.md says what has how many.',
            ),
          block_lists: z
            .array(z.string().min(3))
            .default([])
            .describe(
              'DNS block lists (zones) in which the sending host is looked up, such as zen.spamhaus.org. Empty: none.',
            ),
          block_list_timeout_ms: milliseconds
            .default(3000)
            .describe('How long the lists may keep one message waiting, in milliseconds.'),
        })
        .prefault({}),
      reply_token: z
        .strictObject({
          messages_per_day: z
            .int()
            .min(1)
            .default(20)
            .describe(
              'More messages than this within a day to one reply address of a campaign are spam: it may have leaked.',
            ),
          unproved_senders_per_hour: z
            .int()
            .min(1)
            .default(5)
            .describe(
              'And so is mail to it when more different senders than this, who prove nothing, write within an hour.',
            ),
        })
        .prefault({}),
      scan: z
        .strictObject({
          clamav: scanner.describe(
            'Asks clamd whether a message is malware: HOST:PORT or the path of its socket. Empty: nobody is asked.',
          ),
          rspamd: z
            .url({ protocol: /^https?$/ })
            .or(z.literal(''))
            .default('')
            .describe(
              'Asks the normal worker of rspamd whether a letter is spam, such as http://127.0.0.1:11333. Empty: nobody is asked.',
            ),
          spamassassin: scanner.describe(
            'Asks spamd of SpamAssassin whether a letter is spam: HOST:PORT or the path of its socket. Empty: nobody is asked.',
          ),
          timeout_ms: z
            .int()
            .min(1)
            .default(10_000)
            .describe('How long a scanner may keep one message waiting, in milliseconds.'),
          max_size: bytes
            .default(25 * 1024 * 1024)
            .describe(
              'Larger messages are not scanned for malware, in bytes; not above StreamMaxLength of clamd.',
            ),
          spam_max_size: bytes
            .default(1024 * 1024)
            .describe('Larger messages are not shown to rspamd and SpamAssassin, in bytes.'),
        })
        .prefault({}),
    })
    .prefault({}),
  safety: z
    .strictObject({
      hard_bounce_percent: percent
        .default(5)
        .describe(
          'A campaign stops at a provider when more than this share of its attempts there bounce hard.',
        ),
      hard_bounce_attempts: z
        .int()
        .min(1)
        .default(200)
        .describe('That share counts from this many attempts, or from hard_bounce_least hard bounces.'),
      hard_bounce_least: z
        .int()
        .min(1)
        .default(20)
        .describe('Hard bounces from which the share counts even before hard_bounce_attempts.'),
      complaint_percent: percent
        .default(0.3)
        .describe(
          'A campaign stops at a provider when more than this share of what arrived there is complained of.',
        ),
      complaint_least: z.int().min(1).default(5).describe('Complaints from which that share counts.'),
      incident_factor: z
        .number()
        .min(1)
        .default(5)
        .describe(
          'An incident opens when a provider denies users this many times as often as it usually does.',
        ),
      incident_percent: percent
        .default(10)
        .describe('And when it denies at least this share of the latest attempts.'),
      incident_attempts: z
        .int()
        .min(10)
        .max(1000)
        .default(50)
        .describe('Latest attempts at a provider from which its share is known.'),
      usual_days: z.int().min(1).max(365).default(14).describe('Days of which a provider’s usual is made.'),
      block_lists: z
        .array(z.string().min(3))
        .default([])
        .describe(
          'DNS block lists (zones) in which the checks look up our addresses and domains, such as zen.spamhaus.org.',
        ),
    })
    .prefault({}),
  tls: z
    .strictObject({
      certificate: z
        .string()
        .default('')
        .describe('Certificate chain (PEM file). Empty: a self-signed one made at first start.'),
      key: z.string().default('').describe('Private key of the certificate (PEM file).'),
      authorities: z
        .string()
        .default('')
        .describe(
          'More certificate authorities (PEM file) that may vouch for mail hosts, beside those that the program brings.',
        ),
    })
    .prefault({}),
  dkim: z
    .strictObject({
      rotate_days: z
        .int()
        .min(0)
        .max(3650)
        .default(180)
        .describe(
          'A new DKIM pair is made when the one in use is this many days old; it signs once its records are seen. 0: never.',
        ),
    })
    .prefault({}),
  identity: z
    .strictObject({
      reply_delimiter: z
        .enum(['+', '=', '.'])
        .default('+')
        .describe('What stands between a mailbox name and the token in Reply-To addresses.'),
    })
    .prefault({}),
  clock: z
    .strictObject({
      speed: z
        .number()
        .min(1)
        .max(100_000)
        .default(1)
        .describe('How many seconds pass per real second. Only the lab changes it.'),
      epoch: z
        .int()
        .min(0)
        .default(0)
        .describe('Real time in milliseconds at which a faster clock began. Only the lab sets it.'),
    })
    .prefault({}),
});

export type Config = z.output<typeof schema>;

export interface Setting {
  name: string;
  variable: string;
  default: unknown;
  sentence: string;
}

/** The settings as a flat list, for documentation and for reading the environment. */
export function settings(): Setting[] {
  const defaults = schema.parse({}) as Record<string, unknown>;
  return walk(schema, [], defaults);
}

function walk(type: z.ZodType, path: string[], defaults: unknown): Setting[] {
  const inner = unwrap(type);
  if (inner instanceof z.ZodObject) {
    return Object.entries(inner.shape as Record<string, z.ZodType>).flatMap(([key, child]) =>
      walk(child, [...path, key], (defaults as Record<string, unknown>)[key]),
    );
  }
  return [
    {
      name: path.join('.'),
      variable: `PARLEY_${path.join('_').toUpperCase()}`,
      default: defaults,
      sentence: type.description ?? inner.description ?? '',
    },
  ];
}

function unwrap(type: z.ZodType): z.ZodType {
  let at: z.ZodType = type;
  while (at instanceof z.ZodDefault || at instanceof z.ZodPrefault) at = at.unwrap() as z.ZodType;
  return at;
}
