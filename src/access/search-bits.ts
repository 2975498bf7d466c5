/** Words that are counted together, so that a position is found without looking at all of them. */
const blockBits = 5

/** A growing set of small whole numbers, one bit each. */
export class Bits {
  #words: Int32Array<ArrayBuffer>
  /** Below 0: to be counted. */
  #size = 0
  /** How many there are before each block, and at last in all; made when asked for. */
  #before = new Int32Array(0)
  #isCounted = false
  /** No word before this one holds anything; found when asked for. Ids begin far up where others were given away first. */
  #first = 0

  /** `room`: words to begin with. */
  constructor(room = 128) {
    this.#words = new Int32Array((room + 3) & ~3)
  }

  /** Words of 32 numbers that there is room for. */
  get room(): number {
    return this.#words.length
  }

  get size(): number {
    if (this.#size < 0) this.#size = this.#counts()[this.#blocks] ?? 0
    return this.#size
  }

  /** Whether there are more than so many; looks no further than it must. */
  holdsMore(than: number): boolean {
    if (this.#size >= 0) return this.#size > than
    let count = 0
    for (let index = 0; index < this.#words.length && count <= than; index++)
      count += ones(this.#words[index] as number)
    return count > than
  }

  has(value: number): boolean {
    return ((this.#words[value >>> 5] ?? 0) & (1 << (value & 31))) !== 0
  }

  add(value: number): void {
    if (this.has(value)) return
    const index = value >>> 5
    if (index >= this.#words.length) this.#reserve(Math.max(index + 1, Math.ceil(1.2 * this.#words.length)))
    this.#words[index] = (this.#words[index] as number) | (1 << (value & 31))
    if (index < this.#first) this.#first = index
    this.#changed(1)
  }

  /** To be said before `mark`: makes room for numbers below 32 times this. */
  open(room: number): void {
    if (room > this.#words.length) this.#reserve(room)
    this.#uncounted()
  }

  /** Adds a number for which there is room, and which may be in; for very many at once. */
  mark(value: number): void {
    const index = value >>> 5
    this.#words[index] = (this.#words[index] as number) | (1 << (value & 31))
  }

  remove(value: number): void {
    if (!this.has(value)) return
    const index = value >>> 5
    this.#words[index] = (this.#words[index] as number) & ~(1 << (value & 31))
    this.#changed(-1)
  }

  clear(): void {
    if (this.#size !== 0) this.#words.fill(0)
    this.#size = 0
    this.#first = 0
    this.#isCounted = false
  }

  /** Becomes the same set as the other. */
  become(other: Bits): this {
    if (this.#words.length < other.#words.length) this.#words = other.#words.slice()
    else {
      this.#words.set(other.#words)
      this.#words.fill(0, other.#words.length)
    }
    this.#size = other.#size
    this.#first = other.#first
    this.#isCounted = false
    return this
  }

  /** Takes in what is in others. */
  or(other: Bits, second = other, third = other, fourth = other): void {
    const others = [other.#words, second.#words, third.#words, fourth.#words] as const
    this.open(Math.max(...others.map((words) => words.length)))
    const common = Math.min(...others.map((words) => words.length))
    const words = this.#words
    orFour(words, others, common)
    for (const more of new Set(others)) {
      for (let at = common; at < more.length; at++) words[at] = (words[at] as number) | (more[at] as number)
    }
  }

  /** Leaves what is in the other, too. */
  and(other: Bits): void {
    const [words, more] = [this.#words, other.#words]
    const common = Math.min(words.length, more.length)
    for (let index = 0; index < common; index++) words[index] = (words[index] as number) & (more[index] as number)
    words.fill(0, common)
    this.#uncounted()
  }

  /** Takes out what is in the other. */
  without(other: Bits): void {
    const [words, more] = [this.#words, other.#words]
    const common = Math.min(words.length, more.length)
    for (let index = 0; index < common; index++) words[index] = (words[index] as number) & ~(more[index] as number)
    this.#uncounted()
  }

  /** All of them, lowest first. */
  values(): Int32Array {
    return this.slice(0, this.size)
  }

  /** Those from one position up to another, lowest first. */
  slice(from: number, to: number): Int32Array {
    const all = from === 0 && this.#size < 0 ? to : Math.min(to, this.size)
    const values = new Int32Array(Math.max(0, all - from))
    let index = this.#firstUsed()
    let skip = from
    if (from > 0 && values.length > 0) {
      const block = this.#blockOf(from)
      skip -= this.#before[block] as number
      index = block << blockBits
      while (skip >= ones(this.#words[index] as number)) skip -= ones(this.#words[index++] as number)
    }
    let size = 0
    for (; size < values.length && index < this.#words.length; index++) {
      for (let word = this.#words[index] as number; word !== 0 && size < values.length; word &= word - 1) {
        if (skip > 0) skip--
        else values[size++] = (index << 5) | (31 - Math.clz32(word & -word))
      }
    }
    return values.subarray(0, size)
  }

  /** Leaves in a list what is in the set. */
  among(list: Int32Array): Int32Array {
    const words = this.#words
    let size = 0
    for (let at = 0; at < list.length; at++) {
      const value = list[at] as number
      // @NOTE without a branch, which would be guessed wrong every few times.
      list[size] = value
      size += ((words[value >>> 5] ?? 0) >>> (value & 31)) & 1
    }
    return list.subarray(0, size)
  }

  /** The entries of a list at the positions in the set, in order. */
  pick(list: Int32Array): Int32Array {
    const picked = this.values()
    for (let at = 0; at < picked.length; at++) picked[at] = list[picked[at] as number] as number
    return picked
  }

  #reserve(words: number): void {
    const larger = new Int32Array((words + 3) & ~3)
    larger.set(this.#words)
    this.#words = larger
  }

  #changed(by: 1 | -1): void {
    if (this.#size >= 0) this.#size += by
    this.#isCounted = false
  }

  #uncounted(): void {
    this.#size = -1
    this.#first = 0
    this.#isCounted = false
  }

  #firstUsed(): number {
    while (this.#first < this.#words.length && this.#words[this.#first] === 0) this.#first++
    return this.#first
  }

  get #blocks(): number {
    return (this.#words.length + (1 << blockBits) - 1) >>> blockBits
  }

  /** The block in which a position is that is in some. */
  #blockOf(position: number): number {
    const before = this.#counts()
    let low = 0
    let high = this.#blocks
    while (high - low > 1) {
      const middle = (low + high) >>> 1
      if ((before[middle] as number) <= position) low = middle
      else high = middle
    }
    return low
  }

  #counts(): Int32Array {
    if (this.#isCounted) return this.#before
    const [words, blocks] = [this.#words, this.#blocks]
    if (this.#before.length <= blocks) this.#before = new Int32Array(blocks + 1)
    const before = this.#before
    let count = 0
    for (let block = 0, index = 0; block < blocks; block++) {
      const end = Math.min(words.length, index + (1 << blockBits))
      for (; index < end; index += 4) {
        const next = words[index + 1] as number
        count += onesOfFour(words[index] as number, next, words[index + 2] as number, words[index + 3] as number)
      }
      before[block + 1] = count
    }
    this.#isCounted = true
    return before
  }
}

/** Adds four sets to words up to an end. */
function orFour(
  words: Int32Array,
  [a, b, c, d]: readonly [Int32Array, Int32Array, Int32Array, Int32Array],
  end: number,
): void {
  // @NOTE several words at a time take a quarter of the time.
  for (let at = 0; at < end; at += 2) {
    const first = (a[at] as number) | (b[at] as number) | (c[at] as number) | (d[at] as number)
    words[at] = (words[at] as number) | first
    const next = at + 1
    const second = (a[next] as number) | (b[next] as number) | (c[next] as number) | (d[next] as number)
    words[next] = (words[next] as number) | second
  }
}

/** How many bits of a word are set. */
function ones(word: number): number {
  return onesOfFour(word, 0, 0, 0)
}

/** How many bits of four words are set: first in each four bits of each, then in each eight of all. */
function onesOfFour(first: number, second: number, third: number, fourth: number): number {
  const one = onesByFour(first) + onesByFour(second)
  const other = onesByFour(third) + onesByFour(fourth)
  const byEight = (one & 0x0f0f0f0f) + ((one >>> 4) & 0x0f0f0f0f) + (other & 0x0f0f0f0f) + ((other >>> 4) & 0x0f0f0f0f)
  return Math.imul(byEight, 0x01010101) >>> 24
}

function onesByFour(word: number): number {
  const byTwo = word - ((word >>> 1) & 0x55555555)
  return (byTwo & 0x33333333) + ((byTwo >>> 2) & 0x33333333)
}
