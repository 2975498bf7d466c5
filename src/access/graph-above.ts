import { grown } from './graph-links.ts'

/** Numbers kept at most: 32 MB. */
const room = 1 << 23
/** Marks the head of a list; no id is that high. */
const head = 1 << 30

/** Places of forgotten lists are given back when there are more of them than this, and than those of the others. */
const alwaysWasted = 1 << 12

/** A list of numbers for each of many containers, side by side in one array: a check reads one after the other. */
export class AboveLists {
  /** Where the list of a container would be; what is there says whether it is. */
  #starts = new Int32Array(64)
  #numbers = new Int32Array(256)
  #used = 1
  /** Places of lists that were forgotten. */
  #wasted = 0

  /** The array that holds all lists: at `find` the length of one, behind it the list itself; only until the next `set`. */
  get numbers(): Int32Array {
    return this.#numbers
  }

  get isEmpty(): boolean {
    return this.#used === 1
  }

  /** Where the list of a container begins with its length; 0 when there is none. */
  find(container: number): number {
    const start = this.#starts[container] ?? 0
    return start > 0 && start < this.#used && this.#numbers[start] === (container | head) ? start + 1 : 0
  }

  /** Takes the list of a container that has none; returns what `find` will. May forget all others. */
  set(container: number, list: readonly number[]): number {
    if (this.#used + list.length > room) this.clear()
    if (container >= this.#starts.length) this.#starts = grown(this.#starts, container + 1)
    const start = this.#used
    this.#used = start + 2 + list.length
    if (this.#used > this.#numbers.length) this.#numbers = grown(this.#numbers, this.#used)
    this.#numbers[start] = container | head
    this.#numbers[start + 1] = list.length
    this.#numbers.set(list, start + 2)
    this.#starts[container] = start
    return start + 1
  }

  /** Forgets the list of one container. */
  forget(container: number): void {
    const at = this.find(container)
    if (at === 0) return
    this.#starts[container] = 0
    this.#wasted += 2 + (this.#numbers[at] as number)
    if (this.#wasted > alwaysWasted + this.#used / 2) this.#tidy()
  }

  clear(): void {
    this.#used = 1
    this.#wasted = 0
  }

  /** Moves the lists together. */
  #tidy(): void {
    const numbers = this.#numbers
    const end = this.#used
    this.clear()
    for (let from = 1; from < end; ) {
      const container = (numbers[from] as number) & ~head
      const next = from + 2 + (numbers[from + 1] as number)
      if (this.#starts[container] === from) {
        numbers.copyWithin(this.#used, from, next)
        this.#starts[container] = this.#used
        this.#used += next - from
      }
      from = next
    }
  }
}
