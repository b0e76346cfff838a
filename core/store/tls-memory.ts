/** Hosts whose STARTTLS is broken, so that a restart does not try them all again. */
import type { Db, Row } from './tables.ts';

/** Those remembered still; what is over is forgotten. */
export async function brokenTlsHosts(db: Db, now: number): Promise<Row<'tls_memory'>[]> {
  return db.selectFrom('tls_memory').selectAll().where('until', '>', now).orderBy('at').execute();
}

export async function rememberBrokenTls(db: Db, rows: readonly Row<'tls_memory'>[]): Promise<void> {
  for (const { host, ...rest } of rows) {
    await db
      .insertInto('tls_memory')
      .values({ host, ...rest })
      .onConflict((conflict) => conflict.column('host').doUpdateSet(rest))
      .execute();
  }
}

/** Those whose TLS works again, and those whose time is over. */
export async function forgetBrokenTls(db: Db, hosts: readonly string[], now: number): Promise<void> {
  await db
    .deleteFrom('tls_memory')
    .where((eb) =>
      eb.or([eb('until', '<=', now), ...(hosts.length > 0 ? [eb('host', 'in', [...hosts])] : [])]),
    )
    .execute();
}
