/**
 * The mailbox providers of the lab, as data: which domains they serve, on which hosts, what their servers can do,
 * and where their limits lie. Modelled on what the real ones answer (2026-11); limits are
 * counted by the lab's clock.
 */
import {
  POSTFIX_SAYS,
  EXIM_SAYS,
  GMAIL_SAYS,
  OUTLOOK_SAYS,
  OFFICE365_SAYS,
  YAHOO_SAYS,
  ORANGE_SAYS,
  LAPOSTE_SAYS,
  FREE_SAYS,
  SFR_SAYS,
  GMX_SAYS,
  ICLOUD_SAYS,
  type Reply,
} from './provider-replies.ts';

export type BounceDialect = 'google' | 'exchange' | 'yahoo' | 'postfix' | 'exim' | 'qmail';
export type ReplyClient = 'gmail' | 'outlook' | 'apple' | 'thunderbird';

export interface Host {
  host: string;
  address: string;
}

export interface Site {
  domains: readonly string[];
  mx: readonly (readonly [preference: number, host: string])[];
  /** RFC 5321 5.1: no MX at all, mail goes to the address of the domain itself. */
  noMx?: boolean;
}

export interface Limits {
  /** Connections open at a time from one address; one more is answered 421. */
  connections: number;
  messagesPerConnection: number;
  /** Messages taken from one address in a window of the lab's time. */
  rate?: { messages: number; windowMs: number };
}

export interface Provider {
  name: string;
  sites: readonly Site[];
  /** Domains it sends from besides those of its mailboxes: its bounces and feedback reports. */
  alsoSends: readonly string[];
  mx: readonly Host[];
  /** The host that its own mail comes from. */
  out: Host;
  banner: string;
  extensions: readonly string[];
  tls: 'offered' | 'required' | 'none';
  limits: Limits;
  greylistMs?: number;
  /** Refuses mail whose DKIM signature does not prove the From domain. */
  wantsDkim: boolean;
  /** Some only look the recipient up when they have the message. */
  looksUpAt: 'rcpt' | 'data';
  bounces: { dialect: BounceDialect; from: string; reporting: string };
  /** Who sends its spam reports; absent where there are none, as at Gmail. */
  feedback?: { from: string; agent: string };
  clients: readonly (readonly [ReplyClient, number])[];
  says: Readonly<Record<Reply, string>>;
}

const MINUTE = 60_000;
const MODERN = ['SIZE 52428800', '8BITMIME', 'ENHANCEDSTATUSCODES', 'PIPELINING'];

const MAIL_PROGRAMS: Provider['clients'] = [
  ['thunderbird', 4],
  ['apple', 3],
  ['outlook', 3],
];

interface Draft extends Partial<Omit<Provider, 'mx' | 'out' | 'sites'>> {
  name: string;
  sites: readonly Site[];
  outHost: string;
}

/** Everything that a provider has not said otherwise is as at a small Postfix host. Each has its own 127.N network. */
function provider(draft: Draft, index: number): Provider {
  const { outHost, ...rest } = draft;
  const hosts = [...new Set(draft.sites.flatMap((site) => site.mx.map(([, host]) => host)))].filter(
    (host) => host !== '.',
  );
  if (hosts.length === 0) hosts.push(draft.sites[0]?.domains[0] ?? outHost);
  const net = `127.${20 + index}`;
  return {
    alsoSends: [],
    banner: '220 {host} ESMTP Postfix',
    extensions: MODERN,
    tls: 'offered',
    limits: { connections: 20, messagesPerConnection: 100 },
    wantsDkim: false,
    looksUpAt: 'rcpt',
    bounces: { dialect: 'postfix', from: `MAILER-DAEMON@${outHost}`, reporting: outHost },
    clients: MAIL_PROGRAMS,
    says: POSTFIX_SAYS,
    ...rest,
    mx: hosts.map((host, at) => ({ host, address: `${net}.0.${at + 1}` })),
    out: { host: outHost, address: `${net}.1.1` },
  };
}

const SIGNAL_SPAM = { from: 'feedback@fbl.signal-spam.fr', agent: 'SignalSpam-Feedback/1.1' };

const DRAFTS: readonly Draft[] = [
  {
    name: 'gmail',
    sites: [
      {
        domains: ['gmail.com', 'googlemail.com'],
        mx: [
          [5, 'gmail-smtp-in.l.google.com'],
          [10, 'alt1.gmail-smtp-in.l.google.com'],
          [20, 'alt2.gmail-smtp-in.l.google.com'],
          [30, 'alt3.gmail-smtp-in.l.google.com'],
          [40, 'alt4.gmail-smtp-in.l.google.com'],
        ],
      },
      {
        domains: ['studio-lumiere.fr', 'northgate-books.co.uk'],
        mx: [
          [1, 'aspmx.l.google.com'],
          [5, 'alt1.aspmx.l.google.com'],
        ],
      },
    ],
    outHost: 'mail-wm1-f41.google.com',
    banner: '220 mx.google.com ESMTP {id} - gsmtp',
    extensions: ['SIZE 157286400', '8BITMIME', 'ENHANCEDSTATUSCODES', 'PIPELINING', 'CHUNKING', 'SMTPUTF8'],
    tls: 'required',
    limits: { connections: 10, messagesPerConnection: 100, rate: { messages: 3000, windowMs: 5 * MINUTE } },
    wantsDkim: true,
    bounces: { dialect: 'google', from: 'mailer-daemon@googlemail.com', reporting: 'googlemail.com' },
    clients: [
      ['gmail', 8],
      ['apple', 2],
    ],
    says: GMAIL_SAYS,
  },
  {
    name: 'outlook',
    sites: [
      { domains: ['hotmail.com'], mx: [[2, 'hotmail-com.olc.protection.outlook.com']] },
      { domains: ['outlook.com'], mx: [[5, 'outlook-com.olc.protection.outlook.com']] },
      {
        domains: ['hotmail.fr', 'live.fr', 'outlook.fr', 'msn.com'],
        mx: [[10, 'eur.olc.protection.outlook.com']],
      },
    ],
    outHost: 'mail-db8eur05olkn2030.outbound.protection.outlook.com',
    banner: '220 {mark} Microsoft ESMTP MAIL Service ready',
    extensions: [
      'SIZE 49283072',
      'PIPELINING',
      'DSN',
      'ENHANCEDSTATUSCODES',
      '8BITMIME',
      'BINARYMIME',
      'CHUNKING',
      'SMTPUTF8',
    ],
    limits: { connections: 10, messagesPerConnection: 100, rate: { messages: 1200, windowMs: 5 * MINUTE } },
    wantsDkim: true,
    bounces: {
      dialect: 'exchange',
      from: 'postmaster@outlook.com',
      reporting: 'DB8EUR05HT042.mail.protection.outlook.com',
    },
    feedback: { from: 'staff@hotmail.com', agent: 'HotmailFeedback/1.0' },
    clients: [['outlook', 1]],
    says: OUTLOOK_SAYS,
  },
  {
    name: 'office365',
    sites: [
      { domains: ['atelier-rhone.fr'], mx: [[0, 'atelierrhone-fr01b.mail.protection.outlook.com']] },
      { domains: ['harbour-legal.co.uk'], mx: [[0, 'harbourlegal-co-uk.mail.protection.outlook.com']] },
    ],
    outHost: 'eur05-am6-obe.outbound.protection.outlook.com',
    banner: '220 {mark} Microsoft ESMTP MAIL Service ready',
    extensions: [
      'SIZE 157286400',
      'PIPELINING',
      'DSN',
      'ENHANCEDSTATUSCODES',
      '8BITMIME',
      'BINARYMIME',
      'CHUNKING',
      'SMTPUTF8',
    ],
    wantsDkim: true,
    bounces: {
      dialect: 'exchange',
      from: 'postmaster@atelier-rhone.fr',
      reporting: 'AM6PR05MB4711.eurprd05.prod.outlook.com',
    },
    clients: [['outlook', 1]],
    says: OFFICE365_SAYS,
  },
  {
    name: 'yahoo',
    sites: [
      {
        domains: ['yahoo.com', 'ymail.com'],
        mx: [
          [1, 'mta5.am0.yahoodns.net'],
          [1, 'mta6.am0.yahoodns.net'],
          [1, 'mta7.am0.yahoodns.net'],
        ],
      },
      { domains: ['yahoo.fr', 'yahoo.co.uk'], mx: [[10, 'mx-eu.mail.am0.yahoodns.net']] },
      { domains: ['aol.com'], mx: [[10, 'mx-aol.mail.gm0.yahoodns.net']] },
    ],
    outHost: 'sonic302-20.consmr.mail.ir2.yahoo.com',
    alsoSends: ['arf.mail.yahoo.com'],
    banner: '220 mtaproxy304.free.mail.ir2.yahoo.com ESMTP ready',
    extensions: ['PIPELINING', 'SIZE 41943040', '8BITMIME'],
    limits: { connections: 12, messagesPerConnection: 20, rate: { messages: 800, windowMs: 5 * MINUTE } },
    wantsDkim: true,
    looksUpAt: 'data',
    bounces: {
      dialect: 'yahoo',
      from: 'MAILER-DAEMON@yahoo.com',
      reporting: 'sonic302-20.consmr.mail.ir2.yahoo.com',
    },
    feedback: { from: 'feedback@arf.mail.yahoo.com', agent: 'Yahoo!-Mail-Feedback/2.0' },
    clients: [
      ['gmail', 1],
      ['apple', 2],
    ],
    says: YAHOO_SAYS,
  },
  {
    name: 'orange',
    sites: [{ domains: ['orange.fr', 'wanadoo.fr'], mx: [[10, 'smtp-in.orange.fr']] }],
    outHost: 'smtp-out.orange.fr',
    alsoSends: ['fbl.signal-spam.fr'],
    banner: '220 mwinf5c04 ME ESMTP server ready',
    extensions: ['SIZE 44000000', '8BITMIME', 'PIPELINING', 'ENHANCEDSTATUSCODES'],
    tls: 'required',
    limits: { connections: 3, messagesPerConnection: 100, rate: { messages: 600, windowMs: 5 * MINUTE } },
    wantsDkim: true,
    bounces: {
      dialect: 'postfix',
      from: 'MAILER-DAEMON@smtp-out.orange.fr',
      reporting: 'mwinf5c04.orange.fr',
    },
    feedback: SIGNAL_SPAM,
    says: ORANGE_SAYS,
  },
  {
    name: 'free',
    sites: [
      {
        domains: ['free.fr'],
        mx: [
          [10, 'mx1.free.fr'],
          [20, 'mx2.free.fr'],
        ],
      },
    ],
    outHost: 'smtp1-g21.free.fr',
    banner: '220 mx1-g20.free.fr (Postfix) ESMTP',
    limits: { connections: 4, messagesPerConnection: 100, rate: { messages: 500, windowMs: 5 * MINUTE } },
    bounces: { dialect: 'postfix', from: 'MAILER-DAEMON@smtp1-g21.free.fr', reporting: 'mx1-g20.free.fr' },
    says: FREE_SAYS,
  },
  {
    name: 'laposte',
    sites: [{ domains: ['laposte.net'], mx: [[10, 'smtpz4.laposte.net']] }],
    outHost: 'smtp-outgoing-1601.laposte.net',
    banner: '220 mlpnf0111.laposte.net ESMTP server ready',
    limits: { connections: 4, messagesPerConnection: 50 },
    greylistMs: 5 * MINUTE,
    wantsDkim: true,
    bounces: { dialect: 'postfix', from: 'MAILER-DAEMON@laposte.net', reporting: 'mlpnf0111.laposte.net' },
    feedback: { from: 'feedback@laposte.net', agent: 'LaPoste-FBL/1.0' },
    says: LAPOSTE_SAYS,
  },
  {
    name: 'sfr',
    sites: [{ domains: ['sfr.fr', 'neuf.fr', 'cegetel.net'], mx: [[10, 'smtp-in.sfr.fr']] }],
    outHost: 'smtp26.services.sfr.fr',
    banner: '220 msfrf2632.sfr.fr ESMTP ABO **************************',
    limits: { connections: 5, messagesPerConnection: 100, rate: { messages: 400, windowMs: 5 * MINUTE } },
    bounces: { dialect: 'postfix', from: 'MAILER-DAEMON@sfr.fr', reporting: 'msfrf2632.sfr.fr' },
    feedback: { from: 'fbl@sfr.fr', agent: 'SFR-FBL/1.0' },
    says: SFR_SAYS,
  },
  {
    name: 'gmx',
    sites: [
      {
        domains: ['gmx.de', 'gmx.net', 'gmx.fr'],
        mx: [
          [10, 'mx00.gmx.net'],
          [10, 'mx01.gmx.net'],
        ],
      },
      {
        domains: ['web.de'],
        mx: [
          [100, 'mx-ha02.web.de'],
          [100, 'mx-ha03.web.de'],
        ],
      },
    ],
    outHost: 'mout.gmx.net',
    banner: '220 gmx.net (mxgmx016) Nemesis ESMTP Service ready',
    extensions: ['8BITMIME', 'SIZE 157286400', 'PIPELINING'],
    tls: 'required',
    limits: { connections: 6, messagesPerConnection: 20 },
    wantsDkim: true,
    bounces: { dialect: 'exim', from: 'mailer-daemon@gmx.de', reporting: 'mout.gmx.net' },
    says: GMX_SAYS,
  },
  {
    name: 'icloud',
    sites: [
      {
        domains: ['icloud.com', 'me.com', 'mac.com'],
        mx: [
          [10, 'mx01.mail.icloud.com'],
          [10, 'mx02.mail.icloud.com'],
        ],
      },
    ],
    outHost: 'st43p00im-ztdg10061801.me.com',
    banner: '220 {host} ESMTP',
    limits: { connections: 12, messagesPerConnection: 50 },
    wantsDkim: true,
    bounces: {
      dialect: 'postfix',
      from: 'MAILER-DAEMON@icloud.com',
      reporting: 'ms11p00im-hyfv17281201.me.com',
    },
    clients: [['apple', 1]],
    says: ICLOUD_SAYS,
  },
  {
    name: 'bouygues',
    sites: [{ domains: ['bbox.fr'], mx: [[10, 'mx.bbox.fr']] }],
    outHost: 'smtp4.bbox.fr',
    bounces: { dialect: 'qmail', from: 'MAILER-DAEMON@bbox.fr', reporting: 'mx.bbox.fr' },
  },
  {
    name: 'ovh',
    sites: [
      {
        domains: ['boulangerie-dupont.fr', 'cabinet-martin.fr', 'garage-des-alpes.fr'],
        mx: [
          [1, 'mx1.mail.ovh.net'],
          [5, 'mx2.mail.ovh.net'],
        ],
      },
    ],
    outHost: 'mo1.mail-out.ovh.net',
    extensions: ['PIPELINING', 'SIZE 104857600', '8BITMIME', 'SMTPUTF8', 'CHUNKING'],
  },
  {
    name: 'school',
    sites: [{ domains: ['lycee-verne.fr'], mx: [[10, 'mail.lycee-verne.fr']] }],
    outHost: 'relais.lycee-verne.fr',
    greylistMs: 5 * MINUTE,
    limits: { connections: 5, messagesPerConnection: 20 },
  },
  {
    name: 'mill',
    sites: [{ domains: ['mill-lane.co.uk'], mx: [[10, 'mx.mill-lane.co.uk']] }],
    outHost: 'out.mill-lane.co.uk',
    banner: '220 {host} ESMTP Exim 4.98 {date}',
    extensions: ['SIZE 52428800', '8BITMIME', 'PIPELINING', 'CHUNKING'],
    limits: { connections: 10, messagesPerConnection: 1000 },
    bounces: { dialect: 'exim', from: 'Mailer-Daemon@mill-lane.co.uk', reporting: 'mx.mill-lane.co.uk' },
    says: EXIM_SAYS,
  },
  {
    name: 'farm',
    sites: [{ domains: ['ferme-du-lac.fr'], mx: [], noMx: true }],
    outHost: 'out.ferme-du-lac.fr',
    extensions: ['8BITMIME'],
    tls: 'none',
    bounces: { dialect: 'qmail', from: 'MAILER-DAEMON@ferme-du-lac.fr', reporting: 'ferme-du-lac.fr' },
  },
  {
    name: 'moved-away',
    // RFC 7505: a null MX says that the domain takes no mail
    sites: [{ domains: ['ancienne-adresse.fr'], mx: [[0, '.']] }],
    outHost: 'out.ancienne-adresse.fr',
  },
];

export const PROVIDERS: readonly Provider[] = DRAFTS.map(provider);

/** Whoever runs the mail of a domain that nobody has heard of. */
export const SMALL: Provider = provider(
  {
    name: 'small',
    sites: [{ domains: [], mx: [[10, 'mx.small-hosts.test']] }],
    outHost: 'out.small-hosts.test',
    limits: { connections: 20, messagesPerConnection: 200 },
  },
  PROVIDERS.length,
);

const byDomain = new Map<string, Provider>();
for (const one of PROVIDERS) {
  for (const domain of [...one.sites.flatMap((site) => site.domains), ...one.alsoSends])
    byDomain.set(domain, one);
  byDomain.set(one.bounces.from.split('@')[1] ?? one.name, one);
  byDomain.set(one.out.host, one);
}

/** Who runs the mail of a domain. */
export function providerOf(domain: string): Provider {
  return byDomain.get(domain.toLowerCase()) ?? SMALL;
}
