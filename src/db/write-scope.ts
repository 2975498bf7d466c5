import { AsyncLocalStorage } from 'node:async_hooks'

const scope = new AsyncLocalStorage<{ open: boolean }>()

/** Runs the body of a write. Until it is done, only its own transaction may be used. */
export async function insideWrite<T>(body: () => Promise<T>): Promise<T> {
  const state = { open: true }
  try {
    return await scope.run(state, body)
  } finally {
    state.open = false
  }
}

/**
 * Called for each connection that is taken. A second connection inside a write would not see what the first has
 * written, would wait for ever on the embedded database, and a second write would wait for the first one's lock.
 */
export function assertOutsideWrite(): void {
  if (scope.getStore()?.open) throw new Error('Inside write() use write.tx only')
}
