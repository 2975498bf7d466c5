type Tie = (a: number, b: number) => number

/** Whole numbers up to here are exact in a Float64Array. */
const exactBits = 53
/** So few are rather compared one by one. */
const few = 24
/** So many are rather spread by their next unit than sorted at once. */
const many = 1 << 12
/** Room grows so many times at most, as the first keys may be longer than others. */
const mostGrowth = 32
/** Keys looked at before others have a turn: a millisecond or two. */
const portion = 1 << 12

/**
 * Keys to put in order, side by side in one array: a million of them are no objects. The order of a key is natural: `edge2`
 * before `edge10`, letters regardless of case.
 */
export class SortKeys {
  #units = new Uint16Array(4096)
  readonly #ends: Uint32Array

  /** At most so many keys. */
  constructor(count: number) {
    this.#ends = new Uint32Array(count + 1)
  }

  /** Sets the text at a place; places in ascending order, none left out. */
  set(place: number, text: string): void {
    const start = this.#ends[place] as number
    const lower = text.toLowerCase()
    // No key is longer than twice its text.
    if (start + 2 * lower.length > this.#units.length) this.#grow(start + 2 * lower.length, place)
    this.#ends[place + 1] = writeKey(lower, this.#units, start)
  }

  /**
   * The first so many places in order, worked out in portions between which others may have their turn; `tie` decides between equal
   * keys, quickest when those come in their order.
   */
  *sorting(count: number, tie: Tie): Generator<void, Uint32Array> {
    const places = new Uint32Array(count)
    for (let place = 0; place < count; place++) {
      places[place] = place
      if (place % (16 * portion) === 0) yield
    }
    if (yield* this.#areInOrder(count, tie)) return places
    const ranks = yield* this.#ranksOfUnits(count)
    const bits = Math.ceil(Math.log2((ranks.at(-1) ?? 0) + 2))
    const coding = { ranks, bits, tie, scratch: scratchFor(count, bits) }
    const left: Part[] = [{ from: 0, to: count, skip: 0, isEnd: false }]
    let sorted = 0
    for (let part = left.pop(); part !== undefined; part = left.pop()) {
      if (part.to - part.from > many) {
        if (part.isEnd) yield* tied(places.subarray(part.from, part.to), tie)
        else yield* this.#spread(places, part, coding, left)
        continue
      }
      if (part.to - part.from <= few) this.#insert(places, part, tie)
      else this.#sort(places, part, coding, left)
      sorted += part.to - part.from
      if (sorted < portion) continue
      sorted = 0
      yield
    }
    return places
  }

  /** Makes room for the keys still to come, if they are like those before, so that little is ever copied. */
  #grow(needed: number, place: number): void {
    const expected = (1.1 * needed * (this.#ends.length - 1)) / (place + 1)
    const larger = new Uint16Array(Math.max(1.5 * needed, Math.min(expected, mostGrowth * needed)))
    larger.set(this.#units)
    this.#units = larger
  }

  *#areInOrder(count: number, tie: Tie): Generator<void, boolean> {
    for (let at = 1; at < count; at++) {
      if ((this.#compare(at - 1, at, 0) || tie(at - 1, at)) > 0) return false
      if (at % portion === 0) yield
    }
    return true
  }

  /** By the next unit or two, in two passes; what they leave open is left to do. */
  *#spread(
    places: Uint32Array,
    { from, to, skip }: Part,
    { ranks, bits, tie, scratch }: Coding,
    left: Part[],
  ): Generator<void> {
    const base = 2 ** bits
    const taken = base ** 2 <= Math.min(1 << 16, to - from) ? 2 : 1
    const count = to - from
    const { before, chunks } = scratch
    before.set(places.subarray(from, to))
    const ends = scratch.ends.subarray(0, base ** taken + 1).fill(0)
    for (let at = 0; at < count; at++) {
      const chunk = this.#chunk(before[at] as number, skip, taken, ranks, base)
      chunks[at] = chunk
      ends[chunk + 1] = (ends[chunk + 1] as number) + 1
      if (at % portion === 0) yield
    }
    for (let chunk = 1; chunk < ends.length; chunk++)
      ends[chunk] = (ends[chunk] as number) + (ends[chunk - 1] as number)
    for (let at = 0; at < count; at++) {
      const chunk = chunks[at] as number
      const place = ends[chunk] as number
      places[from + place] = before[at] as number
      ends[chunk] = place + 1
      if (at % portion === 0) yield
    }
    let start = 0
    for (let chunk = 0; chunk < ends.length; chunk++) {
      const end = ends[chunk] as number
      const part = { from: from + start, to: from + end, skip: skip + taken, isEnd: chunk % base === 0 }
      if (end - start > 1) leave(places, part, tie, left)
      start = end
      if (chunk % portion === 0) yield
    }
  }

  /** By as many of the next units as fit into a number beside the place. What they leave open is left to do. */
  #sort(places: Uint32Array, { from, to, skip }: Part, { ranks, bits, tie, scratch }: Coding, left: Part[]): void {
    const count = to - from
    const room = 2 ** Math.ceil(Math.log2(count))
    const base = 2 ** bits
    const taken = Math.floor((exactBits - Math.log2(room)) / bits)
    const { before } = scratch
    before.set(places.subarray(from, to))
    const values = scratch.values.subarray(0, count)
    for (let at = 0; at < count; at++) {
      values[at] = this.#chunk(before[at] as number, skip, taken, ranks, base) * room + at
    }
    values.sort()
    for (let start = 0; start < count; ) {
      const chunk = Math.floor((values[start] as number) / room)
      let end = start
      for (; end < count; end++) {
        const place = (values[end] as number) - chunk * room
        if (place >= room) break
        places[from + end] = before[place] as number
      }
      const part = { from: from + start, to: from + end, skip: skip + taken, isEnd: chunk % base === 0 }
      if (end - start > 1) leave(places, part, tie, left)
      start = end
    }
  }

  #insert(places: Uint32Array, { from, to, skip }: Part, tie: Tie): void {
    for (let next = from + 1; next < to; next++) {
      const place = places[next] as number
      let at = next
      for (; at > from; at--) {
        const other = places[at - 1] as number
        if ((this.#compare(other, place, skip) || tie(other, place)) <= 0) break
        places[at] = other
      }
      places[at] = place
    }
  }

  /** The next units of a key as one number; where it ends, zeros. */
  #chunk(place: number, skip: number, taken: number, ranks: Int32Array, base: number): number {
    const end = this.#ends[place + 1] as number
    let at = (this.#ends[place] as number) + skip
    let chunk = 0
    for (let left = taken; left > 0; left--, at++) {
      chunk = chunk * base + (at < end ? (ranks[this.#units[at] as number] as number) : 0)
    }
    return chunk
  }

  /** By code units, as `<` compares strings. */
  #compare(a: number, b: number, skip: number): number {
    const units = this.#units
    const endA = this.#ends[a + 1] as number
    const endB = this.#ends[b + 1] as number
    let atA = (this.#ends[a] as number) + skip
    let atB = (this.#ends[b] as number) + skip
    for (; atA < endA && atB < endB; atA++, atB++) {
      const difference = (units[atA] as number) - (units[atB] as number)
      if (difference !== 0) return difference
    }
    return endA - atA - (endB - atB)
  }

  /** For each code unit how many different ones that occur come before it or are it: far fewer bits than a unit. */
  *#ranksOfUnits(count: number): Generator<void, Int32Array> {
    const ranks = new Int32Array(1 << 16)
    const end = this.#ends[count] as number
    for (let at = 0; at < end; at++) {
      ranks[this.#units[at] as number] = 1
      if (at % (16 * portion) === 0) yield
    }
    let rank = 0
    for (let unit = 0; unit < ranks.length; unit++) {
      rank += ranks[unit] as number
      ranks[unit] = rank
    }
    return ranks
  }
}

/** A range of places whose keys are the same up to here. */
interface Part {
  from: number
  to: number
  skip: number
  /** They end here: only the tie is left. */
  isEnd: boolean
}

interface Coding {
  ranks: Int32Array
  /** Room that the rank of one unit, or the end, takes in a number. */
  bits: number
  tie: Tie
  scratch: ReturnType<typeof scratchFor>
}

/** Room for the parts of so many keys, one after the other: made anew for each, it would be garbage that stops everything. */
function scratchFor(count: number, bits: number) {
  return {
    before: new Uint32Array(count),
    chunks: new Uint16Array(count),
    ends: new Uint32Array(count > many ? 2 ** Math.max(16, bits) + 1 : 0),
    values: new Float64Array(Math.min(count, many)),
  }
}

/** A key whose plain string order is natural. Each run of digits is led by its length. */
export function naturalKey(text: string): string {
  const lower = text.toLowerCase()
  const units = new Uint16Array(2 * lower.length)
  const length = writeKey(lower, units, 0)
  return Buffer.from(units.buffer, 0, 2 * length).toString('utf16le')
}

/** Writes the key of a text in lower case; returns where it ends. */
function writeKey(lower: string, units: Uint16Array, start: number): number {
  let to = start
  for (let at = 0; at < lower.length; at++) {
    const unit = lower.charCodeAt(at)
    if (!isDigit(unit)) {
      units[to++] = unit
      continue
    }
    let end = at + 1
    while (isDigit(lower.charCodeAt(end))) end++
    while (at < end - 1 && lower.charCodeAt(at) === zero) at++
    const length = end - at
    units[to++] = zero + Math.min(length, 9)
    if (length >= 9) units[to++] = length
    for (; at < end; at++) units[to++] = lower.charCodeAt(at)
    at--
  }
  return to
}

const zero = 48

function isDigit(unit: number): boolean {
  return unit >= zero && unit <= zero + 9
}

/** Leaves a part to do, unless its keys end here and it is done at once. */
function leave(places: Uint32Array, part: Part, tie: Tie, left: Part[]): void {
  const count = part.to - part.from
  if (!part.isEnd || count > many) left.push(part)
  else for (const _ of tied(places.subarray(part.from, part.to), tie));
}

/** Puts places of equal keys in order, which they mostly are. */
function* tied(places: Uint32Array, tie: Tie): Generator<void> {
  for (let at = 1; at < places.length; at++) {
    if (tie(places[at - 1] as number, places[at] as number) > 0) return void places.sort(tie)
    if (at % portion === 0) yield
  }
}
