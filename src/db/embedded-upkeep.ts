import { sql } from 'kysely'
import type { Log } from '../log.ts'
import type { Db } from './database.ts'

const INTERVAL_MS = 60_000
const MAX_LOG_BYTES = 32 * 1024 * 1024
const DEAD_ROWS = 1000

/**
 * The embedded PostgreSQL is a single process, without those that elsewhere write checkpoints and clear away dead rows.
 * Left alone its write-ahead log would grow until it is closed, its tables for ever.
 */
export function startUpkeep(db: Db, log: Log): Disposable {
  const timer = setInterval(() => {
    upkeep(db).catch((error: unknown) => log.warn({ err: error }, 'upkeep of the embedded database failed'))
  }, INTERVAL_MS)
  timer.unref()
  return { [Symbol.dispose]: () => clearInterval(timer) }
}

/** One round: clears tables with many dead rows, and writes a checkpoint when the write-ahead log has grown. */
export async function upkeep(db: Db): Promise<void> {
  await sql`select pg_stat_force_next_flush()`.execute(db)
  const { rows: tables } = await sql<{ name: string }>`
    select relname as name from pg_stat_user_tables
    where n_dead_tup > ${DEAD_ROWS} and n_dead_tup * 5 > n_live_tup`.execute(db)
  for (const { name } of tables) await sql`vacuum (analyze) ${sql.table(name)}`.execute(db)
  const { rows: grown } = await sql<{ bytes: string }>`
    select pg_wal_lsn_diff(pg_current_wal_lsn(), redo_lsn) as bytes from pg_control_checkpoint()`.execute(db)
  if (Number(grown[0]?.bytes) > MAX_LOG_BYTES) await sql`checkpoint`.execute(db)
}
