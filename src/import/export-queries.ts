import type { Db } from '../db/database.ts'
import type { Delays, EdgeDetails, PersonDetails } from './fleet-entries.ts'

/** Personal data of users. Index user_profile_pk. */
export async function listPersonDetails(db: Db, userIds: readonly number[]): Promise<Map<number, PersonDetails>> {
  if (userIds.length === 0) return new Map()
  const rows = await db.selectFrom('userProfile').selectAll().where('userId', 'in', userIds).execute()
  return new Map(rows.map(({ userId, ...details }) => [userId, details]))
}

/** What is known of edges beside the graph; no secret. Index edge_pk. */
export async function listEdgeDetails(db: Db, edgeIds: readonly number[]): Promise<Map<number, EdgeDetails>> {
  if (edgeIds.length === 0) return new Map()
  const rows = await db
    .selectFrom('edge')
    .select(['id', 'emsType', 'serialNumber', 'firstSetupAt'])
    .where('id', 'in', edgeIds)
    .execute()
  return new Map(rows.map(({ id, ...details }) => [id, details]))
}

/** Alert settings by user. Index user_alerting_user. */
export async function listDelays(db: Db, userIds: readonly number[]): Promise<Map<number, Delays[]>> {
  const found = new Map<number, Delays[]>()
  if (userIds.length === 0) return found
  const rows = await db.selectFrom('userAlerting').selectAll().where('userId', 'in', userIds).execute()
  for (const { userId, ...delays } of rows) found.set(userId, [...(found.get(userId) ?? []), delays])
  return found
}
