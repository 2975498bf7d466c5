import { type EdgeTable, edgeText } from './graph-edges.ts'
import type { EdgeRow } from './model.ts'
import { Bits } from './search-bits.ts'
import { Postings } from './search-posting.ts'
import { type Sign, signOf, TextSigns } from './search-sign.ts'
import { lowerCase, TextStore } from './search-text-store.ts'

/** One slot for each combination of three bytes, seven bits of each; others share slots, which verifying sorts out. */
const slots = 1 << 21
/** Lists of candidates are cut down by at most so many others, as long as there are more than a few. */
const maxIntersections = 3
const fewCandidates = 256
/** Edges taken in at once: a fraction of a millisecond. */
const portion = 50
const lineFeed = 10

const encoder = new TextEncoder()

/** A query, taken apart once. */
interface Query {
  text: string
  bytes: Uint8Array
  sign: Sign
  /** The product types whose names contain it. */
  types: ReadonlySet<number>
  knownTypes: number
}

/**
 * Which edges may contain a text in id, comment or product type: a superset, cheap to get, to be verified with `matches`. It is
 * filled bit by bit; what is not in yet may contain anything.
 */
export class TextIndex {
  readonly #edges: EdgeTable
  /** What is in small letters other than byte by byte: `Ü`. */
  readonly #lowered = new TextStore()
  /** Of those that are in. */
  readonly #signs = new TextSigns()
  /** For each slot the number of its posting and one, 0 for none. */
  readonly #places = new Int32Array(slots)
  readonly #postings = new Postings()
  /** Edges by product type: a posting for each. */
  readonly #typePostings = new Map<number, number>()
  /** Scratch that makes lists of ids sets, all zero in between. */
  readonly #marks = new Bits()
  /** Scratch for the ids of postings. */
  #found = new Int32Array(1024)
  #other = new Int32Array(1024)
  #text: Uint8Array<ArrayBuffer> = new Uint8Array(256)
  /** Edges from this id on are not in yet. */
  #next = Number.POSITIVE_INFINITY
  #coming: Iterator<number> | undefined
  #query: Query = { text: '', bytes: new Uint8Array(0), sign: [0, 0], types: new Set(), knownTypes: 0 }

  constructor(edges: EdgeTable) {
    this.#edges = edges
  }

  /** Begins to take in all edges there are. */
  load(): void {
    this.#next = 0
    this.#coming = this.#edges.keys()
  }

  /** Takes in some more of them, or of what was changed since; returns whether there is any left. */
  work(): boolean {
    if (this.#coming === undefined) return this.#postings.work()
    for (let count = 0; count < portion; count++) {
      const { value: id, done } = this.#coming.next()
      if (done) {
        this.#next = Number.POSITIVE_INFINITY
        this.#coming = undefined
        return this.#postings.work()
      }
      this.#next = id + 1
      this.#addAll(id)
    }
    return true
  }

  /** Takes the text of an edge that is new, changed or gone; the table has it already. */
  set(id: number, before: EdgeRow | undefined): void {
    this.#lower(id)
    if (id >= this.#next || !this.#edges.has(id)) return
    const known =
      before === undefined ? new Set<number>() : slotsOf(encoder.encode(`${edgeText(before).toLowerCase()}\n\n`))
    const text = this.#read(id)
    for (const slot of slotsOf(text)) if (!known.has(slot)) this.#postings.add(this.#posting(slot), id)
    this.#signs.set(id, signOf(text))
    this.#addType(id)
  }

  /** Whether the edge's text contains the query, which must be in lower case. */
  matches(id: number, query: string): boolean {
    const { bytes, sign, types } = this.#parsed(query)
    if (types.size > 0 && types.has(this.#edges.producttypeOf(id))) return true
    if (!this.#signs.mayHold(id, sign)) return false
    return this.#lowered.has(id) ? this.#lowered.includes(id, bytes) : this.#edges.includes(id, bytes)
  }

  /** At most so many edges match the query. */
  estimate(query: string): number {
    if (this.#coming !== undefined) return this.#edges.size
    const parsed = this.#parsed(query)
    return this.#total(this.#postingsFor(parsed.bytes)) + this.#total(this.#postingsOfTypes(parsed))
  }

  /** Every edge of a set that may match, each once, lowest id first. */
  candidates(query: string, within: Bits): Int32Array {
    const parsed = this.#parsed(query)
    const { bytes } = parsed
    const ofTypes = this.#postingsOfTypes(parsed)
    const missing = this.#coming === undefined ? [] : this.#edges.keys(this.#next)
    if (bytes.length < 3) return within.among(this.#union([...this.#postingsFor(bytes), ...ofTypes], missing)).slice()
    const found = this.#inAll(this.#byRarity(bytes), within)
    if (ofTypes.length === 0 && this.#coming === undefined) return found.slice()
    return within.among(this.#union(ofTypes, missing, found)).slice()
  }

  /** What is in the set and in all of some postings, rarest first, or a little more; only until the next. */
  #inAll([rarest, ...others]: readonly number[], within: Bits): Int32Array {
    if (rarest === undefined) return new Int32Array(0)
    this.#found = roomy(this.#found, this.#postings.size(rarest))
    let found = within.among(this.#found.subarray(0, this.#postings.into(this.#found, rarest)))
    for (const other of others.slice(0, maxIntersections)) {
      const size = this.#postings.size(other)
      if (found.length < fewCandidates || size > 4 * found.length) break
      this.#other = roomy(this.#other, size)
      found = this.#cut(this.#other.subarray(0, this.#postings.into(this.#other, other)), found)
      const scratch = this.#found
      this.#found = this.#other
      this.#other = scratch
    }
    return found
  }

  /** What of one list is in another. */
  #cut(list: Int32Array, other: Int32Array): Int32Array {
    const marks = this.#marks
    marks.open(((other.at(-1) ?? 0) >>> 5) + 1)
    for (let at = 0; at < other.length; at++) marks.mark(other[at] as number)
    const both = marks.among(list)
    marks.clear()
    return both
  }

  #parsed(text: string): Query {
    const knownTypes = this.#edges.producttypes.size
    if (this.#query.text !== text || this.#query.knownTypes !== knownTypes) {
      const bytes = encoder.encode(text)
      this.#query = { text, bytes, sign: signOf(bytes), types: this.#edges.producttypes.containing(text), knownTypes }
    }
    return this.#query
  }

  /**
   * From three bytes on the rarest posting of the query. Below, every one that begins with it: each place of a text begins
   * three bytes, so together they hold all there is.
   */
  #postingsFor(query: Uint8Array): number[] {
    if (query.length >= 3) return this.#byRarity(query).slice(0, 1)
    const free = 7 * (3 - query.length)
    const first = slotOf(query, 0, query.length) << free
    const found: number[] = []
    for (let slot = first; slot < first + (1 << free); slot++) {
      const posting = this.#known(slot)
      if (posting !== undefined) found.push(posting)
    }
    return found
  }

  #postingsOfTypes({ types }: Query): number[] {
    return [...types].flatMap((type) => this.#typePostings.get(type) ?? [])
  }

  /** The postings of all parts of the query, rarest first; none when a part occurs nowhere. */
  #byRarity(query: Uint8Array): number[] {
    const found: number[] = []
    for (const slot of slotsOf(query)) {
      const posting = this.#known(slot)
      if (posting === undefined) return []
      found.push(posting)
    }
    return found.sort((a, b) => this.#postings.size(a) - this.#postings.size(b))
  }

  #union(postings: readonly number[], ...more: Iterable<number>[]): Int32Array {
    const marks = this.#marks
    for (const posting of postings) for (const id of this.#postings.ids(posting)) marks.add(id)
    for (const ids of more) for (const id of ids) marks.add(id)
    const ids = marks.values()
    marks.clear()
    return ids
  }

  /** For an edge that is new; quicker than asking for its slots first. */
  #addAll(id: number): void {
    this.#lower(id)
    const text = this.#read(id)
    let slot = slotOf(text, 0, 2)
    for (let at = 2; at < text.length; at++) {
      slot = ((slot << 7) | ((text[at] as number) & 127)) & (slots - 1)
      this.#postings.add(this.#posting(slot), id)
    }
    this.#signs.set(id, signOf(text))
    this.#addType(id)
  }

  #addType(id: number): void {
    const type = this.#edges.producttypeOf(id)
    const posting = this.#typePostings.get(type) ?? this.#postings.create()
    this.#typePostings.set(type, posting)
    this.#postings.add(posting, id)
  }

  /** The bytes of id and comment in small letters, and two more, so that each of them begins three; only until the next. */
  #read(id: number): Uint8Array {
    const bytes = this.#lowered.has(id) ? this.#lowered.get(id) : this.#edges.textBytes(id)
    const { length } = bytes
    if (length + 2 > this.#text.length) this.#text = new Uint8Array(2 * length)
    for (let at = 0; at < length; at++) this.#text[at] = lowerCase[bytes[at] as number] as number
    this.#text.fill(lineFeed, length, length + 2)
    return this.#text.subarray(0, length + 2)
  }

  /** Notes the text of an edge in small letters if that takes more than doing it byte by byte. */
  #lower(id: number): void {
    const row = isAscii(this.#edges.textBytes(id)) ? undefined : this.#edges.get(id)
    const text = row === undefined ? '' : edgeText(row)
    const lowered = text.toLowerCase()
    const isByBytes = lowered === text.replace(/[A-Z]/g, (letter) => letter.toLowerCase())
    this.#lowered.set(id, isByBytes ? '' : lowered)
  }

  #posting(slot: number): number {
    const known = this.#places[slot] as number
    if (known !== 0) return known - 1
    const posting = this.#postings.create()
    this.#places[slot] = posting + 1
    return posting
  }

  #known(slot: number): number | undefined {
    const place = this.#places[slot] as number
    return place === 0 ? undefined : place - 1
  }

  #total(postings: readonly number[]): number {
    return postings.reduce((sum, posting) => sum + this.#postings.size(posting), 0)
  }
}

function roomy(scratch: Int32Array<ArrayBuffer>, size: number): Int32Array<ArrayBuffer> {
  return size <= scratch.length ? scratch : new Int32Array(2 * size)
}

/** The slot of up to three bytes, the last ones lowest. */
function slotOf(bytes: Uint8Array, from: number, count: number): number {
  let slot = 0
  for (let at = from; at < from + count; at++) slot = (slot << 7) | ((bytes[at] as number) & 127)
  return slot
}

function slotsOf(text: Uint8Array): Set<number> {
  const found = new Set<number>()
  for (let at = 0; at + 3 <= text.length; at++) found.add(slotOf(text, at, 3))
  return found
}

function isAscii(bytes: Uint8Array): boolean {
  for (let at = 0; at < bytes.length; at++) if ((bytes[at] as number) > 127) return false
  return true
}
