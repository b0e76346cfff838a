/** Deletes what programs told, with the summary that was made of it. What happened to mail follows its own rules. */
import { fromJson } from '../store/json.ts';
import { takeShapes } from '../store/event-schema.ts';
import { shapesOf } from '../store/event-shape.ts';
import { pendingOf, personKeysOf, removePersonKeys } from '../store/person-key.ts';
import { removeEvents, toldOf } from '../store/program-event.ts';
import type { Db } from '../store/tables.ts';

/** Events deleted by one statement. */
const SLICE = 1000;

/** Deletes events by id and takes them out of the summary; answers how many there were. */
export async function eraseEvents(tx: Db, ids: readonly number[]): Promise<number> {
  const gone = await removeEvents(tx, ids);
  await takeShapes(
    tx,
    shapesOf(
      gone.map((row) => ({ ...row, data: fromJson<unknown>(row.data, {}) })),
      -1,
    ),
  );
  return gone.length;
}

/** Everything that programs told of a contact. They stay known under their names, and what comes later is kept again. */
export async function eraseToldOf(tx: Db, contactId: number): Promise<number> {
  const keys = (await personKeysOf(tx, contactId)).map((key) => key.id);
  let gone = 0;
  for (const find of [
    () => toldOf(tx, contactId, SLICE),
    // What came by the thousand may wait yet to be theirs.
    () => pendingOf(tx, keys, SLICE),
  ])
    for (let ids = await find(); ids.length > 0; ids = await find()) gone += await eraseEvents(tx, ids);
  return gone;
}

/** As above, and the names, too: nothing is left by which a program's later words would find this person. */
export async function forgetTold(tx: Db, contactId: number): Promise<number> {
  const gone = await eraseToldOf(tx, contactId);
  await removePersonKeys(
    tx,
    (await personKeysOf(tx, contactId)).map((key) => key.id),
  );
  return gone;
}
