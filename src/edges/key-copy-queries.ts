import { sql } from 'kysely'
import type { Db } from '../db/database.ts'
import type { Sealed } from '../lib/seals.ts'

/** A copy with the key it is of. */
export interface KeyCopyRow extends Sealed {
  id: number
  edgeId: number
  keyHash: string
  validTo: Date | null
}

const select = (db: Db) =>
  db
    .selectFrom('edgeKeyCopy')
    .innerJoin('edgeKey', 'edgeKey.id', 'edgeKeyCopy.edgeKeyId')
    .select(['edgeKey.id', 'edgeKey.edgeId', 'edgeKey.keyHash', 'edgeKey.validTo'])
    .select(['edgeKeyCopy.sealedWith', 'edgeKeyCopy.sealed'])

/** A page of copies by id of their key; index edge_key_copy_pk. */
export async function readCopiesAfter(db: Db, after: number, limit: number): Promise<KeyCopyRow[]> {
  return await select(db).where('edgeKeyId', '>', after).orderBy('edgeKeyId').limit(limit).execute()
}

/** Copies of these keys; index edge_key_copy_pk. */
export async function readCopies(db: Db, keyIds: readonly number[]): Promise<KeyCopyRow[]> {
  return await select(db).where('edgeKeyId', 'in', keyIds).execute()
}

/** Stores copies, over older ones; those of keys that are gone are left out. Returns the ids of the keys. */
export async function storeCopies(db: Db, copies: ReadonlyMap<number, Sealed>): Promise<number[]> {
  const all = [...copies]
  const { rows } = await sql<{ id: number }>`
    insert into edge_key_copy (edge_key_id, sealed_with, sealed)
    select edge_key.id, new.sealed_with, new.sealed
    from unnest(${all.map(([id]) => id)}::int[], ${all.map(([, { sealedWith }]) => sealedWith)}::text[],
      ${all.map(([, { sealed }]) => sealed)}::text[]) as new (id, sealed_with, sealed)
    join edge_key on edge_key.id = new.id
    on conflict (edge_key_id) do update set sealed_with = excluded.sealed_with, sealed = excluded.sealed
    returning edge_key_id as id`.execute(db)
  return rows.map(({ id }) => id)
}

/** Deletes the copies of keys that have ended. */
export async function deleteEndedCopies(db: Db, now: Date): Promise<void> {
  await db
    .deleteFrom('edgeKeyCopy')
    .where('edgeKeyId', 'in', (query) => query.selectFrom('edgeKey').select('id').where('validTo', '<=', now))
    .execute()
}

/** Edges in the order of their registration of which no valid key has a copy that one of these seals opens. */
export async function readEdgesWithoutCopy(
  db: Db,
  { seals, now, after, limit }: { seals: readonly string[]; now: Date; after: number; limit: number },
): Promise<{ id: number; edgeId: string }[]> {
  return await db
    .selectFrom('edge')
    .select(['edge.id', 'edge.edgeId'])
    .where('edge.id', '>', after)
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom('edgeKey')
            .innerJoin('edgeKeyCopy', 'edgeKeyCopy.edgeKeyId', 'edgeKey.id')
            .select('edgeKey.id')
            .whereRef('edgeKey.edgeId', '=', 'edge.id')
            .where('sealedWith', 'in', seals)
            .where((key) => key.or([key('validTo', 'is', null), key('validTo', '>', now)])),
        ),
      ),
    )
    .orderBy('edge.id')
    .limit(limit)
    .execute()
}
