import { atOnce, inSlices } from '../lib/slices.ts'
import type { AccessStore } from './access-store.ts'

/** So often an answer is begun in turns. */
const mostTries = 3

/**
 * An answer worked out in turns that is of one revision of the graph: it is begun anew when rights change meanwhile, and made
 * at once in the end, so that it comes however much is written. Throws what `steps` throws.
 */
export async function ofOneRevision<T>(
  store: { readonly index: Pick<AccessStore['index'], 'revision'> },
  steps: () => Generator<undefined, T>,
): Promise<T> {
  for (let tries = 0; tries < mostTries; tries++) {
    const { revision } = store.index
    const done = await inSlices(upTo(() => store.index.revision !== revision, steps()))
    if (done) return done.answer
  }
  return atOnce(steps())
}

/** Goes on until it is over; undefined then. */
function* upTo<T>(
  isOver: () => boolean,
  steps: Generator<undefined, T>,
): Generator<undefined, { answer: T } | undefined> {
  for (;;) {
    const step = steps.next()
    if (step.done) return { answer: step.value }
    yield
    if (isOver()) return undefined
  }
}
