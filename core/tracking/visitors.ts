/**
 * For the corpus: who asks for links and pictures, with the words they use. Browsers send what browsers of 2025 send on
 * https; scanners mostly the same agent and little else, from one cloud or another.
 */
export interface Visitor {
  address: string;
  headers: Record<string, string>;
}

const CHROME = 'AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36';
const browser = (address: string, agent: string, extra: Record<string, string> = {}): Visitor => ({
  address,
  headers: {
    'user-agent': agent,
    accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8',
    'accept-language': 'fr-FR,fr;q=0.9,en;q=0.8',
    'sec-fetch-mode': 'navigate',
    'sec-fetch-dest': 'document',
    ...extra,
  },
});
const bare = (address: string, agent: string, extra: Record<string, string> = {}): Visitor => ({
  address,
  headers: { ...(agent !== '' && { 'user-agent': agent }), accept: '*/*', ...extra },
});

const WINDOWS = `Mozilla/5.0 (Windows NT 10.0; Win64; x64) ${CHROME}`;
const EDGE = `${WINDOWS} Edg/141.0.0.0`;
const IPHONE =
  'Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Mobile/15E148 Safari/604.1';

export const visitors = {
  // ── people ────────────────────────────────────────────────────────────────────────────────────────────────────
  windows: browser('176.138.223.14', WINDOWS),
  edge: browser('82.64.18.200', EDGE),
  mac: browser(
    '2a01:e0a:12:3450:8d2:11ff:fe00:1',
    `Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) ${CHROME}`,
  ),
  safari: browser(
    '90.12.44.7',
    'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Safari/605.1.15',
  ),
  firefox: browser('188.61.5.9', 'Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0'),
  iphone: browser('37.170.9.81', IPHONE),
  android: browser(
    '92.184.100.3',
    'Mozilla/5.0 (Linux; Android 14; Pixel 8 Build/UP1A; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/141.0.0.0 Mobile Safari/537.36',
  ),
  cubot: browser(
    '92.184.101.9',
    'Mozilla/5.0 (Linux; Android 11; CUBOT NOTE 20 Build/RP1A) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/118.0.0.0 Mobile Safari/537.36',
  ),
  /** An old machine in a library: no fetch metadata, but a language. */
  oldFirefox: bare('193.52.24.9', 'Mozilla/5.0 (Windows NT 6.1; rv:52.0) Gecko/20100101 Firefox/52.0', {
    'accept-language': 'fr',
  }),
  vpn: browser('3.120.44.8', WINDOWS),
  cloudDesktop: browser('20.61.99.140', EDGE),
  relay: browser('172.225.62.10', IPHONE),
  colleague: browser('176.138.223.61', EDGE),
  outlook: bare('82.64.18.200', 'Mozilla/4.0 (compatible; ms-office; MSOffice 16)'),
  outlookApp: bare(
    '37.170.9.81',
    'Outlook-iOS/729.4.2 Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15',
  ),
  thunderbird: bare(
    '188.61.5.9',
    'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Thunderbird/140.3.0',
    { 'accept-language': 'de' },
  ),
  appleMail: bare(
    '90.12.44.7',
    'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko)',
    { 'accept-language': 'fr-FR' },
  ),
  // ── proxies of pictures ───────────────────────────────────────────────────────────────────────────────────────
  gmail: bare(
    '66.249.93.202',
    'Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)',
  ),
  yahoo: bare('87.248.117.5', 'YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy-SLN28749.html'),
  apple: bare('17.58.101.20', 'Mozilla/5.0'),
  appleByCdn: bare('104.28.42.11', 'Mozilla/5.0'),
  // ── machines ──────────────────────────────────────────────────────────────────────────────────────────────────
  gmailAhead: bare(
    '74.125.217.98',
    'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/42.0.2311.135 Safari/537.36 Edge/12.246 Mozilla/5.0',
  ),
  safeLinks: bare('40.94.33.17', WINDOWS),
  safeLinks2: bare('20.190.160.4', WINDOWS),
  safeLinks3: bare('104.47.11.9', WINDOWS),
  /** With every header of a browser, as its detonation does. */
  detonation: browser('52.236.190.7', EDGE, { 'accept-language': 'en-US' }),
  detonation2: browser('20.93.11.2', EDGE, { 'accept-language': 'en-US' }),
  barracuda: bare(
    '209.222.82.9',
    'Mozilla/5.0 (compatible; BarracudaCentral; +https://barracudacentral.org)',
  ),
  barracudaHidden: browser('18.208.14.77', WINDOWS, { 'accept-language': 'en-US' }),
  mimecast: bare('207.211.31.80', 'Mozilla/5.0 (compatible; Mimecast-URL-Protect/1.0)'),
  mimecastHidden: bare('207.211.31.80', WINDOWS),
  proofpoint: bare('67.231.154.10', 'Mozilla/5.0 (compatible; proofpoint-url-defense)'),
  proofpointHidden: browser('52.21.89.200', `Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) ${CHROME}`),
  proofpointHidden2: browser('34.200.7.1', WINDOWS),
  proofpointHidden3: browser(
    '148.163.129.50',
    'Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0',
  ),
  cisco: bare('68.232.128.4', 'CiscoSecureEmail/15'),
  ciscoHidden: bare('208.90.57.26', WINDOWS),
  symantec: bare('67.219.246.1', 'Mozilla/5.0 (compatible; Symantec Email Security.cloud)'),
  sophos: bare('54.240.9.1', 'SophosLabs/1.0'),
  trend: bare('150.70.97.4', 'TMUFE/1.0'),
  trendHidden: bare('150.70.173.8', 'Mozilla/5.0 (Windows NT 10.0; WOW64; Trident/7.0; rv:11.0) like Gecko'),
  fortinet: bare('96.45.36.7', 'FortiGuard/7.4'),
  fireeye: bare('216.71.150.4', 'FireEye-ETP'),
  forcepoint: bare('208.87.232.9', WINDOWS),
  vade: bare('37.187.10.4', 'vade-link-scan/2'),
  hornet: bare('94.100.136.3', 'Hornetsecurity URL scan'),
  zscaler: browser('165.225.12.8', WINDOWS),
  checkpoint: bare('52.15.11.9', 'Avanan/1.0'),
  onPremises: bare('80.11.4.20', WINDOWS),
  curl: bare('203.0.113.9', 'curl/8.5.0'),
  python: bare('3.91.4.4', 'python-requests/2.32'),
  nothing: bare('51.38.4.4', ''),
  headless: bare('35.190.4.4', WINDOWS.replace('Chrome/', 'HeadlessChrome/')),
  slack: bare('54.91.18.7', 'Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)'),
  teams: bare(
    '52.113.1.1',
    'Mozilla/5.0 (Windows NT 6.1; WOW64) SkypeUriPreview Preview/0.5 skype-url-preview@microsoft.com',
  ),
  whatsapp: bare('157.240.1.1', 'WhatsApp/2.24.1 A'),
  facebook: bare('173.252.83.4', 'facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)'),
  crawler: bare('157.55.39.1', 'Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)'),
  prefetch: browser('176.138.223.14', WINDOWS, { 'sec-purpose': 'prefetch;prerender' }),
  prefetchOld: browser(
    '188.61.5.9',
    'Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0',
    {
      'x-moz': 'prefetch',
    },
  ),
} satisfies Record<string, Visitor>;

export type VisitorName = keyof typeof visitors;
