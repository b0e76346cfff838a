/**
 * Sentences that one mail program or provider writes about a failure in its own words, where the common rules would read
 * something else into them or nothing at all. Each names its dialect and has a sample in the test.
 */
import type { BounceClassName } from '../core/mail/bounce-class.ts';

export interface DialectSentence {
  dialect: string;
  class: BounceClassName;
  pattern: RegExp;
}

export const dialectSentences: readonly DialectSentence[] = [
  {
    dialect: 'Domino',
    class: 'invalid-recipient',
    pattern: /not listed in (?:the )?(?:domino directory|public (?:name|address)|address book)/i,
  },
  {
    dialect: 'qmail',
    class: 'invalid-domain',
    pattern: /couldn'?t find a mail exchanger or ip address/i,
  },
  // The remote did not like the name in HELO.
  { dialect: 'qmail', class: 'reverse-dns', pattern: /connected to .{1,80} but my name was rejected/i },
  { dialect: 'qmail', class: 'sender-refused', pattern: /connected to .{1,80} but sender was rejected/i },
  {
    dialect: 'Gmail',
    class: 'invalid-recipient',
    pattern:
      /(?:address|domain) couldn[’']?t be found|wasn[’']?t found at|adresse (?:est |n’a pas été |)introuvable/i,
  },
  {
    dialect: 'Gmail',
    class: 'connection-failed',
    pattern: /recipient server did not accept our requests to connect/i,
  },
  {
    dialect: 'Google Groups',
    class: 'recipient-policy',
    pattern:
      /the group you tried to contact|le groupe que vous avez essayé de contacter|die gruppe, (?:die|der) sie|grupo (?:con el que ha intentado|que você tentou)|グループ.{0,40}(?:存在しない|投稿する権限)/i,
  },
  {
    dialect: 'Exchange 5.5 and 2000',
    class: 'invalid-recipient',
    pattern: /recipient name is not recognized|recipient could not be (?:found|resolved)/i,
  },
  {
    dialect: 'DragonFly',
    class: 'invalid-domain',
    pattern: /dns lookup failure: host .{1,253} not found/i,
  },
];
