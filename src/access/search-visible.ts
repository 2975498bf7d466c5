import type { Evaluator } from './graph-evaluate.ts'
import { type Conveys, conveysDiscover, Expander } from './graph-expand.ts'
import type { ResourceGraph } from './graph-resources.ts'
import type { View } from './graph-view.ts'
import { Bits } from './search-bits.ts'
import type { ListOrder } from './search-order.ts'

/** So many long lists are kept, for deep paging. */
const keptLongLists = 8

interface Listing {
  readonly orderVersion: number
  readonly graphVersion: number
  readonly ids: Int32Array
}

/** What a list is of: which grants may lead to an edge in it, and whether one that they lead to is in it. */
export interface Extent {
  conveys: Conveys
  shows(view: View, edgeId: number): boolean
  /** Whether all they lead to is in it, but where restrictions say otherwise. */
  isExact: boolean
}

/** The edges that may be known of. */
export function discovered(evaluator: Evaluator): Extent {
  return { conveys: conveysDiscover, shows: (view, id) => evaluator.discovers(view, id), isExact: true }
}

/** Of those the ones with a role. */
export function withRole(evaluator: Evaluator): Extent {
  return {
    conveys: (conveyances) => evaluator.mayConveyRole(conveyances),
    shows: (view, id) => evaluator.hasRole(view, id),
    isExact: false,
  }
}

/** The edges a view is shown, in a given order: worked out when asked for and kept while it holds. */
export class VisibleEdges {
  readonly #resources: ResourceGraph
  readonly #extent: Extent
  readonly #expander: Expander
  readonly #maxSteps: number
  readonly #short = new WeakMap<View, Map<ListOrder, Listing>>()
  #long: { view: View; order: ListOrder; listing: Listing }[] = []
  /** Principals whose list turned out long: not tried again at every change. */
  readonly #isLong = new Set<number>()
  readonly #bits = new Bits()

  /** `maxSteps`: steps down the graph that a first page may cost; who sees more is served off the order of all edges. */
  constructor(resources: ResourceGraph, extent: Extent, maxSteps: number) {
    this.#resources = resources
    this.#maxSteps = maxSteps
    this.#extent = extent
    this.#expander = new Expander(resources)
  }

  /** Whether an edge is among them. */
  has(view: View, edgeId: number): boolean {
    return this.#extent.shows(view, edgeId)
  }

  /** All of them, unless that would take too long. */
  ifShort(view: View, order: ListOrder): Int32Array | undefined {
    if (this.#seesEverything(view)) return order.ids().subarray(0, order.size)
    const lists = this.#short.get(view) ?? new Map<ListOrder, Listing>()
    this.#short.set(view, lists)
    const kept = lists.get(order) ?? this.#long.find((long) => long.view === view && long.order === order)?.listing
    if (kept && this.#isCurrent(kept, order)) return kept.ids
    if (this.#isLong.has(view.principalId)) return undefined
    const ids = this.#gather(view, order, this.#maxSteps)
    if (ids) lists.set(order, this.#listing(order, ids))
    else this.#isLong.add(view.principalId)
    return ids
  }

  /** All of them, whatever it takes. */
  all(view: View, order: ListOrder): Int32Array {
    const short = this.ifShort(view, order)
    if (short) return short
    const ids = this.#gather(view, order, Number.POSITIVE_INFINITY) ?? new Int32Array(0)
    if (ids.length < this.#maxSteps) this.#isLong.delete(view.principalId)
    this.#long = [{ view, order, listing: this.#listing(order, ids) }, ...this.#long].slice(0, keptLongLists)
    return ids
  }

  /** How many there are, up to `atMost`. */
  count(view: View, order: ListOrder, atMost: number): number {
    if (!view.isActive || atMost <= 0) return 0
    if (atMost > 100 || this.#seesEverything(view)) return Math.min(atMost, this.all(view, order).length)
    const found = new Set<number>()
    for (const source of [view, view.everybody]) {
      if (source === undefined) continue
      if (this.#extent.conveys(source.everywhere)) return Math.min(atMost, this.all(view, order).length)
      this.#expander.edgesOf(source, this.#extent.conveys, Number.POSITIVE_INFINITY, (id) => {
        if (!found.has(id) && this.has(view, id)) found.add(id)
        return found.size < atMost
      })
    }
    return Math.min(atMost, found.size)
  }

  #listing(order: ListOrder, ids: Int32Array): Listing {
    return { orderVersion: order.version, graphVersion: this.#resources.version, ids }
  }

  #isCurrent(listing: Listing, order: ListOrder): boolean {
    return listing.orderVersion === order.version && listing.graphVersion === this.#resources.version
  }

  /** Collects positions in a set of bits, which removes doubles and sorts at once. */
  #gather(view: View, order: ListOrder, steps: number): Int32Array | undefined {
    const ranks = order.ranks()
    const bits = this.#bits
    bits.clear()
    const mark = (id: number): boolean => {
      const place = ranks[id] as number
      if (!bits.has(place) && (this.#extent.isExact || this.has(view, id))) bits.add(place)
      return true
    }
    if (!this.#markOwn(view, order, steps, mark)) return undefined
    if (view.everybody && !this.#markPublic(view.everybody, order, steps, mark)) return undefined
    for (const id of view.restrictions?.keys() ?? []) {
      if (this.#resources.kinds.isEdge(id) && !this.has(view, id)) bits.remove(ranks[id] as number)
    }
    return bits.pick(order.ids())
  }

  #markOwn(view: View, order: ListOrder, steps: number, mark: (id: number) => boolean): boolean {
    const { conveys } = this.#extent
    if (!conveys(view.everywhere)) return this.#expander.edgesOf(view, conveys, steps, mark)
    if (order.size > steps) return false
    for (const id of order.ids().subarray(0, order.size)) mark(id)
    return true
  }

  #markPublic(everybody: View, order: ListOrder, steps: number, mark: (id: number) => boolean): boolean {
    const markPublic = (id: number) => !this.#resources.tenantOf(id)?.publicAccess || mark(id)
    return this.#markOwn(everybody, order, steps, markPublic)
  }

  /** Whether a grant on the platform shows the view every edge there is. */
  #seesEverything(view: View): boolean {
    return (
      this.#extent.isExact && view.isActive && view.restrictions === undefined && this.#extent.conveys(view.everywhere)
    )
  }
}
