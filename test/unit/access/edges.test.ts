import fc from 'fast-check'
import { expect, it } from 'vitest'
import { EdgeTable } from '../../../src/access/graph-edges.ts'
import type { EdgeRow } from '../../../src/access/model.ts'

const someText = fc.oneof(
  fc.constantFrom('', 'Haus', 'Müller, 東京', 'edge10'),
  fc.string().map((text) => text.replaceAll('\0', '')),
)

const someRow: fc.Arbitrary<EdgeRow> = fc.record({
  id: fc.oneof(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 5000 })),
  edgeId: fc.oneof(fc.constantFrom('e', 'edge1', 'edge10', 'Édge1'), someText),
  comment: someText,
  producttype: fc.constantFrom('', 'Home 10', 'Home 20'),
  siteId: fc.constantFrom(null, 3),
  organisationId: fc.constantFrom(null, 4),
  settings: fc.constantFrom({}, { a: 1 }),
})

it('the table of edges gives what was put in last, and finds it by its OpenEMS id', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(someRow, fc.nat(3)), { maxLength: 60 }), (steps) => {
      const table = new EdgeTable()
      const wanted = new Map<number, EdgeRow>()
      for (const [row, luck] of steps) {
        const { id } = luck === 0 ? ([...wanted.values()][0] ?? row) : row
        const isTaken = [...wanted.values()].some((other) => other.edgeId === row.edgeId && other.id !== id)
        if (luck === 1 || isTaken) expect(table.delete(id)).toBe(wanted.delete(id))
        else {
          table.set(id, { ...row, id })
          wanted.set(id, { ...row, id })
        }
      }
      expect([...table.values()]).toEqual([...wanted.values()].sort((a, b) => a.id - b.id))
      for (const { edgeId } of steps.map(([row]) => row)) {
        const found = [...wanted.values()].find((row) => row.edgeId === edgeId)
        expect(table.byName(edgeId)).toEqual(found)
        expect(table.byName(`${edgeId}\0${found?.comment}`)).toBeUndefined()
        if (found) expect([table.nameOf(found.id), table.commentOf(found.id)]).toEqual([edgeId, found.comment])
      }
    }),
    { numRuns: 300 },
  )
})
