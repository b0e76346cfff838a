/**
 * Programs that fetch links and pictures without a person behind them, known by what they call themselves. Data, with where
 * it was learnt and when; looked through again once a year. What a program does counts for more (verdict.ts): most
 * scanners call themselves a browser.
 */
export type AgentKind =
  /** Scans mail on its way, or what it links to. */
  | 'scanner'
  /** Fetches ahead so that the reader is hidden: says nothing about reading. */
  | 'apple-privacy'
  /** Fetches a picture when a person opens the message; whose and where stays unknown, and when only the first time. */
  | 'picture-proxy'
  /** Draws a preview where somebody pasted the link. */
  | 'preview'
  /** A library or a tool of programmers. */
  | 'tool'
  | 'crawler'
  /** A mail program that draws the message itself: a person has it open. */
  | 'mail-program'
  | 'browser'
  | 'none'
  | 'unknown';

interface KnownAgent {
  kind: AgentKind;
  words: readonly string[];
  source: string;
}

/** Asked in this order; words are looked for in lower case. */
const KNOWN: readonly KnownAgent[] = [
  {
    kind: 'picture-proxy',
    words: [
      'googleimageproxy',
      'ggpht.com',
      'yahoomailproxy',
      'yahoocachesystem',
      'duckduckgo-image',
      'proton-mail-proxy',
    ],
    source: 'mailgun.com/blog/product/bot-detection (2022); help.yahoo.com/kb/SLN28749 (crawlerdex, 2026-04)',
  },
  {
    // Gmail and its scanner fetch ahead under this name, which no browser ever had at its end.
    kind: 'scanner',
    words: ['edge/12.246 mozilla/5.0'],
    source:
      'gmass.co/blog/false-opens-in-gmail, pentacent/keila pull 164 (2022-11); jdavidbakr/mail-tracker 255 (2025-01)',
  },
  {
    kind: 'mail-program',
    words: [
      'ms-office',
      'msoffice',
      'microsoft outlook',
      'thunderbird',
      'outlook-ios',
      'outlook-android',
      'postbox/',
      'airmail',
    ],
    source: 'TecharoHQ/anubis discussion 1601 (2026): Outlook loads pictures as "ms-office; MSOffice 16"',
  },
  {
    kind: 'scanner',
    words: [
      'barracuda',
      'mimecast',
      'proofpoint',
      'urldefense',
      'ironport',
      'ciscosecureemail',
      'cisco-email',
      'symantec',
      'messagelabs',
      'sophos',
      'trendmicro',
      'trend micro',
      'tmes',
      'tmufe',
      'fortinet',
      'fortiguard',
      'fortimail',
      'fireeye',
      'trellix',
      'zscaler',
      'forcepoint',
      'websense',
      'checkpoint',
      'avanan',
      'hornetsecurity',
      'vade',
      'retarus',
      'spamtitan',
      'titanhq',
      'cloudmark',
      'mailmarshal',
      'trustwave',
      'f-secure',
      'withsecure',
      'webroot',
      'mcafee',
      'safelinks',
      'safe-links',
      'microsoft-urlanalyzer',
      'microsoft office existence discovery',
      'google-safety',
      'google-safebrowsing',
      'virustotal',
      'urlscan',
      'phishtank',
      'netcraft',
      'cyren',
      'opswat',
      'agari',
      'ironscales',
      'perception-point',
      'spamassassin',
      'rspamd',
      'mailguard',
      'spamhaus',
      'securolytics',
      'mailinspector',
      'linkcheck',
      'link-check',
    ],
    source:
      'suped.com bot user agents (2025-04); check.live-direct-marketing.online scanners (2025); mautic issue 16263 (2026-06)',
  },
  {
    kind: 'preview',
    words: [
      'slackbot',
      'slack-imgproxy',
      'facebookexternalhit',
      'facebookexternalua',
      'facebot',
      'twitterbot',
      'linkedinbot',
      'whatsapp/',
      'telegrambot',
      'discordbot',
      'skypeuripreview',
      'teams-linkpreview',
      'microsoftpreview',
      'bingpreview',
      'pinterestbot',
      'redditbot',
      'snap url preview',
      'viber',
      'iframely',
      'embedly',
      'mastodon',
      'vkshare',
      'line-poker',
      'kakaotalk-scrap',
      'google-read-aloud',
      'notionembedder',
    ],
    source: 'suped.com bot user agents (2025-04); matomo-org/device-detector bots.yml (2026)',
  },
  {
    kind: 'tool',
    words: [
      'curl/',
      'wget',
      'python',
      'aiohttp',
      'httpx',
      'go-http-client',
      'java/',
      'apache-httpclient',
      'okhttp',
      'jetty',
      'libwww',
      'lwp::',
      'perl',
      'ruby',
      'faraday',
      'php/',
      'guzzle',
      'node-fetch',
      'undici',
      'axios',
      'got (',
      'superagent',
      'postmanruntime',
      'insomnia',
      'httpie',
      'winhttp',
      'wininet',
      'powershell',
      'cryptoapi',
      'lua-resty',
      'reqwest',
      'hyper/',
      'dart:io',
      'headless',
      'phantomjs',
      'puppeteer',
      'playwright',
      'selenium',
      'slimerjs',
      'colly',
      'scrapy',
      'mechanize',
      'nutch',
    ],
    source: 'suped.com bot user agents (2025-04); monperrus/crawler-user-agents (2026)',
  },
  {
    kind: 'crawler',
    words: [
      'bot/',
      'bot;',
      'bot)',
      'bot ',
      '-bot',
      'crawl',
      'spider',
      'slurp',
      'archiver',
      'monitor',
      'uptime',
      'pingdom',
      'scanner',
      'validator',
      'fetcher',
      'ahc/',
      '+http',
    ],
    source: 'monperrus/crawler-user-agents (2026)',
  },
];

/** What Apple's Mail Privacy Protection calls itself, whole (mailgun.com/blog/product/bot-detection, 2022). */
const APPLE_PRIVACY = 'mozilla/5.0';

export function agentKind(agent: string): AgentKind {
  // A maker of telephones.
  const text = agent.trim().toLowerCase().replaceAll('cubot', '');
  if (text === '') return 'none';
  if (text === APPLE_PRIVACY) return 'apple-privacy';
  const known = KNOWN.find(({ words }) => words.some((word) => text.includes(word)));
  if (known !== undefined) return known.kind;
  return /^mozilla\/\d|^opera\//.test(text) ? 'browser' : 'unknown';
}

/**
 * Browsers that speak of themselves beside the agent: all since 2023 send `Sec-Fetch-…` on https (W3C Fetch Metadata), and
 * every one for twenty years a language. Below these versions nothing is expected.
 */
const SPEAKS_SINCE: readonly (readonly [pattern: RegExp, version: number])[] = [
  [/ firefox\/(\d{1,4})/, 90],
  [/ (?:chrome|crios|edg|edge)\/(\d{1,4})/, 80],
  [/ version\/(\d{1,4})[^ ]* (?:mobile\/\S+ )?safari/, 17],
];

export function shouldSpeak(agent: string): boolean {
  const text = agent.toLowerCase();
  return SPEAKS_SINCE.some(([pattern, version]) => Number(pattern.exec(text)?.[1] ?? 0) >= version);
}
