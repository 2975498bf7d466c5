import type { Clock } from '../../src/lib/clock.ts'

/** A clock that stands still until it is told otherwise. */
export interface TestClock {
  now: Clock
  advance(milliseconds: number): void
  set(instant: Date | string): void
}

/** A clock standing at an instant. */
export function testClock(start: Date | string = '2026-03-01T12:00:00.000Z'): TestClock {
  let at = new Date(start).getTime()
  return {
    now: () => new Date(at),
    advance: (milliseconds) => {
      at += milliseconds
    },
    set: (instant) => {
      at = new Date(instant).getTime()
    },
  }
}
