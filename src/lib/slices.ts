import { setImmediate as turn } from 'node:timers/promises'
import { types } from 'node:util'

/** So long a slice of long work takes; whoever needs a few turns for one answer waits no more than some milliseconds. */
const sliceMs = 2

/** Takes work that could be done in slices to its end at once: where it is short, or nothing may come between. */
export function atOnce<T>(steps: Generator<undefined, T>): T {
  for (;;) {
    const step = steps.next()
    if (step.done) return step.value
  }
}

/** Takes long work to its end a slice at a time, between which others have a turn. `around` is what each slice is done in. */
export async function inSlices<T>(
  steps: Generator<undefined, T>,
  around: (slice: () => void) => void = (slice) => slice(),
): Promise<T> {
  for (;;) {
    let step: IteratorResult<undefined, T> | undefined
    around(() => {
      const end = performance.now() + sliceMs
      do step = steps.next()
      while (!step.done && performance.now() < end)
    })
    if (step?.done) return step.value
    await turn()
  }
}

/** Whether something is work that is done as its steps are taken, not before. */
export function isWorkInSteps(value: unknown): value is Generator {
  return types.isGeneratorObject(value)
}
