import { conveysDiscover } from './graph-expand.ts'
import type { GraphState } from './graph-state.ts'
import { conveyancesOf } from './graph-view.ts'
import { PLATFORM_RESOURCE_ID, PUBLIC_PRINCIPAL_ID } from './model.ts'
import { Bits } from './search-bits.ts'

/** Who may know of a resource. */
export interface Holders {
  /** Everybody, by a grant to `public`. The others are listed all the same. */
  everybody: boolean
  /** Active users and services, each once, in no order. */
  principalIds: number[]
}

/** So many grants and members are looked at before others may have a turn: a fraction of a millisecond. */
const PORTION = 1000

/** Everybody who holds *discover* on a resource, in steps: the question of a check, asked from the other end. */
export function* holdersOf(graph: GraphState, resourceId: number, at: number): Generator<undefined, Holders> {
  const { resources, people, rows, accounts } = graph
  if (!resources.kinds.exists(resourceId)) return { everybody: false, principalIds: [] }
  const granted = yield* granteesOf(graph, resourceId, at)
  const everybody = granted.delete(PUBLIC_PRINCIPAL_ID) && resources.tenantOf(resourceId)?.publicAccess === true
  const principalIds: number[] = []
  const groups = new Set<number>()
  const seen = new Bits(accounts.room)
  const take = (id: number) => {
    if (accounts.isActive(id)) {
      if (seen.has(id)) return
      seen.add(id)
      if (isUnrestricted(graph, id, resourceId, at)) principalIds.push(id)
    } else if (rows.userGroup.has(id)) groups.add(id)
  }
  for (const id of granted) take(id)
  let looked = 0
  for (const group of groups) {
    const members = people.membersAt(group, at)
    for (let place = 0; place < members.length; place++) {
      take(members[place] as number)
      if (++looked % PORTION === 0) yield
    }
  }
  return { everybody, principalIds }
}

/** Whoever is granted *discover* on the resource by a grant of his own or of a group. */
function* granteesOf(graph: GraphState, resourceId: number, at: number): Generator<undefined, Set<number>> {
  const { resources, people, rows } = graph
  const granted = new Set<number>()
  for (const { node, relation } of reachedFrom(graph, resourceId)) {
    // Grants without limits convey the same here as others in the role.
    const known = new Map<number, boolean>()
    const conveys = (id: number, roleId: number): boolean => {
      const grant = rows.grant.get(id)
      const role = rows.role.get(roleId)
      if (grant === undefined || role === undefined || !isValid(grant, at)) return false
      return conveysDiscover(conveyancesOf(resources, grant, role, at).filter((one) => one.relation === relation))
    }
    const ids = people.allGrantIdsOn(node)
    for (let place = 0; place < ids.length; place++) {
      if (place % PORTION === PORTION - 1) yield
      const id = ids[place] as number
      const principalId = people.grants.principalOf(id)
      if (granted.has(principalId)) continue
      const roleId = people.grants.roleOf(id)
      const isLimited = people.grants.isLimited(id)
      const doesConvey = (isLimited ? undefined : known.get(roleId)) ?? conveys(id, roleId)
      if (!isLimited) known.set(roleId, doesConvey)
      if (doesConvey) granted.add(principalId)
    }
  }
  return granted
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
