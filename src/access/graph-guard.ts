import { coversComponent } from './components.ts'
import { permissionsIn } from './graph-data.ts'
import { containmentMisfit, type Misfit, membershipMisfit, organisationMisfit } from './graph-depth.ts'
import { rankTaking } from './graph-evaluate.ts'
import type { Relation } from './graph-resources.ts'
import type { GraphState } from './graph-state.ts'
import { type Conveyance, claimMasks, conveyancesOf, gateOf, siteEditMask, type View } from './graph-view.ts'
import { type GrantRow, type Permission, permissionBits, type RoleRow, type Window } from './model.ts'
import { unionWindows, type Windows, windowBounds, windowsCover } from './windows.ts'

const allBits = Object.values(permissionBits)

/** What somebody wants to pass on. */
export interface ProposedGrant {
  resourceId: number
  roleId: number
  validFrom: number | null
  validTo: number | null
  dataWindows: Window[] | null
  components?: string[] | null
}
export interface ProposedMembership {
  groupId: number
  memberId: number
  validFrom: number | null
  validTo: number | null
}
export interface ProposedContainment {
  parentId: number
  childId: number
}

/** A role as it would be, and the grants of it there are. */
export interface ProposedRole {
  role: RoleRow
  grants: readonly GrantRow[]
}

export type GuardReason =
  /** No such role, resource or group. */
  | 'unknown'
  /** No *share* on the resource that is passed on (G-30), or no *manageGroup* on the group it goes into. */
  | 'noShare'
  /** It would convey more than the actor holds, for longer or for other data; see `missing`. */
  | 'exceeds'
  | Misfit
export type GuardResult = { ok: true } | { ok: false; reason: GuardReason; missing?: Permission[] }

/** A part of what a grant conveys, and where it would arrive. */
interface Need {
  grant: GrantRow
  role: RoleRow
  relation: Relation
  target: number
  /** Where it arrives: at the target itself, at what it holds, or at the organisations below it. */
  part: Relation
  /** What is let through, where it is not the entity gate that decides. */
  gate?: number
}

/**
 * Nobody grants what he does not hold himself, for as long and for that data (G-01, domain rules 2.3). `by` is the permission
 * on the resource that lets him grant at all.
 */
export function guardGrant(
  graph: GraphState,
  actorId: number,
  proposed: ProposedGrant,
  at: number,
  by: Permission = 'share',
): GuardResult {
  const role = graph.rows.role.get(proposed.roleId)
  const { resourceId } = proposed
  if (role === undefined || !graph.resources.kinds.exists(resourceId)) return refuse('unknown')
  if (!may(graph, actorId, by, resourceId, at)) return refuse('noShare')
  const components = proposed.components ?? null
  const grant: GrantRow = { ...proposed, components, id: 0, principalId: 0, source: '', grantedBy: null }
  return covered(graph, actorId, needsOf(grant, role), at)
}

/**
 * Whoever edits a role grants it anew wherever it is granted, now or later, so he must be able to: to share there and to hold
 * all that the role would convey (G-01, domain rules 2.3).
 */
export function guardRole(graph: GraphState, actorId: number, { role, grants }: ProposedRole, at: number): GuardResult {
  const open = grants.filter(({ validTo }) => validTo === null || validTo > at)
  if (open.some(({ resourceId }) => !may(graph, actorId, 'share', resourceId, at))) return refuse('noShare')
  const needs = open.flatMap((grant) => needsOf(grant, role))
  return covered(graph, actorId, needs, at)
}

/** Whoever opens the gate of a sub-organisation passes on what it kept from the grants there (P-13, G-01). */
export function guardGate(graph: GraphState, actorId: number, organisationId: number, at: number): GuardResult {
  return guardParts(graph, actorId, differentOn(graph, organisationId), at, () => siteEditMask)
}

/** Whoever lifts a claim of NONE passes on what it cut from all that its holder was granted (K8, G-01). */
export function guardClaim(graph: GraphState, actorId: number, userId: number, key: string, at: number): GuardResult {
  const cut = claimMasks.get(key.toLowerCase()) ?? 0
  const grants = [...groupsAbove(graph, userId)].flatMap((id) => graph.people.grantsOf(id))
  return guardParts(graph, actorId, grants, at, ({ resourceId }) => cut & gateOf(graph.resources, resourceId))
}

/** Whether the actor holds a part of what these grants convey: what lies in the mask for each. */
function guardParts(
  graph: GraphState,
  actorId: number,
  grants: Iterable<GrantRow>,
  at: number,
  maskFor: (grant: GrantRow) => number,
): GuardResult {
  const needs: Need[] = []
  for (const grant of grants) {
    const role = graph.rows.role.get(grant.roleId)
    const gate = maskFor(grant)
    if (role !== undefined && gate !== 0) needs.push(...needsOf(grant, role).map((need) => ({ ...need, gate })))
  }
  return covered(graph, actorId, needs, at)
}

/** Whoever adds a member passes on all that the group holds, so he must be able to grant it (G-31). */
export function guardMembership(
  graph: GraphState,
  actorId: number,
  { groupId, memberId, validFrom, validTo }: ProposedMembership,
  at: number,
): GuardResult {
  if (!graph.rows.userGroup.has(groupId)) return refuse('unknown')
  const misfit = membershipMisfit(graph, groupId, memberId)
  if (misfit) return refuse(misfit)
  const needs: Need[] = []
  for (const holder of groupsAbove(graph, groupId)) {
    for (const row of graph.people.grantsOf(holder)) {
      const role = graph.rows.role.get(row.roleId)
      if (role === undefined || memberId === holder) continue
      const grant = { ...row, validFrom: later(row.validFrom, validFrom), validTo: earlier(row.validTo, validTo) }
      if (grant.validTo !== null && grant.validTo <= at) continue
      if (!may(graph, actorId, 'share', row.resourceId, at)) return refuse('noShare')
      needs.push(...needsOf(grant, role))
    }
  }
  return covered(graph, actorId, needs, at)
}

/** Whoever puts a resource into another passes it on to all who are granted something there (T4, G-30). */
export function guardContainment(
  graph: GraphState,
  actorId: number,
  { parentId, childId }: ProposedContainment,
  at: number,
): GuardResult {
  const { resources } = graph
  if (!resources.kinds.exists(parentId) || !resources.kinds.exists(childId)) return refuse('unknown')
  if (!may(graph, actorId, 'share', childId, at)) return refuse('noShare')
  if (resources.kinds.kind(parentId) === 'edgeGroup' && !may(graph, actorId, 'manageGroup', parentId, at)) {
    return refuse('noShare')
  }
  const misfit = containmentMisfit(graph, parentId, childId)
  if (misfit) return refuse(misfit)
  const needs: Need[] = []
  for (const above of resources.aboveContent(parentId)) {
    const relation: Relation = above > 0 ? 'content' : 'suborganisation'
    for (const grant of differentOn(graph, Math.abs(above))) {
      const role = graph.rows.role.get(grant.roleId)
      if (role === undefined) continue
      needs.push({ grant, role, relation, target: childId, part: 'self' })
      needs.push({ grant, role, relation, target: childId, part: 'content' })
    }
  }
  return covered(graph, actorId, needs, at)
}

/**
 * Whoever puts an organisation below another passes it, with all it holds and all below it, on to those who are granted something
 * for what lies below that one (P-08, G-01). To take it from where it is, is another right.
 */
export function guardOrganisation(
  graph: GraphState,
  actorId: number,
  { parentId, childId }: ProposedContainment,
  at: number,
): GuardResult {
  const { resources } = graph
  if (!resources.organisation(parentId) || !resources.organisation(childId)) return refuse('unknown')
  if (!may(graph, actorId, 'share', childId, at)) return refuse('noShare')
  const misfit = organisationMisfit(graph, parentId, childId)
  if (misfit) return refuse(misfit)
  // Who is above it already has it already.
  const known = new Set(resources.superorganisations(childId))
  const needs: Need[] = []
  for (const above of [parentId, ...resources.superorganisations(parentId)].filter((id) => !known.has(id))) {
    for (const grant of differentOn(graph, above)) {
      const role = graph.rows.role.get(grant.roleId)
      if (role === undefined) continue
      for (const part of ['self', 'content', 'suborganisation'] as const) {
        needs.push({ grant, role, relation: 'suborganisation', target: childId, part })
      }
    }
  }
  return covered(graph, actorId, needs, at)
}

/** The grants on a resource, those of one role without limits once: they convey the same. */
function* differentOn({ people, rows }: GraphState, resourceId: number): Generator<GrantRow> {
  const seen = new Set<number>()
  for (const id of people.grantIdsOn(resourceId)) {
    const roleId = people.grants.roleOf(id)
    if (!people.grants.isLimited(id)) {
      if (seen.has(roleId)) continue
      seen.add(roleId)
    }
    const row = rows.grant.get(id)
    if (row) yield row
  }
}

function needsOf(grant: GrantRow, role: RoleRow): Need[] {
  const relations: readonly Relation[] = ['self', 'content', 'suborganisation']
  return relations.map((relation) => ({ grant, role, relation, target: grant.resourceId, part: relation }))
}

function covered(graph: GraphState, actorId: number, needs: readonly Need[], at: number): GuardResult {
  const different = new Map(needs.map((need) => [keyOf(need), need]))
  let lacking = 0
  for (const need of different.values()) lacking |= shortfall(graph, actorId, need, at)
  if (lacking === 0) return { ok: true }
  return { ok: false, reason: 'exceeds', missing: permissionsIn(lacking) }
}

/** Equal for needs that ask for the same: a group may hold thousands of equal grants. */
function keyOf({ grant, relation, target, part }: Need): string {
  const { resourceId, roleId, validFrom, validTo, dataWindows, components } = grant
  const limits = dataWindows === null && components === null ? '' : JSON.stringify([dataWindows, components])
  return `${resourceId} ${roleId} ${relation} ${target} ${part} ${validFrom} ${validTo} ${limits}`
}

/** The permissions that would be conveyed at some time at which the actor does not hold them. */
function shortfall(graph: GraphState, actorId: number, need: Need, at: number): number {
  const { grant, role, relation, target, part, gate } = need
  if (part === 'content' && graph.resources.kinds.isEdge(target)) return 0
  if (part === 'suborganisation' && !graph.resources.kinds.isOrganisation(target)) return 0
  const end = grant.validTo ?? Number.POSITIVE_INFINITY
  let lacking = 0
  for (let time = Math.max(at, grant.validFrom ?? at); time < end; ) {
    const view = graph.views.peek(actorId, time)
    const conveyed = conveyancesOf(graph.resources, grant, role, time, gate).find((one) => one.relation === relation)
    if (conveyed) lacking |= conveyed.mask & ~heldMask(graph, view, need, conveyed)
    time = Math.min(view.until, ...windowBounds(grant.dataWindows).filter((bound) => bound > time))
  }
  return lacking
}

/**
 * The permissions that the view holds where the need arrives, for at least the windows and components of the conveyance. What
 * makes an OpenEMS role of the conveyance counts only by grants that project as strong a role themselves: an administrator of
 * an edge who is its OpenEMS owner makes nobody an installer of it, himself neither.
 */
function heldMask(graph: GraphState, view: View, { target, part, grant }: Need, conveyed: Conveyance): number {
  const held = holdings(graph, view, target, part)
  if (!restrictionsAllow(graph, view, target, conveyed.windows)) return 0
  // What is held without limits covers any.
  let mask = 0
  for (const one of held) {
    if (one.windows === null && one.grant.components === null && one.rank >= conveyed.rank) mask |= one.mask
  }
  for (const bit of allBits) {
    if ((conveyed.mask & bit & ~mask) === 0) continue
    const rank = Math.min(conveyed.rank, rankTaking(bit))
    const having = held.filter((one) => (one.mask & bit) !== 0 && one.rank >= rank)
    const isCovered = (holders: readonly Conveyance[]) =>
      windowsCover(
        holders.reduce<Windows>((sum, one) => unionWindows(sum, one.windows), []),
        conveyed.windows,
      )
    const wanted = grant.components ?? [null]
    const areCovered = wanted.every((component) =>
      isCovered(having.filter((one) => coversComponent(one.grant.components, component))),
    )
    if (isCovered(having) && areCovered) mask |= bit
  }
  return mask & view.cap
}

function holdings(graph: GraphState, view: View, target: number, part: Relation): readonly Conveyance[] {
  const { evaluator } = graph
  if (part === 'self')
    return evaluator.conveyances(view, target).filter((one) => view.principals.has(one.grant.principalId))
  if (part === 'content') return evaluator.contentConveyances(view, target)
  return evaluator.suborganisationConveyances(view, target)
}

/** Whoever is restricted on an edge passes it on with nothing beyond that. */
function restrictionsAllow(graph: GraphState, view: View, target: number, windows: Windows): boolean {
  for (const [edgeId, allowed] of view.restrictions ?? []) {
    if (reaches(graph, target, edgeId) && !windowsCover(allowed, windows)) return false
  }
  return true
}

function reaches({ resources }: GraphState, target: number, edgeId: number): boolean {
  if (target === edgeId || resources.kinds.kind(target) === 'platform') return true
  return resources
    .containersOf(edgeId)
    .some((container) => resources.aboveContent(container).some((above) => Math.abs(above) === target))
}

function may(graph: GraphState, actorId: number, permission: Permission, resourceId: number, at: number): boolean {
  return (graph.evaluator.decide(graph.views.get(actorId, at), resourceId) & permissionBits[permission]) !== 0
}

/** A principal and all groups it belongs to or may come to belong to: memberships count whenever they hold. */
function groupsAbove(graph: GraphState, principalId: number): Set<number> {
  const found = new Set([principalId])
  for (const group of found) {
    for (const membership of graph.people.groupsOf(group)) {
      if (membership.state === 'active') found.add(membership.groupId)
    }
  }
  return found
}

function refuse(reason: GuardReason): GuardResult {
  return { ok: false, reason }
}

function later(a: number | null, b: number | null): number | null {
  return a === null || b === null ? (a ?? b) : Math.max(a, b)
}

function earlier(a: number | null, b: number | null): number | null {
  return a === null || b === null ? (a ?? b) : Math.min(a, b)
}
