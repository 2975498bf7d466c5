import { Bits } from './search-bits.ts'

/** More ids than this are rather read off the set. */
const quicklySorted = 1024

/** Edges put together one by one and set by set: as long as they are few also as a list, so that few cost little. */
export class Gathering {
  readonly set = new Bits()
  readonly #few: number
  #ids = new Int32Array(0)
  #count = 0

  /** `few`: up to so many are a list. */
  constructor(few: number) {
    this.#few = few
  }

  /** Begins anew; no id will be as high as 32 times this. */
  begin(room: number): void {
    if (this.#ids.length < this.#few) this.#ids = new Int32Array(this.#few)
    if (this.#count > this.#few) this.set.clear()
    else for (let at = 0; at < this.#count; at++) this.set.remove(this.#ids[at] as number)
    this.#count = 0
    this.set.open(room)
  }

  add(id: number): void {
    if (this.#count > this.#few) return this.set.mark(id)
    if (this.set.has(id)) return
    this.set.mark(id)
    if (this.#count < this.#few) this.#ids[this.#count] = id
    this.#count++
  }

  addList(ids: Int32Array): void {
    for (let at = 0; at < ids.length; at++) this.add(ids[at] as number)
  }

  addSets(sets: readonly Bits[]): void {
    for (let at = 0; at < sets.length; at += 4) this.set.or(...(sets.slice(at, at + 4) as [Bits]))
    if (sets.length > 0) this.#count = this.#few + 1
  }

  /** Those that are still in the set, lowest first; undefined when they were many. */
  few(): Int32Array | undefined {
    if (this.#count > this.#few) return undefined
    if (this.#count > quicklySorted) return this.set.values()
    const ids = this.#ids.slice(0, this.#count).filter((id) => this.set.has(id))
    return ids.sort()
  }
}
