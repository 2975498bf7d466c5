import { capOf } from './graph-evaluate.ts'
import type { Relation } from './graph-resources.ts'
import type { GraphState } from './graph-state.ts'
import { gateOf, historicMask } from './graph-view.ts'
import { type GrantRow, PLATFORM_RESOURCE_ID, PUBLIC_PRINCIPAL_ID, type RoleRow } from './model.ts'
import { intersectWindows, type Windows, windowsContain, windowsEmpty } from './windows.ts'

/** Why a path does not lead to the permission, although it is there. */
export type Obstacle =
  | 'membershipInvited'
  | 'membershipRejected'
  | 'membershipNotYet'
  | 'membershipEnded'
  | 'grantNotYet'
  | 'grantEnded'
  | 'roleLacks'
  | 'entityGate'
  | 'dataWindows'
  | 'restriction'
  | 'noPublicAccess'
  | 'organisationCap'

/** Where on a path an obstacle lies: a group that was not joined, a resource on which the grant is, the resource itself. */
export interface Hindrance {
  obstacle: Obstacle
  id: number
}

/** One way from somebody over a grant to a resource. */
export interface Path {
  /** From whom it is about to the holder of the grant. */
  principals: number[]
  grant: GrantRow
  role: RoleRow
  relation: Relation
  /** From what is granted to what it is about. */
  resources: number[]
  /** What the role says for this way, before anything is cut. */
  mask: number
  /** Empty: the path counts. */
  hindrances: Hindrance[]
}

interface PrincipalPath {
  nodes: number[]
  hindrances: Hindrance[]
}
interface ResourcePath {
  /** From the top down. */
  nodes: number[]
  relation: Relation
}

/** Several groups in several groups multiply: more paths than these are not told. */
const maxPaths = 100

/** Every path between somebody and a resource, also those that do not count now, the good ones first (domain rules 2.9). */
export function pathsBetween(
  graph: GraphState,
  principalId: number,
  resourceId: number,
  bit: number,
  at: number,
): Path[] {
  const upward = [...principalPaths(graph, principalId, at), ...publicPaths(graph, principalId, resourceId)]
  const found: Path[] = []
  for (const down of resourcePaths(graph, resourceId)) {
    for (const grant of graph.people.grantsOn(down.nodes[0] ?? 0)) {
      const role = graph.rows.role.get(grant.roleId)
      if (role === undefined) continue
      for (const up of upward) {
        if (up.nodes.at(-1) === grant.principalId) found.push(join(graph, up, grant, role, down, principalId, bit, at))
      }
    }
  }
  return found.sort((a, b) => a.hindrances.length - b.hindrances.length).slice(0, maxPaths)
}

function join(
  graph: GraphState,
  up: PrincipalPath,
  grant: GrantRow,
  role: RoleRow,
  down: ResourcePath,
  principalId: number,
  bit: number,
  at: number,
): Path {
  const mask = maskOver(grant, role, down.relation)
  const hindrances = [...up.hindrances]
  const hinder = (obstacle: Obstacle, id = grant.resourceId) => hindrances.push({ obstacle, id })
  if (grant.validFrom !== null && grant.validFrom > at) hinder('grantNotYet')
  if (grant.validTo !== null && grant.validTo <= at) hinder('grantEnded')
  const resourceId = down.nodes.at(-1) ?? 0
  if ((mask & bit) === 0) hinder('roleLacks')
  if ((gateOf(graph.resources, grant.resourceId) & bit) === 0) hinder('entityGate')
  if ((capOf(graph.resources, resourceId) & bit) === 0) hinder('organisationCap', resourceId)
  const restriction = graph.people.restrictionsOf(principalId)?.get(resourceId)?.windows ?? null
  const isOpen = (windows: Windows) => (bit & historicMask ? !windowsEmpty(windows) : windowsContain(windows, at))
  if (!isOpen(grant.dataWindows)) hinder('dataWindows')
  if (!isOpen(restriction)) hinder('restriction', resourceId)
  else if (windowsEmpty(intersectWindows(grant.dataWindows, restriction))) hinder('restriction', resourceId)
  return { principals: up.nodes, grant, role, relation: down.relation, resources: down.nodes, mask, hindrances }
}

function maskOver(grant: GrantRow, role: RoleRow, relation: Relation): number {
  if (relation === 'self') return role.selfMask
  if (grant.resourceId === PLATFORM_RESOURCE_ID) return role.contentMask | role.suborganisationMask
  return relation === 'content' ? role.contentMask : role.suborganisationMask
}

/** Up through groups, over every membership there is. */
function principalPaths(graph: GraphState, start: number, at: number): PrincipalPath[] {
  if (start === PUBLIC_PRINCIPAL_ID) return []
  const found: PrincipalPath[] = [{ nodes: [start], hindrances: [] }]
  for (const path of found) {
    if (found.length >= maxPaths) break
    for (const membership of graph.people.groupsOf(path.nodes.at(-1) ?? 0)) {
      const { groupId, state, validFrom, validTo } = membership
      if (path.nodes.includes(groupId) || !graph.rows.userGroup.has(groupId)) continue
      const hindrances = [...path.hindrances]
      if (state === 'invited') hindrances.push({ obstacle: 'membershipInvited', id: groupId })
      if (state === 'rejected') hindrances.push({ obstacle: 'membershipRejected', id: groupId })
      if (validFrom !== null && validFrom > at) hindrances.push({ obstacle: 'membershipNotYet', id: groupId })
      if (validTo !== null && validTo <= at) hindrances.push({ obstacle: 'membershipEnded', id: groupId })
      found.push({ nodes: [...path.nodes, groupId], hindrances })
    }
  }
  return found
}

function publicPaths(graph: GraphState, start: number, resourceId: number): PrincipalPath[] {
  const tenant = graph.resources.tenantOf(resourceId)
  if (tenant === undefined) return []
  const hindrances: Hindrance[] = tenant.publicAccess ? [] : [{ obstacle: 'noPublicAccess', id: tenant.rootId }]
  return [{ nodes: start === PUBLIC_PRINCIPAL_ID ? [start] : [start, PUBLIC_PRINCIPAL_ID], hindrances }]
}

/** Up from the resource: first through what contains it, then through the organisations above. */
function resourcePaths({ resources }: GraphState, resourceId: number): ResourcePath[] {
  const found: ResourcePath[] = [{ nodes: [resourceId], relation: 'self' }]
  for (const { nodes, relation } of found) {
    if (found.length >= maxPaths) break
    const [top = 0] = nodes
    if (relation !== 'suborganisation') {
      for (const container of resources.containersOf(top)) {
        if (!nodes.includes(container)) found.push({ nodes: [container, ...nodes], relation: 'content' })
      }
    }
    const parent = resources.organisation(top)?.parentId
    if (parent && resources.organisation(parent) && !nodes.includes(parent)) {
      found.push({ nodes: [parent, ...nodes], relation: 'suborganisation' })
    }
  }
  if (resourceId !== PLATFORM_RESOURCE_ID) {
    found.push({ nodes: [PLATFORM_RESOURCE_ID, resourceId], relation: 'content' })
  }
  return found
}
