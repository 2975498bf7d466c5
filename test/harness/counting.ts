import { vi } from 'vitest'
import { Column } from '../../src/access/graph-column.ts'
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

/**
 * Counts what is read of the columns of graphs, whatever asks, until disposed: `reads` of all, and `longest` of those without an
 * opportunity for others to have their turn.
 */
export function countReads(): Disposable & { reads: number; longest: number } {
  const { get } = Column.prototype
  const isOver = Object.getOwnPropertyDescriptor(Pace.prototype, 'isOver') as PropertyDescriptor
  const stop = () => {
    Column.prototype.get = get
    Object.defineProperty(Pace.prototype, 'isOver', isOver)
  }
  const counted = { reads: 0, longest: 0, [Symbol.dispose]: stop }
  let sinceAsked = 0
  // A spy would keep what it was called with, millions of times.
  Column.prototype.get = function (id) {
    counted.reads++
    counted.longest = Math.max(counted.longest, ++sinceAsked)
    return get.call(this, id)
  }
  Object.defineProperty(Pace.prototype, 'isOver', {
    configurable: true,
    get(this: Pace) {
      sinceAsked = 0
      return isOver.get?.call(this)
    },
  })
  return counted
}
