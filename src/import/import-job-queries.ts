import type { Insertable, Selectable } from 'kysely'
import type { Db } from '../db/database.ts'
import type { ImportJobTable, ImportState } from '../db/schema.ts'
import { PAGE_LINES } from './access-lines.ts'
import type { AccessDetail } from './report.ts'

export type ImportJob = Selectable<ImportJobTable>

export async function insertImportJob(db: Db, job: Insertable<ImportJobTable>): Promise<void> {
  await db.insertInto('importJob').values(job).execute()
}

/** How an import ended. */
export interface ImportEnd {
  state: Exclude<ImportState, 'running'>
  isDryRun: boolean
  endedAt: Date
  fileBytes: number
  fileDigest: string
  counts: object
  report: object
}

/** Keeps how an import ended, if nothing else is known of it yet. Returns how it ended. */
export async function endImportJob(db: Db, id: string, end: ImportEnd): Promise<ImportEnd['state']> {
  const { counts, report, ...columns } = end
  const { numUpdatedRows } = await db
    .updateTable('importJob')
    .set({ ...columns, counts: JSON.stringify(counts), report: JSON.stringify(report) })
    .where('id', '=', id)
    .where('state', '=', 'running')
    .executeTakeFirst()
  if (numUpdatedRows > 0n) return end.state
  const kept = await db.selectFrom('importJob').select('state').where('id', '=', id).executeTakeFirst()
  return kept === undefined || kept.state === 'running' ? end.state : kept.state
}

/**
 * Jobs of this node that were under way when it stopped. What they had done was rolled back by the database: an import that is
 * applied ends in the same transaction, and is not running any more.
 */
export async function interruptImportJobs(db: Db, ids: readonly string[], endedAt: Date): Promise<void> {
  if (ids.length === 0) return
  await db
    .updateTable('importJob')
    .set({ state: 'interrupted', endedAt })
    .where('id', 'in', ids)
    .where('state', '=', 'running')
    .execute()
}

/** So many pages in one statement: some hundred kilobytes. */
const PAGES_AT_ONCE = 20

/** Keeps who gains or loses what, page by page, as JSON; may be repeated. */
export async function insertImportAccess(db: Db, importId: string, pages: readonly string[]): Promise<void> {
  for (let start = 0; start < pages.length; start += PAGES_AT_ONCE) {
    const some = pages.slice(start, start + PAGES_AT_ONCE)
    const rows = some.map((details, n) => ({ importId, page: start + n, details }))
    await db
      .insertInto('importAccess')
      .values(rows)
      .onConflict((conflict) => conflict.doNothing())
      .execute()
  }
}

/** Lines of who gains or loses what. Index import_access_pk. */
export async function listImportAccess(
  db: Db,
  importId: string,
  { offset, limit }: { offset: number; limit: number },
): Promise<AccessDetail[]> {
  const first = Math.floor(offset / PAGE_LINES)
  const rows = await db
    .selectFrom('importAccess')
    .select('details')
    .where('importId', '=', importId)
    .where('page', '>=', first)
    .where('page', '<=', Math.floor((offset + limit - 1) / PAGE_LINES))
    .orderBy('page')
    .execute()
  const from = offset - first * PAGE_LINES
  return rows.flatMap(({ details }) => details as unknown as AccessDetail[]).slice(from, from + limit)
}

export async function findImportJob(db: Db, id: string): Promise<ImportJob | undefined> {
  return db.selectFrom('importJob').selectAll().where('id', '=', id).executeTakeFirst()
}

/** Newest first, without the reports. Indexes import_job_created, import_job_organisation. */
export async function listImportJobs(
  db: Db,
  { organisationId, offset, limit }: { organisationId: number | undefined; offset: number; limit: number },
): Promise<Omit<ImportJob, 'report' | 'options'>[]> {
  return db
    .selectFrom('importJob')
    .select(['id', 'state', 'organisationId', 'name', 'fileName', 'fileBytes', 'fileDigest', 'format'])
    .select(['isDryRun', 'createdBy', 'createdAt', 'endedAt', 'counts'])
    .$if(organisationId !== undefined, (query) => query.where('organisationId', '=', organisationId ?? 0))
    .orderBy('createdAt', 'desc')
    .orderBy('id')
    .offset(offset)
    .limit(limit)
    .execute()
}
