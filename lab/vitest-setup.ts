/** Once per test run: a PostgreSQL server that the store tests share, each with a database of its own. */
import type { TestProject } from 'vitest/node';
import { startPostgres } from './postgres.ts';

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const postgres = await startPostgres();
  if ('absent' in postgres) {
    console.warn(`skipped: every store test on PostgreSQL (${postgres.absent})`);
    project.provide('postgresUrl', '');
    return async () => undefined;
  }
  project.provide('postgresUrl', postgres.url);
  return () => postgres.stop();
}

declare module 'vitest' {
  export interface ProvidedContext {
    postgresUrl: string;
  }
}
