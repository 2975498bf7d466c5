import { type Components, coversComponent } from './components.ts'
import { conveysDiscover } from './graph-expand.ts'
import { reachesContent } from './graph-reach.ts'
import type { ResourceGraph, Tenant } from './graph-resources.ts'
import { type Conveyance, type Held, historicMask, type View } from './graph-view.ts'
import { maskOf, PLATFORM_RESOURCE_ID, permissionBits } from './model.ts'
import { intersectWindows, type Windows, windowsContain, windowsEmpty } from './windows.ts'

/**
 * A decision in one integer, so that the hot path allocates nothing:
 * bits 0-20 the permissions, 21-23 the OpenEMS rank plus one, 24 "only the past", 25 "some of it for some components only".
 */
export type Decision = number
const rankShift = 21
const historicOnlyBit = 1 << 24
const limitedBit = 1 << 25
const maskBits = (1 << rankShift) - 1

export const decisionMask = (decision: Decision): number => decision & maskBits
export const decisionRank = (decision: Decision): number => ((decision >> rankShift) & 7) - 1
export const isHistoricOnly = (decision: Decision): boolean => (decision & historicOnlyBit) !== 0
/** Whether a grant in it is one for some components only: then each component is to be asked about. */
export const isLimited = (decision: Decision): boolean => (decision & limitedBit) !== 0

const { discover, overview, detail, control, install, configRaw, createSite, createSub } = permissionBits
const guestNeeds = maskOf('live', 'detail')
const nothing: readonly Conveyance[] = []
const cachedFlows = 100_000

type Take = (conveyances: readonly Conveyance[]) => void

/** Answers what a view allows on a resource: grants add, caps cut (domain rules 2.3). */
export class Evaluator {
  readonly #resources: ResourceGraph
  // The decision under way, in fields, so that making one allocates nothing.
  #at = 0
  #tenant: Tenant | undefined
  #restriction: Windows | undefined
  #mask = 0
  #rank = -1
  #isCurrent = false
  #isLimited = false
  /** The component asked about, null for the edge as a whole. */
  #component: string | null | undefined

  constructor(resources: ResourceGraph) {
    this.#resources = resources
  }

  /**
   * The decision about one resource; 0 is nothing at all. With a component of an edge, or null for what concerns the edge as
   * a whole, only grants count that cover it; without, all do.
   */
  decide(view: View, resourceId: number, component?: string | null): Decision {
    const { kinds } = this.#resources
    if (!view.isActive || !kinds.exists(resourceId)) return 0
    const tenant = this.#resources.tenantOf(resourceId)
    this.#at = view.at
    this.#tenant = tenant
    this.#restriction = view.restrictions?.get(resourceId)
    this.#mask = 0
    this.#rank = -1
    this.#isCurrent = false
    this.#isLimited = false
    this.#component = component
    this.#visit(view, resourceId, this.#addAll)
    const ownMask = this.#mask
    if (view.everybody && tenant?.publicAccess) this.#visit(view.everybody, resourceId, this.#addAll)
    const mask = this.#mask & view.cap & capOf(this.#resources, resourceId)
    if (mask === 0) return 0
    let rank = -1
    if (kinds.isEdge(resourceId)) {
      rank = Math.min(this.#rank, coveredRank(mask))
      if (rank < 0 && tenant?.strictRoles === false && (mask & ownMask & overview) !== 0) rank = 0
    }
    const flags = (this.#isCurrent ? 0 : historicOnlyBit) | (this.#isLimited ? limitedBit : 0)
    return mask | ((rank + 1) << rankShift) | flags
  }

  /** Whether the view may know that the edge exists: as `decide` says, but cheaper. */
  discovers(view: View, edgeId: number): boolean {
    if (!view.isActive) return false
    if (view.restrictions?.has(edgeId)) return (this.decide(view, edgeId) & discover) !== 0
    if (this.#ownDiscovers(view, edgeId)) return true
    const { everybody } = view
    if (everybody === undefined || !this.#ownDiscovers(everybody, edgeId)) return false
    return this.#resources.tenantOf(edgeId)?.publicAccess ?? false
  }

  /** Whether the view may know that the edge exists and has a role on it: as `decide` says. */
  hasRole(view: View, edgeId: number): boolean {
    const decision = this.decide(view, edgeId)
    return (decision & discover) !== 0 && decisionRank(decision) >= 0
  }

  /** Whether all that lets the view discover an edge gives it a role there, too: then nobody need look. */
  rolesFollow(view: View): boolean {
    const needs = view.cap & (view.restrictions === undefined ? guestNeeds : detail)
    const follows = ({ mask, rank }: Conveyance) => (mask & discover) === 0 || (rank >= 0 && (mask & needs) !== 0)
    const all = (held: Held) =>
      held.self.every(follows) && held.content.every(follows) && held.suborganisation.every(follows)
    return [view, view.everybody].every((source) => source === undefined || [...source.held.values()].every(all))
  }

  /** Whether something conveyed may give a role; an overview may where a tenant is lenient (K10). */
  mayConveyRole(conveyances: readonly Conveyance[]): boolean {
    for (const { mask, rank } of conveyances) {
      if (rank >= 0 || ((mask & overview) !== 0 && this.#resources.hasLenientTenant)) return true
    }
    return false
  }

  /** Everything that conveys something on the resource, cut to the restriction that applies; for explaining, not for speed. */
  conveyances(view: View, resourceId: number): Conveyance[] {
    if (!view.isActive || !this.#resources.kinds.exists(resourceId)) return []
    const found = new Set<Conveyance>()
    const take: Take = (conveyances) => {
      for (const conveyance of conveyances) found.add(conveyance)
    }
    this.#visit(view, resourceId, take)
    if (view.everybody && this.#resources.tenantOf(resourceId)?.publicAccess) {
      this.#visit(view.everybody, resourceId, take)
    }
    const restriction = view.restrictions?.get(resourceId)
    if (restriction === undefined) return [...found]
    return [...found]
      .map((conveyance) => restrict(conveyance, restriction, view.at))
      .filter(({ windows }) => !windowsEmpty(windows))
  }

  /** The components of an edge for which one of the permissions in the mask is conveyed; caps are not looked at. */
  components(view: View, edgeId: number, permissions: number): Components {
    const found = new Set<string>()
    for (const { mask, grant } of this.conveyances(view, edgeId)) {
      if ((mask & permissions) === 0) continue
      if (grant.components === null) return null
      for (const pattern of grant.components) found.add(pattern)
    }
    return [...found]
  }

  /** What the view's own grants convey to whatever a container holds, now or later. */
  contentConveyances(view: View, container: number): readonly Conveyance[] {
    if (!view.isActive) return nothing
    return container === PLATFORM_RESOURCE_ID ? view.everywhere : [...this.#flow(view, container), ...view.everywhere]
  }

  /** What they convey to the organisations below one, and to what those hold. */
  suborganisationConveyances(view: View, organisation: number): readonly Conveyance[] {
    if (!view.isActive) return nothing
    const above = [organisation, ...this.#resources.superorganisations(organisation)]
    return [...above.flatMap((node) => view.held.get(node)?.suborganisation ?? nothing), ...view.everywhere]
  }

  #ownDiscovers(view: View, edgeId: number): boolean {
    if (view.held.size === 0) return false
    if (conveysDiscover(view.everywhere) || conveysDiscover(view.held.get(edgeId)?.self ?? nothing)) return true
    const { links } = this.#resources
    for (let slot = links.firstParent(edgeId); slot !== 0; slot = links.nextParent(slot)) {
      const parent = links.parent(slot)
      if (this.#resources.contains(parent, edgeId) && reachesContent(this.#resources, view, parent)) return true
    }
    return false
  }

  readonly #addAll: Take = (conveyances) => {
    for (const conveyance of conveyances) {
      if (this.#restriction === undefined) this.#add(conveyance)
      else {
        const restricted = restrict(conveyance, this.#restriction, this.#at)
        if (!windowsEmpty(restricted.windows)) this.#add(restricted)
      }
    }
  }

  #add({ mask, rank, isCurrent, grant }: Conveyance): void {
    if (grant.components !== null) {
      if (this.#component !== undefined && !coversComponent(grant.components, this.#component)) return
      this.#isLimited = true
    }
    this.#mask |= mask
    if (isCurrent) this.#isCurrent = true
    const isFree = this.#tenant === undefined || grant.resourceId === PLATFORM_RESOURCE_ID
    const allowed = isFree ? rank : Math.min(rank, this.#tenant?.maxRank ?? rank)
    if (allowed > this.#rank) this.#rank = allowed
  }

  /** Hands over what the view's own grants convey to a resource, a list for each way; some may come twice. */
  #visit(view: View, resourceId: number, take: Take): void {
    if (view.held.size === 0) return
    const { links, kinds } = this.#resources
    take(view.held.get(resourceId)?.self ?? nothing)
    for (let slot = links.firstParent(resourceId); slot !== 0; slot = links.nextParent(slot)) {
      const parent = links.parent(slot)
      if (kinds.mayContain(parent, resourceId)) take(this.#flow(view, parent))
    }
    if (kinds.isOrganisation(resourceId)) {
      for (const superior of this.#resources.superorganisations(resourceId)) {
        take(view.held.get(superior)?.suborganisation ?? nothing)
      }
    }
    if (resourceId !== PLATFORM_RESOURCE_ID) take(view.everywhere)
  }

  /** What a container conveys to its content. */
  #flow(view: View, container: number): readonly Conveyance[] {
    const known = view.flows.get(container)
    if (known) return known
    if (view.flows.size >= cachedFlows) view.flows.clear()
    const found: Conveyance[] = []
    for (const above of this.#resources.aboveContent(container)) {
      if (above > 0) pushAll(found, view.held.get(above)?.content)
      else pushAll(found, view.held.get(-above)?.suborganisation)
    }
    const flow = found.length === 0 ? nothing : found
    view.flows.set(container, flow)
    return flow
  }
}

/** What no role may do to an organisation: sites are created by main organisations only (P-04, P-06). */
export function capOf(resources: ResourceGraph, resourceId: number): number {
  const organisation = resources.organisation(resourceId)
  if (organisation === undefined || organisation.parentId === null) return -1
  return ~createSite & (organisation.canCreateSuborganisations ? -1 : ~createSub)
}

/** The strongest rank of which a mask covers everything the Edge opens to it (OC-05, invariant 10). */
export function coveredRank(mask: number): number {
  if ((mask & guestNeeds) === 0) return -1
  if ((mask & control) === 0) return 0
  if ((mask & install) === 0) return 1
  return (mask & configRaw) === 0 ? 2 : 3
}

/** The OpenEMS rank that takes this permission, -1 where none does: what `coveredRank` asks for, seen from the other side. */
export function rankTaking(bit: number): number {
  if ((bit & configRaw) !== 0) return 3
  if ((bit & install) !== 0) return 2
  if ((bit & control) !== 0) return 1
  return (bit & guestNeeds) === 0 ? -1 : 0
}

/** A conveyance within a restriction: the restriction comes last (D-14..24). */
function restrict(conveyance: Conveyance, restriction: Windows, at: number): Conveyance {
  const windows = intersectWindows(conveyance.windows, restriction)
  if (!conveyance.isCurrent || windowsContain(restriction, at)) return { ...conveyance, windows }
  const { mask, rank } = conveyance
  return { ...conveyance, windows, mask: mask & historicMask, rank: Math.min(rank, 0), isCurrent: false }
}

function pushAll(into: Conveyance[], more: readonly Conveyance[] | undefined): void {
  if (more === undefined) return
  for (const conveyance of more) into.push(conveyance)
}
