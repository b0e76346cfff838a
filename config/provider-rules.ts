/**
 * What a provider's reply makes us do at that provider, from this source alone: send slower, keep one connection, put
 * fewer messages on each, stop for a while, or stop as blocked. One reply is seldom enough: `times` within `withinMs`.
 * All but a block release themselves after `forMs`; a block waits for a green look or a person. They hold at the site
 * that answered, or at the whole provider where its limits do. Each rule carries a reply that it is for; a test checks
 * that it fires on its own samples and that no other rule of the provider does.
 *
 * Facts from KumoMTA's community shaping data (read 2026-11-22), the providers' postmaster pages and replies seen.
 */
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

export type RuleAction =
  | { kind: 'slow'; messages: number; perMs: number; connections?: number }
  | { kind: 'one-connection' }
  | { kind: 'messages-per-connection'; messages: number }
  | { kind: 'suspend' }
  /** Nothing but one message an hour, until that is accepted, our own facts turn green, or a person releases it. */
  | { kind: 'block'; cause: 'listing' | 'policy' | 'authentication' }
  /** The campaign whose message it was stops at this provider; other mail goes on. */
  | { kind: 'suspend-campaign' };

export interface ReplyRule {
  id: string;
  /** `test` tells whether the rule is for a reply: a RegExp, or the words of a team's own rule. */
  pattern: { test(reply: string): boolean; readonly source: string; readonly flags?: string };
  action: RuleAction;
  times: number;
  withinMs: number;
  forMs: number;
  /** Whole replies, code first, as they were seen. */
  samples: readonly [string, ...string[]];
}

const perMinute = (messages: number, connections?: number): RuleAction => ({
  kind: 'slow',
  messages,
  perMs: MINUTE,
  ...(connections === undefined ? {} : { connections }),
});
const suspend: RuleAction = { kind: 'suspend' };
const listed: RuleAction = { kind: 'block', cause: 'listing' };
const refusedByPolicy: RuleAction = { kind: 'block', cause: 'policy' };
const oneConnection: RuleAction = { kind: 'one-connection' };

/** One line of the table. */
function rule(
  id: string,
  pattern: RegExp,
  action: RuleAction,
  [times, withinMs]: [number, number],
  forMs: number,
  ...samples: [string, ...string[]]
): ReplyRule {
  return { id, pattern, action, times, withinMs, forMs, samples };
}

const once: [number, number] = [1, HOUR];
const perHour = (times: number): [number, number] => [times, HOUR];

/** For every provider, after its own. */
export const defaultRules: readonly ReplyRule[] = [
  rule(
    'default-deferred',
    /temporarily deferred|rate limited due to IP reputation|weren't sent/i,
    perMinute(1, 1),
    once,
    90 * MINUTE,
    '421 4.7.0 Messages from 192.0.2.1 temporarily deferred due to user complaints',
    '451 4.7.650 The mail server [192.0.2.1] has been temporarily rate limited due to IP reputation',
  ),
  rule(
    'default-connections',
    /^4.*too many (?:concurrent )?(?:smtp )?(?:connections|sessions)/i,
    oneConnection,
    perHour(2),
    HOUR,
    '421 4.7.0 mx.example.net Error: too many connections from 192.0.2.1',
    '421 Too many concurrent SMTP connections from 192.0.2.1; please try again later.',
  ),
  rule(
    'default-per-connection',
    /^4.*(?:too many messages (?:in|on) (?:this|one|the) (?:session|connection)|max(?:imum number of)? messages? per connection)/i,
    { kind: 'messages-per-connection', messages: 5 },
    perHour(3),
    HOUR,
    '421 4.7.0 mx.example.net Error: too many messages in this session',
  ),
  rule(
    'default-rate',
    /^4.*(?:too much mail from|rate overlimit|rate limit(?:ed)? exceeded|slow down)/i,
    perMinute(10),
    perHour(3),
    30 * MINUTE,
    '450 4.7.1 Error: too much mail from 192.0.2.1',
    '451 Sender rate overlimit - 192.0.2.1 / 1h',
  ),
];

/** By provider id of `providers.ts`. */
export const providerRules: Readonly<Record<string, readonly ReplyRule[]>> = {
  google: [
    rule(
      'google-detected',
      /^[45].*Our system has detected that this message/i,
      suspend,
      perHour(5),
      HOUR,
      '421 4.7.0 Our system has detected that this message is suspicious due to the very low reputation of the sending IP address.',
    ),
    rule(
      'google-unusual-rate',
      /^4.*detected an unusual rate/i,
      perMinute(10),
      perHour(2),
      30 * MINUTE,
      '421 4.7.28 Gmail has detected an unusual rate of unsolicited mail originating from your IP address [192.0.2.1].',
    ),
    rule(
      'google-connections',
      /^4.*Too many concurrent connections/i,
      oneConnection,
      perHour(2),
      HOUR,
      '421 4.7.0 Too many concurrent connections from 192.0.2.1, closing connection. x12si1 - gsmtp',
    ),
    rule(
      'google-per-connection',
      /^4.*Too many messages on this connection/i,
      { kind: 'messages-per-connection', messages: 10 },
      perHour(3),
      HOUR,
      '421 4.7.0 Too many messages on this connection, closing connection. x12si1 - gsmtp',
    ),
  ],
  yahoo: [
    rule(
      'yahoo-ts04',
      /\[TSS?04\]/,
      suspend,
      once,
      2 * HOUR,
      '421 4.7.0 [TSS04] Messages from 192.0.2.1 temporarily deferred due to unexpected volume or user complaints - 4.16.55.1',
      '421 4.7.0 [TS04] Messages from 192.0.2.1 temporarily deferred due to user complaints',
    ),
    rule(
      'yahoo-ts02',
      /\[TSS?02\]/,
      perMinute(1),
      perHour(3),
      30 * MINUTE,
      '421 4.7.1 [TS02] Messages from 192.0.2.1 temporarily deferred due to user complaints - 4.16.56.1',
    ),
    rule(
      'yahoo-ts03',
      /\[TSS?03\]/,
      perMinute(10),
      perHour(3),
      30 * MINUTE,
      '421 4.7.1 [TS03] All messages from 192.0.2.1 will be permanently deferred; Retrying will NOT succeed.',
    ),
    rule(
      'yahoo-tss05',
      /\[(?:TSS|IPTS)05\]/,
      suspend,
      perHour(2),
      4 * HOUR,
      '421 4.7.0 [TSS05] Messages from 192.0.2.1 temporarily deferred due to unexpected volume or user complaints',
    ),
    rule(
      'yahoo-ipts04',
      /\[IPTS04\]/,
      suspend,
      perHour(2),
      2 * HOUR,
      '421 4.7.0 [IPTS04] Messages from 192.0.2.1 temporarily deferred due to user complaints',
    ),
    rule(
      'yahoo-blocked',
      /^553 5\.7\.[12] \[BL/,
      listed,
      perHour(5),
      2 * HOUR,
      '553 5.7.1 [BL21] Connections will not be accepted from 192.0.2.1, because the ip is in Spamhaus list',
    ),
    rule(
      'yahoo-per-connection',
      /Max message per connection reached/i,
      { kind: 'messages-per-connection', messages: 5 },
      perHour(3),
      HOUR,
      '421 Max message per connection reached, closing transmission channel',
    ),
  ],
  outlook: microsoft('outlook'),
  office365: microsoft('office365'),
  'office365-dane': microsoft('office365-dane'),
  apple: [
    rule(
      'apple-busy',
      /^4.*(?:Service unavailable|\[BS02\])/i,
      suspend,
      perHour(5),
      15 * MINUTE,
      '421 4.7.1 [BS02] Service unavailable - try again later',
    ),
    rule(
      'apple-hcm1',
      /\[HCM1\]/,
      suspend,
      perHour(3),
      15 * MINUTE,
      '451 4.7.1 [HCM1] Too many connections, try again later. Please visit https://support.apple.com/en-us/HT204137',
    ),
    rule(
      'apple-listed',
      /spamhaus/i,
      listed,
      perHour(3),
      4 * HOUR,
      '554 5.7.1 Your message was rejected due to example.com being listed on the Spamhaus DBL.',
    ),
    rule(
      'apple-policy',
      /^4.*\[CS01\]/,
      perMinute(10),
      perHour(3),
      30 * MINUTE,
      '450 4.7.0 [CS01] Message rejected due to local policy. Please visit https://support.apple.com/en-us/HT204137',
    ),
    rule(
      'apple-per-connection',
      /\[HM07\]/,
      { kind: 'messages-per-connection', messages: 3 },
      perHour(3),
      HOUR,
      '421 4.7.0 [HM07] Too many messages in one session.',
    ),
  ],
  comcast: [
    rule(
      'comcast-rate',
      /\bRL0000(?:10)?\b/,
      perMinute(60, 5),
      perHour(2),
      2 * HOUR,
      '421 4.1.0 192.0.2.1 Throttled - try again later. Please see http://postmaster.comcast.net/smtp-error-codes.php#RL000010',
      '421 4.1.0 Throttled, see http://postmaster.comcast.net/smtp-error-codes.php#RL0000',
    ),
  ],
  orange: [
    rule(
      'orange-connections',
      /Trop de connexions|OFR\w*_104\b/i,
      oneConnection,
      perHour(2),
      HOUR,
      '421 mwinf5c29 ME Trop de connexions, veuillez verifier votre configuration. Too many connections, slow down. OFR004_104 [104]',
    ),
    rule(
      'orange-per-connection',
      /Trop de messages sur cette connexion|OFR\w*_105\b/i,
      { kind: 'messages-per-connection', messages: 10 },
      perHour(2),
      HOUR,
      '421 smtp-in.orange.fr ME Trop de messages sur cette connexion. Too many messages. OFR004_105 [105]',
    ),
    rule(
      'orange-refused',
      /^4.*Service refuse/i,
      suspend,
      perHour(2),
      HOUR,
      '421 mwinf5c09 Service refuse. Veuillez essayer plus tard. Service refused, please try later. OFR005_103 [103]',
    ),
    rule(
      'orange-listed',
      /cloudmark|spamhaus|abusix|OFR\w*_102\b/i,
      listed,
      perHour(5),
      2 * HOUR,
      '550 5.2.0 Mail rejete. Mail rejected. Cloudmark CSI blocklist. OFR_506 [506]',
      '554 mwinf5c20 Votre IP est blacklistee. OFR006_102 [102]',
    ),
  ],
  laposte: [
    rule(
      'laposte-connections',
      /^4.*(?:LPN\w*_104\b|Trop de connexions)/i,
      oneConnection,
      perHour(2),
      HOUR,
      '421 4.7.0 smtpz4.laposte.net Trop de connexions simultanees. Too many connections. LPN007_104',
    ),
    rule(
      'laposte-later',
      /^4.*LPN\w*_(?:103|105|109|503)\b/i,
      perMinute(6, 1),
      perHour(3),
      HOUR,
      '451 4.7.1 Service refuse, veuillez reessayer plus tard. Slow down. LPN007_105',
      '450 4.7.1 Client host rejected: Service refuse. Veuillez essayer plus tard. Service refused, please try later. LPN027_503',
    ),
  ],
  free: [
    rule(
      'free-spams',
      /^4.*Too many spams from your IP/i,
      suspend,
      perHour(2),
      HOUR,
      '421 Too many spams from your IP (192.0.2.1), please visit http://postmaster.free.fr/',
    ),
    rule(
      'free-rate',
      /^4.*rate limited.*postmaster\.free\.fr/i,
      perMinute(6, 1),
      perHour(2),
      HOUR,
      '421 4.7.1 192.0.2.1 rate limited, please visit http://postmaster.free.fr/',
    ),
  ],
  sfr: [
    // All of these last two hours; the last two figures say why.
    rule(
      'sfr-behaviour',
      /^4.*SFR_IN_\d0[1-4]\b/,
      suspend,
      once,
      2 * HOUR,
      '450 4.7.1 Service refused due to bad behavior. Too many spam messages. SFR_IN_101',
      '450 4.7.1 Service refused due to bad behavior. Too many unknown users. SFR_IN_104',
    ),
    rule(
      'sfr-volume',
      /^4.*SFR_IN_\d05\b/,
      perMinute(10, 1),
      once,
      2 * HOUR,
      '450 4.7.1 Service refused. Volume limit exceeded. SFR_IN_105',
    ),
    rule(
      'sfr-connections',
      /^4.*too many connections/i,
      oneConnection,
      perHour(2),
      HOUR,
      '421 4.7.0 smtp-in.sfr.fr Error: too many connections from 192.0.2.1, slow down',
    ),
    rule(
      'sfr-rate',
      /^4.*Client host rejected: too many messages/i,
      perMinute(20, 1),
      perHour(2),
      HOUR,
      '450 4.7.1 <192.0.2.1>: Client host rejected: too many messages, retry later',
    ),
  ],
  gmx: [
    rule(
      'gmx-connections',
      /^4.*Too many connections/i,
      oneConnection,
      perHour(3),
      30 * MINUTE,
      '421 gmx.net Service closing transmission channel - Too many connections from 192.0.2.1',
    ),
    rule(
      'gmx-restrictions',
      /^4.*policy restrictions/i,
      perMinute(1),
      perHour(5),
      HOUR,
      '450 Requested mail action not taken: mailbox unavailable, policy restrictions, retry later',
    ),
    rule(
      'gmx-violations',
      /^5.*policy violations/i,
      suspend,
      perHour(5),
      HOUR,
      '554-Transaction failed 554 Reject due to policy violations',
    ),
    rule(
      'gmx-policy',
      /^554.*(?:For explanation|policy reasons)/i,
      refusedByPolicy,
      perHour(5),
      2 * HOUR,
      '554 Transaction failed, refused for policy reasons',
    ),
  ],
  'yahoo-japan': [
    rule(
      'yahoo-japan-deferred',
      /VS98-IP0|\[TSS04\]|\[IPTS04\]/,
      suspend,
      perHour(2),
      HOUR,
      '421 4.7.0 VS98-IP0 deferred',
    ),
    rule(
      'yahoo-japan-timeout',
      /^4.*time(?:d )?-?out/i,
      suspend,
      perHour(2),
      30 * MINUTE,
      '421 timeout, closing connection',
    ),
  ],
  qq: [
    rule(
      'qq-limited',
      /(?:Sender|Ip|Connection|Domain) frequency limited|content denied/i,
      suspend,
      perHour(5),
      HOUR,
      '550 Ip frequency limited. http://service.mail.qq.com/cgi-bin/help?subtype=1&&id=20022&&no=1000725',
      '550 Mail content denied. http://service.mail.qq.com/',
    ),
  ],
  netease: [
    rule(
      'netease-spam-later',
      /^451 DT:SPM/,
      suspend,
      perHour(5),
      15 * MINUTE,
      '451 DT:SPM 163 mx9, please try again',
    ),
    rule(
      'netease-connections',
      /^(?:421.*connections|554 DT:SPM)/i,
      oneConnection,
      perHour(2),
      HOUR,
      '421 Too many connections from 192.0.2.1',
      '554 DT:SPM 163 smtp10, see http://mail.163.com/help/help_spam_16.htm',
    ),
    rule(
      'netease-daily',
      /\b(?:RP:ORQ|HL:ITC)\b/,
      suspend,
      perHour(2),
      HOUR,
      '450 RP:ORQ 163 mx1, see http://mail.163.com/help/help_spam_16.htm',
    ),
  ],
  mimecast: [
    rule(
      'mimecast-busy',
      /resources? (?:temporarily )?unavailable/i,
      suspend,
      perHour(3),
      30 * MINUTE,
      '451 Resource temporarily unavailable - https://community.mimecast.com/docs/DOC-1369#451',
    ),
  ],
  netvigator: [
    rule(
      'netvigator-messages',
      /too many messages this session/i,
      suspend,
      perHour(3),
      30 * MINUTE,
      '421 too many messages this session',
    ),
  ],
};

function microsoft(id: string): ReplyRule[] {
  return [
    rule(
      `${id}-listed`,
      /part of their network is on our block list/i,
      listed,
      perHour(5),
      2 * HOUR,
      "550 5.7.1 Unfortunately, messages from [192.0.2.1] weren't sent. Please contact your Internet service provider since part of their network is on our block list (S3140).",
    ),
    rule(
      `${id}-access`,
      /^4.*(?:Access denied|Temporary server error)/i,
      suspend,
      perHour(5),
      HOUR,
      '451 4.7.500 Access denied, please try again later',
      '451 4.3.2 Temporary server error. Please try again later ATTR17',
    ),
    rule(
      `${id}-reputation`,
      /has been temporarily rate limited/i,
      suspend,
      perHour(3),
      30 * MINUTE,
      '451 4.7.650 The mail server [192.0.2.1] has been temporarily rate limited due to IP reputation. For e-mail delivery information see https://postmaster.live.com (S775)',
    ),
    rule(
      `${id}-busy`,
      /^4.*Server busy/i,
      suspend,
      perHour(5),
      30 * MINUTE,
      '451 4.7.500 Server busy. Please try again later from [192.0.2.1]. (S77714)',
    ),
    rule(
      `${id}-connections`,
      /maximum number of (?:concurrent (?:server )?)?connections|\bIB007\b/i,
      oneConnection,
      perHour(2),
      HOUR,
      '421 4.3.2 The maximum number of concurrent server connections has exceeded a limit, closing transmission channel',
      '451 4.4.62 Mail sent to the wrong Office 365 region. IB007',
    ),
    rule(
      `${id}-per-connection`,
      /exceeded maximum number of messages per connection/i,
      { kind: 'messages-per-connection', messages: 2 },
      perHour(2),
      HOUR,
      '421 4.4.2 Exceeded maximum number of messages per connection, closing transmission channel',
    ),
  ];
}
