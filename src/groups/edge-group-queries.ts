import type { EdgeGroupRow } from '../access/model.ts'
import type { Tx } from '../db/database.ts'

export async function insertEdgeGroup(tx: Tx, row: EdgeGroupRow): Promise<void> {
  await tx.insertInto('edgeGroup').values(row).execute()
}

export async function updateEdgeGroup(tx: Tx, { id, ...columns }: EdgeGroupRow): Promise<void> {
  await tx.updateTable('edgeGroup').set(columns).where('id', '=', id).execute()
}

export async function deleteEdgeGroupRow(tx: Tx, id: number): Promise<void> {
  await tx.deleteFrom('edgeGroup').where('id', '=', id).execute()
}
