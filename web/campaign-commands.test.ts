/** The door at the terminal: it refuses a red campaign, and opens by an override of somebody who may. */
import { Command } from 'commander';
import { expect, test, vi } from 'vitest';
import { house } from '../core/campaign/testing.ts';
import type { Runtime } from '../core/runtime.ts';
import type { Role } from '../core/store/tables.ts';
import { addUser } from '../core/store/user.ts';
import { campaignCommands } from './campaign-commands.ts';

async function terminal() {
  const made = await house();
  await made.change({});
  made.records.delete('PTR 192.0.2.1');
  const run = async (...words: string[]) => {
    const said: string[] = [];
    const spy = vi.spyOn(console, 'log').mockImplementation((line: string) => void said.push(line));
    const program = new Command().exitOverride();
    campaignCommands(program, { withRuntime: (work) => work(made.runtime as unknown as Runtime) });
    try {
      await program.parseAsync(['campaign', ...words], { from: 'user' });
    } finally {
      spy.mockRestore();
    }
    return said.join('\n');
  };
  const user = (email: string, role: Role) =>
    made.store.write((tx) =>
      addUser(tx, {
        email,
        name: email,
        password_hash: null,
        role,
        language: 'fr',
        theme: 'system',
        created_at: made.clock.now(),
        disabled_at: null,
      }),
    );
  return { ...made, run, user };
}

test('parley campaign check says what blocks and how to mend it, and its status is 1', async () => {
  const { run, id } = await terminal();
  expect(await run('check', String(id))).toMatch(
    /BLOCKS +192\.0\.2\.1 .*no reverse DNS name\n +have your provider set its PTR/,
  );
  expect(process.exitCode).toBe(1);
  process.exitCode = 0;
});

test('parley campaign send and schedule refuse a red campaign', async () => {
  const { run, id } = await terminal();
  await expect(run('send', String(id))).rejects.toThrow(/reverse DNS/);
  await expect(run('schedule', String(id), '2099-01-01T00:00Z')).rejects.toThrow(/reverse DNS/);
});

test('an override at the terminal is somebody’s who may, and the audit has it', async () => {
  const { run, id, user, store } = await terminal();
  await user('marie@colombe.example', 'marketer');
  const paul = await user('paul@colombe.example', 'deliverability');
  const override = ['send', String(id), '--override', 'PTR is on its way'];
  await expect(run(...override)).rejects.toThrow(/--as/);
  await expect(run(...override, '--as', 'nobody@colombe.example')).rejects.toThrow(/no user/);
  await expect(run(...override, '--as', 'marie@colombe.example')).rejects.toThrow(/may not override/);
  expect(await run(...override, '--as', 'paul@colombe.example')).toBe(`campaign ${id} is being sent`);
  const audit = await store.read.selectFrom('audit').select(['action', 'user_id']).orderBy('id').execute();
  expect(audit).toEqual([
    { action: 'red checks overridden', user_id: paul },
    { action: 'campaign sent', user_id: null },
  ]);
});
