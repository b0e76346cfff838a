/**
 * Bad input on port 25, as data: what a client sends, what it hears (the beginning of every reply), whether it is hung up on,
 * and how many messages are kept. `bad-inputs.test.ts` plays each against a listener; docs/bad-inputs.md is made from it.
 */
export interface BadSession {
  /** As numbered in the design's list. */
  row: string;
  input: string;
  answer: string;
  /** Where the client begins: after the greeting, after EHLO, or in the middle of a message (after 354). */
  from: 'greeting' | 'ehlo' | 'data';
  /** Written one after another, each in its own segment. */
  sent: (string | Buffer)[];
  heard: string[];
  hungUp?: boolean;
  /** What is kept, whole, in order. */
  kept?: string[];
}

const TO = 'support@shop.example';
const envelope = `MAIL FROM:<ana@remote.example>\r\nRCPT TO:<${TO}>\r\n`;
const smuggled = 'MAIL FROM:<evil@x.example>\r\nRCPT TO:<support@shop.example>\r\nDATA\r\nx\r\n.\r\n';
const letter = 'Subject: x\r\n\r\n';

const smuggling = (what: string, end: string): BadSession => ({
  row: '1–4',
  input: `DATA with ${what} and a second envelope behind it`,
  answer: '550 5.5.2, hang up; no second message, nor the first',
  from: 'data',
  sent: [`${letter}x${end}${smuggled}`, '\r\n.\r\n'],
  heard: ['550 5.5.2'],
  hungUp: true,
});

const relay = (address: string, heard: string, from = 'ana@remote.example'): BadSession => ({
  row: '14–23',
  input: `RCPT TO:<${address}> from ${from}`,
  answer: `${heard}; nothing is relayed`,
  from: 'ehlo',
  sent: [`MAIL FROM:<${from}>\r\n`, `RCPT TO:<${address}>\r\n`, 'DATA\r\n'],
  heard: ['250 2.1.0', heard, '503 5.5.1'],
});

export const badSessions: BadSession[] = [
  smuggling('LF dot LF', '\n.\n'),
  smuggling('LF dot CRLF', '\n.\r\n'),
  smuggling('CR dot CR', '\r.\r'),
  smuggling('CRLF dot LF', '\r\n.\n'),
  {
    row: '5',
    input: 'CRLF dot CR, and LF in the next segment',
    answer: 'the end of one message',
    from: 'data',
    sent: [`${letter}x\r\n.\r`, '\n'],
    heard: ['250 2.6.0'],
    kept: [`${letter}x\r\n`],
  },
  {
    row: '6',
    input: 'dot-stuffed lines and lone dots',
    answer: 'kept byte for byte, without the stuffing',
    from: 'data',
    sent: [`${letter}..\r\n...x\r\n.y\r\n.\r\n`],
    heard: ['250 2.6.0'],
    kept: [`${letter}.\r\n..x\r\ny\r\n`],
  },
  {
    row: '6',
    input: '256 KB of dots in stuffed lines',
    answer: 'kept byte for byte',
    from: 'data',
    sent: [`${letter}${`${'.'.repeat(512)}\r\n`.repeat(500)}.\r\n`],
    heard: ['250 2.6.0'],
    kept: [`${letter}${`${'.'.repeat(511)}\r\n`.repeat(500)}`],
  },
  {
    row: '7',
    input: 'a bare CR in a header field',
    answer: '550 5.5.2, hang up',
    from: 'data',
    sent: ['Subject: a\rBcc: b@x.example\r\n\r\nx\r\n.\r\n'],
    heard: ['550 5.5.2'],
    hungUp: true,
  },
  {
    row: '7',
    input: 'NUL in a header field',
    answer: '550 5.6.0, the session goes on',
    from: 'data',
    sent: ['Subject: a\0b\r\n\r\nx\r\n.\r\n', 'NOOP\r\n'],
    heard: ['550 5.6.0', '250'],
  },
  {
    row: '7',
    input: 'NUL in the body',
    answer: '550 5.6.0, never cut off there; the session goes on',
    from: 'data',
    sent: [`${letter}a\0b\r\n.\r\n`, 'NOOP\r\n'],
    heard: ['550 5.6.0', '250'],
  },
  {
    row: '10',
    input: 'AUTH on port 25',
    answer: 'not advertised, 503 5.5.1',
    from: 'ehlo',
    sent: ['AUTH PLAIN AGEAYg==\r\n', 'NOOP\r\n'],
    heard: ['503 5.5.1', '250'],
  },
  {
    row: '12',
    input: 'a CR and a second command within MAIL FROM',
    answer: '500 5.5.2; the second command is not run',
    from: 'ehlo',
    sent: ['MAIL FROM:<a@b.example>\rRCPT TO:<support@shop.example>\r\n', 'DATA\r\n'],
    heard: ['500 5.5.2', '503 5.5.1'],
  },
  relay('x@external.example', '550 5.7.1'),
  relay('x%external.example@shop.example', '550 5.1.1'),
  relay('"x@external.example"@shop.example', '550 5.1.1'),
  relay('@shop.example:x@external.example', '501 5.1.3'),
  relay('external.example!x@shop.example', '550 5.1.1'),
  relay('x@[127.0.0.1]', '501 5.1.3'),
  relay('x', '501 5.1.3'),
  relay('x@shop.example@external.example', '501 5.1.3'),
  relay('x@external.example', '550 5.7.1', TO),
  {
    ...relay('x@external.example', '550 5.7.1'),
    input: 'EHLO shop.example, then RCPT TO:<x@external.example>',
    sent: ['EHLO shop.example\r\n', 'MAIL FROM:<a@shop.example>\r\n', 'RCPT TO:<x@external.example>\r\n'],
    heard: ['250-mx', '250 2.1.0', '550 5.7.1'],
  },
  {
    row: '25',
    input: 'an address of 10,000 brackets',
    answer: '500 5.5.6, the line is too long to be read',
    from: 'ehlo',
    sent: [`MAIL FROM:${'<'.repeat(10_000)}a@b.example${'>'.repeat(10_000)}\r\n`, 'NOOP\r\n'],
    heard: ['500 5.5.6', '250'],
  },
  {
    row: '27',
    input: 'MAIL with SIZE=10G',
    answer: '552 5.3.4 at MAIL',
    from: 'ehlo',
    sent: ['MAIL FROM:<a@b.example> SIZE=10737418240\r\n', 'NOOP\r\n'],
    heard: ['552 5.3.4', '250'],
  },
  {
    row: '31',
    input: 'DATA without RCPT',
    answer: '503 5.5.1',
    from: 'ehlo',
    sent: ['MAIL FROM:<a@b.example>\r\n', 'DATA\r\n'],
    heard: ['250 2.1.0', '503 5.5.1'],
  },
  {
    row: '31',
    input: 'BDAT without MAIL',
    answer: '503 5.5.1, its octets read on',
    from: 'ehlo',
    sent: ['BDAT 6 LAST\r\nQUIT\r\n', 'NOOP\r\n'],
    heard: ['503 5.5.1', '250'],
  },
  {
    row: '31',
    input: 'DATA after BDAT',
    answer: '503 5.5.1',
    from: 'ehlo',
    sent: [`${envelope}BDAT 2\r\nab`, 'DATA\r\n'],
    heard: ['250 2.1.0', '250 2.1.5', '250 2.0.0', '503 5.5.1'],
  },
  {
    row: '31',
    input: 'BDAT 0 LAST after a chunk',
    answer: '250, the message ends there',
    from: 'ehlo',
    sent: [`${envelope}BDAT 17\r\n${letter}x\r\n`, 'BDAT 0 LAST\r\n'],
    heard: ['250 2.1.0', '250 2.1.5', '250 2.0.0', '250 2.6.0'],
    kept: [`${letter}x\r\n`],
  },
  {
    row: '31',
    input: 'BDAT 18446744073709551616',
    answer: '501, hang up: where the next command begins nobody knows',
    from: 'ehlo',
    sent: [`${envelope}BDAT 18446744073709551616\r\n`],
    heard: ['250 2.1.0', '250 2.1.5', '501'],
    hungUp: true,
  },
  {
    row: '32',
    input: 'a command of 10 kB',
    answer: '500 5.5.6, the session goes on',
    from: 'ehlo',
    sent: [`NOOP ${'x'.repeat(10_000)}\r\n`, 'NOOP\r\n'],
    heard: ['500 5.5.6', '250'],
  },
  {
    row: '33',
    input: '512 KB in one line',
    answer: 'kept byte for byte',
    from: 'data',
    sent: [`${letter}${'A'.repeat(512 * 1024)}\r\n.\r\n`],
    heard: ['250 2.6.0'],
    kept: [`${letter}${'A'.repeat(512 * 1024)}\r\n`],
  },
  {
    row: '34',
    input: 'octets above 0x7F in MAIL without SMTPUTF8',
    answer: '553 5.6.7, the session goes on',
    from: 'ehlo',
    sent: ['MAIL FROM:<josé@b.example>\r\n', 'NOOP\r\n'],
    heard: ['553 5.6.7', '250'],
  },
  {
    row: '34',
    input: 'octets that are no UTF-8 in a command',
    answer: '500 or 501, the session goes on',
    from: 'ehlo',
    sent: [Buffer.from('NO\xffP\r\n', 'latin1'), 'NOOP\r\n'],
    heard: ['50', '250'],
  },
  {
    row: '35',
    input: 'GET / HTTP/1.1',
    answer: '421 4.7.0 once, hang up',
    from: 'greeting',
    sent: ['GET / HTTP/1.1\r\nHost: x\r\n\r\n'],
    heard: ['421 4.7.0'],
    hungUp: true,
  },
  {
    row: '37',
    input: 'VRFY, EXPN',
    answer: '252 tells nobody, 502',
    from: 'ehlo',
    sent: ['VRFY ana\r\n', 'EXPN staff\r\n'],
    heard: ['252 2.1.5', '502 5.5.1'],
  },
];
