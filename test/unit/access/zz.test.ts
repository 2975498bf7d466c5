import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { AccessIndex } from '../../../src/access/access-index.ts'
import { permissionBits } from '../../../src/access/model.ts'
import { Oracle } from './oracle.ts'
import { History, principalIds, resourceIds, someStep, someWorld, times } from './worlds.ts'

/** Compares every answer of the index with the recomputation from rows. */
function expectAgreement(index: AccessIndex, oracle: Oracle, at: number): void {
  for (const principalId of principalIds) {
    for (const resourceId of resourceIds) {
      const { components, ...access } = index.access(principalId, resourceId, at)
      const truth = oracle.access(principalId, resourceId, at)
      const where = `principal ${principalId}, resource ${resourceId}, at ${at}`
      expect({ ...access, components: components && [...components].sort() }, where).toEqual(truth)
      expect(index.edgeRole(principalId, resourceId, at), where).toBe(truth.role)
      expect(index.allows(principalId, 'control', resourceId, at), where).toBe(
        (truth.mask & permissionBits.control) !== 0,
      )
    }
    const visible = oracle.edges(principalId, at).map(({ id }) => id)
    const listed = index.listEdges(principalId, { order: [], offset: 0, limit: 100 }, at).map(({ id }) => id)
    expect([...listed].sort(), `list of principal ${principalId} at ${at}`).toEqual(visible.sort())
    expect(index.countEdges(principalId, at, 2)).toBe(Math.min(2, visible.length))
    expect(index.countEdges(principalId, at, 1000)).toBe(visible.length)
  }
}

describe('the index against recomputation', () => {
  it('agrees on any world: check == list == rows (invariants 2 and 4)', () => {
    fc.assert(
      fc.property(someWorld, fc.constantFrom(...times), (world, at) => {
        const { snapshot } = new History(world)
        expectAgreement(AccessIndex.fromSnapshot(snapshot), new Oracle(snapshot), at)
      }),
      { numRuns: 500 },
    )
  })

  it('agrees after any sequence of changes while time moves (G-08, P-21)', () => {
    const moves = fc.array(fc.tuple(fc.array(someStep, { maxLength: 4 }), fc.constantFrom(...times)), { maxLength: 5 })
    fc.assert(
      fc.property(someWorld, moves, (world, sequence) => {
        const history = new History(world)
        const index = AccessIndex.fromSnapshot(history.copy())
        for (const [steps, at] of sequence) {
          index.apply(steps.flatMap((step) => history.take(step)))
          expect(index.revision).toBe(history.snapshot.revision)
          expectAgreement(index, new Oracle(history.snapshot), at)
        }
      }),
      { numRuns: 100 },
    )
  })
})
