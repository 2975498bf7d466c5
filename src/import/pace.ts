import { setImmediate as turn } from 'node:timers/promises'

/** So long work goes on before others have a turn. */
const SLICE_MS = 1

/** Keeps long work from blocking the event loop: whoever does it asks often, and waits when its time is over. */
export class Pace {
  readonly #monotonicMs: () => number
  readonly #signal: AbortSignal | undefined
  #since: number

  constructor(signal?: AbortSignal, monotonicMs: () => number = () => performance.now()) {
    this.#signal = signal
    this.#monotonicMs = monotonicMs
    this.#since = monotonicMs()
  }

  /** Whether others should have a turn now. */
  get isOver(): boolean {
    return this.#monotonicMs() - this.#since > SLICE_MS
  }

  /** Takes work to its end, with a rest wherever it offers one and its time is over. */
  async through<T>(steps: Generator<undefined, T>): Promise<T> {
    for (;;) {
      const step = steps.next()
      if (step.done) return step.value
      if (this.isOver) await this.rest()
    }
  }

  /** Lets others have their turn. Throws when the work was cancelled. */
  async rest(): Promise<void> {
    await turn()
    this.#signal?.throwIfAborted()
    this.#since = this.#monotonicMs()
  }
}
