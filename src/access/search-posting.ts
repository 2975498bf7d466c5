/** Unordered entries are worked in when there are more of them than this, and than an eighth of the others. */
const alwaysLoose = 64

/** Numbers kept about each posting: its last id, how many ids, the first block, and where the next byte goes. */
const [LAST, COUNT, FIRST, NEXT, fields] = [0, 1, 2, 3, 4]
/** Ids are kept in blocks of so many bytes, the last four of which name the block that follows. */
const blockBits = 5
const blockSize = 1 << blockBits
const linkSize = 4
/** Blocks come from chunks of this size, so that nothing is ever copied to grow. */
const chunkBits = 20
const chunkMask = (1 << chunkBits) - 1

/**
 * For each number the ids of the edges in whose text three bytes stand side by side. Kept as differences in as few bytes as
 * they need, in few arrays; nothing is taken out, as whoever looks something up verifies it anyway.
 */
export class Postings {
  #table = new Int32Array(fields * 1024)
  #size = 0
  readonly #chunks: Uint8Array[] = []
  /** Bytes given out. */
  #used = 0
  /** Blocks of postings that were written anew. */
  readonly #free: number[] = []
  /** Ids lower than the last of a posting: texts that were changed. Some may be there already. */
  readonly #loose = new Map<number, number[]>()

  /** Makes one without ids; returns its number. */
  create(): number {
    if ((this.#size + 1) * fields > this.#table.length) {
      const larger = new Int32Array(2 * this.#table.length)
      larger.set(this.#table)
      this.#table = larger
    }
    return this.#size++
  }

  /** At least as many as there are different ids. */
  size(posting: number): number {
    return (this.#table[posting * fields + COUNT] as number) + (this.#loose.get(posting)?.length ?? 0)
  }

  add(posting: number, id: number): void {
    const difference = id - (this.#table[posting * fields + LAST] as number)
    if (difference > 0) this.#append(posting * fields, difference)
    else if (difference < 0) this.#addLoose(posting, id)
  }

  /** Every id once, lowest first. */
  ids(posting: number): Int32Array {
    const table = posting * fields
    const found = new Int32Array(this.#table[table + COUNT] as number)
    const first = this.#table[table + FIRST] as number
    let chunk = this.#chunks[first >>> chunkBits] as Uint8Array
    let at = first & chunkMask
    let link = at + blockSize - linkSize
    let id = 0
    let difference = 0
    for (let size = 0, shift = 0; size < found.length; ) {
      if (at === link) {
        const next = linkIn(chunk, at)
        chunk = this.#chunks[next >>> chunkBits] as Uint8Array
        at = next & chunkMask
        link = at + blockSize - linkSize
      }
      const byte = chunk[at++] as number
      difference |= (byte & 127) << shift
      shift += 7
      if (byte >= 128) continue
      id += difference
      found[size++] = id
      difference = 0
      shift = 0
    }
    const loose = this.#loose.get(posting)
    return loose ? Int32Array.from(new Set([...found, ...loose])).sort() : found
  }

  #append(at: number, difference: number): void {
    const table = this.#table
    let to = table[at + NEXT] as number
    if (table[at + COUNT] === 0) {
      to = this.#block()
      table[at + FIRST] = to
    }
    for (let left = difference; ; left >>>= 7) {
      if (isLink(to)) {
        const next = this.#block()
        this.#link(to, next)
        to = next
      }
      const chunk = this.#chunks[to >>> chunkBits] as Uint8Array
      chunk[to & chunkMask] = left < 128 ? left : (left & 127) | 128
      to++
      if (left < 128) break
    }
    table[at + NEXT] = to
    table[at + LAST] = (table[at + LAST] as number) + difference
    table[at + COUNT] = (table[at + COUNT] as number) + 1
  }

  #addLoose(posting: number, id: number): void {
    const loose = this.#loose.get(posting) ?? []
    loose.push(id)
    this.#loose.set(posting, loose)
    if (loose.length > alwaysLoose + (this.#table[posting * fields + COUNT] as number) / 8) this.#workIn(posting)
  }

  #workIn(posting: number): void {
    const sorted = this.ids(posting)
    const at = posting * fields
    const end = this.#table[at + NEXT] as number
    for (let block = this.#table[at + FIRST] as number; ; block = this.#linkAt(block + blockSize - linkSize)) {
      this.#free.push(block)
      if (end > block && end <= block + blockSize - linkSize) break
    }
    this.#table.fill(0, at, at + fields)
    this.#loose.delete(posting)
    for (const id of sorted) this.add(posting, id)
  }

  #block(): number {
    const free = this.#free.pop()
    if (free !== undefined) return free
    if (this.#used >>> chunkBits === this.#chunks.length) this.#chunks.push(new Uint8Array(1 << chunkBits))
    this.#used += blockSize
    return this.#used - blockSize
  }

  #link(place: number, block: number): void {
    const chunk = this.#chunks[place >>> chunkBits] as Uint8Array
    for (let at = 0; at < linkSize; at++) chunk[(place + at) & chunkMask] = block >>> (8 * at)
  }

  #linkAt(place: number): number {
    return linkIn(this.#chunks[place >>> chunkBits] as Uint8Array, place & chunkMask)
  }
}

function linkIn(chunk: Uint8Array, at: number): number {
  let block = 0
  for (let byte = 0; byte < linkSize; byte++) block |= (chunk[at + byte] as number) << (8 * byte)
  return block
}

/** Whether this place holds no id but the way to the next block. */
function isLink(place: number): boolean {
  return (place & (blockSize - 1)) === blockSize - linkSize
}
