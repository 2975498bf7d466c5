import { sql } from 'kysely'
import type { EntityName, EntityRows, Snapshot } from '../access/model.ts'
import { type LogHead, readHead } from './change-log.ts'
import type { Db, Tx } from './database.ts'
import { type GraphSource, graphColumnNames, graphTables, toGraphRow } from './graph-rows.ts'

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

/** Every row of one kind, in pages by primary key. */
async function readAll<E extends EntityName>(tx: Tx, entity: E): Promise<EntityRows[E][]> {
  const columns = sql.join(graphColumnNames[entity].map((column) => sql.ref(column)))
  const rows: EntityRows[E][] = []
  let after = Number.MIN_SAFE_INTEGER
  for (;;) {
    const page = await sql<GraphSource<E> & { id: number }>`
      select ${columns} from ${sql.table(graphTables[entity])}
      where id > ${after}::bigint order by id limit ${PAGE}
    `.execute(tx)
    for (const row of page.rows) rows.push(toGraphRow(entity, row))
    const last = page.rows.at(-1)
    if (last === undefined || page.rows.length < PAGE) return rows
    after = last.id
  }
}
