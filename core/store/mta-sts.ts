/** MTA-STS policies of recipient domains, kept for as long as they say (RFC 8461 3.2: max_age). */
import { fromJson, toJson } from './json.ts';
import type { Db, Row } from './tables.ts';

export interface KeptPolicy {
  domain: string;
  policyId: string;
  mode: Row<'mta_sts_policy'>['mode'];
  mx: string[];
  maxAgeS: number;
  fetchedAt: number;
  expiresAt: number;
  body: string;
}

/** Those that hold still. */
export async function keptPolicies(db: Db, now: number): Promise<KeptPolicy[]> {
  const rows = await db.selectFrom('mta_sts_policy').selectAll().where('expires_at', '>', now).execute();
  return rows.map((row) => ({
    domain: row.domain,
    policyId: row.policy_id,
    mode: row.mode,
    mx: fromJson<string[]>(row.mx, []),
    maxAgeS: row.max_age_s,
    fetchedAt: row.fetched_at,
    expiresAt: row.expires_at,
    body: row.body,
  }));
}

export async function keepPolicy(db: Db, policy: KeptPolicy): Promise<void> {
  const values = {
    policy_id: policy.policyId,
    mode: policy.mode,
    mx: toJson(policy.mx),
    max_age_s: policy.maxAgeS,
    fetched_at: policy.fetchedAt,
    expires_at: policy.expiresAt,
    body: policy.body,
    failed_at: null,
    failure: null,
  };
  await db
    .insertInto('mta_sts_policy')
    .values({ domain: policy.domain, ...values })
    .onConflict((conflict) => conflict.column('domain').doUpdateSet(values))
    .execute();
}

/** The policy stays; that it could not be fetched again is noted on it. */
export async function policyFetchFailed(db: Db, domain: string, failure: string, now: number): Promise<void> {
  await db
    .updateTable('mta_sts_policy')
    .set({ failed_at: now, failure: failure.slice(0, 500) })
    .where('domain', '=', domain)
    .execute();
}

export const policiesShown = (db: Db, limit: number): Promise<Row<'mta_sts_policy'>[]> =>
  db.selectFrom('mta_sts_policy').selectAll().orderBy('domain').limit(limit).execute();
