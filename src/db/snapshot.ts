import { sql } from 'kysely'
import type { EntityName, EntityRows, Snapshot, TakeRows } from '../access/model.ts'
import { type LogHead, readHead } from './change-log.ts'
import type { Db, Tx } from './database.ts'
import { graphColumnNames, graphTables, isInstant } from './graph-rows.ts'

/** Few enough for a page to be forgotten before the garbage collector takes it for something lasting; many enough to ask seldom. */
const PAGE = 4000

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
    const rows = await coming
    const last = rows.at(-1)
    const isLast = last === undefined || rows.length < PAGE
    if (!isLast) coming = readPage(tx, entity, last.id)
    take(entity, rows)
    if (isLast) return
  }
}

/** Rows in the shape the graph has them. They come column by column, in one value, which is several times faster to read. A column of nothing is null. */
async function readPage<E extends EntityName>(tx: Tx, entity: E, after: number): Promise<EntityRows[E][]> {
  const names = graphColumnNames[entity]
  const table = sql.id(snakeCase(graphTables[entity]))
  const lists = sql.join(
    names.map((name) => sql`case when count(${sql.id(name)}) = 0 then null else json_agg(${sql.id(name)}) end`),
  )
  const { rows } = await sql<{ columns: (unknown[] | null)[] }>`
    select json_build_array(${lists}) as columns from (
      select ${sql.join(names.map(columnOf))} from ${table} where id > ${after}::bigint order by id limit ${PAGE}
    ) as page`.execute(tx.withoutPlugins())
  const columns = rows[0]?.columns ?? []
  return (columns[names.indexOf('id')] ?? []).map((_, place) => {
    const row: Record<string, unknown> = {}
    for (const [column, name] of names.entries()) row[name] = columns[column]?.[place] ?? null
    return row as unknown as EntityRows[E]
  })
}

function columnOf(name: string) {
  const column = sql.id(snakeCase(name))
  const value = isInstant(name) ? sql`(extract(epoch from ${column}) * 1000)::bigint` : column
  return sql`${value} as ${sql.id(name)}`
}

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}
