import type { TextStore } from './search-text-store.ts'

const encoder = new TextEncoder()

/** Finds texts of a store by their names, up to the first byte of 0: ids in an array at a place that follows from the name. */
export class NameTable {
  readonly #texts: TextStore
  /** 0 is a free place. At most half of them are taken, so that no search is long. */
  #ids = new Int32Array(1024)
  #size = 0

  constructor(texts: TextStore) {
    this.#texts = texts
  }

  /** The id of what is called that, 0 for none. */
  find(name: string): number {
    const wanted = encoder.encode(`${name}\0`)
    for (let place = this.#home(wanted); ; place = this.#next(place)) {
      const id = this.#ids[place] as number
      if (id === 0 || this.#texts.startsWith(id, wanted)) return id
    }
  }

  /** Takes one whose text is in the store. */
  add(id: number): void {
    if (2 * ++this.#size > this.#ids.length) this.#grow()
    this.#put(id)
  }

  /** Takes one out whose text is in the store still. */
  remove(id: number): void {
    let place = this.#homeOf(id)
    while (this.#ids[place] !== id) {
      if (this.#ids[place] === 0) return
      place = this.#next(place)
    }
    this.#size--
    // Those behind move up, unless that would bring one before the place where its search begins.
    for (let behind = this.#next(place); this.#ids[behind] !== 0; behind = this.#next(behind)) {
      const moved = this.#ids[behind] as number
      if (this.#steps(this.#homeOf(moved), behind) < this.#steps(place, behind)) continue
      this.#ids[place] = moved
      place = behind
    }
    this.#ids[place] = 0
  }

  #put(id: number): void {
    let place = this.#homeOf(id)
    while (this.#ids[place] !== 0) place = this.#next(place)
    this.#ids[place] = id
  }

  #grow(): void {
    const old = this.#ids
    this.#ids = new Int32Array(4 * old.length)
    for (const id of old) if (id !== 0) this.#put(id)
  }

  #homeOf(id: number): number {
    return this.#home(this.#texts.get(id))
  }

  /** Where the search for a name begins (FNV-1a). */
  #home(text: Uint8Array): number {
    let hash = 0x811c9dc5
    for (let at = 0; text[at]; at++) hash = Math.imul(hash ^ (text[at] as number), 0x01000193)
    return (hash ^ (hash >>> 15)) & (this.#ids.length - 1)
  }
  #next(place: number): number {
    return (place + 1) & (this.#ids.length - 1)
  }
  #steps(from: number, to: number): number {
    return (to - from) & (this.#ids.length - 1)
  }
}
