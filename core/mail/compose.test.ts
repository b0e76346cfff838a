import fc from 'fast-check';
import { simpleParser } from 'mailparser';
import { expect, test } from 'vitest';
import { Problem } from '../errors.ts';
import { composeReply, wireForm, WireMessage, type Reply } from './compose.ts';
import { mailboxField, parameter, rawField, textField } from './header.ts';
import { feedbackSender, listFrame, listHeaders } from './list-headers.ts';
import { encodeStatic, encodeValue, relaxLines } from './transfer.ts';

const from = { name: 'Émilie de la Maison', address: 'support@example.org' };
const base: Reply = {
  from,
  to: [{ name: 'Doe, John', address: 'john@example.net' }],
  subject: 'Re: Été',
  text: 'Bonjour,\n\nvoici.',
  messageId: '<c.1@example.org>',
  date: Date.UTC(2026, 10, 22, 13, 5, 9),
  seed: 'seed0123456789',
};

/** What every message that leaves must be (RFC 5322 2.1.1, RFC 5321 2.3.8): CRLF only, 7-bit, no line over 998. */
function expectSound(wire: Buffer) {
  const text = wire.toString('latin1');
  // oxlint-disable-next-line no-control-regex
  expect(text).not.toMatch(/[^\u0000-\u007f]/);
  expect(text.replace(/\r\n/g, '')).not.toMatch(/[\r\n\0]/);
  expect(Math.max(...text.split('\r\n').map((line) => line.length))).toBeLessThanOrEqual(998);
  expect(text.endsWith('\r\n')).toBe(true);
}

test('quoted-printable reads back as what it was, whatever the text', async () => {
  const text = fc.string({
    unit: fc.constantFrom('a', 'é', '你', '🎉', ' ', '\t', '=', '.', '\n', '-', 'x'),
    maxLength: 400,
  });
  await fc.assert(
    fc.asyncProperty(fc.array(text, { maxLength: 6 }), text, async (pieces, value) => {
      const encoded = pieces.map(encodeStatic);
      const filled = encodeValue(value);
      const wire = encoded.map((piece) => piece.wire).join('') + filled;
      for (const line of wire.split('\r\n')) {
        expect(line.length).toBeLessThanOrEqual(76);
        expect(line).not.toMatch(/[ \t]$/);
        expect(line).not.toMatch(/^\./);
      }
      const expected = (pieces.join('') + value).replace(/\r\n|\r|\n/g, '\n');
      const head =
        'Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n';
      const body = wire === '' || wire.endsWith('=\r\n') ? `${wire}\r\n` : wire;
      const parsed = await simpleParser(head + body);
      expect((parsed.text ?? '').replace(/\n*$/, '')).toBe(expected.replace(/\n*$/, ''));
      // A filled value is canonical as it stands; a fixed piece brings its canonical form along.
      expect(relaxLines(filled)).toBe(filled);
      for (const piece of encoded) expect(relaxLines(piece.wire)).toBe(piece.canonical);
    }),
    { numRuns: 150, seed: 3 },
  );
});

test('a subject of any length and script is folded and reads back', async () => {
  const subjects = [
    'short',
    'Été indien à Saint-Étienne',
    '日本語の件名がとても長いとき、どこで折り返すかは文字の途中であってはならない。',
    '🎉'.repeat(60),
    'word '.repeat(60).trim(),
    'w'.repeat(1200),
    'two  spaces and a tail',
    '=?utf-8?q?not_an_encoded_word?=',
    `mixed ${'é'.repeat(40)} and ${'plain '.repeat(30)}end`,
  ];
  for (const subject of subjects) {
    const field = textField('Subject', subject);
    for (const line of field.split('\r\n')) expect(line.length, subject).toBeLessThanOrEqual(78);
    const parsed = await simpleParser(`${field}\r\n\r\nx`);
    expect(parsed.subject).toBe(subject);
  }
});

test('a line break in a value that others wrote never begins a field', async () => {
  const field = textField('Subject', 'Hi\r\nBcc: victim@example.org\r\n\r\nbody');
  expect(field).toBe('Subject: Hi Bcc: victim@example.org body');
  expect(() => rawField('X-A', ['a\r\nBcc: x'])).toThrow('control character in X-A');
  expect(() => rawField('X-A: b', ['a'])).toThrow('no header field name');
  expect(() => mailboxField('To', [{ name: '', address: 'a@b.example\r\nBcc: x' }])).toThrow(
    'control character',
  );
  expect(mailboxField('To', [{ name: 'A\r\nBcc: x', address: 'a@b.example' }])).not.toContain('\n');
});

test('names are quoted or encoded as they need, and every mailbox reads back', async () => {
  const names = [
    'Ana',
    'Doe, John',
    'a "b" \\c',
    'Émilie',
    '日本 太郎',
    'x@gmail.com',
    'very '.repeat(30).trim(),
    '(comment)',
    '=?x?=',
  ];
  const field = mailboxField(
    'To',
    names.map((name, i) => ({ name, address: `a${i}@example.org` })),
  );
  for (const line of field.split('\r\n')) expect(line.length).toBeLessThanOrEqual(78);
  const parsed = await simpleParser(`${field}\r\n\r\nx`);
  const to = Array.isArray(parsed.to) ? parsed.to[0]! : parsed.to!;
  expect(to.value.map(({ name, address }) => [name, address])).toEqual(
    names.map((name, i) => [name, `a${i}@example.org`]),
  );
});

test('an answer with HTML, an inline picture and a file arrives whole', async () => {
  const file = Buffer.from(Array.from({ length: 1000 }, (_, i) => i % 256));
  const name = 'Été, facture n° 12 — très très longue désignation du fichier.pdf';
  const wire = wireForm(
    composeReply({
      ...base,
      html: `<p>Bonjour   <b>très</b> <img src="cid:logo" alt=""></p>${'<i>x</i>'.repeat(300)}`,
      attachments: [
        { fileName: name, mediaType: 'application/pdf', content: file },
        { fileName: 'logo.png', mediaType: 'image/png', content: file, contentId: 'logo' },
      ],
      inReplyTo: 'parent@example.net',
      references: ['<root@example.net>', '<parent@example.net>'],
      cc: [{ name: '', address: 'carol@example.net' }],
    }),
  );
  expectSound(wire);
  const parsed = await simpleParser(wire, { skipImageLinks: true });
  expect(parsed.subject).toBe('Re: Été');
  expect(parsed.from?.value).toMatchObject([from]);
  expect(parsed.inReplyTo).toBe('<parent@example.net>');
  expect(parsed.references).toEqual(['<root@example.net>', '<parent@example.net>']);
  expect(parsed.messageId).toBe('<c.1@example.org>');
  expect(parsed.date?.getTime()).toBe(base.date);
  expect(parsed.text).toBe('Bonjour,\n\nvoici.\n');
  expect(parsed.html).toContain('<p>Bonjour   <b>très</b>');
  expect(parsed.attachments.map((a) => [a.filename, a.contentDisposition, a.content.equals(file)])).toEqual(
    expect.arrayContaining([
      [name, 'attachment', true],
      ['logo.png', 'inline', true],
    ]),
  );
  expect(wire.toString()).not.toContain('Auto-Submitted');
});

test('the same answer gives the same bytes, and a plain one is a single part', async () => {
  const wire = wireForm(composeReply(base));
  expect(wireForm(composeReply(base)).equals(wire)).toBe(true);
  expectSound(wire);
  expect(wire.toString()).toContain('Content-Type: text/plain; charset=utf-8\r\n');
  expect((await simpleParser(wire)).text).toBe('Bonjour,\n\nvoici.\n');
  const empty = composeReply({ ...base, text: '' });
  expect(empty.canonicalBody).toBe('');
  expectSound(wireForm(empty));
});

test('a line break in what a caller hands in is refused by the name of its field', () => {
  const refused = (change: Partial<Reply>, field: string) => {
    let problem: unknown;
    try {
      composeReply({ ...base, ...change });
    } catch (error) {
      problem = error;
    }
    expect(problem, field).toBeInstanceOf(Problem);
    expect(Object.keys((problem as Problem).fields)).toEqual([field]);
  };
  const breaks = 'x\r\nBcc: victim@example.org';
  refused({ subject: breaks }, 'subject');
  refused({ from: { ...from, name: breaks } }, 'from.name');
  refused({ to: [{ name: '', address: breaks }] }, 'to.address');
  refused({ cc: [{ name: breaks, address: 'a@example.org' }] }, 'cc.name');
  refused({ messageId: breaks }, 'message-id');
  refused({ inReplyTo: breaks }, 'message-id');
  refused({ extra: [['X-Custom', breaks]] }, 'headers.X-Custom');
  refused({ extra: [['X-Custom: a', 'b']] }, 'headers.X-Custom:?a');
  refused({ extra: [['bcc', 'victim@example.org']] }, 'headers.bcc');
  refused({ extra: [['Content-Type', 'text/html']] }, 'headers.Content-Type');
  const file = { fileName: 'a', mediaType: 'text/plain', content: Buffer.alloc(1) };
  refused({ attachments: [{ ...file, fileName: breaks }] }, 'attachment.fileName');
  refused({ attachments: [{ ...file, mediaType: `text/plain;${breaks}` }] }, 'mediaType');
});

test('a notice of a machine says so, an answer of a person does not', () => {
  const notice = composeReply({ ...base, autoSubmitted: 'auto-generated', extra: [['X-Order', 'é 12']] });
  expect(notice.headers).toContain('Auto-Submitted: auto-generated');
  expect(notice.headers).toContain('X-Order: =?utf-8?q?=C3=A9_12?=');
  expect(composeReply(base).headers.join()).not.toContain('Auto-Submitted');
});

test('a long chain of references keeps its root and its last twenty', () => {
  const references = Array.from({ length: 100 }, (_, i) => `<${i}@example.net>`);
  const field = composeReply({ ...base, references, inReplyTo: '<99@example.net>' }).headers.find((f) =>
    f.startsWith('References'),
  )!;
  const ids = field.match(/<[^>]+>/g)!;
  expect(ids).toHaveLength(21);
  expect([ids[0], ids[1], ids.at(-1)]).toEqual(['<0@example.net>', '<80@example.net>', '<99@example.net>']);
});

test('an address beyond ASCII makes UTF-8 headers, and says that it needs SMTPUTF8', () => {
  const message = composeReply({ ...base, to: [{ name: '', address: '用户@example.net' }] });
  expect(message.needsSmtputf8).toBe(true);
  expect(wireForm(message).toString('utf8')).toContain('To: 用户@example.net\r\n');
  expect(composeReply(base).needsSmtputf8).toBe(false);
});

test('a parameter beyond ASCII is encoded and cut between characters', () => {
  expect(parameter('name', 'a "b".txt')).toEqual(['name="a \\"b\\".txt"']);
  expect(parameter('filename', 'é.txt')).toEqual(["filename*=utf-8''%C3%A9.txt"]);
  for (const piece of parameter('filename', 'é'.repeat(100))) expect(piece).toMatch(/(?:%[0-9A-F]{2})+$/);
});

test('the sender in a Feedback-ID has 5 to 15 characters and is the same for a domain for ever', () => {
  expect(feedbackSender('example.org')).toBe('example.org');
  for (const domain of ['a.fr', 'newsletter.maison-example.org', 'newsletter.maison-example.com']) {
    expect(feedbackSender(domain)).toMatch(/^[a-z0-9.-]{5,15}$/);
    expect(feedbackSender(domain)).toBe(feedbackSender(domain));
  }
  expect(feedbackSender('newsletter.maison-example.org')).not.toBe(
    feedbackSender('newsletter.maison-example.com'),
  );
});

test('bulk mail says how to leave it: one https link, the one-click field, a stable list id', () => {
  const fields = listHeaders({
    unsubscribeUrl: 'https://m.example.org/u/token',
    unsubscribeAddress: 'u.token@bounces.example.org',
    frame: listFrame({
      list: { id: 7, name: 'Nos "nouvelles"' },
      domain: 'example.org',
      feedback: { campaign: 'c 9:1', segment: 'l7', stream: 'marketing', sender: 'example.org' },
    }),
    reference: 'token',
  });
  expect(fields).toContain('List-Unsubscribe-Post: List-Unsubscribe=One-Click');
  expect(fields).toContain('List-Id: "Nos nouvelles" <list-7.example.org>');
  expect(fields).toContain('Feedback-ID: c-9-1:l7:marketing:example.org');
  const leave = fields.find((field) => field.startsWith('List-Unsubscribe:'))!;
  expect(leave.match(/https:/g)).toHaveLength(1);
  expect(leave).toContain('<mailto:u.token@bounces.example.org?subject=unsubscribe>');
  expect(fields.join()).not.toContain('Auto-Submitted');
});

test('the bytes of a message that was released are used again, and not before', () => {
  const message = (body: string) => ({
    headers: ['Subject: x'],
    body,
    canonicalBody: body,
    needsSmtputf8: false,
  });
  const first = new WireMessage(message('one\r\n'));
  const bytes = first.withHead(message('one\r\n'), []);
  const second = new WireMessage(message('two\r\n')).withHead(message('two\r\n'), []);
  expect(bytes.toString()).toBe('Subject: x\r\n\r\none\r\n');
  expect(second.buffer).not.toBe(bytes.buffer);
  first.release();
  const third = new WireMessage(message('three\r\n')).withHead(message('three\r\n'), []);
  expect(third.buffer).toBe(bytes.buffer);
  expect(third.toString()).toBe('Subject: x\r\n\r\nthree\r\n');
  // What is released twice is not handed out twice.
  first.release();
  expect(new WireMessage(message('four\r\n')).withHead(message('four\r\n'), []).buffer).not.toBe(
    third.buffer,
  );
});
