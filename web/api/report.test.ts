import { expect, test } from 'vitest';
import { addBrand, addSendingDomain } from '../../core/store/identity.ts';
import { addReport, reportDay } from '../../core/store/report.ts';
import { countTlsResults } from '../../core/store/tls-result.ts';
import type { Answer } from '../contract.ts';
import { startWeb } from '../testing.ts';

test('reports are shown added up and whole, unproved ones only when asked for, to who may see sending', async () => {
  const server = await startWeb();
  const now = server.clock.now();
  const day = reportDay(now);
  const report = (over: { organisation: string; proved_by: string; messages: number }) => ({
    kind: 'dmarc' as const,
    domain: 'shop.example',
    report_id: '1',
    contact: '',
    from_domain: 'reporter.example',
    begins_at: now,
    ends_at: now,
    day,
    policy: { p: 'none' },
    problems: ['it ends before it begins'],
    inbound_id: 1,
    tls: [],
    failures: [],
    sources: [
      {
        domain: 'shop.example',
        source_ip: '203.0.113.9',
        messages: over.messages,
        disposition: 'reject',
        dkim: 'fail',
        spf: 'fail',
        header_from: 'shop.example',
        envelope_from: '',
        dkim_domain: '',
        dkim_selector: '',
        dkim_result: '',
        spf_domain: '',
        spf_result: '',
        reason: '',
      },
    ],
    ...over,
  });
  await server.rt.store.write(async (tx) => {
    const brand = { name: 'Shop', language: 'fr', postal_address: '1 rue X', created_at: now } as const;
    await addSendingDomain(tx, {
      brand_id: await addBrand(tx, brand),
      name: 'shop.example',
      bounce_host: 'b.shop.example',
      reply_host: 'r.shop.example',
      created_at: now,
    });
    await addReport(tx, report({ organisation: 'Proved', proved_by: 'reporter.example', messages: 40 }), now);
    await addReport(tx, report({ organisation: 'Anybody', proved_by: '', messages: 9000 }), now);
    await countTlsResults(tx, [
      {
        day,
        domain: 'far.example',
        policy: 'sts',
        policy_id: '',
        mx: 'mx.far.example',
        result: 'certificate-expired',
        sessions: 3,
        detail: '',
        last_at: now,
      },
    ]);
  });
  const browser = await server.as('deliverability');
  const shown = (await browser.call('GET', '/api/reports')).body as Answer<'reports'>;
  expect(shown).toMatchObject({
    domains: ['shop.example'],
    days: [{ domain: 'shop.example', messages: 40, passed: 0, refused: 40 }],
    findings: [{ kind: 'stranger', ip: '203.0.113.9', share: 1, refused: 40 }],
    own_tls: [{ domain: 'far.example', sessions: 3 }],
    unproved_reports: 1,
  });
  const all = (await browser.call('GET', '/api/reports?unproved=true&days=1')).body as Answer<'reports'>;
  expect(all.days).toMatchObject([{ messages: 9040, reports: 2 }]);
  const none = (await browser.call('GET', '/api/reports?domain=other.example')).body as Answer<'reports'>;
  expect(none).toMatchObject({ days: [], sources: [], findings: [] });
  const id = shown.reports.find((one) => one.organisation === 'Proved')!.id;
  expect((await browser.call('GET', `/api/reports/${id}`)).body).toMatchObject({
    report: { policy: { p: 'none' }, problems: ['it ends before it begins'], proved_by: 'reporter.example' },
    sources: [{ source_ip: '203.0.113.9', source_name: null, messages: 40 }],
  });
  expect((await browser.call('GET', '/api/reports/999')).status).toBe(404);
  expect((await (await server.as('agent')).call('GET', '/api/reports')).status).toBe(403);
});
