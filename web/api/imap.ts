/** Mailboxes elsewhere over HTTP. A secret goes in and never comes out. */
import { Problem } from '../../core/errors.ts';
import { createImapAccount, dropImapAccount, updateImapAccount } from '../../core/imap-account.ts';
import type { Runtime } from '../../core/runtime.ts';
import { imapAccountById, imapAccounts, type ImapAccount } from '../../core/store/imap-account.ts';
import { addAudit } from '../../core/store/user.ts';
import type { SomeHandlers } from '../http/route.ts';

const line = ({ sealed: _sealed, ...row }: ImapAccount) => ({
  ...row,
  verify: row.verify === 1,
  paused: row.paused === 1,
});

async function lineOf(rt: Runtime, id: number) {
  const row = await imapAccountById(rt.store.read, id);
  if (row === undefined) throw new Problem('not-found', 'there is no such connected mailbox');
  return line(row);
}

const audited = (rt: Runtime, userId: number, action: string, name: string, now: number): Promise<void> =>
  rt.store.write(async (tx) => void (await addAudit(tx, { userId, action, subject: `imap:${name}` }, now)));

export const imapHandlers = {
  async imapAccounts({ rt }) {
    return { rows: (await imapAccounts(rt.store.read)).map(line) };
  },
  async addImapAccount({ rt, body: { name, ...wanted }, user, now }) {
    const id = await createImapAccount(rt, name, wanted);
    await audited(rt, user.id, 'mailbox connected', name, now);
    return lineOf(rt, id);
  },
  async updateImapAccount({ rt, params, body, user, now }) {
    await updateImapAccount(rt, params.id, body);
    const row = await lineOf(rt, params.id);
    await audited(rt, user.id, 'connected mailbox changed', row.name, now);
    return row;
  },
  async removeImapAccount({ rt, params, user, now }) {
    const { name } = await lineOf(rt, params.id);
    await dropImapAccount(rt, params.id);
    await audited(rt, user.id, 'connected mailbox removed', name, now);
    return {};
  },
} satisfies SomeHandlers;
