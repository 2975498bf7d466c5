import { grown } from './graph-links.ts'
import { naturalKey, SortKeys } from './search-keys.ts'

/** Texts taken in, and positions written, before others have a turn: a millisecond or so. */
const portion = 500
const writtenAtOnce = 1 << 15

/** How a list is put in order: by the natural order of a text for each id, and a rule where that is the same. */
export interface OrderKeys {
  /** Undefined when there is no such thing any more. */
  text(id: number): string | undefined
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
  /** What is being taken in. */
  #coming: Generator<void> | undefined
  #isById = true

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

  /** Whether ids ascend in this order: then it is that of a set of them. */
  get isById(): boolean {
    this.#settle()
    return this.#isById
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

  /** Some of the ids, in order: positions are numbers, so nothing is compared as text. */
  sorted(some: Int32Array | readonly number[]): Int32Array {
    const ids = some instanceof Int32Array ? some.slice() : Int32Array.from(some)
    if (this.isById) return isAscending(ids) ? ids : ids.sort()
    const ranks = this.ranks()
    for (let at = 0; at < ids.length; at++) ids[at] = ranks[ids[at] as number] as number
    ids.sort()
    for (let at = 0; at < ids.length; at++) ids[at] = this.#ids[ids[at] as number] as number
    return ids
  }

  /** Begins to fill the empty order, quickest when those of equal keys come in their order. Whoever looks before the end does the rest. */
  load(ids: Int32Array): void {
    this.#coming = this.#takeIn(ids)
  }

  /** Does a little of what is left of loading; returns whether there is more. */
  work(): boolean {
    if (this.#coming === undefined) return false
    if (!this.#coming.next().done) return true
    this.#coming = undefined
    return false
  }

  #settle(): void {
    while (this.work());
    if (this.#changed.length === 0) return
    this.#coming = this.#takeIn(Int32Array.from(new Set(this.#changed)))
    this.#changed = []
    while (this.work());
  }

  *#takeIn(moved: Int32Array): Generator<void> {
    const sorted = yield* this.#sorted(moved)
    this.#version++
    yield* this.#reserve(moved)
    const firstGap = this.#size === 0 ? 0 : this.#takeOut(moved)
    const firstNew = this.#putIn(sorted)
    yield
    const first = Math.min(firstGap, firstNew)
    let isAscending = first === 0 || this.#isById
    let before = first === 0 ? 0 : (this.#ids[first - 1] as number)
    for (let rank = first; rank < this.#size; rank++) {
      const id = this.#ids[rank] as number
      this.#ranks[id] = rank
      if (id < before) isAscending = false
      before = id
      if (rank % writtenAtOnce === 0) yield
    }
    this.#isById = isAscending
  }

  /** Those that are still there, in order. */
  *#sorted(moved: Int32Array): Generator<void, Int32Array> {
    const keys = new SortKeys(moved.length)
    const ids = new Int32Array(moved.length)
    let size = 0
    for (const [at, id] of moved.entries()) {
      if (at % portion === portion - 1) yield
      const text = this.#keys.text(id)
      if (text === undefined) continue
      keys.set(size, text)
      ids[size++] = id
    }
    const places = yield* keys.sorting(size, (a, b) => this.#keys.tie(ids[a] as number, ids[b] as number))
    for (let at = 0; at < size; at++) {
      places[at] = ids[places[at] as number] as number
      if (at % writtenAtOnce === 0) yield
    }
    return new Int32Array(places.buffer)
  }

  #compare(keyA: string, a: number, keyB: string, b: number): number {
    if (keyA === keyB) return a === b ? 0 : this.#keys.tie(a, b)
    return keyA < keyB ? -1 : 1
  }

  *#reserve(moved: Int32Array): Generator<void> {
    let highest = 0
    for (let at = 0; at < moved.length; at++) {
      highest = Math.max(highest, moved[at] as number)
      if (at % writtenAtOnce === 0) yield
    }
    if (highest >= this.#ranks.length) this.#ranks = grown(this.#ranks, highest + 1)
    const size = this.#size + moved.length
    if (size > this.#ids.length) this.#ids = grown(this.#ids, size)
  }

  /** Removes ids from where they stood; returns the first position that changed. */
  #takeOut(moved: Int32Array): number {
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
  #putIn(newcomers: Int32Array): number {
    let end = this.#size
    let to = end + newcomers.length
    this.#size = to
    if (end === 0) {
      this.#ids.set(newcomers)
      return 0
    }
    for (let index = newcomers.length - 1; index >= 0; index--) {
      const id = newcomers[index] as number
      const at = end === 0 ? 0 : this.#position(this.#keyOf(id), id, end)
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
    return this.#keyOf(this.#ids[rank] as number)
  }

  #keyOf(id: number): string {
    return naturalKey(this.#keys.text(id) ?? '')
  }
}

function isAscending(ids: Int32Array): boolean {
  for (let at = 1; at < ids.length; at++) if ((ids[at - 1] as number) > (ids[at] as number)) return false
  return true
}
