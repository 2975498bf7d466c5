import type { Obstacle, Path } from './explain-paths.ts'
import { containmentMisfit } from './graph-depth.ts'
import { capOf } from './graph-evaluate.ts'
import type { GraphState } from './graph-state.ts'
import { claimMasks, gateOf } from './graph-view.ts'
import { PLATFORM_RESOURCE_ID } from './model.ts'

/** A cap that cuts whatever the grants say. */
export interface CutCap {
  code: 'accountDisabled' | 'claimNone'
  /** The claim's key. */
  detail?: string
}

/** One change that would do on its own. */
export interface NearMiss {
  code: Obstacle | CutCap['code'] | 'notMember' | 'notContained' | 'noGrant'
  /** What to change: a user group, a resource, a user. */
  kind: 'principal' | 'resource'
  id: number
  /** Beside that: the claim's key, the role's name. */
  detail?: string
}

const maxNearMisses = 10

/** The caps that take a permission from a principal. */
export function cutCaps(graph: GraphState, principalId: number, bit: number): CutCap[] {
  const account = graph.rows.user.get(principalId) ?? graph.rows.service.get(principalId)
  const caps: CutCap[] = account && account.disabledAt !== null ? [{ code: 'accountDisabled' }] : []
  for (const { key, value } of graph.people.claimsOf(principalId)) {
    const cut = value.toUpperCase() === 'NONE' ? (claimMasks.get(key.toLowerCase()) ?? 0) : 0
    if ((cut & bit) !== 0) caps.push({ code: 'claimNone', detail: key })
  }
  return caps
}

/** The single changes each of which would allow it, the smallest first (domain rules 2.9, step 5). */
export function nearMisses(
  graph: GraphState,
  principalId: number,
  resourceId: number,
  bit: number,
  paths: readonly Path[],
  at: number,
): NearMiss[] {
  const caps = cutCaps(graph, principalId, bit)
  const hasPath = paths.some(({ hindrances }) => hindrances.length === 0)
  const [cap] = caps
  if (cap) return hasPath && caps.length === 1 ? [{ ...cap, kind: 'principal', id: principalId }] : []
  const found: NearMiss[] = []
  for (const { hindrances, role } of paths) {
    const [only] = hindrances
    if (only === undefined || hindrances.length > 1 || only.obstacle === 'organisationCap') continue
    const isGroup = only.obstacle.startsWith('membership')
    found.push({ code: only.obstacle, kind: isGroup ? 'principal' : 'resource', id: only.id, detail: role.name })
  }
  if (!graph.people.restrictionsOf(principalId)?.has(resourceId)) {
    found.push(...groupsWithAccess(graph, principalId, resourceId, bit, at))
    found.push(...containersWithAccess(graph, principalId, resourceId, bit, at))
    const isGrantable = (capOf(graph.resources, resourceId) & gateOf(graph.resources, resourceId) & bit) !== 0
    if (isGrantable) found.push({ code: 'noGrant', kind: 'resource', id: resourceId })
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
    const isFitting = content.some(({ mask }) => (mask & bit) !== 0) && !containmentMisfit(graph, id, resourceId)
    if (isFitting) found.push({ code: 'notContained', kind: 'resource', id })
  }
  return found
}
