import type { EdgeRow } from './model.ts'
import { Bits } from './search-bits.ts'
import { Postings } from './search-posting.ts'
import { TextStore } from './search-text-store.ts'

/** One slot for each combination of three bytes, seven bits of each; others share slots, which verifying sorts out. */
const slots = 1 << 21
/** Lists of candidates are cut down by at most so many others. */
const maxIntersections = 3
const fewCandidates = 256

const encoder = new TextEncoder()

/** Which edges may contain a text in id, comment or product type: a superset, cheap to get, to be verified with `matches`. */
export class TextIndex {
  readonly #texts = new TextStore()
  /** For each slot the number of its posting and one, 0 for none. */
  readonly #places = new Int32Array(slots)
  readonly #postings = new Postings()
  /** Scratch that makes lists of ids sets, all zero in between. */
  readonly #marks = new Bits()
  #query = { text: '', bytes: new Uint8Array(0) }

  /** Fills the empty index. */
  load(rows: Iterable<EdgeRow>): void {
    for (const row of rows) {
      this.#texts.set(row.id, textOf(row))
      this.#addAll(row.id)
    }
  }

  /** Takes the text of an edge that is new, changed or gone. */
  set(id: number, row: EdgeRow | undefined): void {
    const known = slotsOf(this.#texts.get(id))
    this.#texts.set(id, row === undefined ? '' : textOf(row))
    for (const slot of slotsOf(this.#texts.get(id))) if (!known.has(slot)) this.#postings.add(this.#posting(slot), id)
  }

  /** Whether the edge's text contains the query, which must be in lower case. */
  matches(id: number, query: string): boolean {
    return this.#texts.includes(id, this.#bytesOf(query))
  }

  /** At most so many edges match the query. */
  estimate(query: string): number {
    return this.#total(this.#postingsFor(this.#bytesOf(query)))
  }

  /** Every edge that may match, each once. */
  candidates(query: string): Int32Array {
    const bytes = this.#bytesOf(query)
    if (bytes.length < 3) return this.#union(this.#postingsFor(bytes))
    const [rarest, ...others] = this.#byRarity(bytes)
    let found = rarest === undefined ? new Int32Array(0) : this.#postings.ids(rarest)
    for (const other of others.slice(0, maxIntersections)) {
      if (found.length < fewCandidates || this.#postings.size(other) > 4 * found.length) break
      found = intersection(found, this.#postings.ids(other))
    }
    return found
  }

  #bytesOf(query: string): Uint8Array {
    if (this.#query.text !== query) this.#query = { text: query, bytes: encoder.encode(query) }
    return this.#query.bytes
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

  #union(postings: readonly number[]): Int32Array {
    const marks = this.#marks
    const found = new Int32Array(this.#total(postings))
    let size = 0
    for (const posting of postings) {
      for (const id of this.#postings.ids(posting)) {
        if (marks.has(id)) continue
        marks.add(id)
        found[size++] = id
      }
    }
    const ids = found.subarray(0, size)
    for (const id of ids) marks.remove(id)
    return ids
  }

  /** For an edge that is new; quicker than asking for its slots first. */
  #addAll(id: number): void {
    const text = this.#texts.get(id)
    let slot = slotOf(text, 0, Math.min(2, text.length))
    for (let at = 2; at < text.length; at++) {
      slot = ((slot << 7) | ((text[at] as number) & 127)) & (slots - 1)
      this.#postings.add(this.#posting(slot), id)
    }
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

/** What is in both of two ascending lists. */
function intersection(a: Int32Array, b: Int32Array): Int32Array {
  const found = new Int32Array(Math.min(a.length, b.length))
  let size = 0
  for (let atA = 0, atB = 0; atA < a.length && atB < b.length; ) {
    const difference = (a[atA] as number) - (b[atB] as number)
    if (difference === 0) found[size++] = a[atA] as number
    if (difference <= 0) atA++
    if (difference >= 0) atB++
  }
  return found.subarray(0, size)
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

/** Lower case, and two bytes longer, so that each byte begins three. */
function textOf(row: EdgeRow): string {
  return `${row.edgeId}\n${row.comment}\n${row.producttype}\n\n`.toLowerCase()
}
