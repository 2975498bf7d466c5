import type { EdgeRow } from './model.ts'
import { grown } from './graph-links.ts'

/** One slot for each combination of three characters, seven bits of each; others share slots, which verifying sorts out. */
const slots = 1 << 21
/** Lists of candidates are cut down by at most so many others. */
const maxIntersections = 3

/** Ids of the edges in whose text three characters stand side by side, in no order, each once. */
class Posting {
  #ids = new Int32Array(4)
  #size = 0

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
  readonly #postings: (Posting | undefined)[] = new Array(slots)
  /** Scratch for intersections, all zero between them. */
  #marks = new Int32Array(1024)

  /** Takes the text of an edge that is new, changed or gone. */
  set(id: number, row: EdgeRow | undefined): void {
    const before = this.#texts[id]
    const after = row && textOf(row)
    if (before === after) return
    this.#texts[id] = after
    if (before === undefined) return this.#addAll(id, after ?? '')
    const old = trigramsOf(before)
    const wanted = trigramsOf(after ?? '')
    for (const slot of old) if (!wanted.has(slot)) this.#postings[slot]?.remove(id)
    for (const slot of wanted) if (!old.has(slot)) this.#posting(slot).add(id)
  }

  /** Whether the edge's text contains the query, which must be in lower case. */
  matches(id: number, query: string): boolean {
    return this.#texts[id]?.includes(query) ?? false
  }

  /** Every edge that may match, each once; undefined when they are more than `atMost` and not worth collecting. */
  candidates(query: string, atMost: number): Int32Array | undefined {
    return query.length < 3 ? this.#startingWith(query, atMost) : this.#withAll(trigramsOf(query), atMost)
  }

  /** From three characters on: what the rarest of the query's postings have in common. */
  #withAll(wanted: ReadonlySet<number>, atMost: number): Int32Array | undefined {
    const postings: Posting[] = []
    for (const slot of wanted) {
      const posting = this.#postings[slot]
      if (posting === undefined) return new Int32Array(0)
      postings.push(posting)
    }
    const [rarest, ...others] = postings.sort((a, b) => a.size - b.size)
    if (rarest === undefined || rarest.size > atMost) return undefined
    let found = rarest.ids
    for (const other of others.slice(0, maxIntersections)) {
      if (found.length < 64 || other.size > 16 * found.length) break
      found = this.#intersect(found, other.ids)
    }
    return found
  }

  /** Below three: each place of the text begins three characters, so those that begin with the query are all there are. */
  #startingWith(query: string, atMost: number): Int32Array | undefined {
    const first = slotOf(query.charCodeAt(0), query.length > 1 ? query.charCodeAt(1) : 0, 0)
    const end = first + (query.length > 1 ? 1 << 7 : 1 << 14)
    const found = new Set<number>()
    let walked = 0
    for (let slot = first; slot < end; slot++) {
      const posting = this.#postings[slot]
      if (posting === undefined) continue
      walked += posting.size
      if (walked > atMost) return undefined
      for (const id of posting.ids) found.add(id)
    }
    return Int32Array.from(found)
  }

  #intersect(few: Int32Array, many: Int32Array): Int32Array {
    const highest = few.reduce((a, b) => Math.max(a, b), 0)
    if (highest >>> 5 >= this.#marks.length) this.#marks = new Int32Array((highest >>> 5) * 2)
    const marks = this.#marks
    for (const id of few) marks[id >>> 5] = (marks[id >>> 5] as number) | (1 << (id & 31))
    const found = many.filter((id) => ((marks[id >>> 5] ?? 0) & (1 << (id & 31))) !== 0)
    for (const id of few) marks[id >>> 5] = 0
    return found
  }

  /** For an edge that is new: whatever it adds to ends with it, so doubles show at once. */
  #addAll(id: number, text: string): void {
    for (let at = 2; at < text.length; at++) {
      const posting = this.#posting(slotOf(text.charCodeAt(at - 2), text.charCodeAt(at - 1), text.charCodeAt(at)))
      if (!posting.isLast(id)) posting.add(id)
    }
  }

  #posting(slot: number): Posting {
    const known = this.#postings[slot]
    if (known) return known
    const posting = new Posting()
    this.#postings[slot] = posting
    return posting
  }
}

function slotOf(a: number, b: number, c: number): number {
  return ((a & 127) << 14) | ((b & 127) << 7) | (c & 127)
}

/** Lower case, and two characters longer, so that each character begins three. */
function textOf(row: EdgeRow): string {
  return `${row.edgeId}\n${row.comment}\n${row.producttype}\n\n`.toLowerCase()
}

function trigramsOf(text: string): Set<number> {
  const found = new Set<number>()
  for (let at = 2; at < text.length; at++) {
    found.add(slotOf(text.charCodeAt(at - 2), text.charCodeAt(at - 1), text.charCodeAt(at)))
  }
  return found
}
