import { Bits } from './search-bits.ts'

/** One key of the order of a list. */
export interface OrderBy {
  field: 'id' | 'comment' | 'rank'
  descending: boolean
  /** For `rank`: the value to order by. */
  rank?: (edgeId: number) => number
  /** For `rank`: the edges of rank 1, 2 and so on, no edge in two; all others have 0. With it no page need look at every edge. */
  ranks?: readonly Bits[]
}

/** Passes the edges that are in any of the sets, or those that are in none. */
export interface SetTest {
  sets: readonly Bits[]
  isIn: boolean
}

/** What to list. */
export interface EdgeQuery {
  /** Part of id, comment or product type, in any case. */
  text?: string
  producttypes?: string[]
  /** Sets, the quickest way to leave edges out. They may hold edges that are gone. */
  within?: readonly SetTest[]
  filter?: (edgeId: number) => boolean
  /** Only edges on which there is a role, which is not so for all that may be discovered (K10). */
  withRole?: boolean
  /** Ends in the natural order of ids, whether it says so or not; after a comment in the same direction. */
  order: OrderBy[]
  offset: number
  limit: number
}

export type Test = (edgeId: number) => boolean

/** Where one way of listing becomes cheaper than another; what is listed does not depend on it. */
export interface ListLimits {
  /** Who sees no more is served from the list of just that, so that the time it takes tells nothing about others (G-14). */
  short: number
  /** How many times dearer it may be to look up a text than to walk the list for it. */
  lookUp: number
  /** Containers with so many edges keep the set of them; undefined: with a part of all edges. */
  keptFrom?: number
  /** How long `work` lasts, but for the last little thing that it does. */
  sliceMs?: number
}
export const defaultLimits: ListLimits = { short: 2048, lookUp: 1 }

/** The keys that matter, the id always the last: after a comment in its direction, else ascending. */
export function completed(order: readonly OrderBy[]): [OrderBy, ...OrderBy[]] {
  const [first, ...rest] = order
  if (first === undefined) return [{ field: 'id', descending: false }]
  if (first.field === 'id') return [first]
  if (rest.length === 0) return [first, { field: 'id', descending: first.field === 'comment' && first.descending }]
  return [first, ...completed(rest)]
}

/** Whether a set test passes an edge. */
export function passes({ sets, isIn }: SetTest, edgeId: number): boolean {
  for (const set of sets) if (set.has(edgeId)) return isIn
  return !isIn
}

/** Narrows sets down in the room of one that it keeps. */
export class Narrowing {
  readonly #left = new Bits()
  readonly #union = new Bits()

  /** What is left of a set by the tests; only until the next is asked for. */
  of(set: Bits, tests: readonly SetTest[]): Bits {
    if (tests.length === 0) return set
    const left = this.#left.become(set)
    for (const { sets, isIn } of tests) {
      if (!isIn) for (const one of sets) left.without(one)
      else left.and(this.#unionOf(sets))
    }
    return left
  }

  #unionOf(sets: readonly Bits[]): Bits {
    const [first, ...rest] = sets
    if (first !== undefined && rest.length === 0) return first
    this.#union.clear()
    for (const one of sets) this.#union.or(one)
    return this.#union
  }
}
