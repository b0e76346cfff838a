import { simpleParser } from 'mailparser';
import { expect, test } from 'vitest';
import { wireForm } from '../mail/compose.ts';
import { readLink, readOwnMessageId, readRecipient } from '../mail/identifiers.ts';
import { createTokens } from '../mail/tokens.ts';
import { fillFor, previewMessage, renderMessage, type FillContact } from './fill.ts';
import { compileTemplate, templateSettings, type TemplateVersion } from './template.ts';

const now = Date.UTC(2026, 10, 22, 13);
const tokens = createTokens([{ id: 2, secret: Buffer.alloc(32, 9) }]);
const freezing = { now, seed: 'k3v9q0w8z7x6c5b4', key: 2 };

const version: TemplateVersion = {
  subject: 'Un été à {{ contact.city | default: "la maison" }}, {{ contact.first_name | default: "toi" }}',
  preheader: 'Pour {{ contact.first_name | default: "toi" }} > tout',
  html: `<html><body class="a>b">
<h1>Bonjour {{ contact.first_name | default: "toi" }},</h1>
<p>${'Une phrase assez longue pour être coupée, avec des accents. '.repeat(20)}</p>
{% if contact.points > 10 %}<p>{{ contact.points }} points</p>{% endif %}
<p><a href="https://shop.example.org/a?b=1&amp;c=2">Voir</a> <a href="{{ view_url }}">En ligne</a></p>
<p>${'x'.repeat(2000)}</p>
<p><a href="{{ unsubscribe_url }}">Se désabonner</a> · {{ brand.postal_address }}</p>
</body></html>`,
  text: '',
  from_name: 'Maison Émile',
  from_address: 'bonjour@example.org',
  reply_to: 'contact@replies.example.org',
  settings: templateSettings({
    language: 'fr',
    brand: { name: 'Maison', postal_address: '1 rue des Étoiles, 69001 Lyon' },
    campaign: { id: 9, name: 'Été' },
    list: { id: 3, name: 'Nouvelles' },
    bounce_host: 'bounces.example.org',
    base_url: 'https://mail.example.org',
  }),
};
const compiled = compileTemplate(version);
const ana: FillContact = {
  email: 'ana@example.net',
  first_name: 'Ana',
  last_name: 'unused',
  fields: '{"city":"Saint-Étienne","points":12,"secret":"unused"}',
};
const render = (contact: FillContact, deliveryId = 77) =>
  renderMessage(tokens, compiled, fillFor(compiled, contact, freezing), {
    deliveryId,
    address: contact.email,
  });

test('a fill freezes what the template uses and nothing else, and survives the store', () => {
  const fill = fillFor(compiled, ana, freezing);
  expect(fill).toEqual({
    date: now,
    seed: freezing.seed,
    key: 2,
    contact: { first_name: 'Ana', city: 'Saint-Étienne', points: 12 },
  });
  expect(fillFor(compiled, { ...ana, first_name: '', fields: '{}' }, freezing).contact).toEqual({});
  const fromStore = JSON.parse(JSON.stringify(fill)) as typeof fill;
  const identity = { deliveryId: 77, address: ana.email };
  expect(renderMessage(tokens, compiled, fromStore, identity)).toEqual(render(ana));
});

test('a column comes before a custom field of its name, and a custom field cannot reach what is not data', () => {
  const all = compileTemplate({
    ...version,
    html: '',
    text: '{{ contact.email }}{{ contact.__proto__ }}{% for x in contact %}{{ x }}{% endfor %}',
  });
  const fill = fillFor(
    all,
    { email: 'a@example.net', fields: '{"email":"forged@example.net","__proto__":{"x":1}}' },
    freezing,
  );
  expect(fill.contact['email']).toBe('a@example.net');
  expect(({} as Record<string, unknown>)['x']).toBeUndefined();
});

test('the same version, fill and delivery give the same bytes; another delivery does not', () => {
  const bytes = wireForm(render(ana));
  const again = compileTemplate(structuredClone(version));
  const fill = fillFor(again, ana, freezing);
  const later = createTokens([
    { id: 2, secret: Buffer.alloc(32, 9) },
    { id: 3, secret: Buffer.alloc(32, 8) },
  ]);
  expect(
    wireForm(renderMessage(later, again, fill, { deliveryId: 77, address: ana.email })).equals(bytes),
  ).toBe(true);
  expect(wireForm(render(ana, 78)).equals(bytes)).toBe(false);
});

test('the message reads as it was written, in 7-bit lines', async () => {
  const message = render(ana);
  const wire = wireForm(message);
  const text = wire.toString('latin1');
  // oxlint-disable-next-line no-control-regex
  expect(text).not.toMatch(/[^\u0000-\u007f]/);
  expect(text.replace(/\r\n/g, '')).not.toMatch(/[\r\n\0]/);
  expect(Math.max(...text.split('\r\n').map((line) => line.length))).toBeLessThanOrEqual(100);

  const parsed = await simpleParser(wire);
  expect(parsed.subject).toBe('Un été à Saint-Étienne, Ana');
  expect(parsed.from?.value).toMatchObject([{ name: 'Maison Émile', address: 'bonjour@example.org' }]);
  expect(parsed.date?.getTime()).toBe(now);
  expect(parsed.messageId).toBe(message.messageId);
  const preview = previewMessage(compiled, fillFor(compiled, ana, freezing));
  const url = /https:\/\/mail\.example\.org\/u\/[0-9a-z]{32}/.exec(String(parsed.html))![0];
  const view = /https:\/\/mail\.example\.org\/v\/[0-9a-z]{32}/.exec(String(parsed.html))![0];
  expect(parsed.html).toBe(preview.html!.replace('#unsubscribe', url).replace('#view', view));
  expect(parsed.text).toBe(preview.text.replace('#unsubscribe', url).replace('#view', view));
  expect(parsed.html).toContain('<p>12 points</p>');
  expect(parsed.html).toMatch(/<body class="a>b">\n<div style="display:none[^>]*>Pour Ana &gt; tout<\/div>/);
});

test('everything that can come back names the delivery', () => {
  const message = render(ana);
  const field = (name: string) => message.headers.find((h) => h.startsWith(`${name}:`))!.replace(/\r\n/g, '');
  const id = { kind: 'valid', id: 77 };
  for (const address of [
    message.returnPath,
    /<(contact\+r[^>]+)>/.exec(field('Reply-To'))![1]!,
    /mailto:([^?]+)\?/.exec(field('List-Unsubscribe'))![1]!,
  ]) {
    const found = readRecipient(address);
    expect(found.kind, address).toBe('token');
    if (found.kind === 'token') expect(tokens.read(found.token, { ...found, now })).toMatchObject(id);
  }
  expect(readOwnMessageId(tokens, message.messageId, now)).toMatchObject(id);
  expect(readLink(tokens, /\/u\/([0-9a-z]+)>/.exec(field('List-Unsubscribe'))![1]!, 'u', now)).toMatchObject(
    id,
  );
  const reference = field('X-Parley-Reference').slice('X-Parley-Reference: '.length);
  expect(tokens.read(reference, { purpose: 'f', domain: 'example.org', now })).toMatchObject(id);
  expect(field('List-Unsubscribe-Post')).toBe('List-Unsubscribe-Post: List-Unsubscribe=One-Click');
});

test('a hostile merge value stays a value, in the subject, the HTML and the text', async () => {
  const evil = `A\r\nBcc: victim@example.org\r\n\r\n--=_${freezing.seed}_a--\r\n<img src=x onerror=y>{{ unsubscribe_url }}\ud800`;
  const message = render({ ...ana, first_name: evil, fields: { city: '.\r\n.\r\n', points: 1 } });
  const wire = wireForm(message);
  const lines = wire.toString('latin1').split('\r\n');
  expect(lines.slice(0, lines.indexOf('')).join('\n')).not.toMatch(/^Bcc/im);
  expect(lines.filter((line) => line.startsWith('.'))).toEqual([]);
  const parsed = await simpleParser(wire);
  expect(parsed.headers.has('bcc')).toBe(false);
  expect(parsed.subject).toContain('A Bcc: victim@example.org');
  expect(parsed.html).toContain('&lt;img src=x onerror=y&gt;{{ unsubscribe_url }}');
  expect(parsed.html).toContain('</html>');
  expect(parsed.text).toContain('<img src=x onerror=y>{{ unsubscribe_url }}');
  expect(parsed.attachments).toEqual([]);
});

test('a transactional message carries no list fields, one without replies no Reply-To, a text alone no HTML', async () => {
  const plain = compileTemplate({
    ...version,
    html: '',
    text: 'Code {{ contact.code }}',
    reply_to: null,
    settings: { ...version.settings, stream: 'transactional' },
  });
  const fill = fillFor(plain, { email: 'ana@example.net', fields: { code: 1234 } }, freezing);
  const message = renderMessage(tokens, plain, fill, { deliveryId: 1, address: 'ana@example.net' });
  const names = message.headers.map((h) => h.slice(0, h.indexOf(':'))).join();
  expect(names).toBe('Date,From,To,Subject,Message-ID,MIME-Version,Content-Type,Content-Transfer-Encoding');
  expect((await simpleParser(wireForm(message))).text).toBe('Code 1234\n');
});
