import { grown } from './graph-links.ts'
import type { EdgeRow } from './model.ts'
import { Bits } from './search-bits.ts'

/** One slot for each combination of three characters, seven bits of each; others share slots, which verifying sorts out. */
const slots = 1 << 21
/** Lists of candidates are cut down by at most so many others. */
const maxIntersections = 3

/** Ids of the edges in whose text three characters stand side by side, in no order, each once. */
class Posting {
  #ids: Int32Array<ArrayBuffer>
  #size = 0

  constructor(room = 4) {
    this.#ids = new Int32Array(room)
  }

  get size(): number {
    return this.#size
  }
  get ids(): Int32Array {
    return this.#ids.subarray(0, this.#size)
  }
  isLast(id: number): boolean {
    return this.#size > 0 && this.#ids[this.#size - 1] === id
  }
  add(id: number): void {
    if (this.#size === this.#ids.length) this.#ids = grown(this.#ids, this.#size + 1)
    this.#ids[this.#size++] = id
  }
  remove(id: number): void {
    const at = this.ids.indexOf(id)
    if (at >= 0) this.#ids[at] = this.#ids[--this.#size] as number
  }
}

/** Which edges may contain a text in id, comment or product type: a superset, cheap to get, to be verified with `matches`. */
export class TextIndex {
  readonly #texts: (string | undefined)[] = []
  /** For each slot the place of its posting, 0 for none. */
  readonly #places = new Int32Array(slots)
  readonly #postings: (Posting | undefined)[] = [undefined]
  /** Scratch for intersections, all zero between them. */
  readonly #marks = new Bits()

  /** Fills the empty index; measures first, so that nothing need grow. */
  load(rows: ReadonlyMap<number, EdgeRow>): void {
    const counts = new Int32Array(slots)
    const last = new Int32Array(slots)
    for (const [id, row] of rows) {
      const text = textOf(row)
      this.#texts[id] = text
      let slot = slotOf(text.slice(0, 2))
      for (let at = 2; at < text.length; at++) {
        slot = nextSlot(slot, text.charCodeAt(at))
        if (last[slot] !== id) counts[slot] = (counts[slot] as number) + 1
        last[slot] = id
      }
    }
    for (let slot = 0; slot < slots; slot++) {
      const count = counts[slot] as number
      if (count > 0) this.#places[slot] = this.#postings.push(new Posting(count)) - 1
    }
    for (const id of rows.keys()) this.#addAll(id, this.#texts[id] ?? '')
  }

  /** Takes the text of an edge that is new, changed or gone. */
  set(id: number, row: EdgeRow | undefined): void {
    const before = this.#texts[id]
    const after = row && textOf(row)
    if (before === after) return
    this.#texts[id] = after
    if (before === undefined) return this.#addAll(id, after ?? '')
    const old = trigramsOf(before)
    const wanted = trigramsOf(after ?? '')
    for (const slot of old) if (!wanted.has(slot)) this.#known(slot)?.remove(id)
    for (const slot of wanted) if (!old.has(slot)) this.#posting(slot).add(id)
  }

  /** Whether the edge's text contains the query, which must be in lower case. */
  matches(id: number, query: string): boolean {
    return this.#texts[id]?.includes(query) ?? false
  }

  /** At most so many edges match the query. */
  estimate(query: string): number {
    return this.#postingsFor(query).reduce((sum, posting) => sum + posting.size, 0)
  }

  /** Every edge that may match, each once. */
  candidates(query: string): Int32Array {
    const postings = this.#postingsFor(query)
    if (query.length < 3) return Int32Array.from(new Set(postings.flatMap((posting) => Array.from(posting.ids))))
    let found = postings[0]?.ids ?? new Int32Array(0)
    for (const other of this.#byRarity(query).slice(1, 1 + maxIntersections)) {
      if (found.length < 64 || other.size > 16 * found.length) break
      found = this.#intersect(found, other.ids)
    }
    return found
  }

  /**
   * From three characters on the rarest posting of the query. Below, every one that begins with it: each place of a text
   * begins three characters, so together they hold all there is.
   */
  #postingsFor(query: string): Posting[] {
    if (query.length >= 3) return this.#byRarity(query).slice(0, 1)
    const free = 7 * (3 - query.length)
    const first = slotOf(query) << free
    const end = first + (1 << free)
    const found: Posting[] = []
    for (let slot = first; slot < end; slot++) {
      const posting = this.#known(slot)
      if (posting) found.push(posting)
    }
    return found
  }

  /** The postings of all parts of the query, rarest first; none when a part occurs nowhere. */
  #byRarity(query: string): Posting[] {
    const found: Posting[] = []
    for (const slot of trigramsOf(query)) {
      const posting = this.#known(slot)
      if (posting === undefined) return []
      found.push(posting)
    }
    return found.sort((a, b) => a.size - b.size)
  }

  #intersect(few: Int32Array, many: Int32Array): Int32Array {
    const marks = this.#marks
    for (const id of few) marks.add(id)
    const found = new Int32Array(few.length)
    let size = 0
    for (const id of many) if (marks.has(id)) found[size++] = id
    for (const id of few) marks.remove(id)
    return found.subarray(0, size)
  }

  /** For an edge that is new: whatever it adds to ends with it, so doubles show at once. */
  #addAll(id: number, text: string): void {
    let slot = slotOf(text.slice(0, 2))
    for (let at = 2; at < text.length; at++) {
      slot = nextSlot(slot, text.charCodeAt(at))
      const posting = this.#posting(slot)
      if (!posting.isLast(id)) posting.add(id)
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

/** The slot of up to three characters, the last ones lowest. */
function slotOf(text: string): number {
  let slot = 0
  for (let at = 0; at < text.length; at++) slot = nextSlot(slot, text.charCodeAt(at))
  return slot
}

function nextSlot(slot: number, code: number): number {
  return ((slot << 7) | (code & 127)) & (slots - 1)
}

/** Lower case, and two characters longer, so that each character begins three. */
function textOf(row: EdgeRow): string {
  return `${row.edgeId}\n${row.comment}\n${row.producttype}\n\n`.toLowerCase()
}

function trigramsOf(text: string): Set<number> {
  const found = new Set<number>()
  let slot = slotOf(text.slice(0, 2))
  for (let at = 2; at < text.length; at++) {
    slot = nextSlot(slot, text.charCodeAt(at))
    found.add(slot)
  }
  return found
}
