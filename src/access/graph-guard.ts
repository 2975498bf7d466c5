import { atOnce } from '../lib/slices.ts'
import { coversComponent } from './components.ts'
import { permissionsIn } from './graph-data.ts'
import { containmentMisfit, type Misfit, membershipMisfit, organisationMisfit } from './graph-depth.ts'
import { rankTaking } from './graph-evaluate.ts'
import {
  DifferentGrants,
  differentOn,
  endOf,
  type Need,
  needsAt,
  needsOf,
  needsOfAll,
  portion,
  roleIn,
} from './graph-needs.ts'
import { type Relation, relations } from './graph-resources.ts'
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
/** A guard that may have very much to look at, in small steps. For one answer the rows must be the same at all of them. */
export type Guarding = Generator<undefined, GuardResult>

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
  return atOnce(covered(graph, actorId, needsOf(grant, role), at))
}

/**
 * Whoever edits a role grants it anew wherever it is granted, now or later, so he must be able to: to share there and to hold
 * all that the role would convey (G-01, domain rules 2.3).
 */
export function* guardRole(graph: GraphState, actorId: number, { role, grants }: ProposedRole, at: number): Guarding {
  const different = new DifferentGrants(at)
  for (const [place, grant] of grants.entries()) {
    if (place % portion === 0) yield
    if (different.take(grant) && !may(graph, actorId, 'share', grant.resourceId, at)) return refuse('noShare')
  }
  return yield* covered(
    graph,
    actorId,
    needsOfAll(different, () => role),
    at,
  )
}

/** Whoever opens the gate of a sub-organisation passes on what it kept from the grants there (P-13, G-01). */
export function guardGate(graph: GraphState, actorId: number, organisationId: number, at: number): GuardResult {
  return guardParts(graph, actorId, atOnce(differentOn(graph, organisationId, at)), at, () => siteEditMask)
}

/** Whoever lifts a claim of NONE passes on what it cut from all that its holder was granted (K8, G-01). */
export function guardClaim(graph: GraphState, actorId: number, userId: number, key: string, at: number): GuardResult {
  const cut = claimMasks.get(key.toLowerCase()) ?? 0
  const different = new DifferentGrants(at)
  for (const id of groupsAbove(graph, userId)) for (const grant of graph.people.grantsOf(id)) different.take(grant)
  return guardParts(graph, actorId, different, at, ({ resourceId }) => cut & gateOf(graph.resources, resourceId))
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
  return atOnce(covered(graph, actorId, needs, at))
}

/** Whoever adds a member passes on all that the group holds, so he must be able to grant it (G-31). */
export function* guardMembership(
  graph: GraphState,
  actorId: number,
  { groupId, memberId, validFrom, validTo }: ProposedMembership,
  at: number,
): Guarding {
  const { people, rows } = graph
  if (!rows.userGroup.has(groupId)) return refuse('unknown')
  const misfit = membershipMisfit(graph, groupId, memberId)
  if (misfit) return refuse(misfit)
  const different = new DifferentGrants(at)
  for (const holder of groupsAbove(graph, groupId)) {
    const ids = memberId === holder ? [] : people.allGrantIdsOf(holder)
    for (const [place, id] of ids.entries()) {
      if (place % portion === 0) yield
      const row = rows.grant.get(id)
      if (row === undefined || !rows.role.has(row.roleId)) continue
      const grant = { ...row, validFrom: later(row.validFrom, validFrom), validTo: earlier(row.validTo, validTo) }
      if (different.take(grant) && !may(graph, actorId, 'share', row.resourceId, at)) return refuse('noShare')
    }
  }
  return yield* covered(graph, actorId, needsOfAll(different, roleIn(graph)), at)
}

/** Whoever puts a resource into another passes it on to all who are granted something there (T4, G-30). */
export function* guardContainment(
  graph: GraphState,
  actorId: number,
  { parentId, childId }: ProposedContainment,
  at: number,
): Guarding {
  const { resources } = graph
  if (!resources.kinds.exists(parentId) || !resources.kinds.exists(childId)) return refuse('unknown')
  if (!may(graph, actorId, 'share', childId, at)) return refuse('noShare')
  if (resources.kinds.kind(parentId) === 'edgeGroup' && !may(graph, actorId, 'manageGroup', parentId, at)) {
    return refuse('noShare')
  }
  const misfit = containmentMisfit(graph, parentId, childId)
  if (misfit) return refuse(misfit)
  let lacking = 0
  for (const above of resources.aboveContent(parentId)) {
    const arriving = { relation: above > 0 ? 'content' : 'suborganisation', target: childId } as const
    const different = yield* differentOn(graph, Math.abs(above), at)
    lacking |= yield* shortfalls(graph, actorId, needsAt(graph, different, arriving, ['self', 'content']), at)
  }
  return resultOf(lacking)
}

/**
 * Whoever puts an organisation below another passes it, with all it holds and all below it, on to those who are granted something
 * for what lies below that one (P-08, G-01). To take it from where it is, is another right.
 */
export function* guardOrganisation(
  graph: GraphState,
  actorId: number,
  { parentId, childId }: ProposedContainment,
  at: number,
): Guarding {
  const { resources } = graph
  if (!resources.organisation(parentId) || !resources.organisation(childId)) return refuse('unknown')
  if (!may(graph, actorId, 'share', childId, at)) return refuse('noShare')
  const misfit = organisationMisfit(graph, parentId, childId)
  if (misfit) return refuse(misfit)
  // Who is above it already has it already.
  const known = new Set(resources.superorganisations(childId))
  const arriving = { relation: 'suborganisation', target: childId } as const
  let lacking = 0
  for (const above of [parentId, ...resources.superorganisations(parentId)].filter((id) => !known.has(id))) {
    const different = yield* differentOn(graph, above, at)
    lacking |= yield* shortfalls(graph, actorId, needsAt(graph, different, arriving, relations), at)
  }
  return resultOf(lacking)
}

function* covered(graph: GraphState, actorId: number, needs: Iterable<Need>, at: number): Guarding {
  return resultOf(yield* shortfalls(graph, actorId, needs, at))
}

function* shortfalls(
  graph: GraphState,
  actorId: number,
  needs: Iterable<Need>,
  at: number,
): Generator<undefined, number> {
  let lacking = 0
  for (const need of needs) {
    yield
    lacking |= shortfall(graph, actorId, need, at)
  }
  return lacking
}

function resultOf(lacking: number): GuardResult {
  return lacking === 0 ? { ok: true } : { ok: false, reason: 'exceeds', missing: permissionsIn(lacking) }
}

/** The permissions that would be conveyed at some time at which the actor does not hold them. */
function shortfall(graph: GraphState, actorId: number, need: Need, at: number): number {
  const { grant, role, relation, target, part, gate } = need
  if (part === 'content' && graph.resources.kinds.isEdge(target)) return 0
  if (part === 'suborganisation' && !graph.resources.kinds.isOrganisation(target)) return 0
  const end = endOf(grant)
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
