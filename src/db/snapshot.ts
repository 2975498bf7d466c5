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

/** Every row of one kind, in pages by primary key; as JSON, which is read several times faster than rows. */
async function readAll<E extends EntityName>(tx: Tx, entity: E): Promise<EntityRows[E][]> {
  const columns = sql.join(graphColumnNames[entity].map(columnOf))
  const rows: EntityRows[E][] = []
  let after = Number.MIN_SAFE_INTEGER
  for (;;) {
    const result = await sql<{ page: EntityRows[E][] }>`
      select coalesce(json_agg(row order by id), '[]') as page from (
        select ${columns} from ${sql.table(graphTables[entity])} where id > ${after}::bigint order by id limit ${PAGE}
      ) as row`.execute(tx)
    const page = result.rows[0]?.page ?? []
    for (const row of page) rows.push(row)
    const last = page.at(-1)
    if (last === undefined || page.length < PAGE) return rows
    after = last.id
  }
}

function columnOf(name: string) {
  const value = isInstant(name) ? sql`(extract(epoch from ${sql.ref(name)}) * 1000)::bigint` : sql.ref(name)
  return sql`${value} as ${sql.raw(`"${name}"`)}`
}
