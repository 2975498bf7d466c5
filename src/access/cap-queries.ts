import type { Db, Tx } from '../db/database.ts'
import type { ClaimRow, RestrictionRow } from './model.ts'

export async function insertRestriction(tx: Tx, restriction: Omit<RestrictionRow, 'id'>): Promise<RestrictionRow> {
  const values = { ...restriction, windows: JSON.stringify(restriction.windows) }
  const { id } = await tx.insertInto('restriction').values(values).returning('id').executeTakeFirstOrThrow()
  return { id, ...restriction }
}

export async function updateRestriction(tx: Tx, { id, windows }: RestrictionRow): Promise<void> {
  await tx
    .updateTable('restriction')
    .set({ windows: JSON.stringify(windows) })
    .where('id', '=', id)
    .execute()
}

export async function deleteRestriction(tx: Tx, id: number): Promise<void> {
  await tx.deleteFrom('restriction').where('id', '=', id).execute()
}

/** Index restriction_edge. */
export async function listRestrictionIdsOn(db: Db, edgeId: number): Promise<number[]> {
  const rows = await db.selectFrom('restriction').select('id').where('edgeId', '=', edgeId).execute()
  return rows.map(({ id }) => id)
}

export async function insertClaim(tx: Tx, claim: Omit<ClaimRow, 'id'>): Promise<ClaimRow> {
  const { id } = await tx.insertInto('claim').values(claim).returning('id').executeTakeFirstOrThrow()
  return { id, ...claim }
}

export async function updateClaim(tx: Tx, { id, value }: ClaimRow): Promise<void> {
  await tx.updateTable('claim').set({ value }).where('id', '=', id).execute()
}
