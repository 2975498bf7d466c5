import { grown } from './graph-links.ts'

/** A growing set of small whole numbers, one bit each. */
export class Bits {
  #words = new Int32Array(1024)

  #size = 0

  get size(): number {
    return this.#size
  }

  has(value: number): boolean {
    return ((this.#words[value >>> 5] ?? 0) & (1 << (value & 31))) !== 0
  }

  add(value: number): void {
    if (this.has(value)) return
    const index = value >>> 5
    if (index >= this.#words.length) this.#words = grown(this.#words, index + 1)
    this.#words[index] = (this.#words[index] as number) | (1 << (value & 31))
    this.#size++
  }

  remove(value: number): void {
    if (!this.has(value)) return
    const index = value >>> 5
    this.#words[index] = (this.#words[index] as number) & ~(1 << (value & 31))
    this.#size--
  }

  clear(): void {
    if (this.#size > 0) this.#words.fill(0)
    this.#size = 0
  }

  /** All of them, lowest first. */
  values(): Int32Array {
    const values = new Int32Array(this.size)
    let size = 0
    for (let index = 0; size < values.length; index++) {
      for (let word = this.#words[index] as number; word !== 0; word &= word - 1) {
        values[size++] = (index << 5) | (31 - Math.clz32(word & -word))
      }
    }
    return values
  }

  /** The entries of a list at the positions in the set, in order. */
  pick(list: Int32Array): Int32Array {
    const picked = this.values()
    for (let at = 0; at < picked.length; at++) picked[at] = list[picked[at] as number] as number
    return picked
  }
}
