import type { EdgeTable } from './graph-edges.ts'
import type { Evaluator } from './graph-evaluate.ts'
import type { ResourceGraph } from './graph-resources.ts'
import type { View } from './graph-view.ts'
import type { EdgeRow } from './model.ts'
import type { Bits } from './search-bits.ts'
import { naturalKey } from './search-keys.ts'
import { ListOrder } from './search-order.ts'
import { Page } from './search-page.ts'
import {
  completed,
  defaultLimits,
  type EdgeQuery,
  type ListLimits,
  Narrowing,
  type OrderBy,
  passes,
  type Test,
} from './search-query.ts'
import { ShortList } from './search-short.ts'
import { TextIndex } from './search-text.ts'
import { type Compare, smallest } from './search-top.ts'
import { discovered, VisibleEdges, withRole } from './search-visible.ts'

/** An order that is there for all edges; before it, `ranks` if any, the edges of each rank together. */
interface Plan {
  ranks: readonly Bits[] | undefined
  ranksDescending: boolean
  order: ListOrder
  descending: boolean
}

/** A walk may take so many times the tests that are expected. */
const patience = 2
/** What it costs to learn of an edge that may hold a text, in looks at texts. */
const costOfLookUp = 0.1

/** Lists what a view may discover: filtered, ordered, paged. What it shows has passed the same test as a check. */
export class EdgeLister {
  readonly #edges: EdgeTable
  readonly #evaluator: Evaluator
  readonly #discovered: VisibleEdges
  readonly #withRole: VisibleEdges
  readonly #rolesFollow = new WeakMap<View, boolean>()
  readonly #limits: ListLimits
  readonly #narrowing = new Narrowing()
  readonly #ranking = new Narrowing()
  readonly #text: TextIndex
  readonly #byId: ListOrder
  readonly #byComment: ListOrder

  constructor(edges: EdgeTable, resources: ResourceGraph, evaluator: Evaluator, limits = defaultLimits) {
    this.#edges = edges
    this.#text = new TextIndex(edges)
    this.#evaluator = evaluator
    this.#limits = limits
    this.#discovered = new VisibleEdges(resources, discovered(evaluator), limits.short)
    this.#withRole = new VisibleEdges(resources, withRole(evaluator), limits.short)
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
    this.#text.set(id, before)
    if (before?.edgeId !== after?.edgeId) this.#byId.touch(id)
    if (before?.edgeId !== after?.edgeId || before?.comment !== after?.comment) this.#byComment.touch(id)
  }

  /** Takes all edges at once; the rest is done by `work`. */
  load(): void {
    this.#text.load()
    this.#byId.load(Int32Array.from(this.#edges.keys()))
    // In the order of ids, which is what puts equal comments in order.
    this.#byComment.load(this.#byId.ids().slice(0, this.#byId.size))
  }

  /** Takes in some of the texts; returns whether there is more to do. */
  work(): boolean {
    return this.#byComment.work() || this.#text.work()
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
    return this.#visible(view, onlyWithRole).count(view, atMost)
  }

  /** For most people a role comes with all they discover: then both are one list. */
  #visible(view: View, onlyWithRole: boolean): VisibleEdges {
    if (!onlyWithRole) return this.#discovered
    const follows = this.#rolesFollow.get(view) ?? this.#evaluator.rolesFollow(view)
    this.#rolesFollow.set(view, follows)
    return follows ? this.#discovered : this.#withRole
  }

  #page(view: View, query: EdgeQuery): readonly number[] {
    const visible = this.#visible(view, query.withRole === true)
    const shown = visible.shown(view)
    const tests = this.#tests(query)
    if (shown instanceof ShortList) {
      for (const within of query.within ?? []) tests.push((id) => passes(within, id))
      return this.#fromFew(shown, all(tests), query)
    }
    if (visible.isToBeAsked) tests.unshift((id) => visible.has(view, id))
    return this.#fromMany(this.#narrowing.of(shown, query.within ?? []), all(tests), query)
  }

  /** What an edge must fulfil beside being in the sets. Texts are only ever looked at of visible ones (G-14). */
  #tests({ filter, producttypes, text }: EdgeQuery): Test[] {
    const tests: Test[] = []
    const types = new Set(producttypes?.map((name) => this.#edges.producttypeNumber(name)))
    const wanted = text?.toLowerCase()
    if (filter) tests.push(filter)
    if (types.size > 0) tests.push((id) => types.has(this.#edges.producttypeOf(id)))
    if (wanted) tests.push((id) => this.#text.matches(id, wanted))
    return tests
  }

  #fromFew(list: ShortList, test: Test | undefined, { order, offset, limit }: EdgeQuery): readonly number[] {
    const keys = completed(order)
    const plan = this.#planOf(keys)
    if (plan === undefined || plan.ranks) {
      return this.#sorted(test ? list.ids.filter(test) : list.ids, keys, offset + limit).slice(offset)
    }
    const page = new Page(offset, limit)
    page.takeList(list.in(plan.order), plan.descending, test)
    return page.ids
  }

  #fromMany(set: Bits, test: Test | undefined, query: EdgeQuery): readonly number[] {
    if (!set.holdsMore(this.#limits.short)) return this.#fromFew(new ShortList(set.values()), test, query)
    const { order, offset, limit } = query
    const keys = completed(order)
    const plan = this.#planOf(keys)
    const most = query.text ? this.#mostWalked(set, query, query.text) : Number.POSITIVE_INFINITY
    const page = plan && most > 0 ? this.#walked(set, plan, test, query, most) : undefined
    if (page) return page
    if (query.text) {
      return this.#fromFew(new ShortList(this.#text.candidates(query.text.toLowerCase(), set)), test, query)
    }
    const ids = set.values()
    return this.#sorted(test ? ids.filter(test) : ids, keys, offset + limit).slice(offset)
  }

  /** How many texts to look at in the order of the list before the text is rather looked up; 0 when that is quicker anyway. */
  #mostWalked(set: Bits, { offset, limit }: EdgeQuery, text: string): number {
    const all = this.#edges.size
    const estimate = this.#text.estimate(text.toLowerCase())
    const walked = Math.min(set.size, ((offset + limit) * all) / Math.max(1, estimate))
    const mostWorth = this.#limits.lookUp * costOfLookUp * estimate
    return walked <= mostWorth ? patience * mostWorth : 0
  }

  /** Walks edges in order until the page is full; undefined when more than `most` had to be tested. */
  #walked(set: Bits, plan: Plan, test: Test | undefined, query: EdgeQuery, most: number): number[] | undefined {
    const page = new Page(query.offset, query.limit)
    for (const part of this.#partsOf(set, plan)) {
      if (!page.takeSet(part, plan.order, plan.descending, test, most)) return undefined
      if (page.isFull) break
    }
    return page.ids
  }

  /** The edges of each rank apart, in the order of ranks. */
  *#partsOf(set: Bits, { ranks, ranksDescending }: Plan): Generator<Bits> {
    if (ranks === undefined) return yield set
    const others = { sets: ranks, isIn: false }
    const parts = [others, ...ranks.map((one) => ({ sets: [one], isIn: true }))]
    for (const part of ranksDescending ? parts.reverse() : parts) yield this.#ranking.of(set, [part])
  }

  #planOf([first, ...rest]: readonly OrderBy[]): Plan | undefined {
    if (first === undefined) return undefined
    if (first.field === 'rank') {
      const plan = first.ranks && this.#planOf(rest)
      return plan && !plan.ranks ? { ...plan, ranks: first.ranks, ranksDescending: first.descending } : undefined
    }
    const { descending } = first
    const order = first.field === 'id' ? this.#byId : this.#byComment
    if (first.field === 'comment' && (rest[0]?.field !== 'id' || rest[0].descending !== descending)) return undefined
    return { ranks: undefined, ranksDescending: false, order, descending }
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

function all(tests: readonly Test[]): Test | undefined {
  const [first, ...rest] = tests
  return rest.length === 0 ? first : (id) => tests.every((test) => test(id))
}

function rankOf(order: ListOrder, id: number): number {
  return order.ranks()[id] ?? 0
}

function compareTexts(a: string, b: string): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}
