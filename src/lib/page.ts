import { inSlices } from './slices.ts'

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

/** The same as `pageOf`, for lists that may be very long: others have a turn meanwhile. `viewOf` makes what is shown, null leaves out. */
export function longPageOf<R, T>(
  rows: Iterable<R>,
  viewOf: (row: R) => T | null,
  keyOf: (view: T) => Key,
  query: PageQuery,
): Promise<Page<T>> {
  return inSlices(pageInSteps(rows, viewOf, keyOf, query))
}

type Keyed<T> = { row: T; key: Key }

function* pageInSteps<R, T>(
  rows: Iterable<R>,
  viewOf: (row: R) => T | null,
  keyOf: (view: T) => Key,
  query: PageQuery,
): Generator<undefined, Page<T>> {
  const text = (query.query ?? '').trim().toLowerCase()
  const byName = query.sort !== 'id'
  const compare = (a: Keyed<T>, b: Keyed<T>) =>
    (byName ? natural.compare(a.key.name, b.key.name) : 0) || a.key.id - b.key.id
  let runs: Keyed<T>[][] = []
  let run: Keyed<T>[] = []
  for (const one of rows) {
    yield
    const row = viewOf(one)
    if (row === null) continue
    const key = keyOf(row)
    if (text !== '' && !key.name.toLowerCase().includes(text)) continue
    if (run.push({ row, key }) === RUN) {
      runs.push(run.sort(compare))
      run = []
    }
  }
  runs.push(run.sort(compare))
  while (runs.length > 1) {
    const merged: Keyed<T>[][] = []
    for (let at = 0; at < runs.length; at += 2) merged.push(yield* merge(runs[at] ?? [], runs[at + 1] ?? [], compare))
    runs = merged
  }
  const all = runs[0] ?? []
  const { items, total } = pageOfSorted(all, ({ key }) => key, { ...query, query: undefined, sort: undefined })
  return { items: items.map(({ row }) => row), total }
}

/** So many are sorted at once: a fraction of a millisecond. */
const RUN = 256

function* merge<T>(a: readonly T[], b: readonly T[], compare: (a: T, b: T) => number): Generator<undefined, T[]> {
  const merged: T[] = []
  let [i, j] = [0, 0]
  while (i < a.length && j < b.length) {
    merged.push(compare(a[i] as T, b[j] as T) <= 0 ? (a[i++] as T) : (b[j++] as T))
    if (merged.length % RUN === 0) yield
  }
  for (const [rest, from] of [
    [a, i],
    [b, j],
  ] as const) {
    for (let at = from; at < rest.length; at++) merged.push(rest[at] as T)
  }
  return merged
}

function found<T>(rows: readonly T[], keyOf: (row: T) => Key, query = ''): readonly T[] {
  const text = query.trim().toLowerCase()
  return text === '' ? rows : rows.filter((row) => keyOf(row).name.toLowerCase().includes(text))
}

function sorted<T>(rows: readonly T[], keyOf: (row: T) => Key, compare: (a: Key, b: Key) => number): T[] {
  const keyed = rows.map((row) => ({ row, key: keyOf(row) }))
  return keyed.sort((a, b) => compare(a.key, b.key) || a.key.id - b.key.id).map(({ row }) => row)
}
