/** Pools as people set them: for which stream and brand, and which smarthost helps out. */
import { Problem } from '../errors.ts';
import type { Runtime } from '../runtime.ts';
import { brandById } from '../store/identity.ts';
import {
  addPool,
  changePool,
  poolById,
  poolByName,
  removePool,
  usesOfPool,
  type Pool,
} from '../store/pool.ts';
import { smarthostById } from '../store/smarthost.ts';
import type { Db } from '../store/tables.ts';

type Needs = Pick<Runtime, 'store' | 'clock' | 'wake'>;
export type PoolWanted = Pick<
  Pool,
  'stream' | 'brand_id' | 'smarthost_id' | 'smarthost_mode' | 'smarthost_share' | 'note'
>;

/** Those of every installation: mail falls back to them. */
const DEFAULTS = ['marketing', 'transactional'];

async function checked(db: Db, wanted: PoolWanted): Promise<PoolWanted> {
  const { brand_id: brand, smarthost_id: smarthost, smarthost_mode: mode, smarthost_share: share } = wanted;
  const fields: Record<string, string> = {};
  if (brand !== null && (await brandById(db, brand)) === undefined) fields['brand_id'] = 'is no brand';
  if (mode !== 'off' && (smarthost === null || (await smarthostById(db, smarthost)) === undefined))
    fields['smarthost_id'] = 'must be chosen';
  if (mode === 'share' && (share < 1 || share > 99)) fields['smarthost_share'] = 'must be from 1 to 99';
  if (Object.keys(fields).length > 0) throw new Problem('invalid', 'the pool cannot be so', { fields });
  return mode === 'off' ? { ...wanted, smarthost_id: null, smarthost_share: 0 } : wanted;
}

export async function createPool(
  { store, clock, wake }: Needs,
  name: string,
  wanted: PoolWanted,
): Promise<number> {
  const id = await store.write(async (tx) => {
    if ((await poolByName(tx, name)) !== undefined)
      throw new Problem('conflict', `there is a pool ${name} already`, { fields: { name: 'is taken' } });
    return addPool(tx, { ...(await checked(tx, wanted)), name, created_at: clock.now() });
  });
  wake.ring('settings');
  return id;
}

export async function updatePool(
  { store, wake }: Needs,
  id: number,
  change: { [K in keyof PoolWanted]?: PoolWanted[K] | undefined },
): Promise<void> {
  await store.write(async (tx) => {
    const row = await existing(tx, id);
    const of = <K extends keyof PoolWanted>(key: K): PoolWanted[K] =>
      change[key] === undefined ? row[key] : (change[key] as PoolWanted[K]);
    if (DEFAULTS.includes(row.name) && (of('brand_id') !== null || of('stream') !== row.stream))
      throw new Problem('conflict', `the pool ${row.name} is for all brands: mail falls back to it`);
    const wanted: PoolWanted = {
      stream: of('stream'),
      brand_id: of('brand_id'),
      smarthost_id: of('smarthost_id'),
      smarthost_mode: of('smarthost_mode'),
      smarthost_share: of('smarthost_share'),
      note: of('note'),
    };
    await changePool(tx, id, await checked(tx, wanted));
  });
  wake.ring('settings');
  wake.ring('queue');
}

/** Only one that nothing leaves from any more. */
export async function dropPool({ store, wake }: Needs, id: number): Promise<void> {
  await store.write(async (tx) => {
    const { name } = await existing(tx, id);
    if (DEFAULTS.includes(name))
      throw new Problem('conflict', `the pool ${name} stays: mail falls back to it`);
    const { waiting, campaigns } = await usesOfPool(tx, name);
    if (waiting + campaigns > 0)
      throw new Problem(
        'conflict',
        `${waiting} messages wait in the pool ${name} and ${campaigns} campaigns have chosen it`,
      );
    await removePool(tx, id);
  });
  wake.ring('settings');
}

async function existing(db: Db, id: number): Promise<Pool> {
  const row = await poolById(db, id);
  if (row === undefined) throw new Problem('not-found', 'there is no such pool');
  return row;
}
