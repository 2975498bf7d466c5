import { setTimeout as pause, setImmediate as turn } from 'node:timers/promises'

/** So long work goes on before others have a turn. */
const SLICE_MS = 1
/** So long it rests then: where every core is busy, others get one only when somebody sleeps. */
const REST_MS = 1

/** When anybody rested last: one rest gives everybody his turn. */
export interface PaceClock {
  now(): number
  restedAt: number
}
const common: PaceClock = { now: () => performance.now(), restedAt: Number.NEGATIVE_INFINITY }

/** Keeps long work from blocking the event loop: whoever does it asks often, and waits when its time is over. */
export class Pace {
  readonly #clock: PaceClock
  readonly #signal: AbortSignal | undefined
  /** 0: it gives others their turn and does not sleep. */
  readonly restMs: number

  /** `restMs`: 0 for work that others wait for. */
  constructor(signal?: AbortSignal, { restMs = REST_MS, clock = common }: { restMs?: number; clock?: PaceClock } = {}) {
    this.#signal = signal
    this.restMs = restMs
    this.#clock = clock
  }

  /** Whether others should have a turn now. */
  get isOver(): boolean {
    return this.#clock.now() - this.#clock.restedAt > SLICE_MS
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
    await (this.restMs > 0 ? pause(this.restMs) : turn())
    this.#signal?.throwIfAborted()
    this.#clock.restedAt = this.#clock.now()
  }
}
