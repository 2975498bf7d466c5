import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type BatchPart, graphChanges, toBatch } from '../../../src/db/change-log.ts'
import { changedIn, packChanges, unpackChanges } from '../../../src/db/packed-changes.ts'

const small = fc.integer({ min: 1, max: 3 })
const claim = fc.record({ id: fc.nat(), userId: small, key: fc.string(), value: fc.constantFrom('READ', 'WRITE') })
const restriction = fc.record({
  id: fc.nat(),
  userId: small,
  edgeId: small,
  windows: fc.array(fc.record({ from: fc.option(small), to: fc.option(small) }), { maxLength: 2 }),
})
const grant = fc.record({
  id: fc.nat(),
  principalId: small,
  resourceId: fc.nat(),
  roleId: small,
  components: fc.option(fc.array(fc.string(), { maxLength: 2 })),
  validFrom: fc.option(fc.nat()),
  validTo: fc.constant(null),
  dataWindows: fc.constant(null),
  source: fc.constantFrom('manual', 'import:each'),
  grantedBy: fc.option(small),
})
const part = fc
  .oneof(
    claim.map((row) => ({ entity: 'claim', row })),
    restriction.map((row) => ({ entity: 'restriction', row })),
    grant.map((row) => ({ entity: 'grant', row })),
  )
  .chain(({ entity, row }) =>
    fc
      .constantFrom({ before: null, after: row }, { before: row, after: row }, { before: row, after: null })
      .map((change) => ({ entity, id: row.id, ...change }) as BatchPart),
  )

/** Grants of one person by one import. */
const grants = (count: number): BatchPart[] =>
  Array.from({ length: count }, (_, n) => {
    const always = { components: null, validFrom: null, validTo: null, dataWindows: null }
    const after = { id: 1000 + n, principalId: 7, resourceId: 50 + n, roleId: 11, source: 'import:a', grantedBy: 1 }
    return { entity: 'grant', id: after.id, before: null, after: { ...after, ...always } }
  })

describe('several changes in a row of the log', () => {
  it('are the same after they were packed, stored and unpacked', () => {
    fc.assert(
      fc.property(fc.array(part, { maxLength: 20 }), (changes) => {
        expect(unpackChanges(JSON.parse(JSON.stringify(packChanges(changes))))).toEqual(changes)
      }),
    )
  })

  it('can be packed again as they are, and tell what they change that is there', () => {
    fc.assert(
      fc.property(fc.array(part, { maxLength: 20 }), (changes) => {
        const packed = packChanges(changes)
        expect(packChanges(packed)).toEqual(packed)
        expect(changedIn(packed)).toEqual(changes.filter(({ before }) => before !== null))
      }),
    )
  })

  it('say what is the same for all of them once', () => {
    const [plain, packed] = [grants(10), packChanges(grants(10))]
    expect(packed).toHaveLength(1)
    expect(JSON.stringify(packed).length * 6).toBeLessThan(JSON.stringify(plain).length)
  })

  it('are what the row means for the graph', () => {
    const row = { revision: 9, at: 0, actorId: null, subjectId: null, action: 'user.imported', entity: 'batch' }
    const logged = { ...row, entityId: '7', noted: false, before: null, after: toBatch(grants(3)) }
    expect(graphChanges(logged)).toEqual(grants(3).map((change) => ({ ...change, revision: 9 })))
  })
})
