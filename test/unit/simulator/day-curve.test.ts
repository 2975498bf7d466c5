import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  advance,
  chargeOf,
  type Home,
  type HomeState,
  homeOf,
  loadAt,
  productionAt,
  stateAt,
} from '../../../src/simulator/day-curve.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR
const seed = fc.integer({ min: 0, max: 2 ** 32 - 1 })
const instant = fc.integer({ min: Date.UTC(2020, 0, 1), max: Date.UTC(2050, 0, 1) })
/** Seconds mostly, now and then a gap of days, a standstill or a clock set back. */
const gap = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 1, max: 5000 }) },
  { weight: 2, arbitrary: fc.integer({ min: 5000, max: 2 * DAY }) },
  { weight: 1, arbitrary: fc.integer({ min: -HOUR, max: 0 }) },
)
const setPoint = fc.option(fc.integer({ min: -20_000, max: 20_000 }), { nil: undefined, freq: 4 })

type Check = (home: Home, before: HomeState, after: HomeState) => void

/** Walks a random home through random times and looks at every step. */
function walk(check: Check): void {
  fc.assert(
    fc.property(
      seed,
      instant,
      fc.array(fc.tuple(gap, setPoint), { minLength: 1, maxLength: 30 }),
      (s, start, steps) => {
        const home = homeOf(s)
        const state = stateAt(home, start)
        let at = start
        for (const [ms, watts] of steps) {
          const before = { ...state }
          at += ms
          advance(home, state, at, watts)
          check(home, before, state)
        }
      },
    ),
    { numRuns: 150 },
  )
}

describe('day curve', () => {
  it('balances: consumption = production + grid + battery, in whole watts', () => {
    walk((_home, _before, { loadW, productionW, gridW, batteryW }) => {
      expect(loadW).toBe(productionW + gridW + batteryW)
      for (const watts of [loadW, productionW, gridW, batteryW]) expect(Number.isInteger(watts)).toBe(true)
    })
  })

  it('keeps the state of charge within 0..100 and the battery within its inverter', () => {
    walk((home, _before, state) => {
      expect(chargeOf(home, state)).toBeGreaterThanOrEqual(0)
      expect(chargeOf(home, state)).toBeLessThanOrEqual(100)
      expect(Math.abs(state.batteryW)).toBeLessThanOrEqual(home.batteryPeakW)
    })
  })

  it('never lets an energy counter fall, and counts what flows', () => {
    const counters = ['produced', 'consumed', 'bought', 'sold', 'charged', 'discharged'] as const
    walk((_home, before, after) => {
      for (const counter of counters) {
        expect(after[counter]).toBeGreaterThanOrEqual(before[counter])
        expect(Number.isSafeInteger(after[counter])).toBe(true)
      }
      const supplied = after.discharged + after.bought + after.produced - after.charged - after.sold
      const suppliedBefore = before.discharged + before.bought + before.produced - before.charged - before.sold
      expect(supplied - suppliedBefore).toBe(after.consumed - before.consumed)
    })
  })

  it('has no sun at night and never more than the panels can give', () => {
    fc.assert(
      fc.property(
        seed,
        fc.integer({ min: 18_262, max: 29_219 }),
        fc.integer({ min: 0, max: 5 * HOUR }),
        (s, day, ms) => {
          // 21:00 to 02:00 UTC is night in central Europe on every day of the year.
          expect(productionAt(homeOf(s), day * DAY + 21 * HOUR + ms)).toBe(0)
        },
      ),
    )
    fc.assert(
      fc.property(seed, instant, (s, at) => {
        const home = homeOf(s)
        expect(productionAt(home, at)).toBeGreaterThanOrEqual(0)
        expect(productionAt(home, at)).toBeLessThanOrEqual(home.pvPeakW)
        expect(loadAt(home, at)).toBeGreaterThan(0)
      }),
    )
  })

  it('is the same home again after a restart', () => {
    fc.assert(
      fc.property(seed, instant, (s, at) => {
        expect(stateAt(homeOf(s), at)).toEqual(stateAt(homeOf(s), at))
      }),
      { numRuns: 20 },
    )
  })

  it('looks like a June day: sun at noon, a full battery, a discharge in the evening', () => {
    const midnight = Date.UTC(2026, 5, 20) - HOUR
    const homes = Array.from({ length: 50 }, (_, index) => homeOf(index * 7919))
    const at = (hour: number) => homes.map((home) => stateAt(home, midnight + hour * HOUR))
    const mean = (states: HomeState[], field: 'productionW' | 'batteryW' | 'loadW') =>
      states.reduce((sum, state) => sum + state[field], 0) / states.length
    expect(mean(at(12), 'productionW')).toBeGreaterThan(2000)
    expect(mean(at(9), 'batteryW')).toBeLessThan(-500)
    expect(mean(at(20), 'batteryW')).toBeGreaterThan(300)
    expect(mean(at(19), 'loadW')).toBeGreaterThan(2 * mean(at(3), 'loadW'))
  })

  it('obeys a set-point as far as the battery can', () => {
    const home = homeOf(11)
    const noon = Date.UTC(2026, 5, 20, 6)
    const state = stateAt(home, noon)
    advance(home, state, noon + 1000, 700)
    expect(state.batteryW).toBe(700)
    advance(home, state, noon + 2000, 1_000_000)
    expect(state.batteryW).toBe(home.batteryPeakW)
  })
})
