import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { AccessIndex } from '../../../src/access/access-index.ts'
import { PUBLIC_PRINCIPAL_ID, permissionBits } from '../../../src/access/model.ts'
import { atOnce } from '../../../src/lib/slices.ts'
import { Oracle } from './oracle.ts'
import { History, principalIds, resourceIds, serviceIds, someStep, someWorld, times, userIds } from './worlds.ts'

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
    const withRole = oracle
      .edges(principalId, at)
      .filter(({ id }) => oracle.access(principalId, id, at).role !== undefined)
    const page = index.listEdges(principalId, { order: [], offset: 0, limit: 100, withRole: true }, at)
    expect(page.map(({ id }) => id).sort(), `roles of principal ${principalId} at ${at}`).toEqual(
      withRole.map(({ id }) => id).sort(),
    )
    expect(index.countEdges(principalId, at, 2, { withRole: true })).toBe(Math.min(2, withRole.length))
    expect([...listed].sort(), `list of principal ${principalId} at ${at}`).toEqual(visible.sort())
    for (const kind of ['organisation', 'site', 'edgeGroup'] as const) {
      const page = index.listContainers(principalId, kind, { offset: 0, limit: 100 }, at).map(({ id }) => id)
      const truth = oracle.rows[kind].filter(
        ({ id }) => oracle.access(principalId, id, at).mask & permissionBits.discover,
      )
      expect(page.sort(), `${kind}s of principal ${principalId} at ${at}`).toEqual(truth.map(({ id }) => id).sort())
    }
    expect(index.countEdges(principalId, at, 2)).toBe(Math.min(2, visible.length))
    expect(index.countEdges(principalId, at, 1000)).toBe(visible.length)
  }
}

/** Who can see it, asked from the other end. */
function expectHolders(index: AccessIndex, oracle: Oracle, at: number): void {
  const accounts = [...userIds, ...serviceIds]
  for (const resourceId of resourceIds) {
    const whole = { isShown: () => true, sort: 'id', descending: false, offset: 0, limit: 100 } as const
    const { everybody, page } = atOnce(index.audience(resourceId, whole, at))
    const sees = (id: number) => (oracle.access(id, resourceId, at).mask & permissionBits.discover) !== 0
    expect(everybody).toBe(sees(PUBLIC_PRINCIPAL_ID))
    const own = accounts.filter((id) => {
      const conveyed = oracle.contributions(id, resourceId, at).filter((one) => !one.isPublic)
      return conveyed.some((one) => one.mask & permissionBits.discover)
    })
    expect(
      page.map(({ principalId }) => principalId),
      `holders of ${resourceId} at ${at}`,
    ).toEqual(own)
    if (!everybody) expect(own).toEqual(accounts.filter(sees))
  }
}

describe('the index against recomputation', () => {
  it('agrees on any world: check == list == rows (invariants 2 and 4)', () => {
    fc.assert(
      fc.property(someWorld, fc.constantFrom(...times), (world, at) => {
        const { snapshot } = new History(world)
        const index = AccessIndex.fromSnapshot(snapshot)
        expectAgreement(index, new Oracle(snapshot), at)
        expectHolders(index, new Oracle(snapshot), at)
      }),
      { numRuns: 60 },
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
      { numRuns: 30 },
    )
  })
})
