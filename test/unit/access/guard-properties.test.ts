import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { AccessIndex } from '../../../src/access/access-index.ts'
import { unionWindows, windowsCover } from '../../../src/access/windows.ts'
import { isAllowed } from './laws.ts'
import { History, principalIds, resourceIds, type Step, someLink, someWorld, times, userIds } from './worlds.ts'

/** Nobody has anything afterwards that neither he nor the actor had before, now or later, on anything. */
function expectNoEscalation(before: AccessIndex, after: AccessIndex, actorId: number, from: number): void {
  for (const at of times.filter((time) => time >= from)) {
    for (const resourceId of resourceIds) {
      const actor = before.access(actorId, resourceId, at)
      for (const principalId of principalIds) {
        const was = before.access(principalId, resourceId, at)
        const is = after.access(principalId, resourceId, at)
        const where = `principal ${principalId} on ${resourceId} at ${at} by ${actorId}`
        expect(is.mask & ~was.mask & ~actor.mask, where).toBe(0)
        expect(windowsCover(unionWindows(was.windows, actor.windows), is.windows), where).toBe(true)
      }
    }
  }
}

describe('the escalation guards', () => {
  it('let nobody convey more than he holds, whatever he tries (G-01, G-30, G-31, T4)', () => {
    let allowed = 0
    fc.assert(
      fc.property(
        someWorld,
        fc.array(someLink, { minLength: 30, maxLength: 60, size: 'max' }),
        fc.constantFrom(...times),
        (world, attempts, at) => {
          const { snapshot } = new History(world)
          const before = AccessIndex.fromSnapshot(snapshot)
          const tries = userIds.flatMap((actorId) => attempts.map((step) => ({ actorId, step })))
          const isNew = ({ step }: { step: Step }) => !snapshot[step.entity].some((row) => row.id === step.id)
          const good = tries.filter(isNew).filter(({ actorId, step }) => isAllowed(before, actorId, step, at))
          for (const { actorId, step } of good.slice(0, 3)) {
            allowed++
            const next = new History([])
            Object.assign(next.snapshot, structuredClone(snapshot))
            next.take(step)
            expectNoEscalation(before, AccessIndex.fromSnapshot(next.snapshot), actorId, at)
          }
        },
      ),
      { numRuns: 60 },
    )
    expect(allowed).toBeGreaterThan(20)
  })
})
