import { setImmediate as turn } from 'node:timers/promises'

/** So long a slice of long work takes; whoever needs a few turns for one answer waits no more than some milliseconds. */
const sliceMs = 2

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
