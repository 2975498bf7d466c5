/** Moments at which an answer may change by time alone, each with the number of rows that name it. */
export class Instants {
  readonly #count = new Map<number, number>()
  #sorted = new Float64Array(0)
  /** Added since `#sorted` was made. */
  #fresh: number[] = []

  add(instant: number | null): void {
    if (instant === null) return
    const count = this.#count.get(instant)
    this.#count.set(instant, (count ?? 0) + 1)
    if (count === undefined) this.#fresh.push(instant)
  }

  remove(instant: number | null): void {
    if (instant === null) return
    const count = this.#count.get(instant) ?? 0
    if (count > 1) this.#count.set(instant, count - 1)
    else this.#count.delete(instant)
  }

  /** The first of them later than `time`. */
  after(time: number): number | null {
    if (this.#fresh.length > 256 || this.#sorted.length > 2 * this.#count.size + 256) this.#sort()
    let found = Number.POSITIVE_INFINITY
    for (let at = firstAbove(this.#sorted, time); at < this.#sorted.length; at++) {
      if (!this.#count.has(this.#sorted[at] as number)) continue
      found = this.#sorted[at] as number
      break
    }
    for (const instant of this.#fresh) {
      if (instant > time && instant < found && this.#count.has(instant)) found = instant
    }
    return Number.isFinite(found) ? found : null
  }

  #sort(): void {
    this.#sorted = Float64Array.from(this.#count.keys()).sort()
    this.#fresh = []
  }
}

function firstAbove(sorted: Float64Array, value: number): number {
  let low = 0
  let high = sorted.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((sorted[middle] as number) > value) high = middle
    else low = middle + 1
  }
  return low
}
