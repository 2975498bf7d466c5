import type { Bits } from './search-bits.ts'
import type { ListOrder } from './search-order.ts'
import type { Test } from './search-query.ts'

/** One part of a list after the other is walked until the page is full. */
export class Page {
  readonly ids: number[] = []
  #left: number
  readonly #limit: number

  constructor(offset: number, limit: number) {
    this.#left = offset
    this.#limit = limit
  }

  get isFull(): boolean {
    return this.ids.length >= this.#limit
  }

  /** Takes an edge of the list, which may come before the page. */
  offer(id: number): void {
    if (this.#left > 0) this.#left--
    else this.ids.push(id)
  }

  /** Walks ids that are in order. */
  takeList(ids: Int32Array, descending: boolean, test?: Test): void {
    let at = 0
    if (test === undefined) {
      at = Math.min(this.#left, ids.length)
      this.#left -= at
    }
    for (; at < ids.length && !this.isFull; at++) {
      const id = ids[descending ? ids.length - 1 - at : at] as number
      if (test === undefined || test(id)) this.offer(id)
    }
  }

  /** Walks a set in an order; false when more than `most` edges had to be tested. */
  takeSet(set: Bits, order: ListOrder, descending: boolean, test?: Test, most = Number.POSITIVE_INFINITY): boolean {
    if (test === undefined && this.#left > 0 && this.#left >= set.size) {
      this.#left -= set.size
      return true
    }
    if (order.isById) return this.#takeAscending(set, descending, test, most)
    const ids = order.ids()
    const { size } = order
    let tested = 0
    for (let at = 0; at < size && !this.isFull; at++) {
      const id = ids[descending ? size - 1 - at : at] as number
      if (!set.has(id)) continue
      if (test === undefined || test(id)) this.offer(id)
      if (++tested > most) return false
    }
    return true
  }

  /** The same where the order is that of the ids: ever longer slices of the set are looked at. */
  #takeAscending(set: Bits, descending: boolean, test: Test | undefined, most: number): boolean {
    const size = descending ? set.size : Number.POSITIVE_INFINITY
    let from = test === undefined ? this.#left : 0
    if (test === undefined) this.#left = 0
    for (let step = this.#limit - this.ids.length; !this.isFull; step *= 2) {
      const to = from + step
      const slice = descending ? set.slice(Math.max(0, size - to), size - from) : set.slice(from, to)
      this.takeList(slice, descending, test)
      if (slice.length < step) break
      if (to > most && !this.isFull) return false
      from = to
    }
    return true
  }
}
