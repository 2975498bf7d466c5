/** Lets one caller after another do its work, in the order in which they came. */
export class Turns {
  #last: Promise<void> = Promise.resolve()

  /** Resolves with what ends the turn, once everybody before is done; rejects at once when whoever waits is stopped. */
  async take(signal?: AbortSignal): Promise<() => void> {
    signal?.throwIfAborted()
    const before = this.#last
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#last = promise
    try {
      await (signal === undefined ? before : Promise.race([before, aborted(signal)]))
    } catch (error) {
      // His turn comes all the same, and goes on to the next.
      void before.then(resolve)
      throw error
    }
    return resolve
  }
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
  })
}
