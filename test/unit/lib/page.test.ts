import { expect, it } from 'vitest'
import { pageOf, pageOfSorted } from '../../../src/lib/page.ts'

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
