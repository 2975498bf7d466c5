/**
 * A relation between numbered nodes, walked both ways: linked lists in typed arrays, 20 bytes a link, no object per node.
 * Slot 0 means "none". A pair may be linked more than once; each removal takes one link away.
 */
export class Links {
  #child = new Int32Array(1024)
  #nextChild = new Int32Array(1024)
  #previousChild = new Int32Array(1024)
  /** Of each slot its parent and the next parent of its child, side by side: walking up reads both. */
  #up = new Int32Array(2048)
  #firstChild = new Int32Array(1024)
  #firstParent = new Int32Array(1024)
  #used = 1
  #free = 0

  add(parent: number, child: number): void {
    this.#reserve(Math.max(parent, child))
    const slot = this.#takeSlot()
    const next = this.#firstChild[parent] as number
    this.#up[2 * slot] = parent
    this.#child[slot] = child
    this.#nextChild[slot] = next
    this.#previousChild[slot] = 0
    this.#previousChild[next] = slot
    this.#firstChild[parent] = slot
    this.#up[2 * slot + 1] = this.#firstParent[child] as number
    this.#firstParent[child] = slot
  }

  remove(parent: number, child: number): void {
    let before = 0
    let slot = this.firstParent(child)
    while (slot !== 0 && this.parent(slot) !== parent) {
      before = slot
      slot = this.nextParent(slot)
    }
    if (slot === 0) return
    const nextParent = this.nextParent(slot)
    if (before === 0) this.#firstParent[child] = nextParent
    else this.#up[2 * before + 1] = nextParent
    const previous = this.#previousChild[slot] as number
    const next = this.#nextChild[slot] as number
    if (previous === 0) this.#firstChild[parent] = next
    else this.#nextChild[previous] = next
    this.#previousChild[next] = previous
    this.#up[2 * slot + 1] = this.#free
    this.#free = slot
  }

  /** Puts the links of each parent side by side in memory, which makes walking down several times faster. */
  tidy(): void {
    const places = new Int32Array(this.#child.length)
    let used = 1
    for (const first of this.#firstChild) {
      for (let slot = first; slot !== 0; slot = this.nextChild(slot)) places[slot] = used++
    }
    const moved = (values: Int32Array, isSlot: boolean) => {
      const result = new Int32Array(values.length)
      for (let slot = 1; slot < this.#used; slot++) {
        const value = values[slot] as number
        if (places[slot] !== 0) result[places[slot] as number] = isSlot ? (places[value] as number) : value
      }
      return result
    }
    this.#child = moved(this.#child, false)
    this.#nextChild = moved(this.#nextChild, true)
    this.#previousChild = moved(this.#previousChild, true)
    const up = new Int32Array(this.#up.length)
    for (let slot = 1; slot < this.#used; slot++) {
      const place = places[slot] as number
      if (place === 0) continue
      up[2 * place] = this.parent(slot)
      up[2 * place + 1] = places[this.nextParent(slot)] as number
    }
    this.#up = up
    this.#firstChild = this.#firstChild.map((slot) => places[slot] as number)
    this.#firstParent = this.#firstParent.map((slot) => places[slot] as number)
    this.#used = used
    this.#free = 0
  }

  /** Slots of the links down from a node: `for (let slot = firstChild(n); slot !== 0; slot = nextChild(slot))`. */
  firstChild(parent: number): number {
    return this.#firstChild[parent] ?? 0
  }
  nextChild(slot: number): number {
    return this.#nextChild[slot] as number
  }
  child(slot: number): number {
    return this.#child[slot] as number
  }

  /** Slots of the links up from a node. */
  firstParent(child: number): number {
    return this.#firstParent[child] ?? 0
  }
  nextParent(slot: number): number {
    return this.#up[2 * slot + 1] as number
  }
  parent(slot: number): number {
    return this.#up[2 * slot] as number
  }

  #takeSlot(): number {
    const slot = this.#free
    if (slot !== 0) {
      this.#free = this.nextParent(slot)
      return slot
    }
    if (this.#used === this.#child.length) {
      const size = this.#used * 2
      this.#child = grown(this.#child, size)
      this.#nextChild = grown(this.#nextChild, size)
      this.#previousChild = grown(this.#previousChild, size)
      this.#up = grown(this.#up, 2 * size)
    }
    return this.#used++
  }

  #reserve(node: number): void {
    if (node < this.#firstChild.length) return
    this.#firstChild = grown(this.#firstChild, node + 1)
    this.#firstParent = grown(this.#firstParent, node + 1)
  }
}

/** A copy with room for at least `size` entries, twice the old size or more. */
export function grown(array: Int32Array<ArrayBuffer>, size: number): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(Math.max(size, array.length * 2))
  larger.set(array)
  return larger
}
