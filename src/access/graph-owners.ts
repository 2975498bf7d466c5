import type { GraphState } from './graph-state.ts'
import type { GrantRow, MembershipRow } from './model.ts'

/** The role of which every organisation has at least one holder (P-09). */
export const ownerRoleName = 'org.owner'

type OwnerGrant = Pick<GrantRow, 'principalId' | 'resourceId' | 'roleId' | 'validFrom' | 'validTo'>

/** What a change would do to the rights in the graph. */
export interface RightsChange {
  grantsRemoved?: readonly OwnerGrant[]
  grantsAdded?: readonly OwnerGrant[]
  membershipsRemoved?: readonly MembershipRow[]
  /** Disabled or deleted. */
  usersRemoved?: readonly number[]
}

/**
 * The users who own an organisation, directly or through groups. Only what has begun and does not end by itself counts:
 * otherwise time alone could leave it without an owner.
 */
export function ownersOf(
  graph: GraphState,
  organisationId: number,
  at: number,
  change: RightsChange = {},
): Set<number> {
  const removed = new Set((change.grantsRemoved ?? []).map(keyOf))
  const present = ownershipsIn(graph, graph.people.grantIdsOn(organisationId)).filter(
    (grant) => !removed.has(keyOf(grant)),
  )
  const added = (change.grantsAdded ?? []).filter((grant) => grant.resourceId === organisationId)
  const gone = new Set((change.membershipsRemoved ?? []).map((row) => row.id))
  const owners = new Set<number>()
  for (const grant of [...present, ...added]) {
    if (!isOwnership(graph, grant.roleId) || !isLasting(grant, at)) continue
    for (const userId of usersIn(graph, grant.principalId, at, gone)) owners.add(userId)
  }
  for (const userId of change.usersRemoved ?? []) owners.delete(userId)
  return owners
}

/** The organisations that have an owner now and would have none after the change (P-09, EC-07). */
export function ownerlessAfter(graph: GraphState, change: RightsChange, at: number): number[] {
  const organisations = [...concerned(graph, change)].filter((id) => graph.resources.organisation(id) !== undefined)
  return organisations.filter((id) => ownersOf(graph, id, at).size > 0 && ownersOf(graph, id, at, change).size === 0)
}

function concerned(graph: GraphState, change: RightsChange): Set<number> {
  const organisations = new Set((change.grantsRemoved ?? []).map((grant) => grant.resourceId))
  const holders = new Set(change.usersRemoved)
  for (const membership of change.membershipsRemoved ?? []) holders.add(membership.groupId)
  for (const holder of holders) {
    for (const { resourceId } of ownershipsIn(graph, graph.people.grantIdsOf(holder))) organisations.add(resourceId)
    for (const membership of graph.people.groupsOf(holder)) holders.add(membership.groupId)
  }
  return organisations
}

/** The active users that a principal is or, as a group, holds at any depth. */
function usersIn(graph: GraphState, principalId: number, at: number, gone: ReadonlySet<number>): number[] {
  const found = new Set([principalId])
  for (const id of found) {
    if (!graph.rows.userGroup.has(id)) continue
    for (const membership of graph.people.membersOf(id)) {
      if (membership.state !== 'active' || gone.has(membership.id) || !isLasting(membership, at)) continue
      found.add(membership.memberId)
    }
  }
  return [...found].filter((id) => graph.rows.user.get(id)?.disabledAt === null)
}

/** Those of the grants that make somebody an owner. */
function ownershipsIn(graph: GraphState, ids: Iterable<number>): GrantRow[] {
  const found: GrantRow[] = []
  for (const id of ids) {
    const row = isOwnership(graph, graph.people.grants.roleOf(id)) ? graph.rows.grant.get(id) : undefined
    if (row) found.push(row)
  }
  return found
}

function isOwnership(graph: GraphState, roleId: number): boolean {
  const role = graph.rows.role.get(roleId)
  return role?.name === ownerRoleName && role.organisationId === null
}

function isLasting({ validFrom, validTo }: { validFrom: number | null; validTo: number | null }, at: number): boolean {
  return (validFrom ?? at) <= at && validTo === null
}

function keyOf(grant: OwnerGrant & { id?: number }): string {
  return JSON.stringify(grant.id ?? [grant.principalId, grant.resourceId, grant.roleId, grant.validFrom, grant.validTo])
}
