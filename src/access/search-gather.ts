import { Bits } from './search-bits.ts'

/** Edges put together one by one and set by set: as long as they are few also as a list, so that few cost little. */
export class Gathering {
  readonly set = new Bits()
  readonly #ids: Int32Array
  #count = 0

  /** `few`: up to so many are a list. */
  constructor(few: number) {
    this.#ids = new Int32Array(few)
  }

  /** Begins anew; no id will be as high as 32 times this. */
  begin(room: number): void {
    if (this.#count > this.#ids.length) this.set.clear()
    else for (let at = 0; at < this.#count; at++) this.set.remove(this.#ids[at] as number)
    this.#count = 0
    this.set.open(room)
  }

  add(id: number): void {
    if (this.set.has(id)) return
    this.set.mark(id)
    if (this.#count < this.#ids.length) this.#ids[this.#count] = id
    this.#count++
  }

  addAll(set: Bits): void {
    this.set.or(set)
    this.#count = Number.POSITIVE_INFINITY
  }

  /** Those that are still in the set, lowest first; undefined when they were many. */
  few(): Int32Array | undefined {
    if (this.#count > this.#ids.length) return undefined
    return this.#ids
      .slice(0, this.#count)
      .filter((id) => this.set.has(id))
      .sort()
  }
}
