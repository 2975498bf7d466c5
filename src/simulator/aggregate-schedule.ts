/** When the five-minute windows of one edge end and when each is due: a fixed delay later (protocol B.2). */
export class AggregateSchedule {
  readonly #delayMs: number
  #window: number | undefined
  #dueAt = 0
  #dueOf = 0

  constructor(delayMs: number) {
    this.#delayMs = delayMs
  }

  /** A new connection: what fell due without one is lost. True if the window under way has to be dropped too. */
  reopen(at: number): boolean {
    if (this.#dueAt <= at) this.#dueAt = 0
    if (this.#window === windowOf(at)) return false
    this.#window = undefined
    return true
  }

  /** True if a window has just ended. */
  hasEnded(at: number): boolean {
    const before = this.#window
    this.#window = windowOf(at)
    if (before === undefined || before === this.#window) return false
    this.#dueOf = before * WINDOW
    this.#dueAt = this.#dueOf + WINDOW + this.#delayMs
    return true
  }

  /** Start of the window to send now, once per window. */
  takeDue(at: number): number | undefined {
    if (this.#dueAt === 0 || at < this.#dueAt) return undefined
    this.#dueAt = 0
    return this.#dueOf
  }
}

const WINDOW = 300_000

function windowOf(at: number): number {
  return Math.floor(at / WINDOW)
}
