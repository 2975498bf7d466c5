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

const natural = new Intl.Collator('en', { numeric: true, sensitivity: 'base' })

/** One page of rows that have passed every check of access, searched and sorted; equal names keep the order of their ids. */
export function pageOf<T>(rows: Iterable<T>, key: (row: T) => { id: number; name: string }, query: PageQuery): Page<T> {
  const text = query.query?.trim().toLowerCase() ?? ''
  const keyed = Array.from(rows, (row) => ({ row, ...key(row) })).filter(({ name }) => name.toLowerCase().includes(text))
  const direction = query.descending === true ? -1 : 1
  const byName = query.sort !== 'id'
  keyed.sort((a, b) => direction * ((byName ? natural.compare(a.name, b.name) : 0) || a.id - b.id))
  const start = query.page * query.limit
  return { items: keyed.slice(start, start + query.limit).map(({ row }) => row), total: keyed.length }
}
