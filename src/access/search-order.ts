import { grown } from './graph-links.ts'

/** How a list is put in order: a key for each id, compared as strings, and a rule for equal keys. */
export interface OrderKeys {
  /** Undefined when there is no such thing any more. */
  key(id: number): string | undefined
  tie(a: number, b: number): number
}

/**
 * All things of a kind in one order, as an array of ids and the position of each id in it. Changes are noted and worked in at the next
 * look, together: appending costs almost nothing, anything else one pass over the array.
 */
export class ListOrder {
  readonly #keys: OrderKeys
  #ids = new Int32Array(1024)
  #ranks = new Int32Array(1024)
  #size = 0
  #version = 0
  #changed: number[] = []

  constructor(keys: OrderKeys) {
    this.#keys = keys
  }

  /** Rises whenever any position may have changed. */
  get version(): number {
    this.#settle()
    return this.#version
  }

  get size(): number {
    this.#settle()
    return this.#size
  }

  /** Says that one is new, gone or has another key. */
  touch(id: number): void {
    this.#changed.push(id)
  }

  /** The ids in order; only the first `size` count, and only until the next change. */
  ids(): Int32Array {
    this.#settle()
    return this.#ids
  }

  /** The position of each id; only for ids that are there, and only until the next change. */
  ranks(): Int32Array {
    this.#settle()
    return this.#ranks
  }

  #settle(): void {
    if (this.#changed.length === 0) return
    this.#version++
    const moved = this.#changed
    this.#changed = []
    this.#reserve(moved)
    const firstGap = this.#takeOut(moved)
    const keyed: { id: number; key: string }[] = []
    for (const id of moved) {
      const key = this.#keys.key(id)
      if (key !== undefined) keyed.push({ id, key })
    }
    keyed.sort((a, b) => (a.id === b.id ? 0 : this.#compare(a.key, a.id, b.key, b.id)))
    const present = keyed.filter(({ id }, index) => id !== keyed[index - 1]?.id)
    const firstNew = this.#putIn(present)
    for (let rank = Math.min(firstGap, firstNew); rank < this.#size; rank++)
      this.#ranks[this.#ids[rank] as number] = rank
  }

  #compare(keyA: string, a: number, keyB: string, b: number): number {
    if (keyA === keyB) return this.#keys.tie(a, b)
    return keyA < keyB ? -1 : 1
  }

  #reserve(moved: readonly number[]): void {
    let highest = 0
    for (const id of moved) highest = Math.max(highest, id)
    if (highest >= this.#ranks.length) this.#ranks = grown(this.#ranks, highest + 1)
    const size = this.#size + moved.length
    if (size > this.#ids.length) this.#ids = grown(this.#ids, size)
  }

  /** Removes ids from where they stood; returns the first position that changed. */
  #takeOut(moved: readonly number[]): number {
    let first = this.#size
    for (const id of moved) {
      const rank = this.#ranks[id] as number
      if (rank >= this.#size || this.#ids[rank] !== id) continue
      this.#ids[rank] = 0
      first = Math.min(first, rank)
    }
    let to = first
    for (let from = first; from < this.#size; from++) {
      const id = this.#ids[from] as number
      if (id !== 0) this.#ids[to++] = id
    }
    this.#size = to
    return first
  }

  /** Merges sorted newcomers from the back; returns the first position that changed. */
  #putIn(present: readonly { id: number; key: string }[]): number {
    let end = this.#size
    let to = end + present.length
    this.#size = to
    for (let index = present.length - 1; index >= 0; index--) {
      const { id, key } = present[index] as { id: number; key: string }
      const at = this.#position(key, id, end)
      this.#ids.copyWithin(at + index + 1, at, end)
      to = at + index
      this.#ids[to] = id
      end = at
    }
    return to
  }

  /** Where a newcomer belongs among the first `end`. */
  #position(key: string, id: number, end: number): number {
    let low = 0
    let high = end
    const lastKey = end === 0 ? undefined : this.#keyAt(end - 1)
    if (lastKey !== undefined && this.#compare(lastKey, this.#ids[end - 1] as number, key, id) < 0) return end
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#compare(this.#keyAt(middle), this.#ids[middle] as number, key, id) < 0) low = middle + 1
      else high = middle
    }
    return low
  }

  #keyAt(rank: number): string {
    return this.#keys.key(this.#ids[rank] as number) ?? ''
  }
}

/**
 * A key whose plain string order is natural: `edge2` before `edge10`, letters regardless of case. Each run of digits is led
 * by its length.
 */
export function naturalKey(text: string): string {
  return text.toLowerCase().replace(/\d+/g, (digits) => {
    const number = digits.replace(/^0+(?=\d)/, '')
    return (number.length < 9 ? String(number.length) : `9${String.fromCharCode(number.length)}`) + number
  })
}
