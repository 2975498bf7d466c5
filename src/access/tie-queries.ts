import type { Db, Tx } from '../db/database.ts'

/** What ties resources to people, many at a time: one statement each, however many there are. */

export async function deleteGrantRows(tx: Tx, ids: readonly number[]): Promise<void> {
  if (ids.length > 0) await tx.deleteFrom('accessGrant').where('id', 'in', ids).execute()
}

/** Takes resources out of everything that contains them by a link of its own. Index containment_child. */
export async function deletePlacesOf(tx: Tx, childIds: readonly number[]): Promise<number[]> {
  if (childIds.length === 0) return []
  const rows = await tx.deleteFrom('containment').where('childId', 'in', childIds).returning('id').execute()
  return rows.map(({ id }) => id)
}

/** Index access_grant_resource. */
export async function listGrantIdsOnAll(db: Db, resourceIds: readonly number[]): Promise<number[]> {
  if (resourceIds.length === 0) return []
  const rows = await db.selectFrom('accessGrant').select('id').where('resourceId', 'in', resourceIds).execute()
  return rows.map(({ id }) => id)
}

/** The edges of these that had a setup password. */
export async function deleteSetupPasswords(tx: Tx, edgeIds: readonly number[]): Promise<number[]> {
  if (edgeIds.length === 0) return []
  const update = tx.updateTable('edge').set({ setupPasswordHash: null }).where('id', 'in', edgeIds)
  const rows = await update.where('setupPasswordHash', 'is not', null).returning('id').execute()
  return rows.map(({ id }) => id)
}

/** Index user_alerting_pk. */
export async function deleteAlertingOf(tx: Tx, edgeIds: readonly number[], userIds: readonly number[]): Promise<void> {
  if (edgeIds.length === 0 || userIds.length === 0) return
  await tx.deleteFrom('userAlerting').where('edgeId', 'in', edgeIds).where('userId', 'in', userIds).execute()
}
