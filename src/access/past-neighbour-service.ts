import type { Db } from '../db/database.ts'
import type { AccessStore } from './access-store.ts'
import { explainable } from './explain-gather.ts'
import type { Neighbours } from './explain-near.ts'
import { listPastChanges, rowsBefore } from './explain-queries.ts'
import { Gathering, type KindOfRow, nodeEntities } from './explain-rows.ts'
import { Slice } from './explain-slice.ts'
import { type EntityName, type GrantRow, type Permission, permissionBits } from './model.ts'
import { levelOf, type Past, pastOf, roleRowsThen } from './past-service.ts'

type Context = { store: AccessStore; db: Db }

/** More changes than this of what lies beside a question are not gone through: then no neighbours are told. */
const maxChanges = 2000
/** So many groups and containers beside it are looked at. */
const maxBeside = 20

/**
 * All that explains the access of one principal to one resource at an earlier revision, as `explainable` does for now: what
 * `pastOf` puts back, and with it what lay one change away. The rows name whatever is told of.
 */
export async function explainableThen(
  ctx: Context,
  { principalId, resourceId, permission }: { principalId: number; resourceId: number; permission: Permission },
  revision: number,
): Promise<{ rows: KindOfRow[]; neighbours: Neighbours }> {
  const bit = permissionBits[permission]
  const past = await pastOf(ctx, principalId, resourceId, revision)
  const rights = await rightsBeside(ctx, past, revision, bit)
  const nodes = await nodesThen(ctx, past, revision, rights)
  const slice = new Slice([...past.rows, ...rights, ...nodes])
  const inside = slice.inside(resourceId)
  const outward = (rows: readonly KindOfRow[]) => rows.map((row) => slice.outward(row))
  // Of all that lay above the two meanwhile, what did so then.
  const { rows: between, neighbours } = explainable(slice, principalId, inside, bit)
  const groups = neighbours.groups.map(({ group, rows }) => ({ group, rows: outward(rows) }))
  const containers = neighbours.containers.map(({ id, childId, rows }) => ({
    id: slice.outside(id),
    childId: slice.outside(childId),
    rows: outward(rows),
  }))
  const beside = new Set([...groups.map(({ group }) => group.id), ...containers.map(({ id }) => id)])
  const isNamed = ({ entity, row }: KindOfRow) => (named as readonly string[]).includes(entity) && beside.has(row.id)
  return {
    rows: [...outward(between), ...[...past.rows, ...nodes].filter(isNamed)],
    neighbours: { groups, containers },
  }
}
const named: readonly EntityName[] = ['userGroup', ...nodeEntities]

/** The grants of then on what lies above the resource and to whom the principal belonged, with their roles. */
async function rightsBeside({ store, db }: Context, past: Past, after: number, bit: number): Promise<KindOfRow[]> {
  const { principals, resources } = past
  const current = store.index.grantsBeside(principals, resources).map((row): KindOfRow => ({ entity: 'grant', row }))
  const changes = await listPastChanges(
    db,
    {
      after,
      rows: current.map(({ entity, row }) => ({ entity, id: row.id })),
      links: [{ entities: ['grant'], on: [...principals] }],
      grantsOn: [...resources],
    },
    maxChanges,
  )
  if (changes === undefined) return []
  const grants = rowsBefore(current, changes)
  const roles = await roleRowsThen(db, store.index, grants, after)
  const conveying = new Set(
    roles.flatMap(({ entity, row }) =>
      entity === 'role' && ((row.selfMask | row.contentMask | row.suborganisationMask) & bit) !== 0 ? [row.id] : [],
    ),
  )
  return [...roles, ...grants.filter(({ entity, row }) => entity === 'grant' && conveying.has(row.roleId))]
}

/** Groups and containers of then which those grants are about, and what lies above them. */
async function nodesThen(
  { store, db }: Context,
  past: Past,
  after: number,
  rights: readonly KindOfRow[],
): Promise<KindOfRow[]> {
  const { index } = store
  const grants = rights.flatMap(({ entity, row }): GrantRow[] => (entity === 'grant' ? [row] : []))
  const holders = grants.map(({ principalId }) => principalId)
  const isAccount = (id: number) => index.user(id) !== undefined || index.row('service', id) !== undefined
  const groups = holders.filter((id) => !past.principals.has(id) && !isAccount(id))
  const containers = grants.map(({ resourceId }) => resourceId).filter((id) => !past.resources.has(id))
  const few = (ids: readonly number[]) => [...new Set(ids)].slice(0, maxBeside)
  const gathering = new Gathering({ principals: few(groups), resources: few(containers) })
  const rows: KindOfRow[] = []
  for (let level = gathering.next(); level !== undefined; level = gathering.next()) {
    const found = await levelOf(db, index, level, after)
    const then = rowsBefore(found.current, found.changes)
    rows.push(...then)
    gathering.take(then)
  }
  return rows
}
