/**
 * The words in which receivers refuse, and what they mean. A provider's own come first; in each list the first that
 * matches decides, so narrow ones stand above wide ones. See `bounce-rules.ts`.
 */
import type { PhraseRule } from './bounce-rules.ts';

export const providerPhrases: readonly PhraseRule[] = [
  // ── Gmail and Google Workspace ──────────────────────────────────────────────────────────────────────────────
  {
    provider: 'google',
    class: 'recipient-rate',
    pattern: /receiving mail (?:at a rate|too quickly)|p=ReceivingRate/i,
    overrules: true,
    temporary: true,
    samples: [
      '450 4.2.1 The user you are trying to contact is receiving mail at a rate that prevents additional messages from being delivered. https://support.google.com/mail/?p=ReceivingRate',
      '450 4.2.1 The user you are trying to contact is receiving mail too quickly. Please resend your message at a later time. p=ReceivingRate',
    ],
  },
  {
    provider: 'google',
    class: 'inactive-mailbox',
    pattern: /p=DisabledUser|account that you tried to reach is (?:disabled|inactive)/i,
    samples: [
      '550 5.2.1 The email account that you tried to reach is disabled. https://support.google.com/mail/?p=DisabledUser 6si1 - gsmtp',
      '550 5.2.1 The email account that you tried to reach is inactive. For more information, go to https://support.google.com/mail/?p=DisabledUser',
    ],
  },
  {
    provider: 'google',
    class: 'rate-limited',
    pattern: /detected an unusual rate|p=UnsolicitedRateLimitError/i,
    samples: [
      '421 4.7.28 Gmail has detected an unusual rate of unsolicited mail originating from your IP address [192.0.2.1].',
      '550 5.7.1 Our system has detected an unusual rate of unsolicited mail originating from your IP address.',
    ],
  },
  {
    provider: 'google',
    class: 'source-reputation',
    pattern: /very low reputation of the sending (?:IP address|domain)/i,
    samples: [
      '550 5.7.1 Our system has detected that this message is likely suspicious due to the very low reputation of the sending IP address. To best protect our users from spam, the message has been blocked.',
      '421 4.7.0 Our system has detected that this message is suspicious due to the very low reputation of the sending domain.',
    ],
  },
  {
    provider: 'google',
    class: 'spam-content',
    pattern:
      /Our system has detected that this message is likely (?:unsolicited mail|spam)|p=UnsolicitedMessageError/i,
    samples: [
      '550 5.7.1 Our system has detected that this message is likely unsolicited mail. To reduce the amount of spam sent to Gmail, this message has been blocked. p=UnsolicitedMessageError',
    ],
  },
  {
    provider: 'google',
    class: 'tls-required',
    pattern: /wasn't sent over a TLS connection/i,
    samples: [
      "421 4.7.29 Your email has been rate limited because this message wasn't sent over a TLS connection. x12si1 - gsmtp",
    ],
  },
  // ── Microsoft ───────────────────────────────────────────────────────────────────────────────────────────────
  {
    provider: 'outlook',
    class: 'invalid-recipient',
    pattern: /^550 5\.5\.0 Requested action not taken: mailbox unavailable/i,
    samples: [
      '550 5.5.0 Requested action not taken: mailbox unavailable (S2017062302). [XX0EUR.prod.protection.outlook.com]',
    ],
  },
  {
    provider: 'office365',
    class: 'invalid-recipient',
    pattern:
      /^550 5\.4\.1 (?:Recipient address rejected: Access denied|\[?[^ ]*\]?: Recipient address rejected)/i,
    samples: [
      '550 5.4.1 Recipient address rejected: Access denied. For more information see https://aka.ms/EXOSmtpErrors [XX1.prod.outlook.com]',
    ],
  },
  {
    provider: 'office365',
    class: 'invalid-recipient',
    pattern: /RESOLVER\.ADR\.(?:RecipientNotFound|RecipNotFound|ExRecipNotFound)/i,
    overrules: true,
    samples: ['550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup'],
  },
  {
    provider: 'outlook',
    class: 'source-blocked',
    pattern:
      /on our block ?list|\(S314\d\)|AS\(\d+\)|Banned sending IP|\b(?:OU-00[12]|SC-00[1-4]|DY-00[12])\b/i,
    samples: [
      "550 5.7.1 Unfortunately, messages from [192.0.2.1] weren't sent. Please contact your Internet service provider since part of their network is on our block list (S3140).",
      '550 5.7.606 Access denied, banned sending IP [192.0.2.1]. To request removal from this list please visit https://sender.office.com/',
      '550 SC-001 (COL004-MC1F1) Unfortunately, messages from 192.0.2.1 were not sent.',
    ],
  },
  {
    provider: 'outlook',
    class: 'too-many-connections',
    pattern: /maximum number of (?:concurrent (?:server )?)?connections|\bIB007\b/i,
    samples: [
      '421 4.3.2 The maximum number of concurrent server connections has exceeded a limit, closing transmission channel',
    ],
  },
  {
    provider: 'outlook',
    class: 'connection-quota',
    pattern: /exceeded maximum number of messages per connection/i,
    overrules: true,
    samples: ['421 4.4.2 Exceeded maximum number of messages per connection, closing transmission channel'],
  },
  {
    provider: 'outlook',
    class: 'source-reputation',
    pattern: /temporarily rate limited due to IP reputation/i,
    samples: [
      '451 4.7.650 The mail server [192.0.2.1] has been temporarily rate limited due to IP reputation.',
    ],
  },
  // ── Yahoo, AOL ──────────────────────────────────────────────────────────────────────────────────────────────
  {
    provider: 'yahoo',
    class: 'inactive-mailbox',
    pattern: /mailbox is disabled|\(554\.30\)/i,
    samples: [
      '554 delivery error: dd Sorry, your message to anna@yahoo.com cannot be delivered. This mailbox is disabled (554.30). - mta1.yahoo.com',
    ],
  },
  {
    provider: 'yahoo',
    class: 'invalid-recipient',
    pattern: /This user doesn't have an? .{1,80} account/i,
    samples: [
      "554 delivery error: dd This user doesn't have a yahoo.com account (anna@yahoo.com) [0] - mta1.yahoo.com",
    ],
  },
  {
    provider: 'yahoo',
    class: 'source-reputation',
    pattern: /\[(?:TSS?|IPTS)\d\d\]|unexpected volume or user complaints/i,
    overrules: true,
    samples: [
      '421 4.7.0 [TSS04] Messages from 192.0.2.1 temporarily deferred due to unexpected volume or user complaints - 4.16.55.1',
      '553 5.7.2 [TSS09] All messages from 192.0.2.1 will be permanently deferred; Retrying will NOT succeed.',
    ],
  },
  {
    provider: 'yahoo',
    class: 'source-listed',
    pattern: /^553 5\.7\.[12] \[BL\d*\]/i,
    samples: [
      '553 5.7.1 [BL21] Connections will not be accepted from 192.0.2.1, because the ip is in Spamhaus list; see http://postmaster.yahoo.com/550-bl23.html',
    ],
  },
  {
    provider: 'yahoo',
    class: 'authentication-failed',
    pattern: /^554 5\.7\.9 Message not accepted for policy reasons/i,
    samples: [
      '554 5.7.9 Message not accepted for policy reasons. See https://postmaster.yahooinc.com/error-codes',
    ],
  },
  {
    provider: 'yahoo',
    class: 'connection-quota',
    pattern: /Max message per connection reached/i,
    samples: ['421 Max message per connection reached, closing transmission channel - mta1.yahoo.com'],
  },
  // ── Apple ───────────────────────────────────────────────────────────────────────────────────────────────────
  {
    provider: 'apple',
    class: 'rate-limited',
    pattern: /^4.*\[(?:CS01|HCM1|BS02)\]/i,
    samples: [
      '450 4.7.0 [CS01] Message rejected due to local policy. Please visit https://support.apple.com/en-us/HT204137',
    ],
  },
  {
    provider: 'apple',
    class: 'connection-quota',
    pattern: /\[HM07\]/,
    samples: [
      '421 4.7.0 [HM07] Too many messages in one session. Please visit https://support.apple.com/en-us/HT204137',
    ],
  },
  {
    provider: 'apple',
    class: 'authentication-failed',
    pattern: /^5.*\[HM08\]|local policy: (?:DKIM|SPF|DMARC)/i,
    samples: [
      '554 5.7.1 [HM08] Message rejected due to local policy: DKIM. Please visit https://support.apple.com/en-us/HT204137',
    ],
  },
  {
    provider: 'apple',
    class: 'policy-refused',
    pattern: /^5.*\[(?:CS01|HM\d\d)\]/i,
    samples: [
      '550 5.7.0 [CS01] Message rejected due to local policy. Please visit https://support.apple.com/en-us/HT204137',
    ],
  },
  // ── Orange, Wanadoo: OFRnnn_NNN. The three figures at the end mean the same as at La Poste. ───────────────────
  {
    provider: 'orange',
    class: 'connection-quota',
    pattern: /Trop de messages sur cette connexion/i,
    overrules: true,
    samples: [
      '421 smtp-in.orange.fr ME Trop de messages sur cette connexion. Too many messages. OFR004_105 [105]',
    ],
  },
  ...french('orange', 'OFR'),
  {
    provider: 'orange',
    class: 'source-listed',
    pattern: /OFR006_102\b/i,
    overrules: true,
    samples: ['554 smtp-in.orange.fr Votre IP est blacklistee. OFR006_102 [102]'],
  },
  {
    provider: 'orange',
    class: 'source-reputation',
    pattern: /^4.*Service refuse/i,
    samples: ['421 mwinf5c09 Service refuse. Veuillez essayer plus tard. Service refused, please try later.'],
  },
  // ── La Poste: LPNnnn_NNN ────────────────────────────────────────────────────────────────────────────────────
  ...french('laposte', 'LPN'),
  // ── Free ────────────────────────────────────────────────────────────────────────────────────────────────────
  {
    provider: 'free',
    class: 'source-reputation',
    pattern: /Too many spams from your IP|(?:Greylisted|rate limited).*postmaster\.free\.fr/i,
    samples: [
      '421 Too many spams from your IP (192.0.2.1), please visit http://postmaster.free.fr/',
      '451 too many errors from your ip (Greylisted 192.0.2.1) please visit http://postmaster.free.fr/',
      '421 4.7.1 192.0.2.1 rate limited, please visit http://postmaster.free.fr/',
    ],
  },
  // ── SFR ─────────────────────────────────────────────────────────────────────────────────────────────────────
  {
    provider: 'sfr',
    class: 'rate-limited',
    pattern: /Client host rejected: too many messages/i,
    samples: ['450 4.7.1 <192.0.2.1>: Client host rejected: too many messages, retry later'],
  },
  // ── GMX, Web.de ─────────────────────────────────────────────────────────────────────────────────────────────
  {
    provider: 'gmx',
    class: 'invalid-recipient',
    pattern: /^550.*mailbox unavailable.*postmaster\.(?:gmx|web)\./i,
    samples: [
      '550 Requested action not taken: mailbox unavailable For explanation visit https://postmaster.gmx.net/en/error-messages?ip=192.0.2.1&c=rcpt',
    ],
  },
  {
    provider: 'gmx',
    class: 'rate-limited',
    pattern: /^4.*policy restrictions/i,
    samples: ['450 Requested mail action not taken: mailbox unavailable, policy restrictions, retry later'],
  },
  {
    provider: 'gmx',
    class: 'authentication-failed',
    pattern: /policy violations: (?:DKIM|SPF|DMARC)/i,
    samples: ['554 Transaction failed Reject due to policy violations: DKIM of news.example.com failed'],
  },
  {
    provider: 'gmx',
    class: 'policy-refused',
    pattern: /^5.*policy (?:violations|restrictions)/i,
    samples: ['554 Transaction failed Reject due to policy violations'],
  },
  // ── QQ, NetEase ─────────────────────────────────────────────────────────────────────────────────────────────
  {
    provider: 'qq',
    class: 'rate-limited',
    pattern: /(?:Sender|Ip|Connection|Domain) frequency limited/i,
    temporary: true,
    samples: [
      '550 Ip frequency limited. http://service.mail.qq.com/cgi-bin/help?subtype=1&&id=20022&&no=1000725',
    ],
  },
  {
    provider: 'netease',
    class: 'spam-content',
    pattern: /\bDT:SPM\b/,
    samples: ['554 DT:SPM 163 smtp10,see http://mail.163.com/help/help_spam_16.htm'],
  },
  {
    provider: 'netease',
    class: 'rate-limited',
    pattern: /\b(?:RP:ORQ|HL:ITC|RP:QRC)\b/,
    samples: ['450 RP:ORQ 163 mx1, see http://mail.163.com/help/help_spam_16.htm'],
  },
];

/** Orange and La Poste answer with the same figures (sisimai#240, #243): `OFR204_416`, `LPN007_417`, `OFR_506`. */
function french(provider: string, prefix: 'OFR' | 'LPN'): PhraseRule[] {
  const mark = (figures: string) => new RegExp(`\\b${prefix}\\d*_(?:${figures})\\b`, 'i');
  const row = (
    name: string,
    figures: string,
    samples: PhraseRule['samples'],
    temporary?: true,
  ): PhraseRule => ({
    provider,
    class: name,
    pattern: mark(figures),
    overrules: true,
    samples,
    ...(temporary && { temporary }),
  });
  return [
    row('invalid-recipient', '416', [
      `550 5.1.1 Adresse d au moins un destinataire invalide. Invalid recipient. ${prefix}204_416 [416]`,
    ]),
    row('mailbox-full', '417', [
      // A 5.1.1 that is none: the figure and the words say that the mailbox is full.
      `552 5.1.1 La boite du destinataire est pleine. Recipient overquota. ${prefix}_417 [417]`,
      `452 4.2.2 Boite du destinataire pleine. Mailbox over quota. ${prefix}204_417`,
    ]),
    row('too-many-connections', '104', [
      `421 mwinf5c29 ME Trop de connexions, veuillez verifier votre configuration. Too many connections, slow down. ${prefix}004_104 [104]`,
    ]),
    row('greylisted', '201', [
      `450 4.2.0 Service temporairement indisponible, veuillez reessayer. ${prefix}007_201`,
    ]),
    row('source-reputation', '103|105|109', [
      `421 Service refuse. Veuillez essayer plus tard. Service refused, please try later. ${prefix}005_103 [103]`,
      `451 4.7.1 Service refuse, veuillez reessayer plus tard. Slow down. ${prefix}007_105`,
    ]),
    row('authentication-failed', '305|402|515', [
      `550 5.7.26 Authentification DKIM de a.net en echec. ${prefix}007_402`,
    ]),
    row('spf-failed', '401', [`550 5.7.1 Service refuse. SPF. ${prefix}004_401 [401]`]),
    row('sender-refused', '415', [`550 5.1.0 Emetteur invalide. Invalid sender. ${prefix}004_415 [415]`]),
    row('spam-content', '506|513|505|510', [`550 5.7.0 Mail rejete. Mail rejected. ${prefix}_506 [506]`]),
    row('message-too-large', '514', [
      `552 5.3.4 Taille limite du message atteinte. Message too big. ${prefix}_514 [514]`,
    ]),
  ];
}

export const genericPhrases: readonly PhraseRule[] = [
  // ── later ───────────────────────────────────────────────────────────────────────────────────────────────────
  {
    class: 'greylisted',
    pattern:
      /gr[ea]y[ -]?list(?:ed|ing)?|postgrey|liste grise|^4.*(?:come back|try again) (?:in|after) \d+ ?(?:s|sec|seconds|min|minutes)\b/i,
    samples: [
      '450 4.2.0 <anna@example.net>: Recipient address rejected: Greylisted, see http://postgrey.schweikert.ch/help/example.net.html',
      '451 4.7.1 Greylisting in action, please come back in 00:04:59',
      '450 4.7.1 Please try again in 300 seconds',
    ],
  },
  {
    class: 'too-many-connections',
    pattern:
      /too many (?:concurrent |simultaneous |open )?(?:smtp )?(?:connections|sessions)|trop de connexions|zu viele verbindungen|connection (?:limit|rate limit) exceeded/i,
    samples: [
      '421 4.7.0 mx.example.net Error: too many connections from 192.0.2.1',
      '421 Too many concurrent SMTP connections from 192.0.2.1; please try again later.',
      '421 4.7.0 smtpz4.laposte.net Trop de connexions simultanees',
    ],
  },
  {
    class: 'connection-quota',
    pattern:
      /too many messages (?:in|on|per) (?:this|one|a|the)? ?(?:session|connection)|messages per connection/i,
    samples: ['421 4.7.0 mx.example.net Error: too many messages in this session'],
  },
  {
    class: 'too-many-recipients',
    pattern: /too many recipients/i,
    samples: ['452 4.5.3 Error: too many recipients'],
  },
  {
    class: 'rate-limited',
    pattern:
      /too much mail from|rate (?:limit|overlimit)|(?:message|sending|mail) rate|throttl(?:ed|ing)|too many (?:messages|mails|emails)|slow down|temporarily deferred|frequency limited/i,
    samples: [
      '450 4.7.1 Error: too much mail from 192.0.2.1',
      '451 Sender rate overlimit - 192.0.2.1 / 1h',
      '421 4.1.0 192.0.2.1 Throttled - try again later.',
      '421 RP-001 The mail server IP connecting has exceeded the rate limit allowed.',
    ],
  },
  // ── our authentication: before lists and spam, since their pages are named in the same breath ────────────────
  {
    class: 'dmarc-failed',
    pattern: /\bDMARC\b/i,
    overrules: true,
    samples: [
      "550 5.7.1 Unauthenticated email from example.com is not accepted due to domain's DMARC policy.",
      '550 5.7.0 Email rejected per DMARC policy for example.com',
      '554 5.7.5 Permanent error evaluating DMARC policy',
    ],
  },
  {
    class: 'spf-failed',
    pattern: /\bSPF\b|sender policy framework|openspf\.(?:org|net)|is not allowed to send mail from/i,
    overrules: true,
    samples: [
      '550 5.7.1 SPF check failed for example.com',
      '550 Please see http://www.openspf.org/Why?s=mfrom;id=b%40us.test',
      '554 5.7.1 192.0.2.1 is not allowed to send mail from example.com',
    ],
  },
  {
    class: 'dkim-failed',
    pattern: /\bDKIM\b/i,
    overrules: true,
    samples: [
      '550 5.7.0 DKIM signature verification failed',
      '554 5.7.1 Message rejected: no valid DKIM signature',
    ],
  },
  {
    class: 'reverse-dns',
    pattern:
      /reverse[- ](?:dns|lookup|hostname|host)|\bPTR\b|\brDNS\b|cannot find your (?:reverse )?hostname|(?:helo|ehlo)(?: command)? (?:name )?rejected|no (?:reverse|ptr) record|does not resolve to/i,
    overrules: true,
    samples: [
      '550 5.7.1 Client host rejected: cannot find your reverse hostname, [192.0.2.1]',
      '550 5.7.25 The IP address sending this message does not have a PTR record setup',
      '554 5.7.1 <mail>: Helo command rejected: Host not found',
      '421 4.7.1 Connection refused - no reverse DNS for 192.0.2.1',
    ],
  },
  {
    class: 'tls-required',
    pattern:
      /must (?:issue a )?(?:use )?STARTTLS|(?:TLS|encryption|encrypted) (?:is )?(?:required|needed)|requires (?:TLS|encryption)|sent over a TLS/i,
    // Ours to mend, and mended it may be by the next attempt.
    temporary: true,
    samples: ['530 5.7.0 Must issue a STARTTLS command first', '550 5.7.10 Encryption needed: TLS required'],
  },
  {
    class: 'sender-refused',
    pattern:
      /sender (?:address )?(?:rejected|denied|verif|refused|unknown|invalid|not allowed|domain)|(?:invalid|unknown|bad|unresolvable) sender|domain of sender|sender's (?:address|domain)|(?:return|from) address|emetteur|expediteur/i,
    overrules: true,
    samples: [
      '550 5.1.8 <b@us.test>: Sender address rejected: Domain not found',
      '553 5.1.8 Domain of sender address b@us.test does not exist',
      '550 5.7.1 Sender verify failed',
      '501 5.1.7 Invalid sender address',
    ],
  },
  // ── lists and blocks ────────────────────────────────────────────────────────────────────────────────────────
  {
    class: 'link-listed',
    pattern:
      /(?:URL|URI|link|hyperlink)s? .{0,60}(?:listed|blacklist|block ?list|reputation|SURBL|URIBL|malicious)|\b(?:SURBL|URIBL)\b/i,
    overrules: true,
    samples: [
      '554 5.7.1 Message contains a URL listed by URIBL, see http://lookup.uribl.com/?domain=example.com',
      '550 5.7.1 Blocked: a link in the message has a bad reputation',
    ],
  },
  {
    class: 'domain-listed',
    pattern: /\bDBL\b|domain .{0,60}(?:listed|blacklisted|block ?listed)/i,
    overrules: true,
    samples: [
      '554 5.7.1 Your message was rejected due to example.com being listed on the Spamhaus DBL.',
      '550 5.7.1 Sending domain example.com is blacklisted',
    ],
  },
  {
    class: 'source-listed',
    pattern:
      /spamhaus|spamcop|barracudacentral|\bsorbs\b|abusix|cloudmark|senderscore|invaluement|\bCSI\b.*block|\b(?:dn|rb|xb|sb|pb)l\b|dnsbl|\brbl\b|black ?list|block ?list|liste noire|schwarze liste|listed (?:at|in|on|by) /i,
    overrules: true,
    samples: [
      '554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org; https://www.spamhaus.org/query/ip/192.0.2.1',
      '550 5.7.1 [192.0.2.1] is on the DNS blacklist bl.spamcop.net',
      '554 mx.example.net Your IP 192.0.2.1 est sur liste noire',
      '550 5.1.1 <anna@example.net>: blocked, 192.0.2.1 is listed at b.barracudacentral.org',
    ],
  },
  {
    class: 'source-blocked',
    pattern:
      /(?:your|this|the|client|sending|connecting) (?:ip|host|server|network|mail server)\b.{0,80}(?:block|ban|refus|reject|denied|not allowed|prohibited)|(?:blocked|banned|refused|denied|reject\w*).{0,40}(?:your|client|sending|connecting) (?:ip|host|server|network)|bad reputation|poor reputation|low reputation|(?:IP|connection|host) .{0,30}(?:is )?(?:blocked|banned)/i,
    overrules: true,
    samples: [
      '550 5.7.1 Your IP 192.0.2.1 has been blocked by our policy',
      '554 Connection refused: your host 192.0.2.1 has a poor reputation',
      '550 5.7.1 Mail from IP 192.0.2.1 was blocked',
    ],
  },
  {
    class: 'virus-content',
    pattern: /\bvirus\b|malware|infected|phish|trojan/i,
    overrules: true,
    samples: ['550 5.7.1 Virus Eicar-Test-Signature found', '554 5.7.1 The message contains malware'],
  },
  {
    class: 'spam-content',
    pattern:
      /(?:considered|classified|identified|detected|looks like|rejected|refused|blocked|flagged|marked|score|suspected|appears|likely).{0,40}\b(?:spam|junk|ube|unsolicited)\b|\bspam (?:content|message|detected|score|rejected|filter)|\bspam\b.{0,30}(?:rejected|blocked|refused)|anti-?spam|bulk mail (?:rejected|refused)|message content rejected|pourriel/i,
    overrules: true,
    samples: [
      '554 5.7.1 Message rejected as spam by Content Filtering.',
      '550 5.7.1 This message has been classified as spam',
      '550 High probability of spam content, spam score 12.3',
      '550 5.7.1 Spam message rejected',
    ],
  },
  // ── the mailbox ─────────────────────────────────────────────────────────────────────────────────────────────
  {
    class: 'message-too-large',
    pattern:
      /message (?:size|is) .{0,60}(?:exceed|too (?:big|large))|(?:exceed|over|larger? than).{0,40}(?:message size|size limit|maximum (?:message )?size)|message (?:file )?too (?:big|large)|size limit|too large message|trop (?:gros|volumineux)|taille (?:limite|maxi)/i,
    overrules: true,
    samples: [
      '552 5.3.4 Message size exceeds fixed limit',
      '552 Your message exceeded the message size limits',
      '552 5.2.3 Message too large',
      '523 the message size exceeds the recipient size limit',
    ],
  },
  {
    class: 'mailbox-full',
    pattern:
      /over ?-?quota|quota (?:exceeded|full|depass)|exceeded .{0,20}quota|(?:mailbox|inbox|mail ?box|account|maildir|storage|boite|postfach|buz[oó]n|disk) .{0,40}(?:is |est |ist )?(?:full|pleine|voll|lleno)|(?:exceed|insufficient|not enough|out of)(?! system).{0,40}storage|storage (?:space|allocation|limit).{0,20}exceed|exceeds? .{0,20}(?:disk|mailbox|inbox) (?:quota|size)|insufficient disk ?space|\bmailfolder is full/i,
    overrules: true,
    samples: [
      '552 5.2.2 The email account that you tried to reach is over quota. https://support.google.com/mail/?p=OverQuotaPerm',
      "452 4.2.2 The recipient's inbox is out of storage space. p=OverQuotaTemp",
      '552 5.2.2 <anna@example.net>: Recipient address rejected: Mailbox full, quota exceeded',
      '552 Requested mail action aborted: exceeded storage allocation',
      '552 mailbox is full: retry timeout exceeded',
      '552 5.2.2 <anna@laposte.net>: La boite du destinataire est pleine',
      '550 5.1.1 anna@example.net: mailbox full',
      '452 4.2.2 Das Postfach ist voll',
    ],
  },
  {
    class: 'moved-recipient',
    pattern:
      /has moved|(?:no longer|n'est plus|nicht mehr) .{0,40}(?:work|valid|in use|active|valable|employ|with (?:us|this)|aktiv|g[uü]ltig)|user (?:has )?left|new address|changed (?:his|her|their) address|a quitt[eé]|a chang[eé] d'adresse/i,
    samples: [
      '551 5.1.6 The recipient has moved to anna@new.example.net',
      '550 Anna Martin no longer works here',
      "550 5.1.6 Cette adresse n'est plus valable",
    ],
  },
  {
    class: 'inactive-mailbox',
    pattern:
      /(?:mailbox|account|user|recipient|address|mail ?box|compte|boite|konto)\b.{0,60}(?:disabled|inactive|suspended|deactivated|locked|blocked|closed|expired|terminated|dormant|d[eé]sactiv|suspendu|ferm[eé]|deaktiviert|gesperrt)|(?:disabled|inactive|suspended|deactivated|closed) (?:mailbox|account|user|recipient)|has been (?:disabled|suspended|deactivated)/i,
    samples: [
      '550 5.2.1 The email account that you tried to reach is disabled.',
      '550 <anna@example.net>: Recipient address rejected: account disabled',
      '550 5.2.1 Mailbox is inactive',
      '550 5.2.1 Le compte du destinataire est suspendu',
      '554 5.7.1 Inactive account',
    ],
  },
  {
    class: 'relay-denied',
    pattern:
      /relay(?:ing)?(?: (?:is |was )?(?:access )?(?:denied|not (?:permitted|allowed)|prohibited))|not (?:permitted|allowed) to relay|unable to relay|we do(?:n't| not) relay|not (?:a )?(?:local|accepted|hosted) domain|isn't in (?:my|our) (?:list of allowed )?(?:control\/)?rcpthosts|domain (?:is )?not (?:hosted|handled) here/i,
    overrules: true,
    samples: [
      '554 5.7.1 <anna@example.net>: Relay access denied',
      '550 relay not permitted',
      '550 5.7.1 Unable to relay',
      "553 sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)",
      '550 relaying denied for <anna@example.net>',
    ],
  },
  {
    class: 'invalid-domain',
    pattern:
      /(?:domain|host)(?: name)? (?:not found|does(?:n't| not) exist|unknown)|(?:unknown|no such|nonexistent|invalid) (?:domain|host)|null MX|name service error.*not found|does not accept mail|host or domain name not found|bad destination (?:host|system)/i,
    samples: [
      '550 5.1.2 Host unknown (Name server: example.net: host not found)',
      '556 5.1.10 Recipient address has null MX',
      '550 Domain does not exist',
      '521 example.net does not accept mail',
    ],
  },
  {
    class: 'recipient-policy',
    pattern:
      /(?:not authori[sz]ed|not allowed|not permitted|restricted|may not) .{0,40}(?:to send|send|post|mail).{0,30}(?:to this|this|the) (?:recipient|user|list|group|mailbox|address)|only (?:accepts|receives) (?:mail|messages) from|sender .{0,20}not in .{0,20}(?:white|allow) ?list|recipient (?:has )?(?:refused|rejects|declined|blocked)|filtered by (?:the )?(?:user|recipient)|recipient preferences/i,
    overrules: true,
    samples: [
      '550 5.7.1 You are not authorized to send mail to this recipient',
      '550 5.1.1 RCP-P2 http://postmaster.facebook.com/response_codes?ip=192.0.2.1#rcp Refused due to recipient preferences',
      '550 5.7.133 RESOLVER.RST.SenderNotAuthenticatedForGroup; mailbox only accepts mail from known senders',
    ],
  },
  {
    class: 'invalid-recipient',
    pattern:
      /(?:user|recipient|mailbox|address|account|addressee|mail ?box|destinataire|adresse|utilisateur|empf[aä]nger|benutzer|usuario|destinatario)\b.{0,80}?\b(?:unknown|not (?:found|exists?|known|listed|local|valid|recognized|here)|does(?:n't| not) exist|doesn't have|is(?:n't| not) (?:known|valid|a known|found|local)|invalid|inconnue?|invalide|introuvable|n'existe pas|unbekannt|existiert nicht|desconocido|no existe)|(?:unknown|no such|invalid|nonexistent|non-existent|bad|inconnu|unbekannter?) (?:local[ -]?part|user|recipient|mailbox|address|account|email|person|utilisateur|destinataire|empf[aä]nger|benutzer)|no (?:mailbox|account|user) (?:here|by that name|with that name)|recipient ?not ?found|unrouteable address|(?:is|are) not a (?:known|valid) (?:user|recipient|mailbox)|undeliverable address|p=NoSuchUser|unrouteable mail|no valid recipients?/i,
    samples: [
      '550 5.1.1 <anna@example.net>: Recipient address rejected: User unknown in virtual mailbox table',
      '550 Unrouteable address',
      '550 No such user here',
      '550 5.1.1 The email account that you tried to reach does not exist. https://support.google.com/mail/?p=NoSuchUser',
      '550 5.1.1 Adresse du destinataire inconnue',
      '550 Benutzer unbekannt',
      '550 El usuario no existe',
      '550 unknown local-part "anna" in domain "example.net"',
      '554 5.7.1 Invalid recipient',
    ],
  },
  {
    class: 'mailbox-unavailable',
    pattern:
      /mailbox (?:is )?(?:temporarily )?(?:unavailable|busy|locked)|(?:user|recipient|mailbox) .{0,30}temporarily/i,
    samples: [
      '550 Requested action not taken: mailbox unavailable',
      '450 Requested mail action not taken: mailbox busy',
    ],
  },
  // ── the receiver ────────────────────────────────────────────────────────────────────────────────────────────
  {
    class: 'routing-loop',
    pattern: /too many hops|mail loop|routing loop|loops? back/i,
    overrules: true,
    samples: ['554 5.4.6 Too many hops', '550 5.4.6 Routing loop detected'],
  },
  {
    class: 'expired-remotely',
    pattern:
      /(?:retry|delivery) time(?:-?out)? (?:exceeded|expired)|message expired|delivery (?:time )?expired|could not be delivered for .{0,20}(?:days|hours)|queue too long|retry timeout/i,
    samples: ['550 4.4.7 Message expired: unable to deliver in 5 days', '550 5.4.7 Delivery time expired'],
  },
  {
    class: 'dns-failure',
    pattern:
      /(?:name server|dns|domain name) .{0,40}(?:timeout|failure|failed|error)|host name lookup failure|temporary (?:dns|lookup) (?:error|failure)/i,
    samples: ['450 4.4.3 DNS lookup failure, try again later', '451 4.4.3 Temporary lookup failure'],
  },
  {
    class: 'server-fault',
    pattern:
      /internal (?:server )?error|local (?:error|problem|configuration)|server (?:error|configuration)|system (?:error|failure)|disk full|out of memory|resources? (?:temporarily )?unavailable|insufficient system (?:storage|resources)/i,
    samples: [
      '451 4.3.0 Temporary internal server error',
      '452 4.3.1 Insufficient system storage',
      '451 4.3.5 Server configuration problem',
    ],
  },
  {
    class: 'server-busy',
    pattern:
      /server (?:is )?busy|try (?:again )?later|service (?:temporarily )?(?:not )?(?:un)?available|too busy|overload|(?:veuillez )?r[eé]essayer|essayer plus tard|sp[aä]ter erneut|temporarily unavailable|intente m[aá]s tarde/i,
    samples: [
      '421 4.3.2 Server busy, try again later',
      '421 Service not available, closing transmission channel',
      '450 4.2.0 Service temporairement indisponible, veuillez reessayer',
    ],
  },
  {
    class: 'protocol-error',
    pattern:
      /syntax error|command (?:not )?(?:recogni[sz]ed|unrecogni[sz]ed|implemented|out of sequence)|bad sequence of commands|unrecogni[sz]ed command/i,
    samples: ['500 5.5.1 Command unrecognized', '503 5.5.1 Bad sequence of commands'],
  },
  {
    class: 'message-malformed',
    pattern:
      /(?:RFC ?(?:5|2|8)\d\d\d?|header).{0,60}(?:missing|invalid|malformed|violat|non-?complian|not complian|duplicate|must)|(?:missing|invalid|malformed|duplicate) .{0,30}header|bare (?:CR|LF|linefeed)|line too long/i,
    samples: [
      "550 5.7.1 Messages missing a valid 'From' header are not accepted",
      '554 5.6.0 Message is not RFC 5322 compliant: duplicate header',
      '550 5.6.0 Line too long',
    ],
  },
  {
    class: 'content-refused',
    pattern:
      /attachment|(?:file|content)[- ]?(?:type|extension)? .{0,30}(?:not (?:allowed|accepted|permitted)|blocked|rejected|prohibited)|content (?:rejected|refused)/i,
    samples: ['552 5.7.0 This message was blocked because its attachment has a blocked extension'],
  },
  {
    class: 'policy-refused',
    pattern:
      /(?:local |administrative |security |site )?polic(?:y|ies)|administrative(?:ly)? prohibit|access denied|not authori[sz]ed|prohibited|refus[eé]|rejected|not accept(?:ed)?\b/i,
    samples: [
      '550 5.7.1 Message rejected due to local policy',
      '554 5.7.1 Access denied',
      '550 Administrative prohibition',
      '521 5.2.1 : AOL will not accept delivery of this message.',
      '554 5.7.1 <anna@example.net>: Recipient address rejected: Access denied',
    ],
  },
];
