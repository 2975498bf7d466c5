const pageBits = 10
const pageSize = 1 << pageBits

/** Whole numbers by id, 0 where there is none. */
export interface Numbers {
  get(id: number): number
  set(id: number, value: number): void
}

/** Those of a few ids, however high. */
export class FewNumbers implements Numbers {
  readonly #numbers = new Map<number, number>()

  get(id: number): number {
    return this.#numbers.get(id) ?? 0
  }

  set(id: number, value: number): void {
    this.#numbers.set(id, value)
  }
}

/** Those of many; room is taken a page at a time, so that a few high ids cost little. */
export class Column implements Numbers {
  readonly #pages: (Int32Array | undefined)[] = []

  get(id: number): number {
    return this.#pages[id >>> pageBits]?.[id & (pageSize - 1)] ?? 0
  }

  set(id: number, value: number): void {
    const place = id >>> pageBits
    let page = this.#pages[place]
    if (page === undefined) {
      if (value === 0) return
      page = new Int32Array(pageSize)
      this.#pages[place] = page
    }
    page[id & (pageSize - 1)] = value
  }

  /** The ids of all that are not 0, in ascending order, from one on. What is set behind that meanwhile comes, too. */
  *ids(from = 0): IterableIterator<number> {
    for (let place = from >>> pageBits; place < this.#pages.length; place++) {
      const page = this.#pages[place]
      const first = place === from >>> pageBits ? from & (pageSize - 1) : 0
      for (let at = first; page !== undefined && at < pageSize; at++) if (page[at] !== 0) yield place * pageSize + at
    }
  }
}

/** Lists of numbered things, each list under a number of its own and each thing in one list at most; the newest first. */
export class Chains {
  // All of them one higher, as 0 is a number too.
  readonly #firsts: Numbers
  readonly #nexts: Numbers
  readonly #previous: Numbers

  constructor(numbers: new () => Numbers) {
    this.#firsts = new numbers()
    this.#nexts = new numbers()
    this.#previous = new numbers()
  }

  add(list: number, id: number): void {
    const next = this.#firsts.get(list)
    this.#nexts.set(id, next)
    this.#previous.set(id, 0)
    if (next !== 0) this.#previous.set(next - 1, id + 1)
    this.#firsts.set(list, id + 1)
  }

  /** Takes out what is in this list. */
  remove(list: number, id: number): void {
    const next = this.#nexts.get(id)
    const previous = this.#previous.get(id)
    if (previous === 0) this.#firsts.set(list, next)
    else this.#nexts.set(previous - 1, next)
    if (next !== 0) this.#previous.set(next - 1, previous)
  }

  /** A whole list as it is now: for whoever walks it while it may change. */
  all(list: number): number[] {
    const found: number[] = []
    for (let id = this.first(list); id >= 0; id = this.next(id)) found.push(id)
    return found
  }

  /** A list from its first on; what is walked must not change meanwhile. */
  *of(list: number): Generator<number> {
    for (let id = this.first(list); id >= 0; id = this.next(id)) yield id
  }

  /** The first of a list, below 0 for none: `for (let id = first(n); id >= 0; id = next(id))`. */
  first(list: number): number {
    return this.#firsts.get(list) - 1
  }
  next(id: number): number {
    return this.#nexts.get(id) - 1
  }
}
