import { sql } from 'kysely'
import { BATCH_ENTITY, graphChanges } from '../db/change-log.ts'
import type { Db } from '../db/database.ts'
import type { KindOfRow } from './explain-rows.ts'
import type { Change, ContainmentRow, EntityName } from './model.ts'

/** A row of the log about the graph, and who made it when. */
export type PastChange = Change & { at: number; actorId: number | null; action: string }

/** Rows of the log, by what they are about. */
export interface PastQuery {
  /** Only what was logged later. */
  after: number
  /** These rows, as `entity id`. */
  rows: readonly { entity: EntityName; id: number }[]
  /** And every row of these kinds that once hung on one of these: memberships on members, grants on principals. */
  links: readonly Link[]
  /** And every grant that once was on one of these. */
  grantsOn?: readonly number[]
}

interface Link {
  entities: readonly EntityName[]
  on: readonly number[]
  /** Grants: only those on these resources. */
  resources?: readonly number[]
}

/** Rows of the log read at once: taking them apart lasts some milliseconds. */
const portion = 500

/** The last revision that was there at an instant. Index change_at. */
export async function revisionAt(db: Db, at: Date): Promise<number> {
  const next = await db
    .selectFrom('change')
    .select('revision')
    .where('at', '>', at)
    .orderBy('at')
    .orderBy('revision')
    .limit(1)
    .executeTakeFirst()
  if (next !== undefined) return next.revision - 1
  const head = await db.selectFrom('change').select('revision').orderBy('revision', 'desc').limit(1).executeTakeFirst()
  return head?.revision ?? 0
}

/** The containments of these resources in others. Index containment_child. */
export async function listContainmentsOf(db: Db, childIds: readonly number[]): Promise<ContainmentRow[]> {
  if (childIds.length === 0) return []
  return db.selectFrom('containment').select(['id', 'parentId', 'childId']).where('childId', 'in', childIds).execute()
}

/**
 * What was logged about rows, in order; undefined where it is more than so much. Read in portions, between which others have a
 * turn. Indexes change_entity, change_link and change_granted.
 */
export async function listPastChanges(db: Db, query: PastQuery, atMost: number): Promise<PastChange[] | undefined> {
  const batches = [...batchesFor(query)]
  const isAsked = askedOf(query)
  const changes: PastChange[] = []
  for (let [from, count] = [query.after, 0]; ; ) {
    const found = await listPortion(db, query, batches, from)
    count += found.length
    if (count > atMost) return undefined
    for (const row of found) {
      const at = row.at.getTime()
      for (const change of graphChanges({ ...row, at })) {
        if (row.entity !== BATCH_ENTITY || isAsked(change)) {
          changes.push({ ...change, at, actorId: row.actorId, action: row.action })
        }
      }
    }
    if (found.length < portion) return changes
    from = found.at(-1)?.revision ?? from
  }
}

/** The rows of the log of which those changes come, so many at most, later than `from`. */
async function listPortion(db: Db, query: PastQuery, batches: readonly number[], from: number) {
  const { after, rows, links, grantsOn = [] } = query
  const listed = [
    ...rows.map(({ entity, id }) => sql`(${entity}, ${String(id)})`),
    ...batches.map((id) => sql`(${BATCH_ENTITY}, ${String(id)})`),
  ]
  const hung = links.filter(({ on }) => on.length > 0).map((link) => linked(after, link))
  if (grantsOn.length > 0) hung.push(granted(after, grantsOn))
  if (listed.length + hung.length === 0) return []
  const isListed = listed.length === 0 ? sql`false` : sql`(entity, entity_id) in (${sql.join(listed)})`
  const isHung = hung.map((found) => sql`or (entity, entity_id) in (${found})`)
  return db
    .selectFrom('change')
    .select(['revision', 'at', 'actorId', 'subjectId', 'action', 'entity', 'entityId', 'noted', 'before', 'after'])
    .where('revision', '>', from)
    .where('noted', '=', false)
    .where(sql<boolean>`(${isListed} ${sql.join(isHung, sql` `)})`)
    .orderBy('revision')
    .limit(portion)
    .execute()
}

/** The users whose rows with several changes may have something about what is asked. */
function batchesFor({ rows, links }: Pick<PastQuery, 'rows' | 'links'>): Set<number> {
  const users = rows.filter(({ entity }) => entity === 'user').map(({ id }) => id)
  const holders = links.filter(({ entities }) => !entities.includes('containment')).flatMap(({ on }) => on)
  return new Set([...users, ...holders])
}

/** Whether a change of a row with several is about something that is asked. */
function askedOf({ rows, links }: Pick<PastQuery, 'rows' | 'links'>): (change: Change) => boolean {
  const wanted = new Set(rows.map(({ entity, id }) => `${entity} ${id}`))
  const hung = links.map(({ entities, on, resources }) => ({
    entities,
    on: new Set(on),
    resources: resources && new Set(resources),
  }))
  return ({ entity, id, before, after }) => {
    if (wanted.has(`${entity} ${id}`)) return true
    const row = (before ?? after) as Partial<Record<'memberId' | 'principalId' | 'userId' | 'resourceId', number>>
    const hangsOn = row.memberId ?? row.principalId ?? row.userId ?? 0
    return hung.some(
      ({ entities, on, resources }) =>
        entities.includes(entity) && on.has(hangsOn) && (resources?.has(row.resourceId ?? 0) ?? true),
    )
  }
}

function linked(after: number, { entities, on, resources }: Link) {
  const within = resources && sql`and before ->> 'resourceId' in (${sql.join(resources.map(String))})`
  return sql`
    select entity, entity_id from change
    where entity in (${sql.join(entities)}) and revision > ${after} and not noted and before is not null
      and coalesce(before ->> 'memberId', before ->> 'childId', before ->> 'principalId', before ->> 'userId')
        in (${sql.join(on.map(String))}) ${within ?? sql``}`
}

function granted(after: number, on: readonly number[]) {
  return sql`
    select entity, entity_id from change
    where entity = 'grant' and revision > ${after} and not noted and before is not null
      and before ->> 'resourceId' in (${sql.join(on.map(String))})`
}

/** The rows that were there before these changes, out of those that are there now. */
export function rowsBefore(current: readonly KindOfRow[], changes: readonly Change[]): KindOfRow[] {
  const first = new Map<string, KindOfRow | null>()
  for (const { entity, id, before } of changes) {
    const key = `${entity} ${id}`
    if (!first.has(key)) first.set(key, before === null ? null : ({ entity, row: before } as KindOfRow))
  }
  for (const found of current) {
    const key = `${found.entity} ${found.row.id}`
    if (!first.has(key)) first.set(key, found)
  }
  return [...first.values()].filter((found) => found !== null)
}

/** Index edge_edge_id_unique. */
export async function findEdgeId(db: Db, edgeName: string): Promise<number | undefined> {
  return (await db.selectFrom('edge').select('id').where('edgeId', '=', edgeName).executeTakeFirst())?.id
}
