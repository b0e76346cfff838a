/** What reporters send, in the forms they really send it, and what nobody should: each with its bounds. */
import { deflateRawSync, gzipSync } from 'node:zlib';
import { zipSync } from 'fflate';
import { describe, expect, test } from 'vitest';
import { MAX_RECORDS, MAX_ROWS, readDmarcReport } from './dmarc-report.ts';
import { read } from './read.ts';

const NOW = Date.UTC(2026, 10, 20);

const record = (over: { ip?: string; count?: number; dkim?: string; spf?: string } = {}) => `<record><row>
  <source_ip>${over.ip ?? '192.0.2.1'}</source_ip><count>${over.count ?? 3}</count>
  <policy_evaluated><disposition>none</disposition><dkim>${over.dkim ?? 'pass'}</dkim><spf>${over.spf ?? 'fail'}</spf>
  <reason><type>forwarded</type></reason></policy_evaluated></row>
  <identifiers><header_from>example.org</header_from></identifiers>
  <auth_results><dkim><domain>other.example</domain><result>fail</result></dkim>
  <dkim><domain>example.org</domain><selector>s1</selector><result>pass</result></dkim>
  <spf><domain>bounce.example.org</domain><result>pass</result></spf></auth_results></record>`;

const document = (records = record(), before = '<?xml version="1.0"?>') => `${before}<feedback>
  <report_metadata><org_name>Reporter</org_name><email>a@reporter.example</email><report_id>r-1</report_id>
  <date_range><begin>1763596800</begin><end>1763683199</end></date_range></report_metadata>
  <policy_published><domain>example.org</domain><p>reject</p></policy_published>${records}</feedback>`;

interface Attached {
  type?: string;
  file?: string;
  subject?: string;
  more?: string;
  encoding?: string;
}

const mail = (content: Buffer | string, over: Attached = {}) =>
  Buffer.from(
    [
      'From: reports@reporter.example',
      `Subject: ${over.subject ?? 'Report Domain: example.org Submitter: reporter.example Report-ID: <r-1>'}`,
      ...(over.more === undefined ? [] : [over.more]),
      'MIME-Version: 1.0',
      'Content-Type: multipart/mixed; boundary="B"',
      '',
      '--B',
      'Content-Type: text/plain',
      '',
      'This is a report.',
      '--B',
      `Content-Type: ${over.type ?? 'application/octet-stream'}`,
      `Content-Disposition: attachment${over.file === undefined ? '' : `; filename="${over.file}"`}`,
      ...(over.encoding === '' ? [] : ['Content-Transfer-Encoding: base64']),
      '',
      Buffer.from(content).toString('base64'),
      '--B--',
      '',
    ].join('\r\n'),
  );

const verdictOf = (raw: Buffer) => read(raw, { mailFrom: undefined, purposes: [], now: NOW }).verdict;
const dmarcOf = (raw: Buffer) => {
  const { report } = verdictOf(raw);
  if (report?.kind !== 'dmarc') throw new Error('no aggregate report was read');
  return report;
};

test.each([['\r\n'], ['\n']])(
  'a gzip that was sent as it is, between lines that end with %j, is read whole',
  (end) => {
    const packed = gzipSync(
      document(Array.from({ length: 40 }, (_, at) => record({ count: at + 1 })).join('')),
    );
    // RFC 1952 2.3.1: the time at which it was packed, here four line ends.
    packed.set(Buffer.from('\r\n\r\r'), 4);
    const head = [
      'From: reports@reporter.example',
      'Subject: Report Domain: example.org Submitter: reporter.example Report-ID: <r-1>',
      'MIME-Version: 1.0',
      'Content-Type: multipart/mixed; boundary="B"',
      '',
      '--B',
      'Content-Type: application/gzip; name="reporter.example!example.org!1!2.xml.gz"',
      'Content-Transfer-Encoding: binary',
      '',
      '',
    ].join(end);
    const raw = Buffer.concat([Buffer.from(head), packed, Buffer.from(`${end}--B--${end}`)]);
    expect(dmarcOf(raw)).toMatchObject({ org: 'Reporter', messages: 820, problems: [] });
  },
);

describe('an aggregate report is read', () => {
  const xml = Buffer.from(document());
  const nameless = { subject: 'Your data', file: 'data.bin' };
  const forms: [string, Buffer][] = [
    ['bare, as text/xml', mail(xml, { type: 'text/xml', file: 'r!example.org!1763596800!1763683199.xml' })],
    ['in gzip', mail(gzipSync(xml), { type: 'application/gzip', file: 'a.xml.gz' })],
    ['in zip', mail(Buffer.from(zipSync({ 'a.xml': xml })), { type: 'application/zip', file: 'a.zip' })],
    [
      'in gzip in zip',
      mail(Buffer.from(zipSync({ 'a.xml.gz': gzipSync(xml) })), { type: 'application/zip' }),
    ],
    [
      'in zip that is called gzip',
      mail(Buffer.from(zipSync({ 'a.xml': xml })), { type: 'application/gzip' }),
    ],
    ['with no name and no subject that tells', mail(gzipSync(xml), nameless)],
    ['bare, with no name and no subject that tells', mail(xml, { ...nameless, type: 'application/xml' })],
    ['in base64 that is not announced', mail(gzipSync(xml), { encoding: '', file: 'a.xml.gz' })],
    ['with a byte order mark', mail(Buffer.from(`\ufeff${document()}`), { type: 'text/xml' })],
    ['in UTF-16', mail(Buffer.from(`\ufeff${document()}`, 'utf16le'), { type: 'text/xml' })],
    [
      'with a namespace of RFC 9990',
      mail(document().replace('<feedback>', '<feedback xmlns="urn:ietf:params:xml:ns:dmarc-2.0">')),
    ],
    ['with a prefix', mail(document().replaceAll(/<(\/?)(?=[a-z])/g, '<$1d:'))],
    ['with a broken declaration', mail(document(undefined, '<?xml version="1.0" encoding="utf-8 ?>'))],
    ['in gzip with bytes after its end', mail(Buffer.concat([gzipSync(xml), Buffer.alloc(40)]))],
  ];
  test.each(forms)('%s', (_, raw) => {
    const verdict = verdictOf(raw);
    expect(verdict.kind).toBe('dmarc');
    expect(verdict.report).toMatchObject({
      org: 'Reporter',
      reportId: 'r-1',
      domain: 'example.org',
      begin: 1_763_596_800,
      messages: 3,
      dkimPass: 3,
      spfPass: 0,
      rows: [
        {
          ip: '192.0.2.1',
          dkimDomain: 'example.org',
          dkimResult: 'pass',
          spfResult: 'pass',
          reason: 'forwarded',
        },
      ],
    });
  });

  test('equal rows are added up', () => {
    const report = dmarcOf(mail(document(record() + record({ count: 4 }) + record({ dkim: 'FAIL' }))));
    expect(report.rows.map((row) => [row.count, row.dkim])).toEqual([
      [7, 'pass'],
      [3, 'fail'],
    ]);
    expect(report).toMatchObject({ records: 3, messages: 10, dkimPass: 7 });
  });

  test('one that is cut off gives its whole records and says so', () => {
    const whole = document(record() + record({ ip: '192.0.2.2' }));
    const report = dmarcOf(mail(whole.slice(0, whole.lastIndexOf('<auth_results>'))));
    expect(report).toMatchObject({ records: 1, sourceIps: ['192.0.2.1'] });
    expect(report.problems).toContain('its XML is not well formed: read as far as it goes');
  });

  test('a stray ampersand, a wrong close tag and a bad byte do not cost the rest', () => {
    const xml = document().replace('Reporter<', 'R & D \xff<').replace('</date_range>', '</daterange>');
    expect(dmarcOf(mail(Buffer.from(xml, 'latin1')))).toMatchObject({ domain: 'example.org', messages: 3 });
  });

  test('begin after end is flagged', () => {
    expect(dmarcOf(mail(document().replace('1763596800', '1863596800'))).problems).toContain(
      'it ends before it begins',
    );
  });

  test('a person who answers with a report attached stays a person', () => {
    const raw = mail(gzipSync(xml), {
      subject: 'Re: what is this?',
      more: 'In-Reply-To: <a@example.org>',
      file: 'x.gz',
    });
    expect(verdictOf(raw).kind).toBe('reply');
  });
});

describe('a hostile aggregate report', () => {
  const laughs = `<?xml version="1.0"?><!DOCTYPE feedback [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;"><!ENTITY c SYSTEM "file:///etc/passwd">]>`;
  test('with a document type is refused, before the root or within', () => {
    const report = dmarcOf(mail(document(undefined, laughs).replace('Reporter<', '&b;&c;<')));
    expect(report).toMatchObject({
      org: '',
      records: 0,
      problems: [expect.stringContaining('document type')],
    });
    const within = dmarcOf(
      mail(document().replace('<report_metadata>', '<report_metadata><!DOCTYPE x [<!ENTITY a "b">]>')),
    );
    expect(within.records).toBe(0);
  });

  test('that unpacks a thousand to one is not opened', () => {
    const bomb = Buffer.concat([Buffer.from('<feedback>'), Buffer.alloc(30_000_000, 0x20)]);
    for (const packed of [gzipSync(bomb), Buffer.from(zipSync({ 'a.xml': bomb }))]) {
      const verdict = verdictOf(mail(packed, { file: 'a!example.org!1763596800!1763683199.xml.gz' }));
      expect(verdict).toMatchObject({ kind: 'dmarc', detail: 'unreadable', report: null });
      expect(verdict.rules[0]?.why).toContain('unpacks to far more');
    }
  });

  test('that lies about its size gives no more than it promised', () => {
    const zip = Buffer.from(zipSync({ 'a.xml': Buffer.alloc(5_000_000, 0x20) }));
    // The promise in the central directory: fourth field from the name's end.
    const directory = zip.lastIndexOf(Buffer.from('PK\u0001\u0002'));
    zip.writeUInt32LE(100, directory + 24);
    const started = performance.now();
    expect(verdictOf(mail(zip)).report).toBeNull();
    expect(performance.now() - started).toBeLessThan(1000);
  });

  test('packed three times, encrypted, empty or with a path as its name does no harm', () => {
    const three = gzipSync(gzipSync(gzipSync(document())));
    expect(verdictOf(mail(three)).rules[0]?.why).toContain('packed too many times');
    expect(verdictOf(mail(Buffer.from(zipSync({})))).report).toBeNull();
    const path = Buffer.from(zipSync({ '../../etc/cron.d/x.xml': Buffer.from(document()) }));
    expect(dmarcOf(mail(path)).messages).toBe(3);
    const locked = Buffer.from(zipSync({ 'a.xml': deflateRawSync(Buffer.from(document())) }));
    locked.writeUInt16LE(1, 6);
    expect(verdictOf(mail(locked)).report).toBeNull();
  });

  test('with hundreds of entries is refused', () => {
    const many = Object.fromEntries(Array.from({ length: 200 }, (_, at) => [`.${at}`, Buffer.from('x')]));
    expect(verdictOf(mail(Buffer.from(zipSync(many)))).rules[0]?.why).toContain('more than 100 entries');
  });

  test('of nothing but stray ampersands ends early', () => {
    const report = dmarcOf(mail(document('&x;'.repeat(3_000_000))));
    expect(report.problems.join()).toContain('too many faults');
  });

  test('nested ten thousand deep ends early', () => {
    const deep = document(`${'<a>'.repeat(10_000)}${'</a>'.repeat(10_000)}`);
    expect(dmarcOf(mail(deep)).problems.join()).toContain('nested too deeply');
  });

  test('that takes too long gives what was read until then and says so', () => {
    const report = readDmarcReport(document(record().repeat(1000)), 0);
    expect(report?.records).toBeGreaterThan(0);
    expect(report?.records).toBeLessThan(1000);
    expect(report?.problems.join()).toContain('read up to there');
  });

  test('with more records and rows than may be is cut and says so', () => {
    const short = (ip: string) => `<record><row><source_ip>${ip}</source_ip><count>1</count></row></record>`;
    const ips = Array.from({ length: MAX_ROWS + 10 }, (_, at) => `10.0.${at >> 8}.${at & 255}`);
    const rows = dmarcOf(mail(document(ips.map(short).join(''))));
    expect(rows.rows).toHaveLength(MAX_ROWS);
    expect(rows.messages).toBe(MAX_ROWS + 10);
    expect(rows.problems.join()).toContain('different rows');
    const records = readDmarcReport(document(short('10.0.0.1').repeat(MAX_RECORDS + 5)), Infinity);
    expect(records).toMatchObject({ records: MAX_RECORDS, messages: MAX_RECORDS });
  }, 20_000);
});

describe('a TLS report', () => {
  const json = {
    'organization-name': 'Company-X',
    'date-range': { 'start-datetime': '2026-11-19T00:00:00Z', 'end-datetime': '2026-11-19T23:59:59Z' },
    'report-id': 't-1',
    policies: [
      {
        policy: { 'policy-type': 'sts', 'policy-domain': 'example.org' },
        summary: { 'total-successful-session-count': 5326, 'total-failure-session-count': 303 },
        'failure-details': [
          {
            'result-type': 'certificate-expired',
            'sending-mta-ip': '2001:db8::1',
            'failed-session-count': 100,
          },
          { 'result-type': 'starttls-not-supported', 'failed-session-count': 200 },
        ],
      },
    ],
  };
  const tlsOf = (raw: Buffer) => {
    const { report } = verdictOf(raw);
    if (report?.kind !== 'tlsrpt') throw new Error('no TLS report was read');
    return report;
  };

  test.each([
    ['in gzip', mail(gzipSync(JSON.stringify(json)), { type: 'application/tlsrpt+gzip', subject: 'x' })],
    ['bare', mail(JSON.stringify(json), { type: 'application/json', subject: 'x' })],
    [
      'known by its file alone',
      mail(gzipSync(JSON.stringify(json, null, 2)), { subject: 'x', file: 'x.json.gz' }),
    ],
  ])('is read %s, with what nobody explained as unknown', (_, raw) => {
    const report = tlsOf(raw);
    expect(report).toMatchObject({ org: 'Company-X', reportId: 't-1', success: 5326, failure: 303 });
    expect(report.rows.map((row) => [row.result, row.sessions])).toEqual([
      ['success', 5326],
      ['certificate-expired', 100],
      ['starttls-not-supported', 200],
      ['unknown', 3],
    ]);
  });

  test('of a hundred megabytes, of endless depth, or that is no JSON is refused in a moment', () => {
    const type = 'application/tlsrpt+gzip';
    const wide = JSON.stringify({
      policies: [],
      x: Array.from({ length: 3000 }, (_, at) => `${at}`.repeat(2000)),
    });
    const started = performance.now();
    expect(verdictOf(mail(gzipSync(Buffer.alloc(100_000_000, 0x5b)), { type })).report).toBeNull();
    expect(tlsOf(mail(wide, { type })).problems.join()).toContain('larger or deeper');
    expect(tlsOf(mail(`{"policies":${'['.repeat(100_000)}`, { type })).problems.join()).toContain('deeper');
    expect(tlsOf(mail('{"policies": nothing', { type })).problems.join()).toContain('not JSON');
    expect(performance.now() - started).toBeLessThan(5000);
  });

  test('with numbers, keys and types that are none is data and nothing else', () => {
    const odd =
      '{"policies":[1,null,{"policy":"x","summary":{"total-successful-session-count":1e400}},{"__proto__":{"a":1}}],"report-id":{}}';
    expect(tlsOf(mail(odd, { type: 'application/tlsrpt+json' }))).toMatchObject({
      success: 0,
      rows: [],
      reportId: '',
    });
    expect(({} as Record<string, unknown>)['a']).toBeUndefined();
  });
});

describe('a failure report', () => {
  const arf = (fields: string) =>
    Buffer.from(
      `From: r@reporter.example\r\nSubject: FW: x\r\nContent-Type: multipart/report; report-type=feedback-report; boundary=B\r\n\r\n--B\r\nContent-Type: message/feedback-report\r\n\r\n${fields}\r\n\r\n--B\r\nContent-Type: text/rfc822-headers\r\n\r\nFrom: Boss <boss@mail.example.org>\r\nSubject: pay\r\n\r\n--B--\r\n`,
    );
  test('by the book is read with its source, its domain and the author it pretends to be', () => {
    const verdict = verdictOf(
      arf(
        'Feedback-Type: auth-failure\r\nAuth-Failure: dmarc\r\nReported-Domain: Example.org\r\nSource-IP: [203.0.113.9]\r\nDelivery-Result: reject\r\nIdentity-Alignment: spf, dkim\r\nIncidents: 4\r\nArrival-Date: Thu, 19 Nov 2026 10:00:00 +0000',
      ),
    );
    expect(verdict.kind).toBe('dmarc-failure');
    expect(verdict.report).toMatchObject({
      reportedDomain: 'example.org',
      sourceIp: '203.0.113.9',
      authFailure: 'dmarc',
      deliveryResult: 'reject',
      headerFrom: 'mail.example.org',
      incidents: 4,
    });
  });
  test('in prose alone is read too, and a bounce about DMARC is none', () => {
    const prose = (subject: string, text: string) =>
      verdictOf(Buffer.from(`From: r@reporter.example\r\nSubject: ${subject}\r\n\r\n${text}\r\n`));
    const told =
      'A message failed DMARC.\r\n  Sender Domain: example.org\r\n  Sender IP Address: 203.0.113.68\r\n  DKIM Alignment: no';
    expect(prose('DMARC Failure Report for example.org', told).report).toMatchObject({
      kind: 'dmarc-failure',
      reportedDomain: 'example.org',
      sourceIp: '203.0.113.68',
      alignment: 'dkim',
    });
    expect(prose('Undelivered mail', told).report).toBeNull();
  });
});
