import { atOnce } from '../lib/slices.ts'
import type { GraphState } from './graph-state.ts'
import { type Change, PLATFORM_RESOURCE_ID, PUBLIC_PRINCIPAL_ID } from './model.ts'

/** Whose access to what may be another after changes: every principal with every resource. */
export interface Affected {
  /** Users, services and `public`, which stands for everybody. */
  principals: Set<number>
  resources: Set<number>
  /** Whether that is all; there were more than could be collected otherwise. */
  isWhole: boolean
}

const maxPrincipals = 5000
const maxResources = 20_000
/** So many grants are looked at before others may have a turn: a fraction of a millisecond. */
const PORTION = 1000
const structural: ReadonlySet<string> = new Set(['organisation', 'site', 'edge', 'edgeGroup'])

/**
 * Collects whom and what changes concern in the graph as it is; asked before and after them, the sum is all. In small steps,
 * between which the graph may become another.
 */
export function* affectedBy(graph: GraphState, changes: readonly Change[]): Generator<undefined, Affected> {
  const principals = new Set<number>()
  const resources = new Set<number>()
  for (const row of rowsIn(changes)) yield* reach(graph, row, principals, resources)
  // Whoever has everything has all that comes, and only as long as it is there.
  const isOther = changes.some(
    ({ entity, before, after }) => structural.has(entity) && (before === null || after === null),
  )
  if (isOther) yield* addHolders(graph, PLATFORM_RESOURCE_ID, principals)
  const isEveryResource = yield* downResources(graph, resources)
  // What belongs to another tenant, or to one with other policies, is so for all who hold something there.
  const isMoved = changes.some(({ entity }) => structural.has(entity))
  for (const id of isMoved ? resources : []) yield* addHolders(graph, id, principals)
  const isWhole = (yield* downPrincipals(graph, principals)) && isEveryResource
  for (const id of principals) if (graph.rows.userGroup.has(id)) principals.delete(id)
  return { principals, resources, isWhole }
}

/** Collects whom changes concern in the graph as it is: groups as they are, whoever is in them. */
export function concernedBy(graph: GraphState, changes: readonly Change[]): Set<number> {
  const principals = new Set<number>()
  for (const row of rowsIn(changes)) atOnce(reach(graph, row, principals, undefined))
  return principals
}

function rowsIn(changes: readonly Change[]): Reaching[] {
  return changes.flatMap((change) =>
    [change.before, change.after].flatMap((row) => (row === null ? [] : ({ ...change, row } as Reaching))),
  )
}

type Steps = Generator<undefined, void>

type Reaching = {
  [C in Change as C['entity']]: { entity: C['entity']; row: NonNullable<C['after']> }
}[Change['entity']]

/** The upper ends of what a row has to do with; without `resources` only the principals. */
function* reach(
  graph: GraphState,
  { entity, row }: Reaching,
  principals: Set<number>,
  resources: Set<number> | undefined,
): Steps {
  yield
  switch (entity) {
    case 'grant':
      principals.add(row.principalId)
      resources?.add(row.resourceId)
      break
    case 'membership':
      principals.add(row.memberId)
      yield* addGranted(graph, row.groupId, resources)
      break
    case 'restriction':
      principals.add(row.userId)
      resources?.add(row.edgeId)
      break
    case 'claim':
      principals.add(row.userId)
      yield* addGranted(graph, row.userId, resources)
      break
    case 'user':
    case 'service':
    case 'userGroup':
      principals.add(row.id)
      yield* addGranted(graph, row.id, resources)
      break
    case 'role':
      yield* addGrantsOf(graph, row.id, principals, resources)
      break
    case 'containment':
      yield* addHoldersAbove(graph, row.parentId, principals)
      resources?.add(row.childId)
      break
    case 'organisation':
      yield* addHoldersAbove(graph, row.id, principals)
      yield* addHoldersAbove(graph, row.parentId, principals)
      principals.add(PUBLIC_PRINCIPAL_ID)
      resources?.add(row.id)
      for (const group of graph.rows.edgeGroup.values()) if (group.organisationId !== null) resources?.add(group.id)
      break
    case 'site':
    case 'edgeGroup':
      yield* addHoldersAbove(graph, row.organisationId, principals)
      principals.add(PUBLIC_PRINCIPAL_ID)
      resources?.add(row.id)
      break
    case 'edge':
      yield* addHoldersAbove(graph, row.siteId, principals)
      yield* addHoldersAbove(graph, row.organisationId, principals)
      principals.add(PUBLIC_PRINCIPAL_ID)
      resources?.add(row.id)
  }
}

/** What a principal and the groups it may belong to hold grants on. */
function* addGranted({ people }: GraphState, principalId: number, resources: Set<number> | undefined): Steps {
  if (resources === undefined) return
  const groups = new Set([principalId])
  for (const id of groups) for (const { groupId } of people.groupsOf(id)) groups.add(groupId)
  for (const id of groups) {
    for (const [place, grantId] of people.allGrantIdsOf(id).entries()) {
      if (people.grants.has(grantId)) resources.add(people.grants.resourceOf(grantId))
      if (place % PORTION === PORTION - 1) yield
    }
  }
}

/** Who holds grants in a role, and on what. */
function* addGrantsOf(
  { rows, people }: GraphState,
  roleId: number,
  principals: Set<number>,
  resources: Set<number> | undefined,
): Steps {
  let looked = 0
  for (const id of rows.grant.keys()) {
    if (++looked % PORTION === 0) yield
    if (people.grants.roleOf(id) !== roleId) continue
    principals.add(people.grants.principalOf(id))
    resources?.add(people.grants.resourceOf(id))
  }
}

/** Who holds grants that reach what this container holds; not those of the platform, who have it anyway. */
function* addHoldersAbove(graph: GraphState, container: number | null, principals: Set<number>): Steps {
  // What is yet to come lies below nothing: the change that brings it says where it will.
  if (container === null || !graph.resources.kinds.exists(container)) return
  for (const above of graph.resources.aboveContent(container)) yield* addHolders(graph, Math.abs(above), principals)
}

/** Who holds grants on a resource. */
function* addHolders({ people }: GraphState, resourceId: number, principals: Set<number>): Steps {
  yield
  for (const [place, id] of people.allGrantIdsOn(resourceId).entries()) {
    if (people.grants.has(id)) principals.add(people.grants.principalOf(id))
    if (place % PORTION === PORTION - 1) yield
  }
}

function* downPrincipals({ people, rows }: GraphState, principals: Set<number>): Generator<undefined, boolean> {
  for (const id of principals) {
    if (!rows.userGroup.has(id)) continue
    yield
    for (const { memberId } of people.membersOf(id)) {
      if (principals.size >= maxPrincipals) return false
      principals.add(memberId)
    }
  }
  return true
}

/** Down from the platform would be everything: only itself is looked at, and the answer is not whole. */
function* downResources({ resources }: GraphState, found: Set<number>): Generator<undefined, boolean> {
  for (const id of found) {
    yield
    for (const below of [...resources.contentOf(id, maxResources), ...resources.suborganisations(id)]) {
      if (found.size >= maxResources) return false
      found.add(below)
    }
  }
  return !found.has(PLATFORM_RESOURCE_ID)
}
