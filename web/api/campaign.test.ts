import { expect, test } from 'vitest';
import { fixture, HTML } from '../fixture.testing.ts';
import { startWeb } from '../testing.ts';

test('a campaign from the first word to the send, and what may not be done when', async () => {
  const server = await startWeb();
  const { list, mailbox, domain } = await fixture(server.rt);
  const marketer = await server.as('marketer');
  const { id } = (await marketer.post('/api/campaigns', { name: 'Automne' })).body;
  const path = `/api/campaigns/${id}`;
  expect((await marketer.get(`${path}/preflight`)).body.ready).toBe(false);
  const early = await marketer.post(`${path}/send`);
  expect(early.status).toBe(409);
  expect(Object.keys(early.body.error.fields).length).toBeGreaterThan(0);

  const wrong = await marketer.call('PATCH', path, { sending_domain_id: 999, from_local: 'a b' });
  expect(wrong.body.error.fields).toEqual({
    sending_domain_id: 'is not a sending domain',
    from_local: 'is not what can stand before an @',
  });
  const inject = await marketer.call('PATCH', path, { subject: 'x\r\nBcc: y@example.org' });
  expect(inject.body.error.fields).toHaveProperty('subject');

  const written = await marketer.call('PATCH', path, {
    sending_domain_id: domain,
    mailbox_id: mailbox,
    from_name: 'Maison',
    from_local: 'contact',
    subject: 'Bonjour {{ contact.first_name | default: "vous" }}',
    html: `${HTML}<p>{{ brand.postal_address }}</p>`,
    audience: { lists: [list] },
    list_id: list,
  });
  expect(written.status).toBe(200);
  expect(written.body.audience).toMatchObject({ lists: [list], segments: [] });
  const preview = (await marketer.get(`${path}/preview`)).body;
  expect(preview).toMatchObject({ subject: 'Bonjour Camille', contact: { email: 'camille@client.example' } });
  const body = await marketer.get(`${path}/preview/body`);
  expect(body.body).toContain('Bonjour Camille');
  expect(body.headers.get('content-security-policy')).toMatch(/^sandbox /);
  const checks = (await marketer.get(`${path}/preflight`)).body;
  expect(checks.audience).toEqual({ selected: 1, suppressed: 0, mailable: 1 });
  expect((await marketer.post(`${path}/test`, { to: ['me@maison.example'] })).body.delivery_ids).toHaveLength(
    1,
  );
  expect((await marketer.post(`${path}/schedule`, { at: 1 })).status).toBe(422);
  expect((await marketer.post(`${path}/resume`)).status).toBe(409);
});

test('what was sent: progress, report and a ledger in which everybody has one line', async () => {
  const server = await startWeb();
  const { campaign, delivery } = await fixture(server.rt);
  const viewer = await server.as('viewer');
  const path = `/api/campaigns/${campaign}`;
  expect((await viewer.get(path)).body.state).toBe('sent');
  expect((await viewer.get(`${path}/progress`)).body.campaign.counts).toMatchObject({
    total: 1,
    delivered: 1,
  });
  expect((await viewer.get(`${path}/report`)).body.counts.delivered).toBe(1);
  const ledger = (await viewer.get(`${path}/ledger`)).body;
  expect(ledger).toMatchObject({ next: null, rows: [{ delivery_id: delivery, line: 'delivered' }] });
  expect((await viewer.get('/api/campaigns')).body.rows[0]).toMatchObject({ id: campaign, replied: 0 });
  expect((await viewer.get(`/api/deliveries/${delivery}`)).body).toMatchObject({
    state: 'delivered',
    domain: 'client.example',
    origin_name: 'Été',
    waiting: null,
  });
  const marketer = await server.as('marketer');
  expect((await marketer.call('PATCH', path, { subject: 'late' })).status).toBe(409);
  expect((await marketer.call('DELETE', path)).status).toBe(409);
  expect((await marketer.post(`${path}/duplicate`)).body).toMatchObject({
    state: 'draft',
    subject: 'Votre été',
  });
});

test('the machinery: a domain with its records, a source, the queue, a mailbox, the settings', async () => {
  const server = await startWeb();
  const owner = await server.as('owner');
  const added = await owner.post('/api/domains', { name: 'letters.example' });
  expect(added.status).toBe(200);
  expect(added.body.ready).toBe(false);
  expect(added.body.records.map((one: { status: string }) => one.status)).toContain('unchecked');
  expect(added.body.keys).toHaveLength(2);
  expect(JSON.stringify(added.body)).not.toContain('sealed');
  expect((await owner.post('/api/domains', { name: 'letters.example' })).status).toBe(409);
  expect((await owner.post('/api/domains', { name: 'no spaces here' })).status).toBe(422);

  const mailbox = await owner.post('/api/mailboxes', { name: 'Support', address: 'Support@letters.example' });
  expect(mailbox.body).toMatchObject({ address: 'support@letters.example' });
  expect((await owner.post('/api/mailboxes', { name: 'X', address: 'x@elsewhere.example' })).status).toBe(
    422,
  );

  const source = { name: 'one', ip: '203.0.113.7', ehlo: 'mail.letters.example' };
  const made = await owner.post('/api/sources', source);
  expect(made.body).toMatchObject({ pool: 'marketing', paused: false });
  expect((await owner.post('/api/sources', { ...source, name: 'two', ip: '999.1.1.1' })).status).toBe(422);
  const paused = await owner.call('PATCH', `/api/sources/${made.body.id}`, { paused: true });
  expect(paused.body.paused).toBe(true);

  expect((await owner.get('/api/queue')).body).toMatchObject({ rows: [], totals: { queued: 0 } });
  expect((await owner.call('PATCH', '/api/settings', { timezone: 'Mars/Base' })).status).toBe(422);
  expect((await owner.call('PATCH', '/api/settings', { timezone: 'Europe/Paris' })).body.timezone).toBe(
    'Europe/Paris',
  );
  const steps = (await owner.get('/api/setup')).body.steps as { id: string; done: boolean }[];
  expect(Object.fromEntries(steps.map((step) => [step.id, step.done]))).toEqual({
    domain: true,
    records: false,
    mailbox: true,
    contacts: false,
    campaign: false,
  });
});
