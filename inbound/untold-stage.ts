/**
 * Programs that pass on another host's "user unknown" and do not tell at which step of SMTP it was said. Most are filters
 * in front of the real mail server: they accepted the message, looked into it, and report later what came of it. Such a
 * word is not enough to finish an address; a code 5.1.x is, and so is a step (smtp-stage.ts).
 */
import type { BouncedRecipient } from './dsn.ts';
import type { Headers } from './header.ts';
import { stageOf } from './smtp-stage.ts';

interface Report {
  headers: Headers;
  /** The readable part. */
  text: string;
  /** The words about one recipient. */
  words: string;
}

export interface UntoldStage {
  dialect: string;
  wrote: (report: Report) => boolean;
}

export const untoldStages: readonly UntoldStage[] = [
  {
    dialect: 'SurfControl E-mail Filter',
    wrote: ({ headers }) => /^surfcontrol e-?mail filter/i.test(headers.raw('x-mailer').trim()),
  },
  {
    // It marks the mail of others too; the subject is its own.
    dialect: 'McAfee gateways',
    wrote: ({ headers }) =>
      /\bmcafee\b/i.test(headers.raw('x-nai-header')) &&
      /^delivery status$/i.test(headers.text('subject').trim()),
  },
  {
    dialect: 'OpenMail and Mail2000',
    wrote: ({ headers, text }) =>
      headers.all('received').some((hop) => /^\s*by openmail mailer\b/i.test(hop)) &&
      /addresses had delivery errors/i.test(text),
  },
  {
    // It took the message at its door and looked the account up later; spam to a good account was told the same.
    dialect: 'Yahoo, by a message of its own',
    wrote: ({ text }) =>
      /^\s*message from [\w.-]{1,253}\.\s+unable to deliver message to the following address\(es\)/i.test(
        text,
      ),
  },
  {
    // The later connectors add a code of their own, "(000C05A6)", which says that the directory was asked.
    dialect: 'Exchange 4.0',
    wrote: ({ words }) => /\bmsexch:imc:/i.test(words) && !/\([0-9a-f]{8}\)/i.test(words),
  },
  {
    // Since 2.0 it says "in reply to RCPT TO command".
    dialect: 'Postfix 1.1',
    wrote: ({ text, words }) =>
      /this is the postfix program at host/i.test(text) &&
      /\bsaid: [45]\d\d\b/i.test(words) &&
      !/\(in reply to/i.test(words),
  },
];

/** What "user unknown" of such a program comes to. */
export function withUntoldStage(
  recipient: BouncedRecipient,
  report: Omit<Report, 'words'>,
): BouncedRecipient {
  const { words } = recipient;
  if (recipient.class !== 'invalid-recipient' || !recipient.status.endsWith('.0.0')) return recipient;
  if (stageOf(words, report.text) !== undefined) return recipient;
  const isUntold = untoldStages.some(({ wrote }) => wrote({ ...report, words }));
  return isUntold ? { ...recipient, class: 'recipient-policy', hard: false } : recipient;
}
