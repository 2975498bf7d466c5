/**
 * What can be reached from one node over links that come and go. One way to each reached node is kept; when a link of it goes,
 * only what hung on that way is looked for anew, so that a change costs what it changes. Circles do no harm.
 */
export class Reach {
  readonly #start: number
  readonly #passes: (from: number, to: number) => boolean
  readonly #changed: (node: number) => void
  /** How many links lead from a node to another. */
  readonly #ups = new Map<number, Map<number, number>>()
  readonly #downs = new Map<number, Set<number>>()
  /** From where each reached node was reached. */
  readonly #via = new Map<number, number>()

  /** `passes`: whether links between the two count now; `changed` is told of each node that is now reached or no longer. */
  constructor(start: number, passes: (from: number, to: number) => boolean, changed: (node: number) => void) {
    this.#start = start
    this.#passes = passes
    this.#changed = changed
    this.#via.set(start, Number.NaN)
  }

  has(node: number): boolean {
    return this.#via.has(node)
  }

  /** A pair may be linked more than once; each removal takes one link away. */
  link(from: number, to: number): void {
    const ups = this.#ups.get(from) ?? new Map<number, number>()
    this.#ups.set(from, ups.set(to, (ups.get(to) ?? 0) + 1))
    this.#downs.set(to, (this.#downs.get(to) ?? new Set()).add(from))
    if (this.has(from)) this.#try(from, to)
  }

  unlink(from: number, to: number): void {
    const ups = this.#ups.get(from)
    const count = ups?.get(to) ?? 0
    if (count > 1) ups?.set(to, count - 1)
    if (count !== 1) return
    ups?.delete(to)
    this.#downs.get(to)?.delete(from)
    if (this.#via.get(to) === from) this.#lose(this.#hangingOn(to))
  }

  /** Links of this node may count now that did not, or the other way round. */
  revisit(node: number): void {
    if (this.has(node)) this.#lose(this.#hangingOn(node).filter((one) => one !== this.#start))
    else this.#find(node)
    if (this.has(node)) this.#spread(node)
  }

  /** The node and whatever was reached by way of it. */
  #hangingOn(node: number): number[] {
    const found = [node]
    for (const one of found) for (const up of this.#upsOf(one)) if (this.#via.get(up) === one) found.push(up)
    return found
  }

  #lose(nodes: readonly number[]): void {
    const lost = new Set(nodes)
    for (const node of lost) this.#via.delete(node)
    for (const node of lost) if (!this.has(node)) this.#find(node, lost)
    for (const node of lost) if (!this.has(node)) this.#changed(node)
  }

  /** Looks for a way to a node; `known` were reached before. */
  #find(node: number, known?: ReadonlySet<number>): void {
    for (const from of this.#downs.get(node) ?? []) {
      if (this.has(from) && this.#try(from, node, known)) return
    }
  }

  #spread(from: number, known?: ReadonlySet<number>): void {
    for (const to of this.#upsOf(from)) this.#try(from, to, known)
  }

  /** Goes from a reached node to another, and on from there; returns whether that is reached. */
  #try(from: number, to: number, known?: ReadonlySet<number>): boolean {
    if (this.has(to)) return true
    if (!this.#passes(from, to)) return false
    this.#via.set(to, from)
    if (!known?.has(to)) this.#changed(to)
    this.#spread(to, known)
    return true
  }

  #upsOf(node: number): Iterable<number> {
    return this.#ups.get(node)?.keys() ?? []
  }
}
