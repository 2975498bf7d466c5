import type { Obstacle, Path } from './explain-paths.ts'
import type { GraphState } from './graph-state.ts'
import { claimMasks } from './graph-view.ts'
import { type Permission, PLATFORM_RESOURCE_ID, permissionBits } from './model.ts'

/** What stands between somebody and a permission: one change would do. */
export interface NearMiss {
  code: Obstacle | 'accountDisabled' | 'claimNone' | 'notMember' | 'notContained' | 'noGrant'
  /** What to change: a user group, a resource, a user. */
  kind: 'principal' | 'resource'
  id: number
  /** Beside that: the claim's key, the role's name. */
  detail?: string
}

const maxNearMisses = 10

/** The single changes that would allow it, the smallest first (domain rules 2.9, step 5). */
export function nearMisses(
  graph: GraphState,
  principalId: number,
  resourceId: number,
  permission: Permission,
  paths: readonly Path[],
  at: number,
): NearMiss[] {
  const bit = permissionBits[permission]
  const account = graph.rows.user.get(principalId) ?? graph.rows.service.get(principalId)
  const found: NearMiss[] = []
  if (account && account.disabledAt !== null)
    found.push({ code: 'accountDisabled', kind: 'principal', id: principalId })
  for (const claim of graph.people.claimsOf(principalId)) {
    const isCutting =
      claim.value.toUpperCase() === 'NONE' && ((claimMasks.get(claim.key.toLowerCase()) ?? 0) & bit) !== 0
    if (isCutting) found.push({ code: 'claimNone', kind: 'principal', id: principalId, detail: claim.key })
  }
  for (const { hindrances, role } of paths) {
    const [only] = hindrances
    if (only === undefined || hindrances.length > 1) continue
    const isGroup = only.obstacle.startsWith('membership')
    found.push({ code: only.obstacle, kind: isGroup ? 'principal' : 'resource', id: only.id, detail: role.name })
  }
  found.push(...groupsWithAccess(graph, principalId, resourceId, bit, at))
  found.push(...containersWithAccess(graph, principalId, resourceId, bit, at))
  if (!paths.some(({ hindrances }) => hindrances.length === 0)) {
    found.push({ code: 'noGrant', kind: 'resource', id: resourceId })
  }
  const different = new Map(found.map((miss) => [`${miss.code} ${miss.kind} ${miss.id}`, miss]))
  return [...different.values()].slice(0, maxNearMisses)
}

/** User groups that have it and do not count the principal in. */
function groupsWithAccess(
  graph: GraphState,
  principalId: number,
  resourceId: number,
  bit: number,
  at: number,
): NearMiss[] {
  if (graph.rows.userGroup.has(principalId)) return []
  const { principals } = graph.views.peek(principalId, at)
  const { resources } = graph
  const above = new Set(
    resources.containersOf(resourceId).flatMap((container) => [...resources.aboveContent(container)]),
  )
  for (const organisation of resources.superorganisations(resourceId)) above.add(-organisation)
  const nodes = [resourceId, ...[...above].map(Math.abs), PLATFORM_RESOURCE_ID]
  const holders = new Set(nodes.flatMap((node) => graph.people.grantsOn(node).map((grant) => grant.principalId)))
  return [...holders]
    .filter((id) => graph.rows.userGroup.has(id) && !principals.has(id))
    .filter((id) => (graph.evaluator.decide(graph.views.peek(id, at), resourceId) & bit) !== 0)
    .map((id) => ({ code: 'notMember', kind: 'principal', id }))
}

/** Containers on which the principal has it for all they hold, but this resource is not in there. */
function containersWithAccess(
  graph: GraphState,
  principalId: number,
  resourceId: number,
  bit: number,
  at: number,
): NearMiss[] {
  const view = graph.views.peek(principalId, at)
  const found: NearMiss[] = []
  for (const [id, { content }] of view.isActive ? view.held : []) {
    const isFitting = graph.resources.contains(id, resourceId) && content.some(({ mask }) => (mask & bit) !== 0)
    if (isFitting) found.push({ code: 'notContained', kind: 'resource', id })
  }
  return found
}
