import type { Evaluator } from './graph-evaluate.ts'
import { conveysDiscover, Expander } from './graph-expand.ts'
import type { ResourceGraph } from './graph-resources.ts'
import type { View } from './graph-view.ts'
import type { EdgeOrder } from './search-order.ts'

/** Steps down the graph that a first page may cost; who sees more is served off the order of all edges. */
const maxSteps = 30_000
/** So many long lists are kept, for deep paging. */
const keptLongLists = 8

interface Listing {
  readonly orderVersion: number
  readonly graphVersion: number
  readonly ids: Int32Array
}

/** The edges a view may discover, in a given order: worked out when asked for and kept while it holds. */
export class VisibleEdges {
  readonly #resources: ResourceGraph
  readonly #evaluator: Evaluator
  readonly #expander: Expander
  readonly #short = new WeakMap<View, Map<EdgeOrder, Listing>>()
  #long: { view: View; order: EdgeOrder; listing: Listing }[] = []
  /** Principals whose list turned out long: not tried again at every change. */
  readonly #isLong = new Set<number>()
  #bits = new Uint32Array(0)

  constructor(resources: ResourceGraph, evaluator: Evaluator) {
    this.#resources = resources
    this.#evaluator = evaluator
    this.#expander = new Expander(resources)
  }

  /** All of them, unless that would take too long. */
  ifShort(view: View, order: EdgeOrder): Int32Array | undefined {
    if (seesEverything(view)) return order.ids().subarray(0, order.size)
    const lists = this.#short.get(view) ?? new Map<EdgeOrder, Listing>()
    this.#short.set(view, lists)
    const kept = lists.get(order) ?? this.#long.find((long) => long.view === view && long.order === order)?.listing
    if (kept && this.#isCurrent(kept, order)) return kept.ids
    if (this.#isLong.has(view.principalId)) return undefined
    const ids = this.#gather(view, order, maxSteps)
    if (ids) lists.set(order, this.#listing(order, ids))
    else this.#isLong.add(view.principalId)
    return ids
  }

  /** All of them, whatever it takes. */
  all(view: View, order: EdgeOrder): Int32Array {
    const short = this.ifShort(view, order)
    if (short) return short
    const ids = this.#gather(view, order, Number.POSITIVE_INFINITY) ?? new Int32Array(0)
    if (ids.length < maxSteps) this.#isLong.delete(view.principalId)
    this.#long = [{ view, order, listing: this.#listing(order, ids) }, ...this.#long].slice(0, keptLongLists)
    return ids
  }

  /** How many there are, up to `atMost`. */
  count(view: View, order: EdgeOrder, atMost: number): number {
    if (!view.isActive || atMost <= 0) return 0
    if (atMost > 100 || seesEverything(view)) return Math.min(atMost, this.all(view, order).length)
    const found = new Set<number>()
    for (const source of [view, view.everybody]) {
      if (source === undefined) continue
      if (conveysDiscover(source.everywhere)) return Math.min(atMost, this.all(view, order).length)
      this.#expander.edgesOf(source, Number.POSITIVE_INFINITY, (id) => {
        if (!found.has(id) && this.#evaluator.discovers(view, id)) found.add(id)
        return found.size < atMost
      })
    }
    return Math.min(atMost, found.size)
  }

  #listing(order: EdgeOrder, ids: Int32Array): Listing {
    return { orderVersion: order.version, graphVersion: this.#resources.version, ids }
  }

  #isCurrent(listing: Listing, order: EdgeOrder): boolean {
    return listing.orderVersion === order.version && listing.graphVersion === this.#resources.version
  }

  /** Collects in a bitmap over positions, which removes doubles and sorts at once. */
  #gather(view: View, order: EdgeOrder, steps: number): Int32Array | undefined {
    const ids = order.ids()
    const ranks = order.ranks()
    const bits = this.#clearBits(order.size)
    let count = 0
    const mark = (id: number): boolean => {
      const rank = ranks[id] as number
      const word = bits[rank >>> 5] as number
      const marked = word | (1 << (rank & 31))
      if (marked >> 0 !== word >> 0) count++
      bits[rank >>> 5] = marked
      return true
    }
    if (!this.#markOwn(view, order, steps, mark)) return undefined
    if (view.everybody && !this.#markPublic(view.everybody, order, steps, mark)) return undefined
    for (const id of view.restrictions?.keys() ?? []) {
      const rank = ranks[id] ?? 0
      const word = bits[rank >>> 5] ?? 0
      if (ids[rank] !== id || (word & (1 << (rank & 31))) === 0 || this.#evaluator.discovers(view, id)) continue
      bits[rank >>> 5] = word & ~(1 << (rank & 31))
      count--
    }
    return marked(bits, ids, count)
  }

  #markOwn(view: View, order: EdgeOrder, steps: number, mark: (id: number) => boolean): boolean {
    if (!conveysDiscover(view.everywhere)) return this.#expander.edgesOf(view, steps, mark)
    if (order.size > steps) return false
    for (const id of order.ids().subarray(0, order.size)) mark(id)
    return true
  }

  #markPublic(everybody: View, order: EdgeOrder, steps: number, mark: (id: number) => boolean): boolean {
    const markPublic = (id: number) => !this.#resources.tenantOf(id)?.publicAccess || mark(id)
    return this.#markOwn(everybody, order, steps, markPublic)
  }

  #clearBits(size: number): Uint32Array {
    const words = (size + 31) >>> 5
    if (this.#bits.length < words) this.#bits = new Uint32Array(words * 2)
    return this.#bits.subarray(0, words).fill(0)
  }
}

/** Whether a grant on the platform shows the view every edge there is. */
function seesEverything(view: View): boolean {
  return view.isActive && view.restrictions === undefined && conveysDiscover(view.everywhere)
}

/** The ids at the marked positions, in order. */
function marked(bits: Uint32Array, ids: Int32Array, count: number): Int32Array {
  const found = new Int32Array(count)
  let size = 0
  for (let index = 0; index < bits.length; index++) {
    for (let word = bits[index] as number; word !== 0; word &= word - 1) {
      found[size++] = ids[(index << 5) | (31 - Math.clz32(word & -word))] as number
    }
  }
  return found
}
