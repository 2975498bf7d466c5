/**
 * One timer for every edge: a second is cut into slots, each edge sits in one of them and gets one turn a second.
 * A wheel that is late gives everybody at most one turn to catch up, like the edge's own one-slot queue (protocol B.2).
 */
export class Wheel<T> {
  readonly #slots: T[][]
  readonly #slotMs: number
  readonly #turn: (item: T, at: number) => void
  #next: number | undefined

  constructor(turn: (item: T, at: number) => void, slotMs = 50) {
    this.#turn = turn
    this.#slotMs = slotMs
    this.#slots = Array.from({ length: 1000 / slotMs }, () => [])
  }

  add(item: T, index: number): void {
    this.#slots[index % this.#slots.length]?.push(item)
  }

  /** Gives a turn to everybody who is due at `at`. */
  advance(at: number): void {
    const now = Math.floor(at / this.#slotMs)
    const { length } = this.#slots
    const from = Math.max(this.#next ?? now - length + 1, now - length + 1)
    for (let slot = from; slot <= now; slot++) {
      for (const item of this.#slots[slot % length] ?? []) this.#turn(item, at)
    }
    this.#next = now + 1
  }
}
