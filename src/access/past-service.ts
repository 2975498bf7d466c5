import type { Db } from '../db/database.ts'
import { problem } from '../errors.ts'
import type { AccessIndex } from './access-index.ts'
import type { AccessStore } from './access-store.ts'
import { listContainmentsOf, listPastChanges, type PastChange, type PastQuery, rowsBefore } from './explain-queries.ts'
import { Gathering, type KindOfRow, type Reached } from './explain-rows.ts'
import { PLATFORM_RESOURCE_ID, PUBLIC_PRINCIPAL_ID } from './model.ts'

/** Everything that decided about one principal and one resource at a revision, and what has changed about it since. */
export interface Past {
  rows: KindOfRow[]
  changes: PastChange[]
  /** All that ever lay above the two meanwhile, and the two themselves. */
  principals: ReadonlySet<number>
  resources: ReadonlySet<number>
}

/**
 * What decided about somebody and something at an earlier revision: the rows of now, put back by the log. Only what lies
 * above the two is read, level by level of the nesting, not the whole graph.
 */
export async function pastOf(
  ctx: { store: AccessStore; db: Db },
  principalId: number,
  resourceId: number,
  after: number,
): Promise<Past> {
  await ctx.store.reach(after)
  const { index } = ctx.store
  const gathering = new Gathering({ principals: [principalId], resources: [resourceId, PLATFORM_RESOURCE_ID] })
  const current: KindOfRow[] = []
  const changes: PastChange[] = []
  for (let level = gathering.next(); level !== undefined; level = gathering.next()) {
    const found = await levelOf(ctx.db, index, level, after)
    current.push(...found.current)
    changes.push(...found.changes)
    gathering.take([...found.current, ...found.changes.flatMap(rowsIn)])
  }
  gathering.principals.add(PUBLIC_PRINCIPAL_ID)
  const rights = await rightsOf(ctx.db, index, principalId, resourceId, gathering, after)
  // Some are about more than one level and came twice.
  const different = new Map(
    [...changes, ...rights.changes].map((change) => [`${change.revision} ${change.entity} ${change.id}`, change]),
  )
  const all = [...different.values()].sort((a, b) => a.revision - b.revision)
  const { principals, resources } = gathering
  return { rows: rowsBefore([...current, ...rights.current], all), changes: all, principals, resources }
}

/** The nodes of a level and what links them upward, with all that was logged about them since. */
export async function levelOf(
  db: Db,
  index: AccessIndex,
  level: Reached,
  after: number,
): Promise<{ current: KindOfRow[]; changes: PastChange[] }> {
  const { principals, resources } = level
  // @NOTE what is there now is read before the log: a row that changes in between is then put back by the log.
  const containments = await listContainmentsOf(db, resources)
  const current = [
    ...index.rowsOf(level).filter(({ entity }) => entity !== 'containment'),
    ...containments.map((row): KindOfRow => ({ entity: 'containment', row })),
  ]
  const changes = await changesOf(db, {
    after,
    rows: [
      ...principals.flatMap((id) => (['user', 'userGroup', 'service'] as const).map((entity) => ({ entity, id }))),
      ...resources.flatMap((id) =>
        (['organisation', 'site', 'edge', 'edgeGroup'] as const).map((entity) => ({ entity, id })),
      ),
      ...current.map(({ entity, row }) => ({ entity, id: row.id })),
    ],
    links: [
      { entities: ['membership'], on: principals },
      { entities: ['containment'], on: resources },
    ],
  })
  return { current, changes }
}

/** Grants, claims, restriction and roles between what was gathered. */
async function rightsOf(
  db: Db,
  index: AccessIndex,
  principalId: number,
  resourceId: number,
  { principals, resources }: Gathering,
  after: number,
): Promise<{ current: KindOfRow[]; changes: PastChange[] }> {
  const current = index.rightsBetween(principalId, resourceId, { principals, resources })
  const isWanted = ({ entity, row }: KindOfRow) => {
    if (entity === 'grant') return principals.has(row.principalId) && resources.has(row.resourceId)
    if (entity === 'restriction') return row.userId === principalId && row.edgeId === resourceId
    return entity === 'claim'
  }
  const found = await changesOf(db, {
    after,
    rows: current.map(({ entity, row }) => ({ entity, id: row.id })),
    links: [
      { entities: ['grant'], on: [...principals], resources: [...resources] },
      { entities: ['claim', 'restriction'], on: [principalId] },
    ],
  })
  const changes = found.filter((change) => change.entity === 'role' || rowsIn(change).some(isWanted))
  const roleIds = rolesIn([...current, ...changes.flatMap(rowsIn)])
  const ofRoles = await changesOf(db, { after, rows: roleIds.map((id) => ({ entity: 'role', id })), links: [] })
  return { current: [...current, ...rolesOf(index, roleIds)], changes: [...changes, ...ofRoles] }
}

/** The roles of these grants as they were. */
export async function roleRowsThen(
  db: Db,
  index: AccessIndex,
  grants: readonly KindOfRow[],
  after: number,
): Promise<KindOfRow[]> {
  const ids = rolesIn(grants)
  const changes = await changesOf(db, { after, rows: ids.map((id) => ({ entity: 'role', id })), links: [] })
  return rowsBefore(rolesOf(index, ids), changes)
}

/** More than this about one person and one thing is not gone through. */
const maxChanges = 20_000

async function changesOf(db: Db, query: PastQuery): Promise<PastChange[]> {
  const changes = await listPastChanges(db, query, maxChanges)
  if (changes === undefined) throw problem('The log has too much about this to go through')
  return changes
}

function rolesOf(index: AccessIndex, ids: readonly number[]): KindOfRow[] {
  return ids.flatMap((id) => {
    const row = index.row('role', id)
    return row ? [{ entity: 'role', row }] : []
  })
}

function rolesIn(rows: readonly KindOfRow[]): number[] {
  return [...new Set(rows.flatMap((found) => (found.entity === 'grant' ? [found.row.roleId] : [])))]
}

/** The rows before and after a change. */
function rowsIn({ entity, before, after }: PastChange): KindOfRow[] {
  return [before, after].flatMap((row) => (row === null ? [] : [{ entity, row } as KindOfRow]))
}
