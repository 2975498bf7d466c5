import { Bits } from './search-bits.ts'

/** Unordered entries are worked in when there are more of them than this, and than an eighth of the others. */
const alwaysLoose = 64
/** So many are put in order quicker by marking them than by comparing them. */
const quicklyMarked = 4096

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

/** How far a posting was read. Reading goes on where it ended when more was added meanwhile. */
interface Reading {
  /** Ids read, and the last of them. */
  size: number
  id: number
  /** Of the next one: the bits so far, and how many. */
  difference: number
  shift: number
  /** The next byte, where the block ends, and the size of that. */
  at: number
  end: number
  blockSize: number
}

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
  /** Scratch that puts loose ids in order, empty in between. */
  readonly #marks = new Bits()
  /** Postings with so much loose that it is to be worked in, and what does that with the first of them. */
  readonly #overfull = new Set<number>()
  #working: Iterator<void> | undefined
  /** The one that is being written anew, empty in between. */
  readonly #fresh = this.create()

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
    const count = this.#count(posting)
    const reading = this.#beginning(posting)
    while (reading.size < count) this.#readBlock(found, reading.size, reading, count)
    const loose = this.#loose.get(posting)
    return loose === undefined ? count : mergeIn(found, count, this.#inOrder(loose))
  }

  /** Works in what is loose, a block at a time, which changes no answer; returns whether there is more to do. */
  work(): boolean {
    const [posting] = this.#overfull
    if (posting === undefined) return false
    this.#working ??= this.#workIn(posting)
    if (!this.#working.next().done) return true
    this.#working = undefined
    this.#overfull.delete(posting)
    return this.#overfull.size > 0
  }

  #count(posting: number): number {
    return this.#table[posting * fields + COUNT] as number
  }

  #beginning(posting: number): Reading {
    const at = this.#table[posting * fields + FIRST] as number
    return { size: 0, id: 0, difference: 0, shift: 0, at, end: at + smallestBlock - linkSize, blockSize: smallestBlock }
  }

  /** Writes ids to a place of an array, up to the end of a block or until so many of the posting are read. */
  #readBlock(found: Int32Array, place: number, reading: Reading, count: number): void {
    if (reading.at === reading.end) this.#follow(reading)
    const chunk = this.#chunks[reading.at >>> chunkBits] as Uint8Array
    const most = place + count - reading.size
    let { id, difference, shift } = reading
    let to = place
    let at = reading.at & chunkMask
    for (const end = at + reading.end - reading.at; at < end && to < most; at++) {
      const byte = chunk[at] as number
      difference |= (byte & 127) << shift
      // @NOTE without a branch, which would be guessed wrong every few times: all bits of `more` unless it is the last byte.
      const more = (byte << 24) >> 31
      id += difference & ~more
      found[to] = id
      to += 1 + more
      difference &= more
      shift = (shift + 7) & more
    }
    reading.at += at - (reading.at & chunkMask)
    reading.size += to - place
    reading.id = id
    reading.difference = difference
    reading.shift = shift
  }

  /** Goes on to the next block. */
  #follow(reading: Reading): void {
    reading.at = linkIn(this.#chunks[reading.end >>> chunkBits] as Uint8Array, reading.end & chunkMask)
    reading.blockSize = sizeAfter(reading.blockSize)
    reading.end = reading.at + reading.blockSize - linkSize
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
    if (loose.length > alwaysLoose + this.#count(posting) / 8) this.#overfull.add(posting)
  }

  /** Writes a posting anew together with what is loose; what is added meanwhile comes to the end of the old one or stays loose. */
  *#workIn(posting: number): Generator<void> {
    const loose = this.#loose.get(posting) ?? []
    const taken = loose.length
    const late = this.#inOrder(loose)
    const fresh = this.#fresh
    const ids = new Int32Array(largestBlock)
    const reading = this.#beginning(posting)
    let next = 0
    while (reading.size < this.#count(posting)) {
      yield
      const before = reading.size
      this.#readBlock(ids, 0, reading, this.#count(posting))
      for (let at = 0; at < reading.size - before; at++) {
        const id = ids[at] as number
        for (; (late[next] as number) < id; next++) this.add(fresh, late[next] as number)
        this.add(fresh, id)
      }
    }
    this.#leave(posting)
    const entry = fresh * fields
    this.#table.copyWithin(posting * fields, entry, entry + fields).fill(0, entry, entry + fields)
    if (loose.length > taken) this.#loose.set(posting, loose.slice(taken))
    else this.#loose.delete(posting)
  }

  #inOrder(ids: readonly number[]): Int32Array {
    if (ids.length < quicklyMarked) return Int32Array.from(ids).sort()
    for (const id of ids) this.#marks.add(id)
    const ordered = this.#marks.values()
    this.#marks.clear()
    return ordered
  }

  /** Gives the blocks of a posting to others. */
  #leave(posting: number): void {
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
