/** Unordered entries are worked in when there are more of them than this, and than an eighth of the others. */
const alwaysLoose = 64

/**
 * Ids of the edges in whose text three bytes stand side by side. Kept as differences in as few bytes as they need; nothing is
 * taken out, as whoever looks something up verifies it anyway.
 */
export class Posting {
  #bytes = new Uint8Array(8)
  #used = 0
  #count = 0
  #last = 0
  /** Ids lower than the last: texts that were changed. Some may be there already. */
  #loose: number[] = []

  /** At least as many as there are different ids. */
  get size(): number {
    return this.#count + this.#loose.length
  }

  add(id: number): void {
    if (id === this.#last) return
    if (id > this.#last) return this.#append(id)
    this.#loose.push(id)
    if (this.#loose.length > alwaysLoose + this.#count / 8) this.#workIn()
  }

  /** Every id, some of them twice. */
  ids(): Int32Array {
    const found = new Int32Array(this.size)
    let id = 0
    let size = 0
    for (let at = 0; at < this.#used; size++) {
      let difference = 0
      let byte = 128
      for (let shift = 0; byte >= 128; shift += 7) {
        byte = this.#bytes[at++] as number
        difference |= (byte & 127) << shift
      }
      id += difference
      found[size] = id
    }
    found.set(this.#loose, size)
    return found
  }

  /** Gives back the room that is not used. */
  trim(): void {
    this.#bytes = this.#bytes.slice(0, this.#used)
  }

  #append(id: number): void {
    if (this.#used + 5 > this.#bytes.length) {
      const larger = new Uint8Array(Math.ceil(this.#bytes.length * 1.5) + 8)
      larger.set(this.#bytes)
      this.#bytes = larger
    }
    let difference = id - this.#last
    while (difference >= 128) {
      this.#bytes[this.#used++] = (difference & 127) | 128
      difference >>>= 7
    }
    this.#bytes[this.#used++] = difference
    this.#last = id
    this.#count++
  }

  #workIn(): void {
    const sorted = this.ids().sort()
    this.#used = 0
    this.#count = 0
    this.#last = 0
    this.#loose = []
    for (const id of sorted) this.add(id)
  }
}
