import type { Neighbours } from './explain-near.ts'
import { Gathering, type KindOfRow, nodeEntities, nodesOf, principalEntities, rowsOf } from './explain-rows.ts'
import { containmentMisfit } from './graph-depth.ts'
import type { GraphState } from './graph-state.ts'
import { type GrantRow, PLATFORM_RESOURCE_ID, PUBLIC_PRINCIPAL_ID } from './model.ts'

/** What lies above two. */
export interface Above {
  principals: ReadonlySet<number>
  resources: ReadonlySet<number>
}

type Graph = Pick<GraphState, 'rows' | 'resources' | 'people'>

/** At most so many grants are looked through for neighbours, and so many neighbours of each kind are told. */
const maxScanned = 1000
const maxNeighbours = 10

/** Every row that says something about the access of one principal to one resource, whether it counts now or not. */
function rowsBetween(graph: Graph, principalId: number, resourceId: number): KindOfRow[] {
  const gathering = new Gathering({ principals: [principalId], resources: [resourceId, PLATFORM_RESOURCE_ID] })
  for (let level = gathering.next(); level !== undefined; level = gathering.next()) {
    gathering.take(rowsOf(graph, level))
  }
  gathering.principals.add(PUBLIC_PRINCIPAL_ID)
  const rights = rightsBetween(graph, principalId, resourceId, gathering.principals, gathering.resources)
  return [...gathering.rows, ...rights, ...rolesOf(graph, rights)]
}

/** The grants between principals and resources, and the restriction of the one principal on the one resource. */
export function rightsBetween(
  graph: Graph,
  principalId: number,
  resourceId: number,
  principals: ReadonlySet<number>,
  resources: ReadonlySet<number>,
): KindOfRow[] {
  const row = graph.people.restrictionsOf(principalId)?.get(resourceId)
  const restrictions: KindOfRow[] = row ? [{ entity: 'restriction', row }] : []
  return [...grantsBetween(graph, principals, resources), ...restrictions]
}

/** The grants of any of these principals on any of these resources; on what many hold grants, looked for from the other side. */
function grantsBetween(
  { people, rows }: Graph,
  principals: ReadonlySet<number>,
  resources: ReadonlySet<number>,
): KindOfRow[] {
  let heldCount = 0
  for (const id of principals) heldCount += countUpTo(people.grantIdsOf(id), Number.POSITIVE_INFINITY)
  const crowded = new Set<number>()
  const ids: number[] = []
  for (const resourceId of resources) {
    if (countUpTo(people.grantIdsOn(resourceId), heldCount) > heldCount) crowded.add(resourceId)
    else for (const id of people.grantIdsOn(resourceId)) if (principals.has(people.grants.principalOf(id))) ids.push(id)
  }
  for (const principalId of crowded.size === 0 ? [] : principals) {
    for (const id of people.grantIdsOf(principalId)) if (crowded.has(people.grants.resourceOf(id))) ids.push(id)
  }
  return ids.flatMap((id) => {
    const row = rows.grant.get(id)
    return row ? [{ entity: 'grant', row }] : []
  })
}

/** How many there are; one more than `atMost` if there are more. */
function countUpTo(ids: Iterable<number>, atMost: number): number {
  let count = 0
  for (const _ of ids) if (++count > atMost) break
  return count
}

/** The roles of these grants. */
function rolesOf(graph: Graph, grants: readonly KindOfRow[]): KindOfRow[] {
  const ids = new Set(grants.flatMap((found) => (found.entity === 'grant' ? [found.row.roleId] : [])))
  return nodesOf(graph, ['role'], [...ids])
}

/** All that explains the access of one principal to one resource: the rows between them, and what lies one change away. */
export function explainable(
  graph: Graph,
  principalId: number,
  resourceId: number,
  bit: number,
): { rows: KindOfRow[]; neighbours: Neighbours } {
  const rows = rowsBetween(graph, principalId, resourceId)
  return { rows, neighbours: neighboursOf(graph, principalId, resourceId, bit, rows) }
}

/** Ids of the principals and resources among the rows between two. */
function idsBetween(between: readonly KindOfRow[]): Above {
  const idsOf = (entities: readonly string[]) =>
    new Set(between.filter(({ entity }) => entities.includes(entity)).map(({ row }) => row.id))
  return { principals: idsOf(principalEntities), resources: idsOf(nodeEntities).add(PLATFORM_RESOURCE_ID) }
}

/**
 * What one change away would convey the permission: grants of other groups on what lies above the resource, and what else the
 * principal and its groups are granted.
 */
function neighboursOf(
  graph: Graph,
  principalId: number,
  resourceId: number,
  bit: number,
  between: readonly KindOfRow[],
): Neighbours {
  const { principals, resources } = idsBetween(between)
  return {
    groups: groupsBeside(graph, principalId, principals, resources, bit),
    containers: containersBeside(graph, resourceId, principals, resources, bit),
  }
}

function groupsBeside(
  graph: Graph,
  principalId: number,
  principals: ReadonlySet<number>,
  resources: ReadonlySet<number>,
  bit: number,
): Neighbours['groups'] {
  if (!graph.rows.user.has(principalId) && !graph.rows.service.has(principalId)) return []
  const found = new Map<number, GrantRow[]>()
  let scanned = 0
  for (const resourceId of resources) {
    for (const id of graph.people.grantIdsOn(resourceId)) {
      if (++scanned > maxScanned || found.size >= maxNeighbours) break
      const grant = graph.rows.grant.get(id)
      if (grant === undefined || principals.has(grant.principalId) || !graph.rows.userGroup.has(grant.principalId))
        continue
      if (conveys(graph, grant, bit)) found.set(grant.principalId, [...(found.get(grant.principalId) ?? []), grant])
    }
  }
  return [...found].flatMap(([id, grants]) => {
    const group = graph.rows.userGroup.get(id)
    return group ? [{ group, rows: [...grantRows(grants), ...rolesOf(graph, grantRows(grants))] }] : []
  })
}

function containersBeside(
  graph: Graph,
  resourceId: number,
  principals: ReadonlySet<number>,
  resources: ReadonlySet<number>,
  bit: number,
): Neighbours['containers'] {
  const found = new Map<number, Neighbours['containers'][number]>()
  let scanned = 0
  for (const principalId of principals) {
    for (const grantId of graph.people.grantIdsOf(principalId)) {
      if (++scanned > maxScanned || found.size >= maxNeighbours) break
      const grant = graph.rows.grant.get(grantId)
      if (grant === undefined) continue
      const { resourceId: id } = grant
      if (resources.has(id) || found.has(id) || !conveys(graph, grant, bit)) continue
      const childId = contentFor(graph, id, resourceId)
      if (childId === undefined || containmentMisfit(graph, id, childId) !== undefined) continue
      const grants = grantsBetween(graph, principals, new Set([id]))
      found.set(id, {
        id,
        childId,
        rows: [...nodesOf(graph, nodeEntities, [id]), ...grants, ...rolesOf(graph, grants)],
      })
    }
  }
  return [...found.values()]
}

/** What would have to go into a container: the resource itself into a group, its site into a sub-organisation (P-15). */
function contentFor({ rows, resources }: Graph, container: number, resourceId: number): number | undefined {
  if (resources.kinds.kind(container) === 'edgeGroup') return resourceId
  if (resources.organisation(container)?.parentId == null) return undefined
  return rows.site.has(resourceId) ? resourceId : (rows.edge.get(resourceId)?.siteId ?? undefined)
}

function conveys({ rows }: Graph, { roleId }: GrantRow, bit: number): boolean {
  const role = rows.role.get(roleId)
  return role !== undefined && ((role.selfMask | role.contentMask | role.suborganisationMask) & bit) !== 0
}

function grantRows(grants: readonly GrantRow[]): KindOfRow[] {
  return grants.map((row) => ({ entity: 'grant', row }))
}

/** The newest grants on any of these resources and of any of these principals, so many of each at most. */
export function grantsBeside(
  { people, rows }: Graph,
  principals: ReadonlySet<number>,
  resources: ReadonlySet<number>,
): GrantRow[] {
  const ids = new Set<number>()
  const take = (nodes: ReadonlySet<number>, grantIds: (node: number) => Iterable<number>) => {
    let scanned = 0
    for (const node of nodes) {
      for (const id of grantIds(node)) {
        if (++scanned > maxScanned) return
        ids.add(id)
      }
    }
  }
  take(resources, (id) => people.grantIdsOn(id))
  take(principals, (id) => people.grantIdsOf(id))
  return [...ids].flatMap((id) => rows.grant.get(id) ?? [])
}
