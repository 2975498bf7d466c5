import type { GraphState } from './graph-state.ts'

/** So many groups may lie one in the other; refused when written, so that reading never fails for it (C-09). */
export const maxDepth = 10

/** So many groups of one owner or organisation may hold one thing directly; a check looks at each of them. */
export const maxGroupsOfOne = 100

/** Why the one cannot go into the other. */
export type Misfit =
  /** Such a thing does not contain such a thing. */
  | 'wrongKind'
  /** A site is shared inside its own organisation tree only (P-18). */
  | 'otherTenant'
  /** It would contain itself (G-34). */
  | 'cycle'
  /** More than `maxDepth` levels. */
  | 'tooDeep'
  /** It would lie in more than `maxGroupsOfOne` groups of the same owner. */
  | 'tooMany'

type Neighbours = (id: number) => Iterable<number>

/** What is wrong with a user group having this member. */
export function membershipMisfit(graph: GraphState, groupId: number, memberId: number): Misfit | undefined {
  if (!graph.rows.userGroup.has(memberId)) return undefined
  const groupsOf: Neighbours = (id) => graph.people.groupsOf(id).map((row) => row.groupId)
  const memberGroupsOf: Neighbours = (id) => {
    const members = graph.people.membersOf(id).map((row) => row.memberId)
    return members.filter((member) => graph.rows.userGroup.has(member))
  }
  return nestingMisfit(groupId, memberId, groupsOf, memberGroupsOf)
}

/** What is wrong with a resource containing another. */
export function containmentMisfit(
  { resources, rows }: Pick<GraphState, 'resources' | 'rows'>,
  parentId: number,
  childId: number,
): Misfit | undefined {
  const parentKind = resources.kinds.kind(parentId)
  if (!resources.contains(parentId, childId)) return 'wrongKind'
  const isShared = parentKind === 'organisation' && resources.organisation(parentId)?.parentId !== null
  if (isShared && resources.tenantOf(parentId)?.rootId !== resources.tenantOf(childId)?.rootId) return 'otherTenant'
  if (parentKind !== 'edgeGroup') return undefined
  const isGroup = (id: number) => resources.kinds.kind(id) === 'edgeGroup'
  const group = rows.edgeGroup.get(parentId)
  // Nobody uses up the room of others.
  const groups = resources.containersOf(childId).filter((id) => {
    const other = rows.edgeGroup.get(id)
    return other && other.organisationId === group?.organisationId && other.ownerId === group.ownerId
  })
  if (groups.length >= maxGroupsOfOne && !groups.includes(parentId)) return 'tooMany'
  if (!isGroup(childId)) return undefined
  const groupsOf: Neighbours = (id) => resources.containersOf(id).filter(isGroup)
  const subgroupsOf: Neighbours = (id) => resources.contentOf(id).filter(isGroup)
  return nestingMisfit(parentId, childId, groupsOf, subgroupsOf)
}

/** What is wrong with an organisation lying below another. */
export function organisationMisfit(graph: GraphState, parentId: number, childId: number): Misfit | undefined {
  const { resources } = graph
  if (!resources.organisation(parentId)) return 'wrongKind'
  const above: Neighbours = (id) => {
    const parent = resources.organisation(id)?.parentId
    return parent ? [parent] : []
  }
  return nestingMisfit(parentId, childId, above, (id) => resources.suborganisations(id))
}

/** What is asked of each kind of link. */
export const misfits = {
  membership: membershipMisfit,
  containment: containmentMisfit,
  suborganisation: organisationMisfit,
} as const

function nestingMisfit(parent: number, child: number, up: Neighbours, down: Neighbours): Misfit | undefined {
  if (parent === child || reachable(parent, up).has(child)) return 'cycle'
  return longest(parent, up) + longest(child, down) > maxDepth ? 'tooDeep' : undefined
}

function reachable(start: number, next: Neighbours): Set<number> {
  const found = new Set([start])
  for (const node of found) for (const other of next(node)) found.add(other)
  return found
}

/** Nodes on the longest chain that begins here. */
function longest(start: number, next: Neighbours, known = new Map<number, number>()): number {
  const cached = known.get(start)
  if (cached !== undefined) return cached
  known.set(start, 1)
  let below = 0
  for (const other of next(start)) below = Math.max(below, longest(other, next, known))
  known.set(start, below + 1)
  return below + 1
}
