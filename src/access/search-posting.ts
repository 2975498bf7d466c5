/** Unordered entries are worked in when there are more of them than this, and than an eighth of the others. */
const alwaysLoose = 64

/** Numbers kept about each posting: its last id, how many ids, its first block, its last block, the size of that, and where the next byte goes. */
const [LAST, COUNT, FIRST, BLOCK, SIZE, NEXT, fields] = [0, 1, 2, 3, 4, 5, 6]
/**
 * Ids are kept in blocks, the last four bytes of which name the block that follows. Each is twice as large as the one before up
 * to a size from which on reading it is reading along memory.
 */
const smallestBlock = 32
const largestBlock = 1024
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
  /** Blocks of postings that were written anew, by size. */
  readonly #free = new Map<number, number[]>()
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
    const found = new Int32Array(this.size(posting))
    return found.subarray(0, this.into(found, posting))
  }

  /** Writes every id once, lowest first, into an array with room for `size` of them; returns how many there are. */
  into(found: Int32Array, posting: number): number {
    const count = this.#read(found, posting)
    const loose = this.#loose.get(posting)
    return loose === undefined ? count : mergeIn(found, count, Int32Array.from(loose).sort())
  }

  #read(found: Int32Array, posting: number): number {
    const count = this.#table[posting * fields + COUNT] as number
    let block = this.#table[posting * fields + FIRST] as number
    let [id, size, difference, shift] = [0, 0, 0, 0]
    for (let blockSize = smallestBlock; size < count; blockSize = sizeAfter(blockSize)) {
      const chunk = this.#chunks[block >>> chunkBits] as Uint8Array
      const end = (block & chunkMask) + blockSize - linkSize
      for (let at = block & chunkMask; at < end && size < count; at++) {
        const byte = chunk[at] as number
        difference |= (byte & 127) << shift
        // @NOTE without a branch, which would be guessed wrong every few times: all bits of `more` unless it is the last byte.
        const more = (byte << 24) >> 31
        id += difference & ~more
        found[size] = id
        size += 1 + more
        difference &= more
        shift = (shift + 7) & more
      }
      block = linkIn(chunk, end)
    }
    return count
  }

  #append(at: number, difference: number): void {
    const table = this.#table
    if (table[at + COUNT] === 0) table[at + NEXT] = this.#extend(at)
    let to = table[at + NEXT] as number
    for (let left = difference; ; left >>>= 7) {
      if (to === (table[at + BLOCK] as number) + (table[at + SIZE] as number) - linkSize) to = this.#extend(at)
      const chunk = this.#chunks[to >>> chunkBits] as Uint8Array
      chunk[to & chunkMask] = left < 128 ? left : (left & 127) | 128
      to++
      if (left < 128) break
    }
    table[at + NEXT] = to
    table[at + LAST] = (table[at + LAST] as number) + difference
    table[at + COUNT] = (table[at + COUNT] as number) + 1
  }

  /** Opens the next block of a posting; returns where it begins. */
  #extend(at: number): number {
    const table = this.#table
    const isFirst = table[at + COUNT] === 0
    const before = table[at + SIZE] as number
    const size = isFirst ? smallestBlock : sizeAfter(before)
    const block = this.#block(size)
    if (isFirst) table[at + FIRST] = block
    else this.#link((table[at + BLOCK] as number) + before - linkSize, block)
    table[at + BLOCK] = block
    table[at + SIZE] = size
    return block
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
    const last = this.#table[at + BLOCK] as number
    let size = smallestBlock
    for (let block = this.#table[at + FIRST] as number; ; size = sizeAfter(size)) {
      const free = this.#free.get(size) ?? []
      free.push(block)
      this.#free.set(size, free)
      if (block === last) break
      block = linkIn(this.#chunks[block >>> chunkBits] as Uint8Array, (block & chunkMask) + size - linkSize)
    }
    this.#table.fill(0, at, at + fields)
    this.#loose.delete(posting)
    for (const id of sorted) this.add(posting, id)
  }

  /** A block, which never lies in two chunks. */
  #block(size: number): number {
    const free = this.#free.get(size)?.pop()
    if (free !== undefined) return free
    const end = this.#chunks.length << chunkBits
    if (this.#used + size > end) {
      this.#chunks.push(new Uint8Array(1 << chunkBits))
      this.#used = end
    }
    this.#used += size
    return this.#used - size
  }

  #link(place: number, block: number): void {
    const chunk = this.#chunks[place >>> chunkBits] as Uint8Array
    for (let at = 0; at < linkSize; at++) chunk[(place + at) & chunkMask] = block >>> (8 * at)
  }
}

/** Puts more numbers among the first `count`, both sorted, so that each is there once; returns how many there are then. */
function mergeIn(numbers: Int32Array, count: number, more: Int32Array): number {
  const end = count + more.length
  let left = count
  let to = end
  for (let at = more.length - 1; at >= 0; at--) {
    const number = more[at] as number
    while (left > 0 && (numbers[left - 1] as number) > number) numbers[--to] = numbers[--left] as number
    const isThere = (left > 0 && numbers[left - 1] === number) || (to < end && numbers[to] === number)
    if (!isThere) numbers[--to] = number
  }
  numbers.copyWithin(left, to, end)
  return left + end - to
}

/** The size of the block that follows one of this size. */
function sizeAfter(size: number): number {
  return Math.min(largestBlock, 2 * size)
}

function linkIn(chunk: Uint8Array, at: number): number {
  let block = 0
  for (let byte = 0; byte < linkSize; byte++) block |= (chunk[at + byte] as number) << (8 * byte)
  return block
}
