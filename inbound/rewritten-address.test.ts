import { expect, test } from 'vitest';
import { originalAddress, undoRewriting } from './rewritten-address.ts';

const token = '0123456789abcdefghjkmnpqrstvwxyz';

test.each<[string, string, ReturnType<typeof undoRewriting>]>([
  [
    'SRS0 names the sender',
    'SRS0=HHhh=TT=shop.example=ana@forward.example',
    { how: 'srs0', sender: 'ana@shop.example', forwarder: undefined },
  ],
  [
    'SRS0 with a plus for its separator, written small by a host that folds case',
    'srs0+hhhh=tt=shop.example=ana@forward.example',
    { how: 'srs0', sender: 'ana@shop.example', forwarder: undefined },
  ],
  [
    'SRS0 keeps a local part with "=" whole',
    'SRS0-HHHH=TT=shop.example=a=b=c@forward.example',
    { how: 'srs0', sender: 'a=b=c@shop.example', forwarder: undefined },
  ],
  [
    'SRS1 skips the first forwarder',
    'SRS1=GGGG=first.example==HHHH=TT=shop.example=ana@second.example',
    { how: 'srs1', sender: 'ana@shop.example', forwarder: undefined },
  ],
  [
    'SRS1 over a first forwarder that separates with "-"',
    'SRS1+GGGG=first.example=-HHHH=TT=shop.example=ana@second.example',
    { how: 'srs1', sender: 'ana@shop.example', forwarder: undefined },
  ],
  [
    'SRS0 cut short says who rewrote, not what',
    'SRS0=HHHH=TT@forward.example',
    { how: 'srs0', sender: undefined, forwarder: undefined },
  ],
  [
    'Microsoft 365 names the sender and the mailbox that forwards',
    'support+SRS=44ldt=IX=shop.example=ana.roy@Contoso.example',
    { how: 'srs-microsoft', sender: 'ana.roy@shop.example', forwarder: 'support@contoso.example' },
  ],
  [
    'Microsoft 365 "bounces+SRS" names nobody',
    'bounces+SRS=44ldt=IX@contoso.example',
    { how: 'srs-microsoft', sender: undefined, forwarder: undefined },
  ],
  [
    'BATV',
    'prvs=2123a4b5c6=ana@shop.example',
    { how: 'batv', sender: 'ana@shop.example', forwarder: undefined },
  ],
  [
    'BATV as its first drafts had it',
    'prvs=ana/2123a4b5c6@shop.example',
    { how: 'batv', sender: 'ana@shop.example', forwarder: undefined },
  ],
  [
    'BATV of SparkPost',
    'msprvs1=19cfkLnm9KDzc=bounces-1@shop.example',
    { how: 'batv', sender: 'bounces-1@shop.example', forwarder: undefined },
  ],
  [
    'BATV of Barracuda',
    'btv1==0123abcd==ana@shop.example',
    { how: 'batv', sender: 'ana@shop.example', forwarder: undefined },
  ],
  [
    'Google names the mailbox that forwards, not the sender',
    'support+caf_=support=reply.shop.example@gmail.com',
    { how: 'google-forward', sender: undefined, forwarder: 'support@gmail.com' },
  ],
  ['a plain address', 'ana@shop.example', undefined],
  ['a plus-address of ours', `support+r${token}@shop.example`, undefined],
  ['a name that only begins like SRS', 'srs0team@shop.example', undefined],
  ['"prvs" without a tag', 'prvs=ana@shop.example', undefined],
  ['no address', 'SRS0=HHHH=TT=shop.example=ana', undefined],
])('%s', (_, address, expected) => {
  expect(undoRewriting(address)).toEqual(expected);
});

test.each([
  ['SRS0=HHHH=TT=shop.example=prvs=2123a4b5c6=Ana@forward.example', 'ana@shop.example'],
  [`SRS0=HHHH=TT=bounce.shop.example=b.${token}@forward.example`, `b.${token}@bounce.shop.example`],
  [`prvs=2123a4b5c6=b.${token}@bounce.shop.example`, `b.${token}@bounce.shop.example`],
  ['Ana@Shop.example', 'ana@shop.example'],
  ['support+caf_=a=b.example@gmail.com', 'support+caf_=a=b.example@gmail.com'],
])('%s was %s', (address, expected) => {
  expect(originalAddress(address)).toBe(expected);
});

test('an address of many layers ends, however many there are', () => {
  const layers = `${'SRS0=H=T=a.example='.repeat(30)}ana@forward.example`;
  expect(originalAddress(layers)).toContain('@a.example');
});
