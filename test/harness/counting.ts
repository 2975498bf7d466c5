import { vi } from 'vitest'
import { Pace } from '../../src/import/pace.ts'

/** Says of each rest of long work how long it was meant to be, in milliseconds, until disposed. */
export function countRests(say: (restMs: number) => void): Disposable {
  const { rest } = Pace.prototype
  const spy = vi.spyOn(Pace.prototype, 'rest').mockImplementation(function (this: Pace) {
    say(this.restMs)
    return rest.call(this)
  })
  return { [Symbol.dispose]: () => spy.mockRestore() }
}
