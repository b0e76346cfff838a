/* oxlint-disable unicorn/no-useless-spread -- one spread a line keeps what belongs together together */
import { expect, test } from 'vitest';
import { isPrivateAddress } from './private-address.ts';

test.each([
  ...['127.0.0.1', '127.9.8.7', '10.0.0.1', '172.16.0.1', '172.31.255.255', '192.168.1.1', '169.254.169.254'],
  ...['0.0.0.0', '100.64.0.1', '224.0.0.1', '255.255.255.255', '192.0.2.1', '198.18.0.1'],
  ...[
    '::1',
    '::',
    '::ffff:10.0.0.1',
    '::ffff:127.0.0.1',
    '::ffff:7f00:1',
    '::7f00:1',
    'fe80::1',
    'fe80::1%eth0',
  ],
  ...['fc00::1', 'fd12::1', 'ff02::1', '2001:db8::1', '2002:7f00:1::', '64:ff9b::7f00:1', '64:ff9b::a00:1'],
  ...['', 'localhost', '2130706433', '0x7f.1', '127.1'],
])('%s leads inside', (address) => expect(isPrivateAddress(address)).toBe(true));

test.each([
  ...[
    '1.1.1.1',
    '172.32.0.1',
    '172.15.255.255',
    '192.0.78.9',
    '100.128.0.1',
    '193.252.22.65',
    '223.255.255.255',
  ],
  ...['2606:4700::1111', '2a00:1450:400c:c0a::1a', '::ffff:1.1.1.1', '64:ff9b::101:101'],
])('%s leads outside', (address) => expect(isPrivateAddress(address)).toBe(false));
