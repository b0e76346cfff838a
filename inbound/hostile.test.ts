/** Mail that was made to hang its reader: for each shape the work at four times the size is about four times the work. */
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { read } from './read.ts';

const context = { mailFrom: 'a@b.example', purposes: [], now: Date.UTC(2026, 0, 5) };
const KB = 1024;

const mail = (fields: string[], body: string): Buffer =>
  Buffer.from(
    ['From: a@b.example', 'Subject: hi', 'MIME-Version: 1.0', ...fields, '', body].join('\r\n'),
    'latin1',
  );
const plain = (text: string) => mail(['Content-Type: text/plain; charset=utf-8'], text);
const html = (text: string) => mail(['Content-Type: text/html; charset=utf-8'], text);
/** `unit` until there are so many bytes. */
const fill = (unit: string, bytes: number): string => unit.repeat(Math.ceil(bytes / unit.length));

/** The least of several turns: what else the machine does only ever adds. */
function workOf(raw: Buffer): number {
  let least = Infinity;
  for (let turn = 0; turn < 5; turn++) {
    const before = process.cpuUsage();
    read(raw, context);
    const { user, system } = process.cpuUsage(before);
    least = Math.min(least, (user + system) / 1000);
  }
  return least;
}

const dmarcRow =
  '<record><row><source_ip>192.0.2.1</source_ip><count>1</count><policy_evaluated><disposition>none</disposition><dkim>pass</dkim><spf>pass</spf></policy_evaluated></row><identifiers><header_from>b.example</header_from></identifiers></record>';
const dmarc = (inside: string): Buffer =>
  mail(
    ['Content-Type: application/gzip; name="b!c!1!2.xml.gz"', 'Content-Transfer-Encoding: base64'],
    gzipSync(`<?xml version="1.0"?>${inside}`).toString('base64').replace(/.{76}/g, '$&\r\n'),
  );
const feedback = (rows: string): string =>
  `<feedback><report_metadata><org_name>o</org_name><email>a@b.example</email><report_id>1</report_id><date_range><begin>1</begin><end>2</end></date_range></report_metadata><policy_published><domain>b.example</domain></policy_published>${rows}</feedback>`;

test.each<[string, string, (bytes: number) => Buffer]>([
  ['66', 'records of a DMARC report', (n) => dmarc(feedback(fill(dmarcRow, n)))],
  ['66', 'XML nested as deep as it is long', (n) => dmarc(feedback(fill('<a>', n)))],
  [
    '66',
    'XML entities that name each other',
    (n) => dmarc(`<!DOCTYPE x [<!ENTITY a "${fill('&b;', n)}">]>${feedback('&a;')}`),
  ],
  ['67', 'a gzip of nothing but blanks', (n) => dmarc(fill(' ', n * 16))],
  [
    '69',
    'parts without end',
    (n) => mail(['Content-Type: multipart/mixed; boundary=b'], fill('--b\r\n\r\nx\r\n', n)),
  ],
  [
    '69',
    'multiparts in multiparts',
    (n) =>
      mail(
        ['Content-Type: multipart/mixed; boundary=b0'],
        Array.from(
          { length: Math.ceil(n / 64) },
          (_, at) => `--b${at}\r\nContent-Type: multipart/mixed; boundary=b${at + 1}\r\n\r\n`,
        ).join(''),
      ),
  ],
  [
    '69',
    'a boundary as long as the message',
    (n) => mail([`Content-Type: multipart/mixed; boundary="${fill('b', n / 2)}"`], `--${fill('b', n / 2)}`),
  ],
  [
    '69',
    'lines that begin like the boundary',
    (n) => mail(['Content-Type: multipart/mixed; boundary=bbbbbbbb'], fill('--bbbbbbb\r\n', n)),
  ],
  ['69', 'header fields without end', (n) => mail([fill('X-A: b\r\n', n).trimEnd()], 'hello')],
  ['69', 'one header field in many folds', (n) => mail([`X-A: b${fill('\r\n b', n)}`], 'hello')],
  [
    '69',
    'parameters in many pieces (RFC 2231)',
    (n) =>
      mail(
        [
          `Content-Type: text/plain${Array.from({ length: Math.ceil(n / 16) }, (_, at) => `;\r\n name*${at}*=a`).join('')}`,
        ],
        'hello',
      ),
  ],
  ['69', 'addresses without end', (n) => mail([`To: ${fill('"a, b" <c@d.example>, ', n)}`], 'hello')],
  ['69', 'comments in comments', (n) => mail([`To: ${fill('(', n)}`, `Date: ${fill('(', n)}`], 'hello')],
  ['70', 'encoded words without end', (n) => mail([`Subject: ${fill('=?utf-8?Q?=41?= ', n)}`], 'x')],
  ['70', 'encoded words that do not end', (n) => mail([`Subject: ${fill('=?utf-8?Q?', n)}`], 'hello')],
  [
    '70',
    'escapes of ISO-2022-JP',
    (n) => mail(['Content-Type: text/plain; charset=iso-2022-jp'], fill('\x1b$B\x1b(B', n)),
  ],
  [
    '71',
    'base64 with rubbish in it',
    (n) =>
      mail(['Content-Type: text/plain', 'Content-Transfer-Encoding: base64'], fill('QUJD\r\n!!! =\r\n', n)),
  ],
  [
    '71',
    'soft line ends of quoted-printable',
    (n) =>
      mail(['Content-Type: text/plain', 'Content-Transfer-Encoding: quoted-printable'], fill('=\r\n', n)),
  ],
  [
    '72',
    'messages in messages',
    (n) =>
      mail(
        ['Content-Type: message/rfc822'],
        fill('Content-Type: message/rfc822\r\nFrom: a@b.example\r\n\r\n', n),
      ),
  ],
  ['73', 'a line of quote marks', (n) => plain(fill('>', n))],
  ['73', 'lines of quote marks', (n) => plain(fill('> > >\r\n', n))],
  ['73', 'announcements that never end', (n) => plain(fill('On Monday at 10 somebody ', n))],
  [
    '73',
    'announcements without what they announce',
    (n) => plain(fill('On 1 May 2026, a <b@c.example>\r\n', n)),
  ],
  ['73', 'blanks', (n) => plain(`a${fill(' ', n)}b`)],
  ['73', 'empty lines', (n) => plain(`a${fill('\r\n', n)}b`)],
  ['73', 'dashes and underscores', (n) => plain(fill('-- \r\n____\r\n', n))],
  [
    '73',
    'words of absence and of failure',
    (n) => plain(fill('out of office until the host said 550 5.1.1 ', n)),
  ],
  ['74', 'elements that are opened only', (n) => html(fill('<div><b>', n))],
  ['74', 'elements that are closed only', (n) => html(fill('</div></b>', n))],
  ['74', 'tags that do not end', (n) => html(fill('<a href="', n))],
  ['74', 'attributes without end', (n) => html(`<p ${fill('a=b ', n)}>x</p>`)],
  ['74', 'comments that do not end', (n) => html(fill('<!--', n))],
  ['74', 'style that asks for the network', (n) => html(fill('<p style="a:url(x);b:c">x</p>', n))],
  ['74', 'SVG and style in turns', (n) => html(fill('<svg><style><img src=x onerror=y>', n))],
  ['74', 'references to characters', (n) => html(fill('&#x41;&amp', n))],
  ['74', 'quotes that do not end', (n) => html(fill(`<p a='">`, n))],
  ['74', 'marks of references', (n) => html(fill('&&#&#x', n))],
  ['74', 'equal attributes', (n) => html(`<p${fill(' title=a', n)}>x</p>`)],
  ['74', 'styles of nothing but separators', (n) => html(`<p style="${fill(';:', n)}">x</p>`)],
  ['74', 'ends of what is not read', (n) => html(fill('<title></title', n))],
  ['74', 'tables in tables', (n) => html(fill('<table><tr><td>', n))],
  [
    '75',
    'a subject of marks that turn the text',
    (n) => mail([`Subject: ${fill('=?utf-8?B?4oCu?= ', n)}`], 'x'),
  ],
  ['75', 'a name of escapes', (n) => mail([`Reply-To: "${fill('\x1b[31m', n)}" <a@b.example>`], 'hello')],
])('row %s: %s', (_row, _what, make) => {
  const small = workOf(make(48 * KB));
  const large = workOf(make(192 * KB));
  // Quadratic work would be sixteen times; what takes less than the clock can tell is no work.
  expect(large / Math.max(small, 3)).toBeLessThan(8);
  expect(large).toBeLessThan(1500);
});
