/** Each dialect's own sentences and places, with a sample, and that they mean that and nothing else. */
import { expect, test } from 'vitest';
import { diagnose } from './diagnosis.ts';
import { dialectSentences } from './dialect-sentences.ts';
import { readHeaders } from './header.ts';
import { certainRecipients } from './prose-recipient.ts';
import { readSesNotice } from './ses-notice.ts';
import { stageOf } from './smtp-stage.ts';
import { untoldStages, withUntoldStage } from './untold-stage.ts';

const samples: [dialect: string, words: string, name: string, hard: boolean][] = [
  [
    'Domino',
    'because: User jo.doe (jo@example.net) not listed in Domino Directory',
    'invalid-recipient',
    true,
  ],
  ['qmail', "Sorry, I couldn't find a mail exchanger or IP address. (#5.4.4)", 'invalid-domain', true],
  [
    'qmail',
    'Connected to 192.0.2.1 but my name was rejected. Remote host said: 501 no',
    'reverse-dns',
    false,
  ],
  [
    'qmail',
    'Connected to 192.0.2.1 but sender was rejected. Remote host said: 550 no',
    'sender-refused',
    false,
  ],
  ['Gmail', "because the address couldn't be found. Check for typos", 'invalid-recipient', true],
  ['Gmail', 'The recipient server did not accept our requests to connect.', 'connection-failed', false],
  [
    'Google Groups',
    "We're writing to let you know that the group you tried to contact (x) may not exist",
    'recipient-policy',
    false,
  ],
  [
    'Exchange 5.5 and 2000',
    'The recipient name is not recognized MSEXCH:IMS:A:B:C 0 (000C05A6)',
    'invalid-recipient',
    true,
  ],
  ['DragonFly', 'DNS lookup failure: host example.invalid not found', 'invalid-domain', true],
];

test.each(samples)('%s: %s', (dialect, words, name, hard) => {
  expect(diagnose('', words)).toMatchObject({ class: name, hard });
  const matching = dialectSentences.filter(({ pattern }) => pattern.test(words));
  expect(matching.map((one) => one.dialect)).toEqual([dialect]);
});

test('every dialect has a sample here', () => {
  expect(new Set(samples.map(([dialect]) => dialect))).toEqual(
    new Set(dialectSentences.map(({ dialect }) => dialect)),
  );
});

const transcript = (command: string) =>
  `... while talking to mx.example.net.:\n>>> ${command}\n<<< 550 <ana@example.net>... User unknown\n550 5.1.1 <ana@example.net>... User unknown`;

test.each([
  ['550 no such user (in reply to RCPT TO command)', '', 'rcpt'],
  ['550 no such user (in reply to end of DATA command)', '', 'data'],
  ['SMTP error from remote mail server after end of data: 550 no such user', '', 'data'],
  ['SMTP error from remote mail server after RCPT TO:<a@b.example>: host x: 550 no', '', 'rcpt'],
  ['550 <ana@example.net>... User unknown', transcript('RCPT To:<ana@example.net>'), 'rcpt'],
  ['550 <ana@example.net>... User unknown', transcript('DATA'), 'data'],
  ['550 <bob@example.net>... User unknown', transcript('DATA'), undefined],
  ['550 no such user', 'host said: 550 no such user\n(in reply to end of DATA command)', 'data'],
  ['192.0.2.1 does not like recipient. Remote host said: 550 no such user', '', 'rcpt'],
  ['192.0.2.1 failed after I sent the message. Remote host said: 550 no such user', '', 'data'],
  ['The error that the other server returned was: 550 no such user (state 14)', '', 'rcpt'],
  ['The error that the other server returned was: 550 no such user (state 18)', '', 'data'],
  ['550 no such user', '', undefined],
])('the step of %s', (words, around, stage) => {
  expect(stageOf(words, around)).toBe(stage);
});

test.each([
  ['5.1.1', '550 5.1.1 user unknown (in reply to end of DATA command)', true],
  ['5.0.0', '550 user unknown (in reply to end of DATA command)', false],
  ['5.0.0', '550 user unknown (in reply to RCPT TO command)', true],
  ['5.2.1', '550 5.2.1 <ana@example.net>... User unknown', false],
  ['5.2.1', '550 5.2.1 <ana@example.net>... User unknown (in reply to RCPT TO command)', true],
  ['5.7.1', '550 5.7.1 <ana@example.net>: User unknown', false],
  ['4.1.1', '450 4.1.1 <ana@example.net>: User unknown', false],
])('“no such user” has to be meant: %s %s', (status, words, hard) => {
  expect(diagnose(status, words).hard).toBe(hard);
});

/** What each passes on of another's "user unknown", and the header it is known by. */
const untold: [dialect: string, header: string, text: string, words: string][] = [
  ['SurfControl E-mail Filter', 'X-Mailer: SurfControl E-mail Filter', '', '550 a@b.example... No such user'],
  [
    'McAfee gateways',
    'X-NAI-Header: Modified by McAfee Email Gateway\nSubject: Delivery Status',
    '',
    '550 <a@b.example>... User not exist',
  ],
  [
    'OpenMail and Mail2000',
    'Received: By OpenMail Mailer;Mon, 5 Jan 2026 10:00:00 +0900 (JST)',
    '---The following addresses had delivery errors---\n\na@b.example [User unknown]',
    '[User unknown]',
  ],
  [
    'Yahoo, by a message of its own',
    'Subject: Delivery failure',
    "Message from b.example.\nUnable to deliver message to the following address(es).\n\n<a@b.example>:\nThis user doesn't have a b.example account",
    "This user doesn't have a b.example account (a@b.example) [-9]",
  ],
  ['Exchange 4.0', 'Subject: Undeliverable', '', 'Recipient Not Found MSEXCH:IMC:A:B:C'],
  [
    'Postfix 1.1',
    'Subject: Undelivered Mail Returned to Sender',
    'This is the Postfix program at host mx.b.example.',
    'host mx.b.example[192.0.2.1] said: 550 <a@b.example>: User unknown',
  ],
];

test.each(untold)(
  '%s does not tell the step, so nobody is finished by it',
  (dialect, header, text, words) => {
    const headers = readHeaders(header);
    const recipient = (status: string, said: string) => ({
      ...diagnose(status, said),
      address: 'a@b.example',
      action: 'failed' as const,
      words: said,
      remoteMta: '',
    });
    const plain = recipient('5.0.0', words);
    expect(plain).toMatchObject({ class: 'invalid-recipient', hard: true });
    expect(withUntoldStage(plain, { headers, text })).toMatchObject({
      class: 'recipient-policy',
      hard: false,
    });
    expect(
      untoldStages.filter(({ wrote }) => wrote({ headers, text, words })).map((one) => one.dialect),
    ).toEqual([dialect]);
    // From anybody else, with the step, or with a code of its own it is meant.
    const other = { headers: readHeaders('Subject: Undeliverable\n'), text: '' };
    if (header.startsWith('X-') || header.startsWith('Received'))
      expect(withUntoldStage(plain, other)).toBe(plain);
    const told = recipient('5.0.0', `${words} (in reply to RCPT TO command)`);
    expect(withUntoldStage(told, { headers, text })).toBe(told);
    const coded = recipient('5.1.1', words);
    expect(withUntoldStage(coded, { headers, text })).toBe(coded);
  },
);

test('every program that does not tell the step has a sample here', () => {
  expect(untold.map(([dialect]) => dialect)).toEqual(untoldStages.map(({ dialect }) => dialect));
});

test.each([
  ['4.4.7', '450 4.7.1 Client host rejected: cannot find your hostname', '4.7.1'],
  [
    '4.4.7',
    '554 4.4.7 Message expired: unable to deliver in 840 minutes.<421 4.4.2 Connection timed out>',
    '4.4.2',
  ],
  ['5.1.1', '550 5.7.1 IP address blacklisted by recipient', '5.7.1'],
  ['5.1.1', '550 user unknown', '5.1.1'],
  ['5.0.0', '550 5.2.2 mailbox full', '5.2.2'],
])("the remote's own code says why: %s %s", (status, words, best) => {
  expect(diagnose(status, words).status).toBe(best);
});

test('failed addresses where each family of programs writes them', () => {
  expect(certainRecipients('<a@b.example>:\nno such user\n')).toEqual(['a@b.example']);
  expect(
    certainRecipients('554 <a@b.example>... Host unknown\n550 5.1.1 c@d.example... User unknown\n'),
  ).toEqual(['a@b.example', 'c@d.example']);
  expect(certainRecipients('"a@b.example":\nSMTP error\n')).toEqual(['a@b.example']);
  expect(certainRecipients('did not reach the following recipient(s):\n\na@b.example on Thu')).toEqual([
    'a@b.example',
  ]);
  expect(certainRecipients('  Recipient address: a@b.example\n  Reason: x')).toEqual(['a@b.example']);
  expect(certainRecipients('please contact <support@b.example> for help')).toEqual([]);
});

test('Amazon SES through SNS: bounce, complaint and delivery; a footer does not disturb', () => {
  const headers = readHeaders('From: SES <no-reply@sns.amazonaws.com>\nX-Amz-Sns-Message-Id: 1\n');
  const bounce = {
    notificationType: 'Bounce',
    bounce: {
      bounceType: 'Permanent',
      bouncedRecipients: [
        { emailAddress: 'A@b.example', status: '5.1.1', diagnosticCode: 'smtp; 550 5.1.1 user unknown' },
      ],
    },
  };
  expect(
    readSesNotice(headers, `${JSON.stringify(bounce)}\n\n--\nIf you wish to stop receiving`),
  ).toMatchObject({
    kind: 'bounce',
    recipients: [{ address: 'a@b.example', status: '5.1.1', hard: true }],
  });
  const complaint = {
    eventType: 'Complaint',
    complaint: { complainedRecipients: [{ emailAddress: 'a@b.example' }], complaintFeedbackType: 'abuse' },
  };
  expect(readSesNotice(headers, JSON.stringify({ Message: JSON.stringify(complaint) }))).toMatchObject({
    kind: 'complaint',
    feedbackType: 'abuse',
  });
  expect(readSesNotice(headers, 'AWS news: {"a": 1}')).toBeUndefined();
  expect(readSesNotice(readHeaders('From: a@b.example\n'), JSON.stringify(bounce))).toBeUndefined();
});
