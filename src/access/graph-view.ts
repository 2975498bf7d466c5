import type { PrincipalGraph } from './graph-principals.ts'
import { type Relation, type ResourceGraph, relations } from './graph-resources.ts'
import type { Rows } from './graph-rows.ts'
import { HeldSums } from './graph-sums.ts'
import {
  type ClaimRow,
  type GrantRow,
  maskOf,
  openemsRoles,
  PLATFORM_RESOURCE_ID,
  PUBLIC_PRINCIPAL_ID,
  type RoleRow,
} from './model.ts'
import { normalWindows, type Windows, windowBounds, windowsContain } from './windows.ts'

/** What is left of a grant outside its data windows: looking at the past (domain rules 2.4). */
export const historicMask = maskOf('discover', 'overview', 'history', 'detail')

/** What a sub-organisation that may not edit sites takes from everybody's role in it (P-13). */
export const siteEditMask = maskOf('control', 'install', 'configRaw', 'edit', 'delete')

/** Atoms a claim of value NONE takes away, whatever grants say (D-06, D-07, K8). Other keys only hide parts of a UI. */
export const claimMasks: ReadonlyMap<string, number> = new Map([
  ['sensors', maskOf('live', 'history', 'control', 'delete')],
  ['buildingproperties', maskOf('detail', 'edit')],
  ['control', maskOf('control')],
  ['schedule', maskOf('control')],
])

/** What one grant conveys over one relation. */
export interface Conveyance {
  readonly grant: GrantRow
  readonly role: RoleRow
  readonly relation: Relation
  /** Conveyed now: of a grant outside its data windows only the historic part. */
  readonly mask: number
  /** Index into `openemsRoles`, -1 for none. */
  readonly rank: number
  readonly windows: Windows
  /** Whether now lies in its data windows. */
  readonly isCurrent: boolean
}

/** What the grants of one principal on one resource convey. */
export type Held = { readonly [R in Relation]: readonly Conveyance[] }

/** The rights of one principal, resolved for the time [from, until). */
export interface View {
  readonly principalId: number
  /** The moment it was resolved for; any other in the interval gives the same. */
  readonly at: number
  readonly from: number
  readonly until: number
  /** False: unknown or disabled, sees nothing. */
  readonly isActive: boolean
  /** The principal and every group it belongs to, however deep. */
  readonly principals: ReadonlySet<number>
  readonly held: ReadonlyMap<number, Held>
  /** The same added up. */
  readonly sums: HeldSums
  /** From grants on the platform, to everything else. */
  readonly everywhere: readonly Conveyance[]
  /** What claims leave. */
  readonly cap: number
  readonly restrictions: ReadonlyMap<number, Windows> | undefined
  /** What grants to `public` convey, to be counted only where the tenant allows it; undefined in that view itself. */
  readonly everybody: View | undefined
  /** Whether the content of a container may be known of by grants of the view itself; filled as asked. */
  readonly reached: Map<number, boolean>
}

/** The world a view is resolved from. */
export interface World {
  readonly rows: Pick<Rows, 'userGroup' | 'service' | 'role'> & { readonly user: Pick<Rows['user'], 'get'> }
  readonly resources: ResourceGraph
  readonly people: Pick<PrincipalGraph, 'groupsOf' | 'grantsOf' | 'claimsOf' | 'restrictionsOf'>
}

/** The interval around `at` in which nothing that was looked at starts or ends. */
class Interval {
  from = Number.NEGATIVE_INFINITY
  until = Number.POSITIVE_INFINITY
  readonly #at: number
  constructor(at: number) {
    this.#at = at
  }
  narrow(bound: number | null): void {
    if (bound === null) return
    if (bound <= this.#at) this.from = Math.max(this.from, bound)
    else this.until = Math.min(this.until, bound)
  }
  /** Whether [from, to) holds now; narrows by both bounds. */
  holds(from: number | null, to: number | null): boolean {
    this.narrow(from)
    this.narrow(to)
    return (from ?? this.#at) <= this.#at && this.#at < (to ?? Number.POSITIVE_INFINITY)
  }
}

/** Resolves the rights of one principal at one moment; without `everybody` those that grants to `public` convey. */
export function resolveView(world: World, principalId: number, at: number, everybody?: View): View {
  const interval = new Interval(at)
  if (everybody) {
    interval.narrow(everybody.from)
    interval.narrow(everybody.until)
  }
  const isActive = isActivePrincipal(world.rows, principalId)
  const principals = principalsOf(world, principalId, interval)
  const isPublic = principalId === PUBLIC_PRINCIPAL_ID && everybody !== undefined
  const held = heldBy(world, isActive && !isPublic ? principals : [], at, interval)
  const restrictions = restrictionsOf(world.people, principalId, interval)
  return {
    principalId,
    at,
    from: interval.from,
    until: interval.until,
    isActive,
    principals,
    held,
    sums: new HeldSums(held),
    everywhere: held.get(PLATFORM_RESOURCE_ID)?.content ?? [],
    cap: claimCap(world.people.claimsOf(principalId)),
    restrictions,
    everybody,
    reached: new Map(),
  }
}

/** Whether an account is there and not disabled; groups and `public` always are. */
export function isActivePrincipal(rows: World['rows'], id: number): boolean {
  if (id === PUBLIC_PRINCIPAL_ID || rows.userGroup.has(id)) return true
  const account = rows.user.get(id) ?? rows.service.get(id)
  return account !== undefined && account.disabledAt === null
}

/** The principal and its groups at any depth (G-06, G-07); `public` belongs to none. */
function principalsOf(world: World, principalId: number, interval: Interval): Set<number> {
  const found = new Set([principalId])
  if (principalId === PUBLIC_PRINCIPAL_ID) return found
  for (const member of found) {
    for (const membership of world.people.groupsOf(member)) {
      if (membership.state !== 'active' || !world.rows.userGroup.has(membership.groupId)) continue
      if (interval.holds(membership.validFrom, membership.validTo)) found.add(membership.groupId)
    }
  }
  return found
}

/** A list of its own for each would take more room than all that is held. */
const none: Conveyance[] = []

function heldBy(world: World, principals: Iterable<number>, at: number, interval: Interval): Map<number, Held> {
  const held = new Map<number, { [R in Relation]: Conveyance[] }>()
  for (const principalId of principals) {
    for (const grant of world.people.grantsOf(principalId)) {
      const role = world.rows.role.get(grant.roleId)
      if (role === undefined || !interval.holds(grant.validFrom, grant.validTo)) continue
      for (const bound of windowBounds(grant.dataWindows)) interval.narrow(bound)
      let onResource = held.get(grant.resourceId)
      if (onResource === undefined) {
        onResource = { self: none, content: none, suborganisation: none }
        held.set(grant.resourceId, onResource)
      }
      for (const conveyance of conveyancesOf(world.resources, grant, role, at)) {
        const { relation } = conveyance
        if (onResource[relation] === none) onResource[relation] = [conveyance]
        else onResource[relation].push(conveyance)
      }
    }
  }
  return held
}

/** What a grant conveys over each relation, entity gate and data windows applied. A grant for no time conveys nothing (T3). */
export function conveyancesOf(
  resources: ResourceGraph,
  grant: GrantRow,
  role: RoleRow,
  at: number,
  gate: number = gateOf(resources, grant.resourceId),
): Conveyance[] {
  const windows = grant.dataWindows === null ? null : normalWindows(grant.dataWindows)
  if (windows?.length === 0 || !resources.kinds.exists(grant.resourceId)) return []
  const isCurrent = windowsContain(windows, at)
  const cut = gate & (isCurrent ? -1 : historicMask)
  const rank = role.openemsRole === null ? -1 : openemsRoles.indexOf(role.openemsRole)
  const rankNow = isCurrent ? rank : Math.min(rank, 0)
  const isPlatform = grant.resourceId === PLATFORM_RESOURCE_ID
  const conveyances: Conveyance[] = []
  for (const relation of relations) {
    const mask = conveyedMask(role, relation, isPlatform) & cut
    if (mask !== 0) conveyances.push({ grant, role, relation, mask, rank: rankNow, windows, isCurrent })
  }
  return conveyances
}

/** Of the platform everything is content, the organisations below it too. */
function conveyedMask(role: RoleRow, relation: Relation, isPlatform: boolean): number {
  if (relation === 'self') return role.selfMask
  if (relation === 'suborganisation') return isPlatform ? 0 : role.suborganisationMask
  return isPlatform ? role.contentMask | role.suborganisationMask : role.contentMask
}

/** The entity gate: a sub-organisation without *edit sites* lets no role edit through (P-05, P-06, P-13). */
export function gateOf(resources: ResourceGraph, resourceId: number): number {
  const organisation = resources.organisation(resourceId)
  return organisation && organisation.parentId !== null && !organisation.canEditSites ? ~siteEditMask : -1
}

/** What claims leave (K8). */
export function claimCap(claims: readonly ClaimRow[]): number {
  let cap = -1
  for (const claim of claims) {
    if (claim.value.toUpperCase() === 'NONE') cap &= ~(claimMasks.get(claim.key.toLowerCase()) ?? 0)
  }
  return cap
}

function restrictionsOf(people: World['people'], userId: number, interval: Interval): Map<number, Windows> | undefined {
  const rows = people.restrictionsOf(userId)
  if (rows === undefined || rows.size === 0) return undefined
  const restrictions = new Map<number, Windows>()
  for (const { edgeId, windows } of rows.values()) {
    for (const bound of windowBounds(windows)) interval.narrow(bound)
    restrictions.set(edgeId, normalWindows(windows))
  }
  return restrictions
}
