import { setImmediate as turn } from 'node:timers/promises'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { longPageOf, pageOf, pageOfSorted } from '../../../src/lib/page.ts'

const rows = ['Roof 10', 'roof 9', 'Cellar', 'roof 9'].map((name, index) => ({ id: index + 1, name }))
const ids = (query: object, page: typeof pageOf = pageOf, given = rows) =>
  page(given, (row) => row, { page: 0, limit: 10, ...query }).items.map(({ id }) => id)

it('sorts names as people read them, equal ones by id, both ways round', () => {
  expect(ids({})).toEqual([3, 2, 4, 1])
  expect(ids({ descending: true })).toEqual([1, 4, 2, 3])
  expect(ids({ sort: 'id', descending: true })).toEqual([4, 3, 2, 1])
})

it('counts what was found, whatever the page', () => {
  expect(pageOf(rows, (row) => row, { page: 1, limit: 2, query: ' ROOF ' })).toEqual({ items: [rows[0]], total: 3 })
  expect(pageOf(rows, (row) => row, { page: 9, limit: 2 })).toEqual({ items: [], total: 4 })
})

it('takes pages from both ends of what is sorted already', () => {
  const given = ['a', 'b', 'c', 'd', 'e'].map((name, index) => ({ id: 9 - index, name }))
  const page = (number: number, descending: boolean) => ids({ page: number, limit: 2, descending }, pageOfSorted, given)
  expect([page(0, false), page(2, false), page(3, false)]).toEqual([[9, 8], [5], []])
  expect([page(0, true), page(2, true), page(3, true)]).toEqual([[5, 6], [9], []])
  expect(ids({ sort: 'id', limit: 2 }, pageOfSorted, given)).toEqual([5, 6])
})

it('makes the same pages of long lists, between which others have a turn', async () => {
  const someRows = fc.uniqueArray(fc.record({ id: fc.nat(), name: fc.constantFrom('a', 'A1', 'a10', 'a9', 'b') }), {
    selector: ({ id }) => id,
    maxLength: 2000,
    size: 'max',
  })
  const someQuery = fc.record({
    page: fc.nat({ max: 3 }),
    limit: fc.integer({ min: 1, max: 300 }),
    query: fc.constantFrom('', 'a1'),
    sort: fc.constantFrom('name', 'id'),
    descending: fc.boolean(),
  })
  await fc.assert(
    fc.asyncProperty(someRows, someQuery, async (given, query) => {
      const whole = given.filter(({ id }) => id % 3 > 0)
      const long = await longPageOf(
        given,
        (row) => (row.id % 3 > 0 ? row : null),
        (row) => row,
        query,
      )
      expect(long).toEqual(pageOf(whole, (row) => row, query))
    }),
    { numRuns: 50 },
  )
  const many = Array.from({ length: 50_000 }, (_, id) => ({ id, name: `name ${(id * 7919) % 50_000}` }))
  let isDone = false
  const page = longPageOf(
    many,
    (row) => row,
    (row) => row,
    { page: 0, limit: 3 },
  ).finally(() => {
    isDone = true
  })
  let turns = 0
  for (; !isDone; turns++) await turn()
  expect(turns).toBeGreaterThan(5)
  expect((await page).items.map(({ name }) => name)).toEqual(['name 0', 'name 1', 'name 2'])
})
