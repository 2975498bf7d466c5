import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { lessIsLess, longLife, noEscalation } from './laws.ts'

// Ten seconds on an idle machine; a busy one must not make them fail.
const patience = { timeout: 240_000 }

/** Runs a property and says how many steps it took. */
function stepsOf<T>(numRuns: number, law: (count: (steps: number) => void) => fc.IProperty<T>): number {
  let taken = 0
  fc.assert(
    law((steps) => {
      taken += steps
    }),
    { numRuns, interruptAfterTimeLimit: patience.timeout - 30_000 },
  )
  return taken
}

describe('access in random worlds', patience, () => {
  it('is what the rows say at each of 100,000 steps of a long life (invariants 2, 4, 6, 10, 11; G-05 G-06 G-07 G-08 G-13 P-08 P-09 P-13 P-15 P-17 K1 K2 K10 T3 T6)', () => {
    expect(stepsOf(250, (count) => longLife(420, count))).toBeGreaterThanOrEqual(100_000)
  })

  it('never grows when something is taken away, never shrinks when something is added (invariant 3, G-11)', () => {
    expect(stepsOf(100, lessIsLess)).toBeGreaterThanOrEqual(10_000)
  })

  it('is not raised by anything somebody does alone, however many steps he takes (invariant 1, G-01, G-30, G-31, T4, P-13, K8, 2.3)', () => {
    const allowed = new Map<string, number>()
    const onAllowed = (entity: string) => allowed.set(entity, (allowed.get(entity) ?? 0) + 1)
    const steps = stepsOf(80, (count) => noEscalation(count, onAllowed))
    expect(steps).toBeGreaterThanOrEqual(3_200)
    // Enough of each kind is let through for the law to say something.
    const enough = { grant: 40, containment: 10, membership: 100, role: 100, organisation: 10, claim: 1 }
    for (const [entity, least] of Object.entries(enough))
      expect(allowed.get(entity) ?? 0, entity).toBeGreaterThanOrEqual(least)
  })
})
