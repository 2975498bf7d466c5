import type { EdgeRow, SiteRow } from '../access/model.ts'
import type { Db, Tx } from '../db/database.ts'

export async function insertSite(tx: Tx, row: SiteRow): Promise<void> {
  await tx
    .insertInto('site')
    .values({ ...row, labels: JSON.stringify(row.labels) })
    .execute()
}

export async function updateSite(tx: Tx, row: SiteRow): Promise<void> {
  const { id, ...columns } = row
  await tx
    .updateTable('site')
    .set({ ...columns, labels: JSON.stringify(row.labels) })
    .where('id', '=', id)
    .execute()
}

export async function deleteSiteRow(tx: Tx, id: number): Promise<void> {
  await tx.deleteFrom('site').where('id', '=', id).execute()
}

/** Index edge_site. */
export async function listEdgeIdsOfSite(db: Db, siteId: number): Promise<number[]> {
  const rows = await db.selectFrom('edge').select('id').where('siteId', '=', siteId).execute()
  return rows.map(({ id }) => id)
}

/** Writes where an edge belongs. */
export async function updateEdgePlace(tx: Tx, { id, siteId, organisationId }: EdgeRow): Promise<void> {
  await tx.updateTable('edge').set({ siteId, organisationId }).where('id', '=', id).execute()
}
