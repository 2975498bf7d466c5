import type { Evaluator } from './graph-evaluate.ts'
import type { ResourceGraph } from './graph-resources.ts'
import type { Rows } from './graph-rows.ts'
import type { View } from './graph-view.ts'
import type { EdgeRow } from './model.ts'
import { EdgeOrder, naturalKey } from './search-order.ts'
import { TextIndex } from './search-text.ts'
import { type Compare, smallest } from './search-top.ts'
import { VisibleEdges } from './search-visible.ts'

/** One key of the order of a list. */
export interface OrderBy {
  field: 'id' | 'comment' | 'rank'
  descending: boolean
  /** For `rank`: the value to order by. */
  rank?: (edgeId: number) => number
}

/** What to list. */
export interface EdgeQuery {
  /** Part of id, comment or product type, in any case. */
  text?: string
  producttypes?: string[]
  filter?: (edgeId: number) => boolean
  /** Ends in the natural order of ids, whether it says so or not; after a comment in the same direction. */
  order: OrderBy[]
  offset: number
  limit: number
}

type Test = (edgeId: number) => boolean

/** Lists no longer than this are searched by walking them. */
const alwaysWalked = 4096
/** Edges looked at in the order of all edges before everything visible is rather worked out. */
const maxScan = 20_000

/** Lists what a view may discover: filtered, ordered, paged. What it shows has passed the same test as a check. */
export class EdgeLister {
  readonly #rows: Rows
  readonly #evaluator: Evaluator
  readonly #visible: VisibleEdges
  readonly #text = new TextIndex()
  readonly #byId: EdgeOrder
  readonly #byComment: EdgeOrder

  constructor(rows: Rows, resources: ResourceGraph, evaluator: Evaluator) {
    this.#rows = rows
    this.#evaluator = evaluator
    this.#visible = new VisibleEdges(resources, evaluator)
    const nameOf = (id: number) => rows.edge.get(id)?.edgeId ?? ''
    this.#byId = new EdgeOrder({
      key: (id) => keyOf(rows.edge.get(id)?.edgeId),
      tie: (a, b) => (nameOf(a) < nameOf(b) ? -1 : 1),
    })
    this.#byComment = new EdgeOrder({
      key: (id) => keyOf(rows.edge.get(id)?.comment),
      tie: (a, b) => rankOf(this.#byId, a) - rankOf(this.#byId, b),
    })
  }

  /** Takes an edge that is new, changed or gone. */
  touch(id: number, before: EdgeRow | undefined, after: EdgeRow | undefined): void {
    this.#text.set(id, after)
    if (before?.edgeId !== after?.edgeId) this.#byId.touch(id)
    if (before?.edgeId !== after?.edgeId || before?.comment !== after?.comment) this.#byComment.touch(id)
  }

  /** A page of what the view may discover. */
  list(view: View, query: EdgeQuery): EdgeRow[] {
    if (!view.isActive || query.limit <= 0) return []
    return this.#page(view, query).flatMap((id) => this.#rows.edge.get(id) ?? [])
  }

  /** How many edges the view may discover, counted up to `atMost`. */
  count(view: View, atMost: number): number {
    return this.#visible.count(view, this.#byId, atMost)
  }

  #page(view: View, query: EdgeQuery): number[] {
    const { offset, limit } = query
    const test = this.#test(query)
    const keys = completed(query.order)
    const [first, second] = keys
    const isPlain = first.field === 'id' || (first.field === 'comment' && isIdIn(second, first.descending))
    const order = isPlain && first.field === 'comment' ? this.#byComment : this.#byId
    const short = this.#visible.ifShort(view, order)
    const candidates = this.#candidates(query, short?.length ?? order.size)
    if (!isPlain || candidates) {
      const found = this.#passing(candidates ?? short ?? this.#visible.all(view, order), view, test)
      return this.#sorted(found, keys, offset + limit).slice(offset)
    }
    if (short) return walk(short, first.descending, offset, limit, test) ?? []
    const ids = order.ids().subarray(0, order.size)
    const seen: Test = (id) => this.#evaluator.discovers(view, id) && (test === undefined || test(id))
    return (
      walk(ids, first.descending, offset, limit, seen, maxScan) ??
      walk(this.#visible.all(view, order), first.descending, offset, limit, test) ??
      []
    )
  }

  /** What an edge must fulfil beside being visible. Only ever asked about visible ones (G-14). */
  #test(query: EdgeQuery): Test | undefined {
    const tests: Test[] = []
    const text = query.text?.toLowerCase()
    const types = new Set(query.producttypes)
    if (query.filter) tests.push(query.filter)
    if (types.size > 0) tests.push((id) => types.has(this.#rows.edge.get(id)?.producttype ?? ''))
    if (text) tests.push((id) => this.#text.matches(id, text))
    return tests.length < 2 ? tests[0] : (id) => tests.every((test) => test(id))
  }

  /**
   * The edges that may contain the text, when reading all of them is cheaper than walking `size` edges until the page is
   * full. Whoever sees few is served from those alone, so that the time it takes tells nothing about others (G-14).
   */
  #candidates(query: EdgeQuery, size: number): Int32Array | undefined {
    const text = query.text?.toLowerCase()
    if (!text || size <= alwaysWalked) return undefined
    const candidates = this.#text.candidates(text, this.#byId.size / 8)
    if (candidates === undefined) return undefined
    const walked = ((query.offset + query.limit) * this.#byId.size) / Math.max(candidates.length, 1)
    return candidates.length < Math.min(size, walked) ? candidates : undefined
  }

  #passing(ids: Int32Array, view: View, test: Test | undefined): Int32Array {
    return ids.filter((id) => this.#evaluator.discovers(view, id) && (test === undefined || test(id)))
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
      const comments = Array.from(ids, (id) => keyOf(this.#rows.edge.get(id)?.comment) ?? '')
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

function rankOf(order: EdgeOrder, id: number): number {
  return order.ranks()[id] ?? 0
}

function keyOf(text: string | undefined): string | undefined {
  return text === undefined ? undefined : naturalKey(text)
}

function compareTexts(a: string, b: string): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}
