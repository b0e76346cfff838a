/** Words of a domain's signing keys: what each is for now, and what is to be done about its record. */
import type { Table } from './table.ts';

export const dkim = {
  'dkim.rotate': ['Change the keys', 'Changer les clés'],
  'dkim.rotateSays': [
    'Makes a new pair of keys. You set two records; once the DNS has shown them for an hour, the new keys sign by themselves.',
    'Crée une nouvelle paire de clés. Vous posez deux enregistrements ; une fois visibles dans le DNS depuis une heure, les nouvelles clés signent d’elles-mêmes.',
  ],
  'dkim.begun': ['New keys wait for their records', 'De nouvelles clés attendent leurs enregistrements'],
  'dkim.setThese': [
    'Set these two records. The page looks by itself.',
    'Posez ces deux enregistrements. La page vérifie d’elle-même.',
  ],
  'dkim.pending': ['waits for its record', 'attend son enregistrement'],
  'dkim.seen': ['seen', 'visible'],
  'dkim.active': ['signs', 'signe'],
  'dkim.retiring': ['being replaced', 'en cours de remplacement'],
  'dkim.retired': ['retired', 'retirée'],
  'dkim.notSeen': ['The DNS does not have it yet', 'Le DNS ne l’a pas encore'],
  'dkim.neverLooked': ['Not looked for yet', 'Pas encore recherché'],
  'dkim.signsFrom': ['The DNS has it. It may sign from', 'Le DNS l’a. Elle pourra signer à partir de'],
  'dkim.signsOnce': [
    'once the other record has been seen for as long',
    'dès que l’autre enregistrement aura été vu aussi longtemps',
  ],
  'dkim.since': ['since', 'depuis'],
  'dkim.keepUntil': [
    'Leave its record in place at least until',
    'Laissez son enregistrement en place au moins jusqu’au',
  ],
  'dkim.mayGo': ['You may remove its record.', 'Vous pouvez supprimer son enregistrement.'],
  'dkim.older': ['Earlier keys', 'Clés précédentes'],
} satisfies Table;
