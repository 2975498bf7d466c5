import { Bits } from './search-bits.ts'
import type { Shown } from './search-short.ts'

/** So many are kept; one of many edges takes as many bytes as an eighth of the highest id. */
const mostKept = 128
/** What was made anew so many times while nobody asked for it is given up. */
const patience = 32

interface Together {
  containers: readonly number[]
  edges: Shown
  /** How often it was made anew since somebody asked. */
  unasked: number
}

/**
 * What several containers hold together, for all who are shown just that, as the members of a group are. It is exact at any time;
 * what a change throws away is to be made anew.
 */
export class TogetherEdges {
  /** The one that was asked for least lately first. */
  readonly #kept = new Map<string, Together>()
  readonly #lost = new Map<string, Together>()

  get size(): number {
    return this.#kept.size
  }

  find(containers: readonly number[]): Shown | undefined {
    const key = keyOf(containers)
    const known = this.#kept.get(key)
    if (known === undefined) return undefined
    this.#kept.delete(key)
    this.#kept.set(key, known)
    known.unasked = 0
    return known.edges
  }

  keep(containers: readonly number[], edges: Shown): Shown {
    const key = keyOf(containers)
    this.#lost.delete(key)
    this.#put(key, { containers, edges, unasked: 0 })
    return edges
  }

  /** An edge is in these containers now and in no others. */
  refresh(edgeId: number, above: ReadonlySet<number>): void {
    for (const [key, one] of this.#kept) {
      const isIn = one.containers.some((container) => above.has(container))
      if (one.edges instanceof Bits) {
        if (isIn) one.edges.add(edgeId)
        else one.edges.remove(edgeId)
      } else if (isIn !== one.edges.ids.includes(edgeId)) this.#lose(key, one)
    }
  }

  /** What lies in one of these is another; returns what was thrown away. */
  drop(above: ReadonlySet<number>): Shown[] {
    const lost = [...this.#kept].filter(([, one]) => one.containers.some((container) => above.has(container)))
    for (const [key, one] of lost) this.#lose(key, one)
    return lost.map(([, { edges }]) => edges)
  }

  /** Makes one anew that was thrown away; returns whether there was any. */
  work(make: (containers: readonly number[]) => Shown): boolean {
    const [lost] = this.#lost
    if (lost === undefined) return false
    const [key, { containers, unasked }] = lost
    this.#lost.delete(key)
    this.#put(key, { containers, edges: make(containers), unasked: unasked + 1 })
    return true
  }

  #put(key: string, one: Together): void {
    const [oldest] = this.#kept.keys()
    if (this.#kept.size >= mostKept && oldest !== undefined) this.#kept.delete(oldest)
    this.#kept.set(key, one)
  }

  #lose(key: string, one: Together): void {
    this.#kept.delete(key)
    if (one.unasked < patience) this.#lost.set(key, one)
  }
}

function keyOf(containers: readonly number[]): string {
  return containers.toSorted((a, b) => a - b).join()
}
