/** Which part of a list is wanted. */
export interface PageQuery {
  /** From 0. */
  page: number
  limit: number
  /** Part of the text shown; case does not matter. */
  query?: string | undefined
  sort?: 'name' | 'id' | undefined
  descending?: boolean | undefined
}

export interface Page<T> {
  items: T[]
  /** How many there are on all pages. */
  total: number
}

type Key = { id: number; name: string }
const natural = new Intl.Collator('en', { numeric: true, sensitivity: 'base' })

/** One page of rows that have passed every check of access, searched and sorted; equal names keep the order of their ids. */
export function pageOf<T>(rows: readonly T[], keyOf: (row: T) => Key, query: PageQuery): Page<T> {
  return pageOfSorted(
    sorted(found(rows, keyOf, query.query), keyOf, (a, b) => natural.compare(a.name, b.name)),
    keyOf,
    {
      ...query,
      query: undefined,
    },
  )
}

/** The same of rows that come in the order of their names: nothing is sorted that need not be. */
export function pageOfSorted<T>(rows: readonly T[], keyOf: (row: T) => Key, query: PageQuery): Page<T> {
  let all = found(rows, keyOf, query.query)
  if (query.sort === 'id') all = sorted(all, keyOf, () => 0)
  const { length: total } = all
  const start = query.page * query.limit
  if (query.descending !== true) return { items: all.slice(start, start + query.limit), total }
  const end = Math.max(total - start, 0)
  return { items: all.slice(Math.max(end - query.limit, 0), end).reverse(), total }
}

function found<T>(rows: readonly T[], keyOf: (row: T) => Key, query = ''): readonly T[] {
  const text = query.trim().toLowerCase()
  return text === '' ? rows : rows.filter((row) => keyOf(row).name.toLowerCase().includes(text))
}

function sorted<T>(rows: readonly T[], keyOf: (row: T) => Key, compare: (a: Key, b: Key) => number): T[] {
  const keyed = rows.map((row) => ({ row, key: keyOf(row) }))
  return keyed.sort((a, b) => compare(a.key, b.key) || a.key.id - b.key.id).map(({ row }) => row)
}
