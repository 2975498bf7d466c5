import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { AccessIndex } from '../../../src/access/access-index.ts'
import { PUBLIC_PRINCIPAL_ID } from '../../../src/access/model.ts'
import { History, principalIds, resourceIds, someStep, someWorld, times } from './worlds.ts'

const query = { order: [], offset: 0, limit: 100 }

function toEnd<T>(steps: Generator<undefined, T>): T {
  for (;;) {
    const step = steps.next()
    if (step.done) return step.value
  }
}

/** Every answer about everybody at one moment. */
function answers(index: AccessIndex, at: number) {
  return principalIds.map((principalId) => ({
    access: resourceIds.map((resourceId) => index.access(principalId, resourceId, at)),
    listed: index.listEdges(principalId, query, at).map(({ id }) => id),
    groups: index.listContainers(principalId, 'edgeGroup', { offset: 0, limit: 100 }, at).map(({ id }) => id),
  }))
}

describe('trying changes', () => {
  it('answers as if they had been made, and afterwards as if nothing had been', () => {
    fc.assert(
      fc.property(
        someWorld,
        fc.array(someStep, { minLength: 1, maxLength: 5 }),
        fc.constantFrom(...times),
        (world, steps, at) => {
          const history = new History(world)
          const index = AccessIndex.fromSnapshot(history.copy())
          const before = answers(index, at)
          const changes = steps.flatMap((step) => history.take(step))
          expect(index.trying(changes, () => answers(index, at))).toEqual(
            answers(AccessIndex.fromSnapshot(history.copy()), at),
          )
          expect(answers(index, at)).toEqual(before)
        },
      ),
      { numRuns: 60 },
    )
  })

  it('leaves no trace of changes during which something fails', () => {
    fc.assert(
      fc.property(someWorld, someStep, (world, step) => {
        const history = new History(world)
        const index = AccessIndex.fromSnapshot(history.copy())
        const before = answers(index, 0)
        const changes = history.take(step)
        const failing = () => {
          throw new Error('while trying')
        }
        expect(() => index.trying(changes, failing)).toThrow('while trying')
        expect(answers(index, 0)).toEqual(before)
      }),
      { numRuns: 10 },
    )
  })

  it('concerns nobody and nothing beyond whom and what it is said to concern', () => {
    fc.assert(
      fc.property(
        someWorld,
        fc.array(someStep, { minLength: 1, maxLength: 3 }),
        fc.constantFrom(...times),
        (world, steps, at) => {
          const history = new History(world)
          const index = AccessIndex.fromSnapshot(history.copy())
          const changes = steps.flatMap((step) => history.take(step))
          const affected = () => toEnd(index.affectedBy(changes))
          const [now, then] = [affected(), index.trying(changes, affected)]
          if (!now.isWhole || !then.isWhole) return
          for (const principalId of principalIds.filter((id) => id < 20 || id >= 30)) {
            for (const resourceId of resourceIds) {
              const concerned = ({ principals, resources }: typeof now) =>
                (principals.has(principalId) || principals.has(PUBLIC_PRINCIPAL_ID)) && resources.has(resourceId)
              if (concerned(now) || concerned(then)) continue
              const look = () => index.access(principalId, resourceId, at)
              const where = `${principalId} on ${resourceId}: ${JSON.stringify(changes)}`
              expect(index.trying(changes, look), where).toEqual(look())
            }
          }
        },
      ),
      { numRuns: 100 },
    )
  })
})
