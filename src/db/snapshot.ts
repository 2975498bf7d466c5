import { sql } from 'kysely'
import type { EntityName, EntityRows, Snapshot } from '../access/model.ts'
import { type LogHead, readHead } from './change-log.ts'
import type { Db, Tx } from './database.ts'
import { graphColumnNames, graphTables, isInstant } from './graph-rows.ts'

const PAGE = 20_000

/** The whole graph and the end of the log it belongs to, seen in one instant. */
export async function loadSnapshot(db: Db): Promise<{ snapshot: Snapshot; head: LogHead }> {
  return db
    .transaction()
    .setIsolationLevel('repeatable read')
    .setAccessMode('read only')
    .execute(async (tx) => {
      const head = await readHead(tx)
      const rows: Partial<Record<EntityName, unknown[]>> = {}
      for (const entity of Object.keys(graphTables) as EntityName[]) rows[entity] = await readAll(tx, entity)
      return { snapshot: { ...rows, revision: head.revision } as Snapshot, head }
    })
}

/** Every row of one kind, in pages by primary key. The rows come as the graph has them, so that none is copied. */
async function readAll<E extends EntityName>(tx: Tx, entity: E): Promise<EntityRows[E][]> {
  const plain = tx.withoutPlugins()
  const columns = sql.join(graphColumnNames[entity].map(columnOf))
  const table = sql.id(snakeCase(graphTables[entity]))
  const rows: EntityRows[E][] = []
  let after = Number.MIN_SAFE_INTEGER
  for (;;) {
    const { rows: page } = await sql<EntityRows[E]>`
      select ${columns} from ${table} where id > ${after}::bigint order by id limit ${PAGE}`.execute(plain)
    for (const row of page) rows.push(row)
    const last = page.at(-1)
    if (last === undefined || page.length < PAGE) return rows
    after = last.id
  }
}

function columnOf(name: string) {
  const column = sql.id(snakeCase(name))
  const value = isInstant(name) ? sql`(extract(epoch from ${column}) * 1000)::bigint` : column
  return sql`${value} as ${sql.id(name)}`
}

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}
