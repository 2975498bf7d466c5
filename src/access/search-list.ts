import type { EdgeTable } from './graph-edges.ts'
import type { Evaluator } from './graph-evaluate.ts'
import type { ResourceGraph } from './graph-resources.ts'
import type { View } from './graph-view.ts'
import type { EdgeRow } from './model.ts'
import type { Bits } from './search-bits.ts'
import { naturalKey } from './search-keys.ts'
import { ListOrder } from './search-order.ts'
import { TextIndex } from './search-text.ts'
import { type Compare, smallest } from './search-top.ts'
import { discovered, VisibleEdges, withRole } from './search-visible.ts'

/** One key of the order of a list. */
export interface OrderBy {
  field: 'id' | 'comment' | 'rank'
  descending: boolean
  /** For `rank`: the value to order by. */
  rank?: (edgeId: number) => number
  /** For `rank`: all values there are, lowest first. When they are few, a page need not look at every edge. */
  ranks?: readonly number[]
}

/** What to list. */
export interface EdgeQuery {
  /** Part of id, comment or product type, in any case. */
  text?: string
  producttypes?: string[]
  filter?: (edgeId: number) => boolean
  /** Sets that together hold every edge that passes the filter, no edge in two, and maybe some that are gone: when they are few, only they are looked at. */
  among?: readonly Bits[]
  /** Only edges on which there is a role, which is not so for all that may be discovered (K10). */
  withRole?: boolean
  /** Ends in the natural order of ids, whether it says so or not; after a comment in the same direction. */
  order: OrderBy[]
  offset: number
  limit: number
}

type Test = (edgeId: number) => boolean
/** A page of the ids that pass; undefined when more than `most` had to be looked at. */
type Walk = (ids: Int32Array, test: Test | undefined, most?: number) => number[] | undefined

/** Where one way of listing becomes cheaper than another; what is listed does not depend on it. */
export interface ListLimits {
  /** Steps down the graph to work out all that is visible. */
  steps: number
  /** Edges looked at in the order of all edges before everything visible is rather worked out. */
  scanned: number
  /** Lists no longer than this are searched by walking them. */
  alwaysWalked: number
  /** A text that so few may contain is looked up at once. */
  alwaysLookedUp: number
  /** Else so many edges are walked first, in the hope of a page. */
  walkedForText: number
}
const defaultLimits: ListLimits = {
  steps: 12_000,
  scanned: 20_000,
  alwaysWalked: 4096,
  alwaysLookedUp: 2048,
  walkedForText: 2000,
}

/** Lists what a view may discover: filtered, ordered, paged. What it shows has passed the same test as a check. */
export class EdgeLister {
  readonly #edges: EdgeTable
  readonly #evaluator: Evaluator
  readonly #discovered: VisibleEdges
  readonly #withRole: VisibleEdges
  readonly #rolesFollow = new WeakMap<View, boolean>()
  readonly #limits: ListLimits
  readonly #text = new TextIndex()
  readonly #byId: ListOrder
  readonly #byComment: ListOrder

  constructor(edges: EdgeTable, resources: ResourceGraph, evaluator: Evaluator, limits = defaultLimits) {
    this.#edges = edges
    this.#evaluator = evaluator
    this.#limits = limits
    this.#discovered = new VisibleEdges(resources, discovered(evaluator), limits.steps)
    this.#withRole = new VisibleEdges(resources, withRole(evaluator), limits.steps)
    const nameOf = (id: number) => edges.nameOf(id) ?? ''
    this.#byId = new ListOrder({
      text: (id) => edges.nameOf(id),
      tie: (a, b) => (nameOf(a) < nameOf(b) ? -1 : 1),
    })
    this.#byComment = new ListOrder({
      text: (id) => edges.commentOf(id),
      tie: (a, b) => rankOf(this.#byId, a) - rankOf(this.#byId, b),
    })
  }

  /** Takes an edge that is new, changed or gone. */
  touch(id: number, before: EdgeRow | undefined, after: EdgeRow | undefined): void {
    this.#text.set(id, after)
    if (before?.edgeId !== after?.edgeId) this.#byId.touch(id)
    if (before?.edgeId !== after?.edgeId || before?.comment !== after?.comment) this.#byComment.touch(id)
  }

  /** Takes all edges at once. */
  load(): void {
    this.#text.load(this.#edges.values())
    this.#byId.load([...this.#edges.keys()])
    // In the order of ids, which is what puts equal comments in order.
    this.#byComment.load(Array.from(this.#byId.ids().subarray(0, this.#byId.size)))
  }

  /** A page of what the view may discover. */
  list(view: View, query: EdgeQuery): EdgeRow[] {
    return this.page(view, query).flatMap((id) => this.#edges.get(id) ?? [])
  }

  /** The ids of the same page. */
  page(view: View, query: EdgeQuery): readonly number[] {
    return view.isActive && query.limit > 0 ? this.#page(view, query) : []
  }

  /** How many edges the view may discover, or has a role on, counted up to `atMost`. */
  count(view: View, atMost: number, onlyWithRole: boolean): number {
    return this.#visible(view, onlyWithRole).count(view, this.#byId, atMost)
  }

  /** For most people a role comes with all they discover: then both are one list. */
  #visible(view: View, onlyWithRole: boolean): VisibleEdges {
    if (!onlyWithRole) return this.#discovered
    const follows = this.#rolesFollow.get(view) ?? this.#evaluator.rolesFollow(view)
    this.#rolesFollow.set(view, follows)
    return follows ? this.#discovered : this.#withRole
  }

  #page(view: View, query: EdgeQuery): number[] {
    const { offset, limit } = query
    const visible = this.#visible(view, query.withRole === true)
    const test = this.#test(query)
    const keys = completed(query.order)
    const [first, second] = keys
    const isPlain = first.field === 'id' || (first.field === 'comment' && isIdIn(second, first.descending))
    const order = isPlain && first.field === 'comment' ? this.#byComment : this.#byId
    const { descending } = first
    const sorted: Walk | undefined = isPlain
      ? (ids, accept, most) => walk(ids, descending, offset, limit, accept, most)
      : rankedWalk(first, second, offset, limit)
    const page = sorted && this.#walked(view, visible, order, sorted, test, query)
    if (page) return page
    const found = this.#matching(view, visible, order, test, query)
    return this.#sorted(found, keys, offset + limit).slice(offset)
  }

  /** Walks edges in order until the page is full; undefined when that takes too long. */
  #walked(
    view: View,
    visible: VisibleEdges,
    order: ListOrder,
    walked: Walk,
    test: Test | undefined,
    query: EdgeQuery,
  ): number[] | undefined {
    const short = visible.ifShort(view, order)
    const most = this.#mostWalked(short, short?.length ?? order.size, query)
    if (short) return walked(short, test, most)
    const seen = seenBy(view, visible, test, query)
    const page = walked(order.ids().subarray(0, order.size), seen, most)
    return page ?? (query.text || query.among ? undefined : walked(visible.all(view, order), test))
  }

  /**
   * How many edges to walk before looking up the text or the state, if any. Whoever sees few is served from those alone, so that the
   * time it takes tells nothing about others (G-14).
   */
  #mostWalked(short: Int32Array | undefined, size: number, { text, among, offset, limit }: EdgeQuery): number {
    const { scanned, alwaysWalked, alwaysLookedUp, walkedForText } = this.#limits
    if (!text && !among) return short ? Number.POSITIVE_INFINITY : scanned
    if (short && short.length <= alwaysWalked) return alwaysWalked
    const estimate = Math.min(text ? this.#text.estimate(text.toLowerCase()) : Number.POSITIVE_INFINITY, sizeOf(among))
    if (short && short.length <= Math.min(4 * estimate, scanned)) return short.length
    // The more there may be, the sooner the page is full, and the dearer it is to look all of them up.
    const most = text ? Math.max(walkedForText, estimate >> 3) : scanned
    const isHopeless = (offset + limit) * size > 2 * most * estimate
    return estimate <= alwaysLookedUp || isHopeless ? 0 : most
  }

  /** What an edge must fulfil beside being visible. Texts are only ever looked at of visible ones (G-14). */
  #test(query: EdgeQuery): Test | undefined {
    const tests: Test[] = []
    const text = query.text?.toLowerCase()
    const types = new Set(query.producttypes?.map((name) => this.#edges.producttypeNumber(name)))
    if (query.filter) tests.push(query.filter)
    if (types.size > 0) tests.push((id) => types.has(this.#edges.producttypeOf(id)))
    if (text) tests.push((id) => this.#text.matches(id, text))
    return tests.length < 2 ? tests[0] : (id) => tests.every((test) => test(id))
  }

  /** Everything that is visible and passes, in no particular order. */
  #matching(view: View, visible: VisibleEdges, order: ListOrder, test: Test | undefined, query: EdgeQuery): Int32Array {
    const short = visible.ifShort(view, order)
    const size = short?.length ?? order.size
    const candidates = size > this.#limits.alwaysWalked ? this.#candidates(query, size) : undefined
    if (candidates && candidates.length < size) {
      return candidates.filter(seenBy(view, visible, test, query))
    }
    const all = short ?? visible.all(view, order)
    return test ? all.filter(test) : all
  }

  /** The few among whom all are that pass, if they are easily had: beside a list of so many. */
  #candidates({ text, among }: EdgeQuery, size: number): Int32Array | undefined {
    const wanted = text?.toLowerCase()
    const estimate = wanted ? this.#text.estimate(wanted) : Number.POSITIVE_INFINITY
    if (among && sizeOf(among) <= Math.min(estimate, size)) return idsOf(among).filter((id) => this.#edges.has(id))
    return wanted && estimate < 4 * size ? this.#text.candidates(wanted) : undefined
  }

  /** The first `count` of the edges in the order asked for. */
  #sorted(ids: Int32Array, order: readonly OrderBy[], count: number): number[] {
    const compares = order.map((by) => this.#compare(ids, by))
    const compare: Compare = (a, b) => {
      for (const one of compares) {
        const difference = one(a, b)
        if (difference !== 0) return difference
      }
      return 0
    }
    return smallest(ids.length, count, compare).map((index) => ids[index] as number)
  }

  #compare(ids: Int32Array, by: OrderBy): Compare {
    const sign = by.descending ? -1 : 1
    if (by.field === 'comment') {
      const comments = Array.from(ids, (id) => naturalKey(this.#edges.commentOf(id) ?? ''))
      return (a, b) => sign * compareTexts(comments[a] as string, comments[b] as string)
    }
    const values = Float64Array.from(ids, by.field === 'id' ? (id) => rankOf(this.#byId, id) : (by.rank ?? (() => 0)))
    return (a, b) => sign * ((values[a] as number) - (values[b] as number))
  }
}

/** The keys that matter, the id always the last: after a comment in its direction, else ascending. */
function completed(order: readonly OrderBy[]): [OrderBy, ...OrderBy[]] {
  const [first, ...rest] = order
  if (first === undefined) return [{ field: 'id', descending: false }]
  if (first.field === 'id') return [first]
  if (rest.length === 0) return [first, { field: 'id', descending: first.field === 'comment' && first.descending }]
  return [first, ...completed(rest)]
}

function isIdIn(by: OrderBy | undefined, descending: boolean): boolean {
  return by?.field === 'id' && by.descending === descending
}

/** The page of ids that pass, in either direction; undefined when more than `most` had to be looked at. */
function walk(
  ids: Int32Array,
  descending: boolean,
  offset: number,
  limit: number,
  test: Test | undefined,
  most = Number.POSITIVE_INFINITY,
): number[] | undefined {
  const page: number[] = []
  let left = test === undefined ? 0 : offset
  for (let index = test === undefined ? offset : 0; index < ids.length && page.length < limit; index++) {
    if (index >= most) return undefined
    const id = ids[descending ? ids.length - 1 - index : index] as number
    if (test !== undefined && !test(id)) continue
    if (left > 0) left--
    else page.push(id)
  }
  return page
}

/** The same, first by a rank of few values and then by the id: those of each value are gathered until the first are enough. */
function rankedWalk(first: OrderBy, second: OrderBy | undefined, offset: number, limit: number): Walk | undefined {
  const { rank, ranks, descending } = first
  if (rank === undefined || ranks === undefined || !isIdIn(second, false)) return undefined
  const values = descending ? [...ranks].reverse() : ranks
  return (ids, test, most = Number.POSITIVE_INFINITY) => {
    const found = values.map((): number[] => [])
    for (let index = 0; index < ids.length && (found[0]?.length ?? 0) < offset + limit; index++) {
      if (index >= most) return undefined
      const id = ids[index] as number
      if (test === undefined || test(id)) found[values.indexOf(rank(id))]?.push(id)
    }
    return found.flat().slice(offset, offset + limit)
  }
}

function rankOf(order: ListOrder, id: number): number {
  return order.ranks()[id] ?? 0
}

/** Passes the edges that are visible and fulfil the rest; the filter first, as it is the quickest. */
function seenBy(view: View, visible: VisibleEdges, test: Test | undefined, { filter }: EdgeQuery): Test {
  const isVisible: Test = (id) => (filter === undefined || filter(id)) && visible.has(view, id)
  return test === undefined || test === filter ? isVisible : (id) => isVisible(id) && test(id)
}

function sizeOf(sets: readonly Bits[] | undefined): number {
  return sets?.reduce((sum, set) => sum + set.size, 0) ?? Number.POSITIVE_INFINITY
}

function idsOf(sets: readonly Bits[]): Int32Array {
  const ids = new Int32Array(sizeOf(sets))
  let size = 0
  for (const set of sets) {
    const values = set.values()
    ids.set(values, size)
    size += values.length
  }
  return ids
}

function compareTexts(a: string, b: string): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}
