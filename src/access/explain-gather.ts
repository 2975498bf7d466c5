import type { Neighbours } from './explain-near.ts'
import { Gathering, type KindOfRow, nodeEntities, nodesOf, principalEntities, rowsOf } from './explain-rows.ts'
import { containmentMisfit } from './graph-depth.ts'
import type { GraphState } from './graph-state.ts'
import { type GrantRow, PLATFORM_RESOURCE_ID, PUBLIC_PRINCIPAL_ID } from './model.ts'

/** At most so many grants are looked through for neighbours, and so many neighbours of each kind are told. */
const maxScanned = 1000
const maxNeighbours = 10

/** Every row that says something about the access of one principal to one resource, whether it counts now or not. */
export function rowsBetween(graph: GraphState, principalId: number, resourceId: number): KindOfRow[] {
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
  graph: GraphState,
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
  { people }: GraphState,
  principals: ReadonlySet<number>,
  resources: ReadonlySet<number>,
): KindOfRow[] {
  let heldCount = 0
  for (const id of principals) heldCount += people.grantsOf(id).length
  const crowded = new Set<number>()
  const found: KindOfRow[] = []
  for (const id of resources) {
    const given = people.grantsOn(id)
    if (given.length > heldCount) crowded.add(id)
    else for (const row of given) if (principals.has(row.principalId)) found.push({ entity: 'grant', row })
  }
  if (crowded.size === 0) return found
  for (const id of principals) {
    for (const row of people.grantsOf(id)) if (crowded.has(row.resourceId)) found.push({ entity: 'grant', row })
  }
  return found
}

/** The roles of these grants. */
function rolesOf(graph: GraphState, grants: readonly KindOfRow[]): KindOfRow[] {
  const ids = new Set(grants.flatMap((found) => (found.entity === 'grant' ? [found.row.roleId] : [])))
  return nodesOf(graph, ['role'], [...ids])
}

/** What one change away would convey the permission: other groups' grants, and what else the principal is granted. */
export function neighboursOf(
  graph: GraphState,
  principalId: number,
  resourceId: number,
  bit: number,
  between: readonly KindOfRow[],
): Neighbours {
  const idsOf = (entities: readonly string[]) =>
    new Set(between.filter(({ entity }) => entities.includes(entity)).map(({ row }) => row.id))
  const resources = idsOf(nodeEntities).add(PLATFORM_RESOURCE_ID)
  const principals = idsOf(principalEntities)
  return {
    groups: groupsBeside(graph, principalId, principals, resources, bit),
    containers: containersBeside(graph, resourceId, principals, resources, bit),
  }
}

function groupsBeside(
  graph: GraphState,
  principalId: number,
  principals: ReadonlySet<number>,
  resources: ReadonlySet<number>,
  bit: number,
): Neighbours['groups'] {
  if (!graph.rows.user.has(principalId) && !graph.rows.service.has(principalId)) return []
  const found = new Map<number, GrantRow[]>()
  let scanned = 0
  for (const resourceId of resources) {
    for (const grant of graph.people.grantsOn(resourceId)) {
      if (++scanned > maxScanned || found.size >= maxNeighbours) break
      if (principals.has(grant.principalId) || !graph.rows.userGroup.has(grant.principalId)) continue
      if (conveys(graph, grant, bit)) found.set(grant.principalId, [...(found.get(grant.principalId) ?? []), grant])
    }
  }
  return [...found].flatMap(([id, grants]) => {
    const group = graph.rows.userGroup.get(id)
    return group ? [{ group, rows: [...grantRows(grants), ...rolesOf(graph, grantRows(grants))] }] : []
  })
}

function containersBeside(
  graph: GraphState,
  resourceId: number,
  principals: ReadonlySet<number>,
  resources: ReadonlySet<number>,
  bit: number,
): Neighbours['containers'] {
  const found = new Map<number, Neighbours['containers'][number]>()
  let scanned = 0
  for (const principalId of principals) {
    for (const grant of graph.people.grantsOf(principalId)) {
      if (++scanned > maxScanned || found.size >= maxNeighbours) break
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
function contentFor({ rows, resources }: GraphState, container: number, resourceId: number): number | undefined {
  if (resources.kinds.kind(container) === 'edgeGroup') return resourceId
  if (resources.organisation(container)?.parentId == null) return undefined
  return rows.site.has(resourceId) ? resourceId : (rows.edge.get(resourceId)?.siteId ?? undefined)
}

function conveys({ rows }: GraphState, { roleId }: GrantRow, bit: number): boolean {
  const role = rows.role.get(roleId)
  return role !== undefined && ((role.selfMask | role.contentMask | role.suborganisationMask) & bit) !== 0
}

function grantRows(grants: readonly GrantRow[]): KindOfRow[] {
  return grants.map((row) => ({ entity: 'grant', row }))
}
