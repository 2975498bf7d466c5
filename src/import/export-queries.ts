import { sql } from 'kysely'
import type { Db } from '../db/database.ts'
import type { Delays, EdgeDetails, PersonDetails } from './fleet-entries.ts'
import type { KeyedKind } from './fleet-keys.ts'

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
  const rows = await db
    .selectFrom('userAlerting')
    .select(['userId', 'edgeId', 'offlineDelayMinutes', 'faultDelayMinutes', 'warningDelayMinutes'])
    .where('userId', 'in', userIds)
    .execute()
  for (const { userId, ...delays } of rows) found.set(userId, [...(found.get(userId) ?? []), delays])
  return found
}

const KEY_PAGE = 5000

/** The keys by which things are known to imports of the organisation, or of the whole service; of several the oldest. */
export async function listKnownKeys(
  db: Db,
  organisationId: number | null,
  kind: KeyedKind,
): Promise<Map<number, string>> {
  const keys = new Map<number, string>()
  for (let after = 0; ; ) {
    const rows = await db
      .selectFrom('importKey')
      .select(['id', 'key', 'targetId'])
      .where('organisationId', 'is not distinct from', organisationId)
      .where('kind', '=', kind)
      .where('id', '>', after)
      .orderBy('id')
      .limit(KEY_PAGE)
      .execute()
    for (const { key, targetId } of rows) if (!keys.has(targetId)) keys.set(targetId, key)
    const last = rows.at(-1)
    if (last === undefined || rows.length < KEY_PAGE) return keys
    after = last.id
  }
}

/** Keeps keys that an export has made up, so that the file means the same things when it comes back. */
export async function keepNewKeys(
  db: Db,
  organisationId: number | null,
  kind: KeyedKind,
  keys: readonly { key: string; targetId: number }[],
): Promise<void> {
  if (keys.length === 0) return
  await sql`
    insert into import_key (organisation_id, kind, key, target_id)
    select ${organisationId}::integer, ${kind}::text, key, "targetId"
    from jsonb_to_recordset(${JSON.stringify(keys)}::jsonb) as given (key text, "targetId" integer)
    on conflict (organisation_id, kind, key) do nothing
  `.execute(db)
}
