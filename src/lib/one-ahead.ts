/**
 * Lets one piece of work go on while the next is prepared: at most one is under way, in the order they came. Disposing waits
 * for it, so that nothing is under way any more when whoever prepares fails.
 */
export class OneAhead implements AsyncDisposable {
  #last: Promise<void> = Promise.resolve()

  /** Begins as soon as the piece before is done, and resolves then. Rejects if that one failed. */
  async begin(work: () => Promise<void>): Promise<void> {
    await this.#last
    this.#last = work()
    // Whoever begins the next piece or waits for the end hears of it.
    this.#last.catch(() => undefined)
  }

  /** Resolves when all is done. */
  async end(): Promise<void> {
    await this.#last
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#last.catch(() => undefined)
  }
}
