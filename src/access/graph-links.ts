/** Numbers under a number, side by side in one array: walking them is reading along it. */
export class Lists {
  /** For each key where its list begins, and how many are in it. */
  #heads = new Int32Array(128)
  #pool = new Int32Array(64)
  #used = 0
  /** Places of the pool that belong to no list any more. */
  #wasted = 0

  /** `for (let at = start(key), end = at + count(key); at < end; at++) value(at)` */
  start(key: number): number {
    return this.#heads[2 * key] ?? 0
  }
  count(key: number): number {
    return this.#heads[2 * key + 1] ?? 0
  }
  value(at: number): number {
    return this.#pool[at] as number
  }

  /** A copy of a list, which no change moves. */
  of(key: number): Int32Array {
    return this.#pool.slice(this.start(key), this.start(key) + this.count(key))
  }

  /** A value may be in a list more than once. */
  add(key: number, value: number): void {
    if (2 * key + 1 >= this.#heads.length) this.#heads = grown(this.#heads, 2 * key + 2)
    const count = this.count(key)
    if (count === roomFor(count)) this.#move(key, roomFor(count + 1))
    this.#pool[this.start(key) + count] = value
    this.#heads[2 * key + 1] = count + 1
  }

  /** Takes one out, once; the last takes its place. Returns whether it was in. */
  remove(key: number, value: number): boolean {
    const start = this.start(key)
    const count = this.count(key)
    const at = this.#pool.subarray(start, start + count).lastIndexOf(value)
    if (at < 0) return false
    this.#pool[start + at] = this.#pool[start + count - 1] as number
    this.#heads[2 * key + 1] = count - 1
    this.#wasted += roomFor(count) - roomFor(count - 1)
    return true
  }

  /** Puts the lists side by side in the order of their keys. */
  tidy(): void {
    const before = this.#pool
    const kept = this.#used - this.#wasted
    this.#pool = new Int32Array(kept + (kept >>> 3) + 1024)
    this.#used = 0
    this.#wasted = 0
    for (let key = 0; 2 * key < this.#heads.length; key++) {
      const start = this.start(key)
      const count = this.count(key)
      this.#pool.set(before.subarray(start, start + count), this.#used)
      this.#heads[2 * key] = this.#used
      this.#used += roomFor(count)
    }
  }

  #move(key: number, room: number): void {
    if (this.#wasted > 1024 + this.#used / 2) this.tidy()
    if (this.#used + room > this.#pool.length) this.#pool = grown(this.#pool, this.#used + room)
    const start = this.start(key)
    const count = this.count(key)
    this.#pool.copyWithin(this.#used, start, start + count)
    this.#wasted += count
    this.#heads[2 * key] = this.#used
    this.#used += room
  }
}

/** What contains what, walked both ways. A pair may be linked more than once; each removal takes one link away. */
export class Links {
  readonly children = new Lists()
  readonly parents = new Lists()

  add(parent: number, child: number): void {
    this.children.add(parent, child)
    this.parents.add(child, parent)
  }

  remove(parent: number, child: number): void {
    if (this.parents.remove(child, parent)) this.children.remove(parent, child)
  }

  /** Puts what belongs together side by side in memory, which makes walking several times faster. */
  tidy(): void {
    this.children.tidy()
    this.parents.tidy()
  }
}

/** A list takes the next power of two of places, so that one that grows is moved seldom. */
function roomFor(count: number): number {
  return count === 0 ? 0 : 1 << (32 - Math.clz32(count - 1))
}

/** A copy with room for at least `size` entries, a quarter more than there was or more. */
export function grown(array: Int32Array<ArrayBuffer>, size: number): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(Math.max(size, Math.ceil(1.25 * array.length)))
  larger.set(array)
  return larger
}
