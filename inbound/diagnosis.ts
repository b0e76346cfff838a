/**
 * What a receiver's words about one recipient mean, an hour after the fact. The words come before the code: many systems
 * send 5.1.1 for a full mailbox and 5.0.0 for everything. Each pattern is one thing that receivers really say.
 */
import { classified, type BounceClassName } from '../core/mail/bounce-class.ts';
import { findStatus, parseStatus } from '../core/mail/status.ts';

export interface Diagnosis {
  class: BounceClassName;
  /** The enhanced code, from the field, the words or the basic code; empty when nothing says. */
  status: string;
  /** Never mail this address again: unknown user, unknown host, moved, takes no mail. */
  hard: boolean;
}

type Rule = [name: BounceClassName, pattern: RegExp];

// The order counts: what says more stands first.
const rules: Rule[] = [
  [
    'mailbox-full',
    /mailbox (?:is )?(?:currently )?(?:over )?full|mailbox.{0,30}exceed|over ?-?quota|quota (?:is )?(?:exceed|violation|full|limit)|exceed(?:s|ed|ing)?.{0,30}(?:quota|storage|mailbox size|disk space|allocat)|(?:disk|storage|mailbox|user'?s?|account).{0,20}quota|insufficient (?:system )?(?:storage|disk|space)|not enough (?:storage|disk|space|room)|(?:mailbox|account|inbox|user) (?:has )?(?:reached|is at|exceeded) (?:its|the|their).{0,20}(?:limit|quota|size|storage)|out of (?:disk |storage )?(?:space|quota)|no space left|mailfolder is full|mail ?box too large|is full\b|容量|storage (?:limit|space)|too many messages in|maildir .{0,20}(?:full|overdrawn|quota)|boite.{0,20}pleine|postfach.{0,20}voll|buzon.{0,20}lleno|casella.{0,20}piena/i,
  ],
  [
    'moved-recipient',
    /has (?:been )?moved to|recipient (?:has )?moved|(?:mailbox|account|user|address|adresse) (?:has )?(?:been )?(?:changed|moved|replaced)|is no longer (?:at this|with the company|employed)|(?:has|have) left (?:the|this|our) (?:company|organi)|new address|no longer works|5[.]1[.]6/i,
  ],
  [
    'message-too-large',
    /(?:message|mail|e-?mail|attachment|content)(?: size| body| length)? (?:is )?(?:too (?:big|large|long)|exceed)|exceed(?:s|ed)? (?:the )?(?:maximum|max|fixed|our|administrative|size|message|limit).{0,30}(?:size|message|length|limit)|size (?:limit|exceed)|too (?:big|large) (?:a )?(?:message|mail|for)|maximum (?:message )?size|larger than.{0,30}(?:limit|size)/i,
  ],
  [
    'invalid-domain',
    /(?:host|domain|server)(?: name)? (?:is )?(?:unknown|not found|does ?n[o']?t exist|not exist|lookup did not succeed)|unknown (?:host|domain|mail ?domain|server)|(?:no such|non-?existent|nonexist\w*) (?:host|domain)|unrouteable (?:mail )?domain|unroutable (?:mail )?domain|name or service not known|host or domain name not found|(?:couldn'?t|could not|cannot|can'?t|unable to) (?:find|resolve|locate|look ?up).{0,40}(?:host|domain|mx|server|dns)|domain .{0,60}(?:not found|does not exist|is not valid)|nxdomain|bad destination (?:host|system|mailbox address.*domain)|illegal host\/domain|type=(?:a|mx|aaaa): (?:host|name|domain).{0,20}not found|all relevant mx records point to non-existent|not a valid domain|hôte inconnu|no mx (?:or|and) a/i,
  ],
  [
    'invalid-domain',
    /(?:does not|doesn'?t|do not|will not|not) accept(?:ing)? (?:any )?(?:e?-?mail|messages?)(?: from anyone| at this|[.]|$)|null ?mx|domain (?:does not|doesn'?t) (?:accept|receive)|no mail (?:service|accepted)|(?:^|\s)(?:521|556)[ -]/i,
  ],
  [
    'inactive-mailbox',
    /(?:mailbox|account|user|recipient|address|e-?mail|adresse)(?: .{0,60})? (?:is |has been |was )?(?:currently )?(?:disabled|inactive|suspended|deactivated|locked|blocked for|expired|not active|unavailable due to inactivity|closed|frozen|discontinued|dormant)|disabled (?:mailbox|account|user|recipient)|inactive (?:mailbox|account|user)|(?:mailbox|account) (?:currently )?suspended/i,
  ],
  [
    'expired-remotely',
    /(?:delivery|message|retry) (?:time|timeout|period)? ?(?:has )?(?:expired|exceeded)|delivery time expired|retry time(?:out)? (?:not reached|exceeded)|(?:has been|was) (?:in the queue|on the queue|queued) (?:too long|for)|too old|retry limit exceeded|maximum (?:retries|time)|unable to deliver.{0,60}(?:days|hours)|(?:could not|cannot|not) be delivered (?:for|within|after).{0,20}(?:days|hours)|giving up after/i,
  ],
  [
    'routing-loop',
    /(?:mail|message|routing) loop|too many hops|hop count exceed|too many received|loops? back to (?:me|myself)|forwarding loop/i,
  ],
  [
    'source-listed',
    /spamhaus|spamcop|barracuda(?:central)?|sorbs|uceprotect|dnsbl|rbl\b|block ?-?list|black ?-?list|blocklisted|listed (?:at|in|by|on)|invaluement|proofpoint.{0,40}block/i,
  ],
  ['virus-content', /virus|malware|trojan|infected/i],
  ['dmarc-failed', /dmarc|5[.]7[.]26/i],
  ['spf-failed', /\bspf\b|sender policy framework/i],
  ['dkim-failed', /\bdkim\b/i],
  [
    'reverse-dns',
    /reverse dns|\bptr\b|rdns|client host(?:name)? rejected|cannot find your (?:host)?name|unresolvable (?:relay )?host|helo command rejected|fix reverse|domain name (?:could|can)(?:no)?t be/i,
  ],
  [
    'spam-content',
    /\bspam\b|\bspam-?like|unsolicited|\bjunk\b|bulk (?:e-?)?mail|content (?:was )?(?:reject|block|filter|denied)|message content|(?:looks|identified|classified|detected|considered|appears).{0,20}spam|high(?:ly)? (?:spam|probability)|suspicious|advertis/i,
  ],
  [
    'rate-limited',
    /rate ?limit|too (?:many|much) (?:mail|messages?|e-?mails|requests|recipients per)|too fast|exceeded the (?:rate|maximum number of)|throttl|deferred due to|temporarily deferred|try again later.{0,20}rate|unusual rate|limit exceeded.{0,20}(?:hour|minute|day)/i,
  ],
  [
    'too-many-connections',
    /too many (?:concurrent |simultaneous )?(?:smtp )?(?:connections|sessions)|connection limit/i,
  ],
  ['greylisted', /gr[ae]y-?list/i],
  ['source-reputation', /reputation|poor (?:sender )?score|senderbase|senderscore/i],
  [
    'source-blocked',
    /(?:your|sending|source|client|connecting) (?:ip|host|server|network|address|mail server).{0,40}(?:block|bann|denied|reject|refus|not allowed)|access (?:denied|from ip)|ip (?:address )?(?:is )?(?:blocked|banned|rejected)|connection(?:s)? (?:from).{0,60}(?:refused|rejected|blocked)|blocked (?:using|by|for|-|due)|has been blocked|banned sending/i,
  ],
  [
    'relay-denied',
    /relay(?:ing)? (?:access )?(?:denied|prohibited|not (?:allowed|permitted))|unable to relay|relaying|not permitted to relay|does not relay|not allowed to relay|we do not relay|relay access|not (?:a )?gateway|no relay/i,
  ],
  [
    'tls-required',
    /starttls (?:first|is required)|must issue a starttls|encryption (?:is )?required|tls (?:is )?required|requires tls/i,
  ],
  [
    'sender-refused',
    /sender (?:address )?(?:rejected|denied|refused|blocked|verify failed|not (?:allowed|accepted|verified))|invalid (?:sender|mail from|return path)|(?:unknown|bad) sender|mail from.{0,40}(?:rejected|denied|not)|sender domain|(?:from|sender) address.{0,30}(?:not|invalid)/i,
  ],
  [
    'invalid-recipient',
    /(?:user|recipient|mailbox|account|address|addressee|alias|local part|e-?mail(?: address| account)?|mail ?box name|destination)(?: name)?(?: address)?(?: .{0,80}?)?(?: is| was| are|)? ?(?:unknown|not (?:be )?(?:found|exist|known|valid|recogni[sz]ed|listed|a known|a valid|our customer|on this|here|local|defined|configured|in our|hosted|registered)|does ?n[o']?t exist|doesn't have|do(?:es)? not (?:have|exist)|invalid|n'existe pas|inconnu|unbekannt|desconocid|non esiste|inexistent|nonexistent|non-existent|no longer (?:available|exists?|valid|active|in (?:use|service)))|(?:unknown|invalid|non-?existent|nonexistent|no such|not such|bad|no valid|unrouteable|unroutable|undeliverable|illegal|not a valid|no) (?:local )?(?:user|recipients?|mailbox(?:es)?|account|(?:e-?mail )?address(?:ee)?|person|alias|local-?part|virtual user|destination mailbox|name|mail ?drop|login|customer|inbox)\b|user unknown|unknown user|(?:isn't|is not|not) (?:a )?(?:valid|known|local|listed|found)|user doesn'?t|recipient (?:address )?rejected(?!: (?:access|policy|temporar|gr[ea]y))|not our customer|couldn'?t be found|(?:could|can) ?not be found|wasn'?t found|no existe|n'existe pas|existiert nicht|nicht gefunden|does ?n[o']?t exist|there is no one at this address|this user doesn'?t have|never logged|listed in public name|unable to (?:find|validate) recipient|allowed recipients|has been (?:removed|deleted|terminated)|account (?:has been )?(?:deleted|terminated|closed)|宛先|あて先|ユーザー?が見つ|存在し/i,
  ],
  [
    'connection-failed',
    /connection (?:timed out|refused|was (?:refused|dropped|reset)|reset|closed|failed)|(?:could|can)(?: ?not|'t) connect|unable to connect|network (?:is )?unreachable|no route to host|host (?:is )?unreachable|timed out (?:waiting|while)|timeout|lost connection|connect error|operation timed out|no answer from host|not reachable|remote server did not respond|conversation with.{0,80}timed out|wasn'?t able to establish an smtp connection/i,
  ],
  [
    'dns-failure',
    /dns (?:lookup|query|error|failure)|name server|servfail|temporary (?:lookup|name)|host name lookup failure/i,
  ],
  [
    'mailbox-unavailable',
    /temporarily (?:unavailable|rejected|deferred)|mailbox (?:is )?(?:busy|locked|temporarily|unavailable)|try again|(?:service|server|system) (?:is )?(?:temporarily |currently )?(?:unavailable|busy)|temporary (?:failure|problem|error|local)|resources temporarily/i,
  ],
  [
    'server-fault',
    /internal (?:server )?error|local (?:error|configuration)|system error|mail system configuration|i\/o error|cannot (?:open|append|update) (?:mailbox|file)|can't create|mail(?:er)? error|config(?:uration)? error|unexpected failure/i,
  ],
  [
    'policy-refused',
    /policy|(?:not|un)authori[sz]ed|permission denied|prohibited|denied|rejected|refused|restricted|not allowed|blocked|forbidden|not accepted|filter/i,
  ],
];

// RFC 3463 and RFC 5248; what several receivers mean otherwise was found in the words before.
const byStatus: [RegExp, BounceClassName][] = [
  [/^5\.1\.(1|3|4)$/, 'invalid-recipient'],
  [/^5\.1\.2$/, 'invalid-domain'],
  [/^5\.1\.6$/, 'moved-recipient'],
  [/^5\.1\.10$/, 'invalid-domain'],
  [/^5\.1\.(7|8)$/, 'sender-refused'],
  [/^[45]\.2\.2$/, 'mailbox-full'],
  [/^[45]\.(2\.3|3\.4)$/, 'message-too-large'],
  [/^5\.2\.1$/, 'inactive-mailbox'],
  [/^[45]\.4\.7$/, 'expired-remotely'],
  [/^5\.4\.6$/, 'routing-loop'],
  [/^5\.4\.4$/, 'invalid-domain'],
  [/^4\.4\.[12]$/, 'connection-failed'],
  [/^5\.4\.[12]$/, 'connection-failed'],
  [/^[45]\.4\.3$/, 'dns-failure'],
  [/^[45]\.3\.1$/, 'server-fault'],
  [/^[45]\.6\.\d+$/, 'content-refused'],
  [/^5\.7\.\d+$/, 'policy-refused'],
  [/^4\.7\.\d+$/, 'rate-limited'],
  [/^5\.5\.\d+$/, 'protocol-error'],
  [/^4\.2\.\d+$/, 'mailbox-unavailable'],
  [/^4\.1\.\d+$/, 'mailbox-unavailable'],
];

/** Classes after which the address is not mailed again. */
const HARD = new Set<BounceClassName>(['invalid-recipient', 'invalid-domain', 'moved-recipient']);

// A code so general that the words say more.
const isVague = (status: string): boolean => /\.0\.0$/.test(status) || status === '';

/**
 * Reads one recipient's fate. `status` is the field, when there was one; `words` the diagnostic text.
 *
 *     diagnose('5.0.0', '550 5.1.1 <ana@example.net>: user unknown') // invalid-recipient, 5.1.1, hard
 */
export function diagnose(status: string, words: string): Diagnosis {
  const text = words.slice(0, 4000).replace(/\s+/g, ' ');
  const stated = parseStatus(status)?.text ?? '';
  const basic = /(?:^|[\s:;("'>=-])([245]\d\d)(?=[\s:;,.\-)"']|$)/.exec(text)?.[1];
  const code = basic === undefined ? undefined : Number(basic);
  const found = findStatus(text, undefined)?.text ?? '';
  let best = stated;
  if (isVague(best) && found !== '' && (best === '' || found[0] === best[0] || !isVague(found))) best = found;
  const name = classOf(best, text, code);
  if (best === '' && code !== undefined && code >= 400) best = `${Math.floor(code / 100)}.0.0`;
  const temporary = best.startsWith('4');
  // RFC 3463 2: the first digit is the one thing that everybody gets right.
  const verdict = classified(name, temporary ? { temporary: true } : {});
  return {
    class: name,
    status: best,
    hard: HARD.has(name) && (!temporary || name === 'invalid-domain') && verdict.blame === 'recipient',
  };
}

function classOf(status: string, text: string, code: number | undefined): BounceClassName {
  // A code that says exactly this is only overruled by words that name another cause.
  const precise = byStatus.find(([pattern]) => pattern.test(status))?.[1];
  for (const [name, pattern] of rules) {
    if (!pattern.test(text)) continue;
    if (precise !== undefined && isWeak(name) && !isWeak(precise)) return precise;
    return name;
  }
  if (precise !== undefined) return precise;
  const temporary = status.startsWith('4') || (status === '' && code !== undefined && code < 500);
  return temporary ? 'unknown-temporary' : 'unknown-permanent';
}

/** Classes whose words also stand around other causes. */
function isWeak(name: BounceClassName): boolean {
  return (
    name === 'policy-refused' ||
    name === 'server-fault' ||
    name === 'connection-failed' ||
    name === 'mailbox-unavailable' ||
    name === 'source-blocked' ||
    name === 'dns-failure'
  );
}
