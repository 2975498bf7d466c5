import type { EdgeRow } from './model.ts'

/** One slot for each combination of three characters, seven bits of each; others share slots, which verifying sorts out. */
const slots = 1 << 21

/** Ids of the edges in whose text three characters stand side by side, in no order, each once. */
class Posting {
  ids = new Int32Array(4)
  size = 0
  add(id: number): void {
    if (this.size === this.ids.length) {
      const larger = new Int32Array(this.size + (this.size >> 1))
      larger.set(this.ids)
      this.ids = larger
    }
    this.ids[this.size++] = id
  }
  remove(id: number): void {
    const at = this.ids.indexOf(id)
    if (at >= 0 && at < this.size) this.ids[at] = this.ids[--this.size] as number
  }
}

/** Which edges may contain a text in id, comment or product type: a superset, cheap to get, to be verified with `matches`. */
export class TextIndex {
  readonly #texts: (string | undefined)[] = []
  readonly #postings: (Posting | undefined)[] = new Array(slots)

  /** Takes the text of an edge that is new, changed or gone. */
  set(id: number, row: EdgeRow | undefined): void {
    const before = this.#texts[id]
    const after = row && textOf(row)
    if (before === after) return
    const old = trigramsOf(before)
    const wanted = trigramsOf(after)
    for (const slot of old) if (!wanted.has(slot)) this.#postings[slot]?.remove(id)
    for (const slot of wanted) if (!old.has(slot)) this.#posting(slot).add(id)
    this.#texts[id] = after
  }

  /** Whether the edge's text contains the query, which must be in lower case. */
  matches(id: number, query: string): boolean {
    return this.#texts[id]?.includes(query) ?? false
  }

  /** How many ids `candidates` would walk. */
  estimate(query: string): number {
    return this.#postingsFor(query).reduce((sum, posting) => sum + posting.size, 0)
  }

  /** Every edge that may match, some perhaps twice. */
  *candidates(query: string): Iterable<number> {
    for (const posting of this.#postingsFor(query)) {
      for (let at = 0; at < posting.size; at++) yield posting.ids[at] as number
    }
  }

  /** From three characters on the rarest of the query's; below, all that begin with it. */
  #postingsFor(query: string): Posting[] {
    if (query.length < 3) return this.#startingWith(query)
    let rarest: Posting | undefined
    for (const slot of trigramsOf(query)) {
      const posting = this.#postings[slot]
      if (posting === undefined) return []
      if (rarest === undefined || posting.size < rarest.size) rarest = posting
    }
    return rarest ? [rarest] : []
  }

  #startingWith(query: string): Posting[] {
    const first = slotOf(query.charCodeAt(0), query.length > 1 ? query.charCodeAt(1) : 0, 0)
    const found: Posting[] = []
    const count = query.length > 1 ? 1 << 7 : 1 << 14
    for (let slot = first; slot < first + count; slot++) {
      const posting = this.#postings[slot]
      if (posting) found.push(posting)
    }
    return found
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

function trigramsOf(text: string | undefined): Set<number> {
  const found = new Set<number>()
  if (text === undefined) return found
  for (let at = 2; at < text.length; at++) {
    found.add(slotOf(text.charCodeAt(at - 2), text.charCodeAt(at - 1), text.charCodeAt(at)))
  }
  return found
}
