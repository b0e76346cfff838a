/**
 * Through which doors the mail that waits for one destination may leave now: from our own addresses, or, where a pool says
 * so, through its smarthost. Each answer is one claim: which deliveries, how many, and by which door. Pure, so that its
 * test is a table.
 *
 *   mode       our addresses      the smarthost
 *   off        everything         nothing
 *   always     nothing            everything; while it cannot be used, mail waits
 *   failover   everything         everything, while all our addresses are set aside or blocked there
 *   share      the rest           its share; while it cannot be used, our addresses take that too
 */
import type { Pool } from '../core/store/pool.ts';
import type { ClaimQuestion } from '../core/store/queue.ts';

/** A pool as it stands at one destination. */
export interface PoolState {
  name: string;
  mode: Pool['smarthost_mode'];
  /** Of a hundred. */
  share: number;
  /** How many more our own addresses take. */
  ownRoom: number;
  /** All of our own are set aside, or blocked there for long. */
  ownBlocked: boolean;
  /** How many more the smarthost takes; undefined: there is none, or it cannot be used now. */
  smarthostRoom: number | undefined;
}

export interface Exit {
  which: Pick<ClaimQuestion, 'pool' | 'exceptPools' | 'share'>;
  limit: number;
  /** The pool whose smarthost it leaves through; else our own addresses, each pool's. */
  smarthostOf: string | undefined;
}

export function exitsFor(pools: readonly PoolState[]): Exit[] {
  const exits: Exit[] = [];
  const apart: string[] = [];
  const own: PoolState[] = [];
  const through = ({ name, smarthostRoom = 0 }: PoolState, share?: ClaimQuestion['share']) => {
    apart.push(name);
    if (smarthostRoom > 0)
      exits.push({
        which: { pool: name, ...(share && { share }) },
        limit: smarthostRoom,
        smarthostOf: name,
      });
  };
  for (const pool of pools) {
    const isUsable = pool.smarthostRoom !== undefined;
    if (pool.mode === 'always') through(pool);
    else if (pool.mode === 'failover' && pool.ownBlocked && isUsable) through(pool);
    else if (pool.mode === 'share' && isUsable && pool.share > 0) {
      through(pool, { from: 0, to: pool.share });
      if (pool.ownRoom > 0 && pool.share < 100)
        exits.push({
          which: { pool: pool.name, share: { from: pool.share, to: 100 } },
          limit: pool.ownRoom,
          smarthostOf: undefined,
        });
    } else own.push(pool);
  }
  const open = own.filter((pool) => pool.ownRoom > 0);
  const full = own.filter((pool) => pool.ownRoom <= 0);
  if (open.length === 0) return exits;
  exits.push({
    which: { exceptPools: [...apart, ...full.map((pool) => pool.name)] },
    // They may all turn out to be of the pool that has the least room.
    limit: Math.min(...open.map((pool) => pool.ownRoom)),
    smarthostOf: undefined,
  });
  return exits;
}
