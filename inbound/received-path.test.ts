import { describe, expect, test } from 'vitest';
import { firstStranger, readReceived } from './received-path.ts';

describe('the client of a Received field', () => {
  test.each<[string, string, { ip: string | undefined; helo: string } | undefined]>([
    [
      'Postfix',
      'from helo.example (mail.example [45.33.32.9]) (using TLSv1.3 with cipher X (256/256 bits)) by mx.example (Postfix) with ESMTPS id 1; Mon, 1 Jan 2024',
      { ip: '45.33.32.9', helo: 'helo.example' },
    ],
    [
      'Postfix with IPv6',
      'from helo.example (unknown [IPv6:2a01:e0a::9]) by mx.example (Postfix) with ESMTP id 1',
      { ip: '2a01:e0a::9', helo: 'helo.example' },
    ],
    [
      'an address in the greeting is the client’s own word',
      'from [10.0.0.1] (mail.example [45.33.32.9]) by mx.example with ESMTP',
      { ip: '45.33.32.9', helo: '10.0.0.1' },
    ],
    [
      'Exim with a name',
      'from mail.example ([45.33.32.9]:40112 helo=[8.8.8.8]) by mx.example with esmtp (Exim 4.96)',
      { ip: '45.33.32.9', helo: '8.8.8.8' },
    ],
    [
      'Exim without a name',
      'from [45.33.32.9] (helo=mail.example) by mx.example with esmtp (Exim 4.96)',
      { ip: '45.33.32.9', helo: 'mail.example' },
    ],
    [
      'qmail',
      'from unknown (HELO mail.example) (45.33.32.9) by mx.example with SMTP; 1 Jan 2024',
      { ip: '45.33.32.9', helo: 'mail.example' },
    ],
    [
      'Microsoft',
      'from AM0.outlook.example (2603:10a6:20b::9) by DB8.outlook.example (2603:10a6:10:130::11) with Microsoft SMTP Server',
      { ip: '2603:10a6:20b::9', helo: 'AM0.outlook.example' },
    ],
    [
      'Google',
      'from mail.example (mail.example. [45.33.32.9]) by mx.google.com with ESMTPS id a1 for <x@y.example>',
      { ip: '45.33.32.9', helo: 'mail.example' },
    ],
    ['a step within one host', 'by 2002:a05:6402:1d4d:b0:42b with SMTP id dz13; Mon, 1 Jan 2024', undefined],
    [
      'no address at all',
      'from localhost by mx.example with LMTP id 1',
      { ip: undefined, helo: 'localhost' },
    ],
  ])('%s', (_, field, expected) => {
    expect(readReceived(field)).toEqual(expected);
  });
});

describe('the first stranger', () => {
  const trusted = (ip: string) => ip.startsWith('46.105.');
  const by = (ip: string) => `from h (h [${ip}]) by x with ESMTP`;
  test.each<[string, string[], string | undefined]>([
    ['is whom the forwarder took the mail from', [by('45.33.32.9'), by('8.8.8.8')], '45.33.32.9'],
    [
      'stands behind the forwarder’s own machines',
      [by('46.105.1.1'), by('10.0.0.7'), 'by store with LMTP', by('45.33.32.9')],
      '45.33.32.9',
    ],
    [
      'behind a machine that Google numbers by 6to4',
      [by('2002:a05:6402::1'), by('45.33.32.9')],
      '45.33.32.9',
    ],
    ['is nobody when a field cannot be read', ['from somewhere by x', by('45.33.32.9')], undefined],
    ['is nobody when there are no fields', [], undefined],
  ])('%s', (_, fields, expected) => {
    expect(firstStranger(fields, trusted)?.ip).toBe(expected);
  });
});
