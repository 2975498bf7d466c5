import { sql } from 'kysely'
import type { Db } from './database.ts'
import { fromDatabase } from './pg-errors.ts'

/** Asks the database for a sign of life; also rejects with AppError `unavailable` when it is closed already. */
export async function ping(db: Db): Promise<void> {
  try {
    await sql`select 1`.execute(db)
  } catch (error) {
    throw fromDatabase(error)
  }
}
