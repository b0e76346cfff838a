/**
 * Sequences of hits on one message and who made each: what gateways, mail programs and people were seen to do, told in
 * seconds after the receiver's 250. The test of verdict.ts holds every one of them; a wrong count that somebody reports
 * becomes a line here first.
 */
import type { VisitorName } from './visitors.ts';

/** `open`, `trap`, a link's number, or one of them asked for by HEAD. */
type What = 'open' | 'trap' | number | `head ${number}` | 'head open';
type Who = 'person' | 'machine' | 'again';
export type CorpusHit = readonly [seconds: number, what: What, visitor: VisitorName, who: Who];

export interface Sequence {
  name: string;
  /** Links that are counted in the message; five when left out. */
  links?: number;
  hits: readonly CorpusHit[];
}

const machine = (visitor: VisitorName, hits: readonly (readonly [number, What])[]): CorpusHit[] =>
  hits.map(([seconds, what]) => [seconds, what, visitor, 'machine']);
const person = (visitor: VisitorName, hits: readonly (readonly [number, What])[]): CorpusHit[] =>
  hits.map(([seconds, what]) => [seconds, what, visitor, 'person']);

/** Nobody but machines. */
export const machines: readonly Sequence[] = [
  {
    name: 'Safe Links at delivery: HEAD and GET of each link',
    hits: machine('safeLinks', [
      [3, 'head 1'],
      [3.2, 1],
      [3.3, 'head 2'],
      [3.6, 2],
      [3.8, 3],
    ]),
  },
  {
    name: 'Safe Links minutes later, the addresses changing within the cloud',
    hits: [
      ...machine('safeLinks', [[240, 'head 1']]),
      ...machine('safeLinks2', [[241, 1]]),
      ...machine('safeLinks3', [[243, 2]]),
    ],
  },
  {
    name: 'Safe Links of a message with one link: HEAD here, GET from the next address',
    links: 1,
    hits: [...machine('safeLinks', [[400, 'head 1']]), ...machine('safeLinks2', [[402, 1]])],
  },
  {
    name: 'Microsoft detonates an hour later with a real browser, trap and all',
    hits: machine('detonation', [
      [3600, 1],
      [3603, 2],
      [3606, 'trap'],
      [3609, 3],
    ]),
  },
  {
    name: 'Microsoft detonates slowly from two addresses',
    hits: [
      ...machine('detonation', [
        [900, 1],
        [902, 'trap'],
      ]),
      ...machine('detonation2', [[904, 2]]),
    ],
  },
  {
    name: 'Microsoft detonates the one link and the trap',
    links: 1,
    hits: machine('detonation', [
      [700, 1],
      [703, 'trap'],
    ]),
  },
  {
    name: 'Barracuda by its own name',
    hits: machine('barracuda', [
      [20, 1],
      [45, 2],
      [70, 3],
    ]),
  },
  {
    name: 'Barracuda as a browser: all links in two seconds',
    hits: machine('barracudaHidden', [
      [60, 1],
      [60.4, 2],
      [60.9, 3],
      [61.3, 4],
      [61.8, 5],
    ]),
  },
  {
    name: 'Barracuda as a browser, the picture first',
    hits: machine('barracudaHidden', [
      [60, 'open'],
      [60.4, 2],
      [60.9, 3],
      [61.3, 4],
    ]),
  },
  {
    name: 'Barracuda before our 250 is through',
    hits: machine('barracudaHidden', [
      [-1.5, 1],
      [-0.5, 2],
    ]),
  },
  {
    name: 'Mimecast by its own name',
    hits: machine('mimecast', [
      [8, 1],
      [90, 2],
    ]),
  },
  {
    name: 'Mimecast as a browser that speaks no language',
    hits: machine('mimecastHidden', [
      [33, 1],
      [66, 2],
    ]),
  },
  {
    name: 'Mimecast checks by HEAD alone',
    hits: machine('mimecastHidden', [
      [120, 'head 1'],
      [130, 'head 2'],
    ]),
  },
  {
    name: 'Proofpoint by its own name',
    hits: machine('proofpoint', [
      [15, 1],
      [16, 2],
    ]),
  },
  {
    name: 'Proofpoint with three agents from three places at once',
    hits: [
      ...machine('proofpointHidden', [[50, 1]]),
      ...machine('proofpointHidden2', [[51, 2]]),
      ...machine('proofpointHidden3', [[53, 3]]),
    ],
  },
  {
    name: 'Proofpoint with three agents, two links and the trap',
    links: 2,
    hits: [
      ...machine('proofpointHidden', [[50, 1]]),
      ...machine('proofpointHidden2', [[52, 2]]),
      ...machine('proofpointHidden3', [[54, 'trap']]),
    ],
  },
  {
    name: 'Proofpoint right after our 250, one link',
    links: 1,
    hits: machine('proofpointHidden', [[2.1, 1]]),
  },
  { name: 'Cisco by its own name', hits: machine('cisco', [[12, 3]]) },
  {
    name: 'Cisco as a browser: HEAD first, GET after',
    hits: machine('ciscoHidden', [
      [12, 'head 3'],
      [17, 3],
    ]),
  },
  {
    name: 'Symantec',
    hits: machine('symantec', [
      [9, 1],
      [9.5, 2],
    ]),
  },
  { name: 'Sophos', hits: machine('sophos', [[200, 1]]) },
  { name: 'Trend Micro by its own name', hits: machine('trend', [[30, 1]]) },
  {
    name: 'Trend Micro as an old browser, all links',
    hits: machine('trendHidden', [
      [30, 1],
      [31, 2],
      [32, 3],
      [33, 4],
    ]),
  },
  {
    name: 'Fortinet',
    hits: machine('fortinet', [
      [6, 1],
      [300, 2],
    ]),
  },
  { name: 'FireEye', hits: machine('fireeye', [[25, 1]]) },
  { name: 'Forcepoint as a browser that speaks no language', hits: machine('forcepoint', [[25, 1]]) },
  {
    name: 'Vade',
    hits: machine('vade', [
      [25, 1],
      [26, 2],
    ]),
  },
  { name: 'Hornetsecurity', hits: machine('hornet', [[25, 1]]) },
  { name: 'Check Point', hits: machine('checkpoint', [[25, 1]]) },
  {
    name: 'an appliance in the office: every link and the trap',
    hits: machine('onPremises', [
      [7, 1],
      [8, 2],
      [9, 3],
      [10, 'trap'],
    ]),
  },
  {
    name: 'a message with two links, both within half a second',
    links: 2,
    hits: machine('barracudaHidden', [
      [40, 1],
      [40.4, 2],
    ]),
  },
  { name: 'an open in the second of delivery', hits: machine('barracudaHidden', [[0.4, 'open']]) },
  { name: 'Apple fetches every picture, from its own network', hits: machine('apple', [[40, 'open']]) },
  { name: 'Apple fetches every picture, through a partner', hits: machine('appleByCdn', [[7200, 'open']]) },
  {
    name: 'Gmail fetches ahead',
    hits: machine('gmailAhead', [
      [3, 'open'],
      [900, 'open'],
    ]),
  },
  { name: 'the picture of Gmail in the second of delivery', hits: machine('gmail', [[0.8, 'open']]) },
  { name: 'a browser prefetches the link under the mouse', hits: machine('prefetch', [[300, 1]]) },
  { name: 'an old browser prefetches', hits: machine('prefetchOld', [[300, 1]]) },
  { name: 'curl', hits: machine('curl', [[3000, 1]]) },
  {
    name: 'a script',
    hits: machine('python', [
      [3000, 1],
      [3600, 2],
    ]),
  },
  { name: 'somebody without a name', hits: machine('nothing', [[3000, 1]]) },
  { name: 'a browser without a screen', hits: machine('headless', [[3000, 1]]) },
  { name: 'Slack draws a preview', hits: machine('slack', [[500, 1]]) },
  { name: 'Teams draws a preview', hits: machine('teams', [[500, 1]]) },
  {
    name: 'WhatsApp and Facebook draw previews',
    hits: [...machine('whatsapp', [[500, 1]]), ...machine('facebook', [[520, 1]])],
  },
  { name: 'a search engine finds a link that somebody published', hits: machine('crawler', [[86_400, 2]]) },
];

/** People, alone or with machines beside them. */
export const people: readonly Sequence[] = [
  {
    name: 'a person at a desk: opens, reads, presses one link',
    hits: person('windows', [
      [60, 'open'],
      [95, 1],
    ]),
  },
  { name: 'a person on a telephone, twelve seconds after the push', hits: person('iphone', [[12, 3]]) },
  {
    name: 'a person in the Gmail app on Android',
    hits: [...person('gmail', [[30, 'open']]), ...person('android', [[48, 2]])],
  },
  { name: 'a telephone whose maker has "bot" in its name', hits: person('cubot', [[300, 1]]) },
  {
    name: 'a person who presses two links within two seconds',
    hits: person('mac', [
      [400, 1],
      [402, 2],
    ]),
  },
  {
    name: 'a person who opens both of two links in tabs',
    links: 2,
    hits: person('firefox', [
      [400, 1],
      [401.6, 2],
    ]),
  },
  {
    name: 'a person who reads it all: four links over a minute',
    hits: person('safari', [
      [200, 1],
      [215, 2],
      [240, 3],
      [262, 4],
    ]),
  },
  {
    name: 'a double click',
    hits: [...person('windows', [[80, 1]]), [80.3, 1, 'windows', 'again'], [84, 1, 'windows', 'again']],
  },
  {
    name: 'the same link again after lunch',
    hits: person('windows', [
      [80, 1],
      [3680, 1],
    ]),
  },
  {
    name: 'a person behind a VPN in a data centre',
    hits: person('vpn', [
      [500, 'open'],
      [530, 1],
    ]),
  },
  { name: 'a person at a desktop in the cloud', hits: person('cloudDesktop', [[500, 2]]) },
  {
    name: 'a person behind Apple’s relay',
    hits: person('relay', [
      [500, 1],
      [560, 4],
    ]),
  },
  { name: 'a person behind a web gateway of the company', hits: person('zscaler', [[500, 1]]) },
  { name: 'an old browser in a library', hits: person('oldFirefox', [[5000, 1]]) },
  {
    name: 'Outlook shows the pictures, the link opens in Edge',
    hits: [...person('outlook', [[700, 'open']]), ...person('edge', [[720, 1]])],
  },
  {
    name: 'Outlook on a telephone',
    hits: [...person('outlookApp', [[90, 'open']]), ...person('iphone', [[99, 1]])],
  },
  {
    name: 'Thunderbird shows the pictures',
    hits: person('thunderbird', [
      [700, 'open'],
      [9000, 'open'],
    ]),
  },
  { name: 'Apple Mail without its privacy', hits: person('appleMail', [[700, 'open']]) },
  {
    name: 'Gmail and Yahoo show the picture when a person opens',
    hits: [...person('gmail', [[300, 'open']]), ...person('yahoo', [[600, 'open']])],
  },
  { name: 'the quickest thumb of all', links: 1, hits: person('iphone', [[6, 1]]) },
  {
    name: 'forwarded to a colleague, who presses another link',
    hits: [...person('windows', [[100, 1]]), ...person('colleague', [[400, 2]])],
  },
  {
    name: 'forwarded within the office: both press within seconds',
    hits: [...person('windows', [[400, 1]]), ...person('colleague', [[403, 2]])],
  },
  {
    name: 'Safe Links looks at the moment of the click, then the person comes',
    hits: [
      ...machine('safeLinks', [
        [800, 'head 2'],
        [800.5, 2],
      ]),
      ...person('windows', [[802, 2]]),
    ],
  },
  {
    name: 'a check at the moment of the click with a real browser from a cloud',
    hits: [...machine('detonation', [[800, 2]]), ...person('windows', [[801.5, 2]])],
  },
  {
    name: 'a check after the click',
    hits: [...person('mac', [[900, 1]]), ...machine('barracudaHidden', [[906, 1]])],
  },
  {
    name: 'Apple fetched the picture, and later a person presses',
    hits: [...machine('apple', [[40, 'open']]), ...person('iphone', [[900, 1]])],
  },
  {
    name: 'a gateway at delivery, a person an hour later',
    hits: [
      ...machine('barracudaHidden', [
        [4, 1],
        [4.5, 2],
        [5, 3],
        [5.5, 'trap'],
      ]),
      ...person('windows', [
        [3600, 'open'],
        [3620, 1],
      ]),
    ],
  },
  {
    name: 'a gateway with the person’s own agent two minutes before them',
    hits: [
      ...machine('safeLinks', [
        [60, 'head 1'],
        [61, 1],
      ]),
      ...person('vpn', [[185, 1]]),
    ],
  },
  {
    name: 'an appliance in the office scans, the person behind the same wall has another browser',
    hits: [
      ...machine('onPremises', [
        [7, 1],
        [8, 2],
        [9, 3],
        [10, 'trap'],
      ]),
      ...person('edge', [[25, 1]]),
    ],
  },
  {
    name: 'a preview in Slack, then three colleagues',
    hits: [
      ...machine('slack', [[500, 1]]),
      ...person('windows', [[520, 1]]),
      ...person('firefox', [[521, 1]]),
      ...person('safari', [[540, 1]]),
    ],
  },
  {
    name: 'a browser prefetches, and the person presses',
    hits: [...machine('prefetch', [[300, 1]]), ...person('windows', [[301, 1]])],
  },
  {
    name: 'a preview pane draws at once, the person presses later',
    hits: [...machine('windows', [[1.2, 'open']]), ...person('windows', [[20, 1]])],
  },
  {
    name: 'Gmail’s picture is a reader’s though a scanner looks at the same time',
    hits: [
      ...machine('barracudaHidden', [
        [100, 1],
        [101, 2],
        [102, 3],
      ]),
      ...person('gmail', [[101, 'open']]),
    ],
  },
];
