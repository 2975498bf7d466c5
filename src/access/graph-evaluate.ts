import { type Components, coversComponent } from './components.ts'
import { conveysDiscover } from './graph-expand.ts'
import { reachesContent } from './graph-reach.ts'
import type { ResourceGraph } from './graph-resources.ts'
import { added, type Sum, sumIsCurrent, sumIsLimited, sumMask, sumOf, sumRank, withRank } from './graph-sums.ts'
import { type Conveyance, type Held, historicMask, type View } from './graph-view.ts'
import { maskOf, openemsRoles, PLATFORM_RESOURCE_ID, permissionBits } from './model.ts'
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
const strongest = openemsRoles.length - 1
const nothing: readonly Conveyance[] = []

type Take = (conveyances: readonly Conveyance[]) => void

/** What a decision is cut to, at which moment. */
interface Within {
  restriction: Windows | undefined
  component: string | null | undefined
  at: number
}

/** Answers what a view allows on a resource: grants add, caps cut (domain rules 2.3). */
export class Evaluator {
  readonly #resources: ResourceGraph

  constructor(resources: ResourceGraph) {
    this.#resources = resources
  }

  /**
   * The decision about one resource; 0 is nothing at all. With a component of an edge, or null for what concerns the edge as
   * a whole, only grants count that cover it; without, all do.
   */
  decide(view: View, resourceId: number, component?: string | null): Decision {
    if (!view.isActive || !this.#resources.kinds.exists(resourceId)) return 0
    const restriction = view.restrictions?.get(resourceId)
    const within =
      restriction === undefined && component === undefined ? undefined : { restriction, component, at: view.at }
    const own = this.#sum(view, resourceId, within)
    return this.decisionOf(resourceId, own, this.#sumOfEverybody(view, resourceId, within), view.cap)
  }

  /** What is decided where own grants and those to everybody convey this much to a resource that is there. */
  decisionOf(resourceId: number, own: Sum, everybodys: Sum, cap: number): Decision {
    const { kinds } = this.#resources
    const sum = added(own, everybodys)
    if (sum === 0) return 0
    const tenant = this.#resources.tenantOf(resourceId)
    const mask = sumMask(sum) & cap & capOf(this.#resources, resourceId)
    if (mask === 0) return 0
    let rank = -1
    if (kinds.isEdge(resourceId)) {
      rank = Math.min(sumRank(sum), coveredRank(mask))
      if (rank < 0 && tenant?.strictRoles === false && (mask & own & overview) !== 0) rank = 0
    }
    const flags = (sumIsCurrent(sum) ? 0 : historicOnlyBit) | (sumIsLimited(sum) ? limitedBit : 0)
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
    const { parents } = this.#resources.links
    for (let at = parents.start(edgeId), end = at + parents.count(edgeId); at < end; at++) {
      const parent = parents.value(at)
      if (this.#resources.contains(parent, edgeId) && reachesContent(this.#resources, view, parent)) return true
    }
    return false
  }

  /** What the view's own grants convey to a resource. */
  #sum(view: View, resourceId: number, within: Within | undefined): Sum {
    const { sums } = view
    if (sums.size === 0) return 0
    if (within !== undefined) return this.#sumWithin(view, resourceId, within)
    const { kinds } = this.#resources
    const { parents } = this.#resources.links
    let sum = sums.get(resourceId, 'self')
    for (let at = parents.start(resourceId), end = at + parents.count(resourceId); at < end; at++) {
      const parent = parents.value(at)
      if (kinds.mayContain(parent, resourceId)) sum = added(sum, sums.into(parent, this.#resources))
    }
    if (kinds.isOrganisation(resourceId)) {
      for (const superior of this.#resources.superorganisations(resourceId)) {
        sum = added(sum, sums.get(superior, 'suborganisation'))
      }
    }
    if (sum !== 0) sum = withRank(sum, this.#resources.tenantOf(resourceId)?.maxRank ?? strongest)
    return resourceId === PLATFORM_RESOURCE_ID ? sum : added(sum, sums.get(PLATFORM_RESOURCE_ID, 'content'))
  }

  /** What grants to `public` convey, where the tenant allows it. */
  #sumOfEverybody({ everybody }: View, resourceId: number, within: Within | undefined): Sum {
    if (everybody === undefined || everybody.sums.size === 0) return 0
    return this.#resources.tenantOf(resourceId)?.publicAccess ? this.#sum(everybody, resourceId, within) : 0
  }

  /** The same of those that cover a component, cut to a restriction: one by one. */
  #sumWithin(view: View, resourceId: number, { restriction, component, at }: Within): Sum {
    const maxRank = this.#resources.tenantOf(resourceId)?.maxRank ?? strongest
    let sum = 0
    this.#visit(view, resourceId, (conveyances) => {
      for (const conveyance of conveyances) {
        const { components, resourceId: on } = conveyance.grant
        if (component !== undefined && !coversComponent(components, component)) continue
        const one = restriction === undefined ? conveyance : restrict(conveyance, restriction, at)
        if (windowsEmpty(one.windows)) continue
        sum = added(sum, on === PLATFORM_RESOURCE_ID ? sumOf(one) : withRank(sumOf(one), maxRank))
      }
    })
    return sum
  }

  /** Hands over what the view's own grants convey to a resource, a list for each way; some may come twice. */
  #visit(view: View, resourceId: number, take: Take): void {
    if (view.held.size === 0) return
    const { kinds } = this.#resources
    const { parents } = this.#resources.links
    take(view.held.get(resourceId)?.self ?? nothing)
    for (let at = parents.start(resourceId), end = at + parents.count(resourceId); at < end; at++) {
      const parent = parents.value(at)
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
    const found: Conveyance[] = []
    const start = this.#resources.aboveAt(container)
    const { aboves } = this.#resources
    for (let at = start + 1, end = at + (aboves[start] as number); at < end; at++) {
      const above = aboves[at] as number
      if (above > 0) pushAll(found, view.held.get(above)?.content)
      else pushAll(found, view.held.get(-above)?.suborganisation)
    }
    return found
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
export function restrict(conveyance: Conveyance, restriction: Windows, at: number): Conveyance {
  const windows = intersectWindows(conveyance.windows, restriction)
  if (!conveyance.isCurrent || windowsContain(restriction, at)) return { ...conveyance, windows }
  const { mask, rank } = conveyance
  return { ...conveyance, windows, mask: mask & historicMask, rank: Math.min(rank, 0), isCurrent: false }
}

function pushAll(into: Conveyance[], more: readonly Conveyance[] | undefined): void {
  if (more === undefined) return
  for (const conveyance of more) into.push(conveyance)
}
