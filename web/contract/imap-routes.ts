/** Mailboxes elsewhere. Routes as the contract lists them. */
import * as imap from './imap.ts';
import { nothing, one } from './primitive.ts';
import { table } from './route.ts';

export const imapRoutes = table({
  imapAccounts: {
    method: 'GET',
    path: '/api/imap',
    permission: 'settings.write',
    summary: 'Mailboxes elsewhere, with how the last look went',
    response: imap.imapAccounts,
  },
  addImapAccount: {
    method: 'POST',
    path: '/api/imap',
    permission: 'settings.write',
    summary: 'Connect a mailbox; its secret is sealed, and what comes from now on is pulled',
    body: imap.newImapAccount,
    response: imap.imapAccount,
  },
  updateImapAccount: {
    method: 'PATCH',
    path: '/api/imap/:id',
    permission: 'settings.write',
    summary: 'Change, pause or connect anew; another host, user or folder is read from now on',
    params: one,
    body: imap.imapAccountChange,
    response: imap.imapAccount,
  },
  removeImapAccount: {
    method: 'DELETE',
    path: '/api/imap/:id',
    permission: 'settings.write',
    summary: 'Let go of a mailbox; what was pulled from it stays',
    params: one,
    response: nothing,
  },
});
