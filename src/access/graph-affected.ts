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
const structural: ReadonlySet<string> = new Set(['organisation', 'site', 'edge', 'edgeGroup'])

/**
 * Collects whom and what changes concern in the graph as it is; asked before and after them, the sum is all. In steps, between
 * which the graph may become another; the longest is one change: all that a group holds, some milliseconds with 100,000 grants.
 */
export function* affectedBy(graph: GraphState, changes: readonly Change[]): Generator<undefined, Affected> {
  const principals = new Set<number>()
  const resources = new Set<number>()
  for (const change of changes) {
    for (const row of [change.before, change.after]) {
      if (row !== null) reach(graph, { ...change, row } as Reaching, principals, resources)
    }
    // Whoever has everything has this, too, and only as long as it is there.
    const isOther = structural.has(change.entity) && (change.before === null || change.after === null)
    for (const id of isOther ? graph.people.holdersOn(PLATFORM_RESOURCE_ID) : []) principals.add(id)
    yield
  }
  const isEveryResource = yield* downResources(graph, resources)
  // What belongs to another tenant, or to one with other policies, is so for all who hold something there.
  const isMoved = changes.some(({ entity }) => structural.has(entity))
  for (const id of isMoved ? resources : []) {
    for (const principalId of graph.people.holdersOn(id)) principals.add(principalId)
    yield
  }
  const isWhole = (yield* downPrincipals(graph, principals)) && isEveryResource
  for (const id of principals) if (graph.rows.userGroup.has(id)) principals.delete(id)
  return { principals, resources, isWhole }
}

/** Collects whom changes concern in the graph as it is: groups as they are, whoever is in them. */
export function concernedBy(graph: GraphState, changes: readonly Change[]): Set<number> {
  const principals = new Set<number>()
  const resources = new Set<number>()
  for (const change of changes) {
    for (const row of [change.before, change.after]) {
      if (row !== null) reach(graph, { ...change, row } as Reaching, principals, resources)
    }
  }
  return principals
}

type Reaching = {
  [C in Change as C['entity']]: { entity: C['entity']; row: NonNullable<C['after']> }
}[Change['entity']]

/** The upper ends of what a row has to do with. */
function reach(graph: GraphState, { entity, row }: Reaching, principals: Set<number>, resources: Set<number>): void {
  switch (entity) {
    case 'grant':
      principals.add(row.principalId)
      resources.add(row.resourceId)
      break
    case 'membership':
      principals.add(row.memberId)
      for (const id of grantedTo(graph, row.groupId)) resources.add(id)
      break
    case 'restriction':
      principals.add(row.userId)
      resources.add(row.edgeId)
      break
    case 'claim':
      principals.add(row.userId)
      for (const id of grantedTo(graph, row.userId)) resources.add(id)
      break
    case 'user':
    case 'service':
    case 'userGroup':
      principals.add(row.id)
      for (const id of grantedTo(graph, row.id)) resources.add(id)
      break
    case 'role':
      for (const grant of graph.rows.grant.values()) {
        if (grant.roleId === row.id) reach(graph, { entity: 'grant', row: grant }, principals, resources)
      }
      break
    case 'containment':
      holdersAbove(graph, row.parentId, principals)
      resources.add(row.childId)
      break
    case 'organisation':
      holdersAbove(graph, row.id, principals)
      holdersAbove(graph, row.parentId, principals)
      principals.add(PUBLIC_PRINCIPAL_ID)
      resources.add(row.id)
      for (const group of graph.rows.edgeGroup.values()) if (group.organisationId !== null) resources.add(group.id)
      break
    case 'site':
    case 'edgeGroup':
      holdersAbove(graph, row.organisationId, principals)
      principals.add(PUBLIC_PRINCIPAL_ID)
      resources.add(row.id)
      break
    case 'edge':
      holdersAbove(graph, row.siteId, principals)
      holdersAbove(graph, row.organisationId, principals)
      principals.add(PUBLIC_PRINCIPAL_ID)
      resources.add(row.id)
  }
}

/** What a principal and the groups it may belong to hold grants on. */
function grantedTo({ people }: GraphState, principalId: number): number[] {
  const groups = new Set([principalId])
  for (const id of groups) for (const { groupId } of people.groupsOf(id)) groups.add(groupId)
  return [...groups].flatMap((id) => [...people.heldBy(id)])
}

/** Who holds grants that reach what this container holds; not those of the platform, who have it anyway. */
function holdersAbove({ resources, people }: GraphState, container: number | null, principals: Set<number>): void {
  // What is yet to come lies below nothing: the change that brings it says where it will.
  if (container === null || !resources.kinds.exists(container)) return
  for (const above of resources.aboveContent(container)) {
    for (const principalId of people.holdersOn(Math.abs(above))) principals.add(principalId)
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
