/** What the organisation decided, by key. The machine's own settings are in the configuration, not here. */
import { fromJson, toJson } from './json.ts';
import type { Db } from './tables.ts';

/** Each setting with its default. */
export const settingDefaults = {
  organisation: '',
  timezone: 'UTC',
  language: 'en' as 'fr' | 'en',
};
export type OrganisationSettings = typeof settingDefaults;

export async function organisationSettings(db: Db): Promise<OrganisationSettings> {
  const rows = await db
    .selectFrom('setting')
    .select(['key', 'value'])
    .where('key', 'in', Object.keys(settingDefaults))
    .execute();
  const kept = Object.fromEntries(rows.map((row) => [row.key, fromJson<unknown>(row.value, undefined)]));
  return { ...settingDefaults, ...kept };
}

export async function changeSettings(
  db: Db,
  patch: Partial<OrganisationSettings>,
  now: number,
): Promise<void> {
  for (const [key, value] of Object.entries(patch)) {
    if (value === undefined) continue;
    await db
      .insertInto('setting')
      .values({ key, value: toJson(value), updated_at: now })
      .onConflict((conflict) => conflict.column('key').doUpdateSet({ value: toJson(value), updated_at: now }))
      .execute();
  }
}
