import type { EdgeGroupRow } from '../access/model.ts'
import type { Db, Tx } from '../db/database.ts'

export async function insertEdgeGroup(tx: Tx, row: EdgeGroupRow): Promise<void> {
  await tx.insertInto('edgeGroup').values(row).execute()
}

export async function updateEdgeGroup(tx: Tx, { id, ...columns }: EdgeGroupRow): Promise<void> {
  await tx.updateTable('edgeGroup').set(columns).where('id', '=', id).execute()
}

export async function deleteEdgeGroupRow(tx: Tx, id: number): Promise<void> {
  await tx.deleteFrom('edgeGroup').where('id', '=', id).execute()
}

export async function insertDefaultEdgeGroup(tx: Tx, userId: number, edgeGroupId: number): Promise<void> {
  await tx.insertInto('defaultEdgeGroup').values({ userId, edgeGroupId }).execute()
}

/** Where edges start that a user claims; none once he has deleted it. */
export async function findDefaultEdgeGroup(db: Db, userId: number): Promise<number | undefined> {
  const found = db.selectFrom('defaultEdgeGroup').select('edgeGroupId').where('userId', '=', userId)
  return (await found.executeTakeFirst())?.edgeGroupId
}
