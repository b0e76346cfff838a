import { expect, test } from 'vitest';
import { wireForm } from '../mail/compose.ts';
import { createTokens } from '../mail/tokens.ts';
import { fillFor, previewMessage, renderMessage } from './fill.ts';
import { linkTable, targetOfLink, TRAP, withoutLinkTags } from './link-table.ts';
import { compileTemplate, templateSettings, textPart, type TemplateVersion } from './template.ts';

const locale = { language: 'en', timezone: 'UTC' };
const HTML = `<html><body>
<a href="https://shop.example/a?x=1&amp;y=2" data-product="P-1" data-brand='Nord'>A</a>
<a href="https://shop.example/hi/{{ contact.first_name | default: "you" }}?c={{ campaign.name | url_encode }}" data-category="coats">B</a>
<a href="{{ contact.website }}">own</a> <a href="https://{{ contact.city }}.example/">host</a>
<a href="https://shop.example{{ contact.city }}">half a host</a>
<a href="mailto:hello@shop.example">write</a>
<!-- <a href="https://hidden.example/">no</a> -->
{% assign code = 'x' %}<a href="https://shop.example/{{ code }}">assigned</a>
<a href="{{ unsubscribe_url }}">leave</a>
</body></html>`;
const TEXT = 'See https://shop.example/a?x=1&y=2, or (https://other.example/b). {{ unsubscribe_url }}';

const tokens = createTokens([{ id: 1, secret: Buffer.alloc(32, 5) }]);
const now = Date.UTC(2026, 10, 22);
const version = (links = linkTable(HTML, TEXT, locale)): TemplateVersion => ({
  subject: 'Hi',
  preheader: '',
  html: HTML,
  text: TEXT,
  from_name: 'Shop',
  from_address: 'hello@shop.example',
  reply_to: '',
  settings: templateSettings({
    base_url: 'https://m.example',
    bounce_host: 'b.example',
    campaign: { id: 1, name: 'Été' },
    links,
  }),
});
const contact = {
  email: 'ana@client.example',
  first_name: 'Ana "x"',
  fields: { website: 'https://ana.example' },
};
const compiled = compileTemplate(version());
const mail = (tracking: 'none' | 'hygiene' | 'full', template = compiled) => {
  const fill = fillFor(template, { ...contact, tracking }, { now, seed: 'k3v9q0w8z7x6c5b4', key: 1 });
  const message = renderMessage(tokens, template, fill, { deliveryId: 7, address: contact.email });
  return wireForm(message).toString('utf8').replace(/=\r\n/g, '').replace(/=3D/g, '=');
};

test('a link is in the table when its host is written out and everything merged behind it is known at the hit', () => {
  expect(linkTable(HTML, TEXT, locale)).toEqual([
    { number: 1, url: 'https://shop.example/a?x=1&y=2', product: 'P-1', brand: 'Nord' },
    {
      number: 2,
      url: 'https://shop.example/hi/{{ contact.first_name | default: "you" }}?c={{ campaign.name | url_encode }}',
      category: 'coats',
    },
    { number: 9, url: 'https://other.example/b' },
  ]);
});

test('nobody is counted who did not agree: links as written, no picture, no trap, and our attributes gone', () => {
  const written = mail('none');
  expect(written).toContain('href="https://shop.example/a?x=1&amp;y=2"');
  expect(written).not.toMatch(/data-(product|brand|category)|\/l\/|\/o\/|parley_link/);
});

test('hygiene has the picture alone; full has links, text links, picture and a trap that nobody sees', () => {
  const hygiene = mail('hygiene');
  expect(hygiene).toContain('href="https://shop.example/a?x=1&amp;y=2"');
  expect(hygiene.match(/https:\/\/m\.example\/o\/[0-9a-z]{36}\.gif/g)).toHaveLength(1);
  expect(hygiene).not.toContain('/l/');

  const full = mail('full');
  const links = [...full.matchAll(/https:\/\/m\.example\/l\/([0-9a-z]{36})(?![0-9a-z])/g)].map((match) =>
    tokens.read(match[1]!, { purpose: 'l', domain: 'links', now }),
  );
  // Two of the text, two of the HTML, and the trap last.
  expect(links.map((one) => (one.kind === 'valid' ? [one.id, one.link] : one))).toEqual([
    [7, 1],
    [7, 9],
    [7, 1],
    [7, 2],
    [7, TRAP],
  ]);
  expect(full).toContain('aria-hidden="true"');
  expect(full).toContain('rel="nofollow"');
  expect(full).toContain('href="mailto:hello@shop.example"');
  expect(full).not.toContain('parley_link');
  expect(full).not.toContain('shop.example/a?x=1');
});

test('a retry repeats every byte, whatever was agreed meanwhile', () => {
  const fill = fillFor(compiled, { ...contact, tracking: 'full' }, { now, seed: 'k3v9q0w8z7x6c5b4', key: 1 });
  const again = compileTemplate(structuredClone(version()));
  const later = createTokens([
    { id: 1, secret: Buffer.alloc(32, 5) },
    { id: 2, secret: Buffer.alloc(32, 6) },
  ]);
  const identity = { deliveryId: 7, address: contact.email };
  const first = wireForm(renderMessage(tokens, compiled, fill, identity));
  const stored = JSON.parse(JSON.stringify(fill)) as typeof fill;
  expect(wireForm(renderMessage(later, again, stored, identity)).equals(first)).toBe(true);
});

test('a version that is older than counting stays as it was, attributes and all', () => {
  const old = compileTemplate({ ...version(), settings: { ...version().settings, links: null } });
  expect(mail('full', old)).toContain('data-product="P-1"');
  expect(mail('full', old)).not.toMatch(/\/l\/|\/o\//);
});

test('a table that no longer fits the HTML counts nothing rather than the wrong link', () => {
  const moved = version().settings.links!.map((link) => ({ ...link, number: link.number + 1 }));
  expect([
    ...mail('full', compileTemplate(version(moved))).matchAll(/<a href="https:\/\/shop/g),
  ]).toHaveLength(4);
});

test('a colleague who looks at the mail sees plain links', () => {
  const fill = fillFor(compiled, { ...contact, tracking: 'full' }, { now, seed: 'k3v9q0w8z7x6c5b4', key: 1 });
  const seen = previewMessage(compiled, fill);
  expect(seen.html + seen.text).not.toMatch(/\/l\/|\/o\/|parley_link|data-/);
});

const scope = (first_name: string) => ({ contact: { first_name }, campaign: { name: 'Été & Co' }, now });
test.each([
  ['Ana', 'https://shop.example/hi/Ana?c=%C3%89t%C3%A9+%26+Co'],
  ['Ana B "x" <é>', 'https://shop.example/hi/Ana%20B%20%22x%22%20%3C%C3%A9%3E?c=%C3%89t%C3%A9+%26+Co'],
  ['a\r\nSet-Cookie: x', 'https://shop.example/hi/aSet-Cookie:%20x?c=%C3%89t%C3%A9+%26+Co'],
  ['\\..\\..//evil.example/', 'https://shop.example//evil.example/?c=%C3%89t%C3%A9+%26+Co'],
  ['@evil.example', 'https://shop.example/hi/@evil.example?c=%C3%89t%C3%A9+%26+Co'],
])('what is merged into a link stays on the site: %j', (name, expected) => {
  expect(targetOfLink(version().settings.links![1]!, scope(name), version().settings)).toBe(expected);
});

test.each([
  'https://a.example@evil.example/',
  'javascript:alert(1)',
  '//evil.example',
  'https://',
  'https:///x',
])('an address that is no web address with a fixed host is never counted: %s', (url) => {
  expect(linkTable(`<a href="${url}">x</a>`, '', locale)).toEqual([]);
  expect(targetOfLink({ number: 1, url }, {}, version().settings)).toBeUndefined();
});

test('the attributes go without touching the rest of a tag, whatever the merge fields hold', () => {
  expect(
    withoutLinkTags(
      `<a data-brand=x href="{{ a | default: "b>c" }}" data-product='p' class=y>t</a><p data-brand="z">`,
    ),
  ).toBe(`<a href="{{ a | default: "b>c" }}" class=y>t</a><p data-brand="z">`);
});

test('reading the links of hostile HTML is linear', () => {
  for (const piece of [
    '<a href="https://x.example/{{',
    '{% assign ',
    'https://x.example/',
    '</body>',
    '<a href=',
  ]) {
    const began = performance.now();
    const hostile = piece.repeat(5_000);
    linkTable(hostile, hostile, locale);
    expect(performance.now() - began, piece).toBeLessThan(3000);
  }
  expect(textPart({ subject: '', preheader: '', html: HTML, text: '' })).not.toContain('data-');
});
