import type { Bits } from './search-bits.ts'
import type { ListOrder } from './search-order.ts'

/** Few edges that somebody is shown, as ids. */
export class ShortList {
  readonly ids: Int32Array
  /** Numbers that it takes the room of, in two orders. */
  readonly room: number
  readonly #sorted = new Map<ListOrder, { version: number; ids: Int32Array }>()

  constructor(ids: Int32Array) {
    this.ids = ids
    this.room = 64 + 3 * ids.length
  }

  /** In an order, which is worked out once. */
  in(order: ListOrder): Int32Array {
    const known = this.#sorted.get(order)
    if (known?.version === order.version) return known.ids
    const ids = order.sorted(this.ids)
    this.#sorted.set(order, { version: order.version, ids })
    return ids
  }
}

/** What a view is shown: a list of few edges, or a set of many. */
export type Shown = ShortList | Bits
