/** Keys to put in order, side by side in one array: a million of them are no objects, and comparing them stays in place. */
export class SortKeys {
  #units = new Uint16Array(4096)
  readonly #ends: Uint32Array

  /** At most so many keys. */
  constructor(count: number) {
    this.#ends = new Uint32Array(count + 1)
  }

  /** Sets the key at a place; places in ascending order, none left out. */
  set(place: number, key: string): void {
    const start = this.#ends[place] as number
    const end = start + key.length
    if (end > this.#units.length) {
      const larger = new Uint16Array(Math.ceil(end * 1.5))
      larger.set(this.#units)
      this.#units = larger
    }
    for (let at = 0; at < key.length; at++) this.#units[start + at] = key.charCodeAt(at)
    this.#ends[place + 1] = end
  }

  /** Below 0 when the key at `a` comes first, above when the one at `b` does; by code units, as `<` compares strings. */
  compare(a: number, b: number): number {
    const units = this.#units
    const lengthA = (this.#ends[a + 1] as number) - (this.#ends[a] as number)
    const lengthB = (this.#ends[b + 1] as number) - (this.#ends[b] as number)
    const common = Math.min(lengthA, lengthB)
    let atA = this.#ends[a] as number
    let atB = this.#ends[b] as number
    for (const end = atA + common; atA < end; atA++, atB++) {
      const difference = (units[atA] as number) - (units[atB] as number)
      if (difference !== 0) return difference
    }
    return lengthA - lengthB
  }
}
