/** What is kept of reports, and what they add up to; on every engine. */
import { expect, test } from 'vitest';
import { addSource } from '../core/store/identity.ts';
import { fromJson } from '../core/store/json.ts';
import { reportDay, reportWhole } from '../core/store/report.ts';
import { eachEngine } from '../core/store/testing.ts';
import { findingWords } from '../core/sending/report-finding.ts';
import { reportsIn, sameForm } from '../core/sending/reports.ts';
import { nothingKnown, type Authentication } from './authenticate.ts';
import type { DmarcReport, DmarcRow } from './dmarc-report.ts';
import { isOurs, keepReport, type ReportMail } from './keep-report.ts';
import { BOUNCE_HOST, FROM_DOMAIN, openHouse, type House } from './testing.ts';
import type { TlsReport } from './tls-report.ts';

const signed = (domain: string): Authentication => ({
  ...nothingKnown('none'),
  dkim: [{ domain, selector: 's', result: 'pass', aligned: true }],
});

const row = (over: Partial<DmarcRow> = {}): DmarcRow => ({
  ip: '203.0.113.9',
  count: 30,
  disposition: 'none',
  dkim: 'fail',
  spf: 'fail',
  headerFrom: FROM_DOMAIN,
  envelopeFrom: '',
  dkimDomain: '',
  dkimSelector: '',
  dkimResult: '',
  spfDomain: '',
  spfResult: 'fail',
  reason: '',
  ...over,
});

const aggregate = (house: House, over: Partial<DmarcReport> = {}): DmarcReport => {
  const rows = over.rows ?? [row()];
  const begin = Math.floor(house.clock.now() / 86_400_000) * 86_400 - 86_400;
  return {
    kind: 'dmarc',
    org: 'google.com',
    contact: 'noreply@google.com',
    reportId: '1',
    begin,
    end: begin + 86_399,
    domain: FROM_DOMAIN,
    policy: { p: 'none' },
    records: rows.length,
    messages: rows.reduce((sum, one) => sum + one.count, 0),
    dkimPass: 0,
    spfPass: 0,
    sourceIps: [],
    rows,
    problems: [],
    ...over,
  };
};

let serial = 0;
const keep = (
  house: House,
  report: ReportMail['report'],
  authentication = signed('google.com'),
  from = 'google.com',
) =>
  house.store.write((tx) =>
    keepReport(
      tx,
      {
        report,
        inboundId: ++serial,
        fromAddress: `noreply@${from}`,
        messageId: `m${serial}@${from}`,
        authentication,
      },
      house.clock.now(),
    ),
  );
const asked = (house: House, over: { unproved?: boolean; domain?: string } = {}) => {
  const today = reportDay(house.clock.now());
  return reportsIn(house.store.read, { from: today - 7, to: today, unproved: false, limit: 100, ...over });
};

eachEngine((_name, open) => {
  test('a report by mail is added to the tables, and nothing else comes of it', async () => {
    const house = await openHouse({ open });
    const xml = `<feedback><report_metadata><org_name>Reporter</org_name><report_id>r-9</report_id></report_metadata>
      <policy_published><domain>${FROM_DOMAIN}</domain><p>none</p></policy_published>
      <record><row><source_ip>203.0.113.9</source_ip><count>12</count><policy_evaluated><dkim>fail</dkim><spf>fail</spf>
      </policy_evaluated></row></record></feedback>`;
    const raw = `From: r@reporter.example\nSubject: Report Domain: ${FROM_DOMAIN}\nContent-Type: text/xml\n\n${xml}`;
    const id = await house.receive({ to: `postmaster@${FROM_DOMAIN}`, raw });
    await house.settle();
    const kept = await house.store.read
      .selectFrom('inbound')
      .selectAll()
      .where('id', '=', id)
      .executeTakeFirstOrThrow();
    expect(kept).toMatchObject({ state: 'applied', kind: 'dmarc', conversation_id: null });
    expect(fromJson<{ id: string }[]>(kept.rules, []).map((rule) => rule.id)).toEqual([
      'report-dmarc',
      'report-kept',
    ]);
    const counts = await asked(house, { unproved: true });
    expect(counts.days).toMatchObject([{ domain: FROM_DOMAIN, messages: 12, passed: 0, reports: 1 }]);
    expect(counts.reports).toMatchObject([{ organisation: 'Reporter', proved_by: '', inbound_id: id }]);
    for (const table of ['suppression', 'event', 'conversation'] as const)
      expect(await house.store.read.selectFrom(table).selectAll().execute()).toEqual([]);
  });

  test('the same report counts once, and a proved copy takes the place of one that is not', async () => {
    const house = await openHouse({ open });
    const forged = aggregate(house, { rows: [row({ count: 9999 })] });
    expect((await keep(house, forged, nothingKnown('none'))).id).toBe('report-kept');
    expect((await asked(house)).days).toEqual([]);
    expect((await asked(house)).unproved_reports).toBe(1);
    expect((await keep(house, aggregate(house))).id).toBe('report-kept');
    expect((await keep(house, aggregate(house))).id).toBe('report-duplicate');
    expect((await keep(house, forged, nothingKnown('none'))).id).toBe('report-duplicate');
    const { days, reports } = await asked(house, { unproved: true });
    expect(days).toMatchObject([{ messages: 30, reports: 1 }]);
    expect(reports).toMatchObject([{ proved_by: 'google.com', copies: 2 }]);
    // Whoever is proved as himself and writes another's name takes nobody's place.
    expect((await keep(house, forged, signed('evil.example'), 'evil.example')).id).toBe('report-kept');
    expect((await asked(house)).reports).toHaveLength(2);
  });

  test('what is not ours is left out, and a sender who sends without end is cut off', async () => {
    const house = await openHouse({ open });
    expect((await keep(house, aggregate(house, { domain: 'other.example' }))).id).toBe('report-foreign');
    let kept = 0;
    for (let at = 0; at < 230; at++)
      if (
        (await keep(house, aggregate(house, { reportId: `u${at}` }), nothingKnown('none'), `x${at}.example`))
          .id === 'report-kept'
      )
        kept++;
    expect(kept).toBe(200);
    // A proved one is not cut off by them.
    expect((await keep(house, aggregate(house))).id).toBe('report-kept');
    house.clock.advance(86_400_001);
    expect((await keep(house, aggregate(house, { reportId: 'later' }), nothingKnown('none'))).id).toBe(
      'report-kept',
    );
  });

  test('the tables say which source is ours and what means something, in words', async () => {
    const house = await openHouse({ open });
    await house.store.write((tx) =>
      addSource(tx, {
        name: 'Lyon',
        ip: '2001:db8::5',
        ehlo: 'mta.shop.example',
        pool: 'bulk',
        paused: 0,
        note: '',
        created_at: house.clock.now(),
        aside_since: null,
        aside_until: null,
        aside_reason: null,
        checked_at: null,
        check: null,
      }),
    );
    const pass = { dkim: 'pass', spf: 'pass' };
    await keep(
      house,
      aggregate(house, {
        rows: [
          row({ ip: '2001:0db8:0::5', count: 960, ...pass }),
          row({ ip: '2001:0db8:0::5', count: 10, disposition: 'reject' }),
          row({ count: 30, disposition: 'quarantine' }),
        ],
      }),
    );
    const found = await asked(house);
    expect(found.sources).toMatchObject([
      { source_ip: '203.0.113.9', source_name: null, neither: 30, quarantined: 30 },
      { source_name: 'Lyon', messages: 970, both: 960, neither: 10, rejected: 10, reporters: 'google.com' },
    ]);
    expect(found.findings.map(findingWords)).toEqual([
      '1 % of your own mail from 2001:0db8:0::5 (Lyon) failed both SPF and DKIM for shop.example (10 messages; 10 refused or put into spam)',
      '3 % of the mail that says it is from shop.example came from 203.0.113.9, which is not yours, and failed SPF and DKIM (30 messages; 30 refused or put into spam)',
    ]);
    expect((await asked(house, { domain: 'nobody.example' })).sources).toEqual([]);
  });

  test('TLS reports and failure reports have their own lines, and a report can be read whole', async () => {
    const house = await openHouse({ open });
    const day = new Date(house.clock.now() - 86_400_000).toISOString().slice(0, 10);
    const line = {
      domain: BOUNCE_HOST,
      policy: 'sts',
      mx: 'mx.shop.example',
      sendingIp: '',
      receivingIp: '',
      detail: '',
    };
    const tls: TlsReport = {
      kind: 'tlsrpt',
      org: 'Company, X',
      contact: '',
      reportId: 't',
      begin: `${day}T00:00:00Z`,
      end: `${day}T23:59:59Z`,
      policies: 2,
      policyDomains: ['other.example', BOUNCE_HOST],
      success: 90,
      failure: 10,
      resultTypes: ['certificate-expired'],
      rows: [
        { ...line, result: 'success', sessions: 90 },
        { ...line, result: 'certificate-expired', sessions: 10 },
        { ...line, domain: 'other.example', result: 'success', sessions: 7 },
      ],
      problems: [],
    };
    await keep(house, tls, signed('company-x.example'), 'company-x.example');
    await keep(house, {
      kind: 'dmarc-failure',
      feedbackType: 'auth-failure',
      reportedDomain: FROM_DOMAIN,
      sourceIp: '203.0.113.9',
      authFailure: 'dmarc',
      deliveryResult: 'reject',
      alignment: 'spf',
      dkimDomain: '',
      dkimSelector: '',
      originalMailFrom: 'someone@else.example',
      headerFrom: FROM_DOMAIN,
      arrivedAt: house.clock.now() - 1000,
      incidents: 4,
      problems: [],
    });
    const found = await asked(house);
    expect(found.tls).toMatchObject([
      { result: 'certificate-expired', sessions: 10, domain: BOUNCE_HOST },
      { result: 'success', sessions: 90 },
    ]);
    expect(found.findings.map(findingWords)).toEqual([
      '10 % of the encrypted sessions that others tried with bounce.shop.example failed: certificate-expired (10 sessions, told by Company X)',
    ]);
    expect(found.failures).toMatchObject([
      { source_ip: '203.0.113.9', messages: 4, delivery_result: 'reject' },
    ]);
    const ofDomain = await asked(house, { domain: FROM_DOMAIN });
    expect(ofDomain.tls).toHaveLength(2);
    expect(ofDomain.reports).toHaveLength(2);
    const id = found.reports.find((one) => one.kind === 'tlsrpt')!.id;
    const whole = await reportWhole(house.store.read, id, 10);
    expect(whole?.tls.map((one) => one.sessions)).toEqual([90, 10]);
  });
});

test('a domain is ours by its name, below it, or as the organisation above it, and never by its letters', () => {
  const ours = ['news.shop.example', 'bounce.shop.example'];
  expect(
    ['news.shop.example', 'a.news.shop.example', 'shop.example'].map((one) => isOurs(one, ours)),
  ).toEqual([true, true, true]);
  expect(
    ['example', 'evilnews.shop.example.evil', 'xnews.shop.example', ''].map((one) => isOurs(one, ours)),
  ).toEqual([false, false, false, false]);
});

test('an address has one form', () => {
  expect(sameForm('2001:0DB8:0:0::5')).toBe('2001:db8::5');
  expect(sameForm('::ffff:192.0.2.1')).toBe('192.0.2.1');
  expect(sameForm(' 192.0.2.1')).toBe('192.0.2.1');
});
