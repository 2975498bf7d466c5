import { grown } from './graph-links.ts'

const encoder = new TextEncoder()
const nothing = new Uint8Array(0)

/** Texts are kept in blocks of this size, so that nothing is ever copied to grow; none can be longer. */
const blockBits = 20
const blockSize = 1 << blockBits

/** Texts by id as UTF-8 in a few large arrays: a million of them cost neither objects nor time of the garbage collector. */
export class TextStore {
  #blocks: Uint8Array[] = []
  /** Bytes used of the last block. */
  #used = blockSize
  /** Bytes in texts, and bytes that belong to none any more. */
  #size = 0
  #wasted = 0
  #starts = new Int32Array(1024)
  #lengths = new Int32Array(1024)

  /** The bytes of a text; only until the next change. */
  get(id: number): Uint8Array {
    const start = this.#starts[id] ?? 0
    const from = start & (blockSize - 1)
    return this.#blocks[start >>> blockBits]?.subarray(from, from + (this.#lengths[id] ?? 0)) ?? nothing
  }

  /** Puts a text in place of the one before; an empty one takes it away. */
  set(id: number, text: string): void {
    if (id >= this.#starts.length) {
      this.#starts = grown(this.#starts, id + 1)
      this.#lengths = grown(this.#lengths, id + 1)
    }
    const before = this.#lengths[id] as number
    this.#size -= before
    this.#wasted += before
    this.#append(id, encoder.encode(text))
    if (this.#wasted > this.#size + blockSize) this.#tidy()
  }

  /** Whether the text holds these bytes, side by side. */
  includes(id: number, wanted: Uint8Array): boolean {
    const start = this.#starts[id] ?? 0
    const bytes = this.#blocks[start >>> blockBits] ?? nothing
    const from = start & (blockSize - 1)
    const last = from + (this.#lengths[id] ?? 0) - wanted.length
    const first = wanted[0] as number
    for (let at = from; at <= last; at++) {
      if (bytes[at] !== first) continue
      let same = 1
      while (same < wanted.length && bytes[at + same] === wanted[same]) same++
      if (same === wanted.length) return true
    }
    return false
  }

  #append(id: number, text: Uint8Array): void {
    if (text.length > blockSize) throw new RangeError(`the text of edge ${id} is too long`)
    if (this.#used + text.length > blockSize) {
      this.#blocks.push(new Uint8Array(blockSize))
      this.#used = 0
    }
    this.#blocks.at(-1)?.set(text, this.#used)
    this.#starts[id] = ((this.#blocks.length - 1) << blockBits) | this.#used
    this.#lengths[id] = text.length
    this.#used += text.length
    this.#size += text.length
  }

  /** Moves all texts together. */
  #tidy(): void {
    const old = this.#blocks
    this.#blocks = []
    this.#used = blockSize
    this.#size = 0
    this.#wasted = 0
    for (let id = 0; id < this.#starts.length; id++) {
      const start = this.#starts[id] as number
      const from = start & (blockSize - 1)
      const text = old[start >>> blockBits]?.subarray(from, from + (this.#lengths[id] as number))
      if (text !== undefined && text.length > 0) this.#append(id, text)
    }
  }
}
