import { Column } from './graph-column.ts'

const nothing = Buffer.alloc(0)

/** Texts are kept in blocks of this size, so that nothing is ever copied to grow; none can be longer. */
const blockBits = 20
const blockSize = 1 << blockBits
/** Bytes before each text that tell its length. */
const head = 3
const mostBytesPerUnit = 3

/** For each byte the byte of the small letter, where it is one of A to Z. */
export const lowerCase = Uint8Array.from({ length: 256 }, (_, byte) => (byte >= 65 && byte <= 90 ? byte + 32 : byte))

/** Texts by id as UTF-8 in a few large arrays: a million of them cost neither objects nor time of the garbage collector. */
export class TextStore {
  #blocks: Buffer[] = []
  /** Bytes used of the last block. */
  #used = blockSize
  /** Bytes in texts, and bytes that belong to none any more. */
  #size = 0
  #wasted = 0
  /** Where a text begins: the block, and the place in it, which is never 0. */
  readonly #starts = new Column()

  has(id: number): boolean {
    return this.#starts.get(id) !== 0
  }

  /** A text, or of its bytes those from one up to another. */
  text(id: number, first = 0, end = blockSize): string {
    const start = this.#starts.get(id)
    const block = this.#blocks[start >>> blockBits]
    if (start === 0 || block === undefined) return ''
    const from = start & (blockSize - 1)
    return block.toString('utf8', from + first, from + Math.min(end, lengthAt(block, from)))
  }

  /** Where a byte that is in the text stands first. */
  indexOf(id: number, byte: number): number {
    const start = this.#starts.get(id)
    const block = this.#blocks[start >>> blockBits] ?? nothing
    const from = start & (blockSize - 1)
    let at = from
    while (at < blockSize && block[at] !== byte) at++
    return at - from
  }

  /** The bytes of a text; only until the next change. */
  get(id: number): Uint8Array {
    const start = this.#starts.get(id)
    const block = this.#blocks[start >>> blockBits]
    if (start === 0 || block === undefined) return nothing
    const from = start & (blockSize - 1)
    return block.subarray(from, from + lengthAt(block, from))
  }

  /** Puts a text in place of the one before; an empty one takes it away. */
  set(id: number, text: string): void {
    const start = this.#starts.get(id)
    if (start !== 0) {
      const before = lengthAt(this.#blocks[start >>> blockBits] ?? nothing, start & (blockSize - 1)) + head
      this.#size -= before
      this.#wasted += before
    }
    if (text === '') this.#starts.set(id, 0)
    else this.#append(id, text)
    if (this.#wasted > this.#size + blockSize) this.#tidy()
  }

  /** Whether the text begins with these bytes. */
  startsWith(id: number, wanted: Uint8Array): boolean {
    const start = this.#starts.get(id)
    const block = this.#blocks[start >>> blockBits] ?? nothing
    const from = start & (blockSize - 1)
    if (start === 0 || lengthAt(block, from) < wanted.length) return start === 0 && wanted.length === 0
    for (let at = 0; at < wanted.length; at++) if (block[from + at] !== wanted[at]) return false
    return true
  }

  /** Whether the text holds these bytes, side by side, its letters A to Z being small ones. */
  includes(id: number, wanted: Uint8Array): boolean {
    const start = this.#starts.get(id)
    const block = this.#blocks[start >>> blockBits] ?? nothing
    const from = start & (blockSize - 1)
    const last = start === 0 ? -1 : from + lengthAt(block, from) - wanted.length
    const first = wanted[0] as number
    for (let at = from; at <= last; at++) {
      if (lowerCase[block[at] as number] !== first) continue
      let same = 1
      while (same < wanted.length && lowerCase[block[at + same] as number] === wanted[same]) same++
      if (same === wanted.length) return true
    }
    return false
  }

  #append(id: number, text: string): void {
    const most = text.length * mostBytesPerUnit
    if (this.#used + head + most > blockSize) this.#makeRoom(id, Buffer.byteLength(text))
    const block = this.#blocks.at(-1) ?? nothing
    const from = this.#used + head
    const length = block.write(text, from)
    block[from - 3] = length & 255
    block[from - 2] = (length >>> 8) & 255
    block[from - 1] = length >>> 16
    this.#starts.set(id, ((this.#blocks.length - 1) << blockBits) | from)
    this.#used = from + length
    this.#size += head + length
  }

  #makeRoom(id: number, bytes: number): void {
    if (head + bytes > blockSize) throw new RangeError(`the text of ${id} is too long`)
    if (this.#used + head + bytes <= blockSize) return
    this.#blocks.push(Buffer.allocUnsafeSlow(blockSize))
    this.#used = 0
  }

  /** Moves all texts together. */
  #tidy(): void {
    const texts = [...this.#starts.ids()].map((id) => ({ id, text: this.text(id) }))
    this.#blocks = []
    this.#used = blockSize
    this.#size = 0
    this.#wasted = 0
    for (const { id, text } of texts) this.#append(id, text)
  }
}

function lengthAt(block: Uint8Array, from: number): number {
  return (block[from - 3] as number) | ((block[from - 2] as number) << 8) | ((block[from - 1] as number) << 16)
}
