import { conveysDiscover } from './graph-expand.ts'
import type { GraphState } from './graph-state.ts'
import { conveyancesOf } from './graph-view.ts'
import { PLATFORM_RESOURCE_ID, PUBLIC_PRINCIPAL_ID } from './model.ts'

/** Who may know of a resource. */
export interface Holders {
  /** Everybody, by a grant to `public`. The others are listed all the same. */
  everybody: boolean
  /** Active users and services, in ascending order of their ids. */
  principalIds: number[]
}

/** Everybody who holds *discover* on a resource: the question of a check, asked from the other end. */
export function holdersOf(graph: GraphState, resourceId: number, at: number): Holders {
  const { resources, people, rows } = graph
  if (!resources.kinds.exists(resourceId)) return { everybody: false, principalIds: [] }
  const holders = new Set<number>()
  for (const { node, relation } of reachedFrom(graph, resourceId)) {
    for (const grant of people.grantsOn(node)) {
      const role = rows.role.get(grant.roleId)
      if (role === undefined || holders.has(grant.principalId) || !isValid(grant, at)) continue
      const conveyed = conveyancesOf(resources, grant, role, at).filter((one) => one.relation === relation)
      if (conveysDiscover(conveyed)) holders.add(grant.principalId)
    }
  }
  const everybody = holders.delete(PUBLIC_PRINCIPAL_ID) && resources.tenantOf(resourceId)?.publicAccess === true
  for (const holder of holders) {
    if (!rows.userGroup.has(holder)) continue
    for (const membership of people.membersOf(holder)) {
      const isMember = membership.state === 'active' && isValid(membership, at)
      if (isMember && membership.memberId !== PUBLIC_PRINCIPAL_ID) holders.add(membership.memberId)
    }
  }
  const seeing = [...holders].filter((id) => isActive(graph, id) && isUnrestricted(graph, id, resourceId, at))
  return { everybody, principalIds: seeing.sort((a, b) => a - b) }
}

/** Every resource whose grants reach this one, and how. */
function reachedFrom({ resources }: GraphState, resourceId: number) {
  const reached: { node: number; relation: 'self' | 'content' | 'suborganisation' }[] = [
    { node: resourceId, relation: 'self' },
  ]
  const above = new Set(resources.containersOf(resourceId).flatMap((container) => resources.aboveContent(container)))
  if (resources.organisation(resourceId)) {
    for (const node of resources.superorganisations(resourceId)) above.add(-node)
  }
  for (const node of above) reached.push({ node: Math.abs(node), relation: node > 0 ? 'content' : 'suborganisation' })
  if (resourceId !== PLATFORM_RESOURCE_ID) reached.push({ node: PLATFORM_RESOURCE_ID, relation: 'content' })
  return reached
}

function isActive({ rows }: GraphState, id: number): boolean {
  return (rows.user.get(id) ?? rows.service.get(id))?.disabledAt === null
}

/** A restriction may leave nothing of his own; only then is there more to ask. */
function isUnrestricted(graph: GraphState, id: number, resourceId: number, at: number): boolean {
  if (!graph.people.restrictionsOf(id)?.has(resourceId)) return true
  const own = graph.evaluator
    .conveyances(graph.views.peek(id, at), resourceId)
    .filter(({ grant }) => grant.principalId !== PUBLIC_PRINCIPAL_ID)
  return conveysDiscover(own)
}

function isValid({ validFrom, validTo }: { validFrom: number | null; validTo: number | null }, at: number): boolean {
  return (validFrom ?? at) <= at && at < (validTo ?? Number.POSITIVE_INFINITY)
}
