import type { EdgeRow } from './model.ts'
import { Bits } from './search-bits.ts'
import { Posting } from './search-posting.ts'
import { TextStore } from './search-text-store.ts'

/** One slot for each combination of three bytes, seven bits of each; others share slots, which verifying sorts out. */
const slots = 1 << 21
/** Lists of candidates are cut down by at most so many others. */
const maxIntersections = 3

const encoder = new TextEncoder()

/** Which edges may contain a text in id, comment or product type: a superset, cheap to get, to be verified with `matches`. */
export class TextIndex {
  readonly #texts = new TextStore()
  /** For each slot the place of its posting, 0 for none. */
  readonly #places = new Int32Array(slots)
  readonly #postings: (Posting | undefined)[] = [undefined]
  /** Scratch that makes lists of ids sets, all zero in between. */
  readonly #marks = new Bits()
  #query = { text: '', bytes: new Uint8Array(0) }

  /** Fills the empty index. */
  load(rows: Iterable<EdgeRow>): void {
    for (const row of rows) {
      this.#texts.set(row.id, textOf(row))
      this.#addAll(row.id)
    }
    for (const posting of this.#postings) posting?.trim()
  }

  /** Takes the text of an edge that is new, changed or gone. */
  set(id: number, row: EdgeRow | undefined): void {
    const known = slotsOf(this.#texts.get(id))
    this.#texts.set(id, row === undefined ? '' : textOf(row))
    for (const slot of slotsOf(this.#texts.get(id))) if (!known.has(slot)) this.#posting(slot).add(id)
  }

  /** Whether the edge's text contains the query, which must be in lower case. */
  matches(id: number, query: string): boolean {
    return this.#texts.includes(id, this.#bytesOf(query))
  }

  /** At most so many edges match the query. */
  estimate(query: string): number {
    return this.#postingsFor(this.#bytesOf(query)).reduce((sum, posting) => sum + posting.size, 0)
  }

  /** Every edge that may match, each once. */
  candidates(query: string): Int32Array {
    const bytes = this.#bytesOf(query)
    const postings = this.#postingsFor(bytes)
    if (bytes.length < 3) return this.#union(postings)
    let found = this.#union(postings)
    for (const other of this.#byRarity(bytes).slice(1, 1 + maxIntersections)) {
      if (found.length < 512 || other.size > 4 * found.length) break
      found = this.#intersect(found, other.ids())
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
  #postingsFor(query: Uint8Array): Posting[] {
    if (query.length >= 3) return this.#byRarity(query).slice(0, 1)
    const free = 7 * (3 - query.length)
    const first = slotOf(query, 0, query.length) << free
    const found: Posting[] = []
    for (let slot = first; slot < first + (1 << free); slot++) {
      const posting = this.#known(slot)
      if (posting) found.push(posting)
    }
    return found
  }

  /** The postings of all parts of the query, rarest first; none when a part occurs nowhere. */
  #byRarity(query: Uint8Array): Posting[] {
    const found: Posting[] = []
    for (const slot of slotsOf(query)) {
      const posting = this.#known(slot)
      if (posting === undefined) return []
      found.push(posting)
    }
    return found.sort((a, b) => a.size - b.size)
  }

  #union(postings: readonly Posting[]): Int32Array {
    const marks = this.#marks
    const found = new Int32Array(postings.reduce((sum, posting) => sum + posting.size, 0))
    let size = 0
    for (const posting of postings) {
      for (const id of posting.ids()) {
        if (marks.has(id)) continue
        marks.add(id)
        found[size++] = id
      }
    }
    const ids = found.subarray(0, size)
    for (const id of ids) marks.remove(id)
    return ids
  }

  #intersect(few: Int32Array, many: Int32Array): Int32Array {
    const marks = this.#marks
    for (const id of few) marks.add(id)
    const found = new Int32Array(few.length)
    let size = 0
    for (const id of many) {
      if (!marks.has(id)) continue
      marks.remove(id)
      found[size++] = id
    }
    for (const id of few) marks.remove(id)
    return found.subarray(0, size)
  }

  /** For an edge that is new; quicker than asking for its slots first. */
  #addAll(id: number): void {
    const text = this.#texts.get(id)
    let slot = slotOf(text, 0, Math.min(2, text.length))
    for (let at = 2; at < text.length; at++) {
      slot = ((slot << 7) | ((text[at] as number) & 127)) & (slots - 1)
      this.#posting(slot).add(id)
    }
  }

  #posting(slot: number): Posting {
    const known = this.#known(slot)
    if (known) return known
    const posting = new Posting()
    this.#places[slot] = this.#postings.push(posting) - 1
    return posting
  }

  #known(slot: number): Posting | undefined {
    return this.#postings[this.#places[slot] as number]
  }
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
