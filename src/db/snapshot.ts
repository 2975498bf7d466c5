import { setImmediate as turn } from 'node:timers/promises'
import { sql } from 'kysely'
import type { EntityName, Snapshot, TakeRows } from '../access/model.ts'
import { type LogHead, readHead } from './change-log.ts'
import type { Db, Tx } from './database.ts'
import { graphColumnNames, graphTables, isInstant } from './graph-rows.ts'

/** Few enough for a page to be forgotten before the garbage collector takes it for something lasting; many enough to ask seldom. */
const PAGE = 8000

/** The whole graph and the end of the log it belongs to, seen in one instant. */
export async function loadSnapshot(db: Db): Promise<{ snapshot: Snapshot; head: LogHead }> {
  const tables = Object.fromEntries(Object.keys(graphTables).map((entity) => [entity, [] as unknown[]]))
  const head = await readSnapshot(db, (entity, rows) => {
    for (const row of rows) tables[entity]?.push(row)
  })
  return { snapshot: { ...tables, revision: head.revision } as Snapshot, head }
}

/** Hands over the whole graph, in portions, and tells the end of the log it belongs to; all of it seen in one instant. */
export async function readSnapshot(db: Db, take: TakeRows): Promise<LogHead> {
  return db
    .transaction()
    .setIsolationLevel('repeatable read')
    .setAccessMode('read only')
    .execute(async (tx) => {
      const head = await readHead(tx)
      for (const entity of Object.keys(graphTables) as EntityName[]) await readAll(tx, entity, take)
      return head
    })
}

/** Every row of one kind, in pages by primary key; the next page is on its way while one is taken. */
async function readAll<E extends EntityName>(tx: Tx, entity: E, take: TakeRows): Promise<void> {
  let coming = readPage(tx, entity, Number.MIN_SAFE_INTEGER)
  for (;;) {
    const { columns, size, last } = await coming
    const isLast = size < PAGE
    if (!isLast) coming = readPage(tx, entity, last)
    // The question has to be out before the answer to the one before keeps this thread busy.
    await turn()
    take(entity, rowsOf(graphColumnNames[entity], columns === null ? [] : JSON.parse(columns)))
    if (isLast) return
  }
}

/** So many rows by column, which is several times faster to read, as JSON. A column of nothing is null. */
interface PageOfColumns {
  columns: string | null
  size: number
  last: number
}

async function readPage(tx: Tx, entity: EntityName, after: number): Promise<PageOfColumns> {
  const names = graphColumnNames[entity]
  const table = sql.id(snakeCase(graphTables[entity]))
  const lists = sql.join(
    names.map((name) => sql`case when count(${sql.id(name)}) = 0 then null else json_agg(${sql.id(name)}) end`),
  )
  const { rows } = await sql<PageOfColumns>`
    select json_build_array(${lists})::text as columns, count(*) as size, max(id) as last from (
      select ${sql.join(names.map(columnOf))} from ${table} where id > ${after}::bigint order by id limit ${PAGE}
    ) as page`.execute(tx.withoutPlugins())
  return rows[0] ?? { columns: null, size: 0, last: after }
}

/** @NOTE copies of one object that are filled column by column are made several times faster than objects built up one by one. */
function rowsOf<R>(names: readonly string[], columns: readonly (unknown[] | null)[]): R[] {
  const blank: Record<string, unknown> = Object.fromEntries(names.map((name) => [name, null]))
  const ids = columns[names.indexOf('id')] ?? []
  const rows = ids.map(() => ({ ...blank }))
  for (const [place, name] of names.entries()) {
    for (const [at, value] of columns[place]?.entries() ?? []) (rows[at] as Record<string, unknown>)[name] = value
  }
  return rows as R[]
}

function columnOf(name: string) {
  const column = sql.id(snakeCase(name))
  const value = isInstant(name) ? sql`(extract(epoch from ${column}) * 1000)::bigint` : column
  return sql`${value} as ${sql.id(name)}`
}

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}
