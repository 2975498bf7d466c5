import type { Insertable, Selectable } from 'kysely'
import type { Db } from '../db/database.ts'
import type { ImportJobTable, ImportState } from '../db/schema.ts'

export type ImportJob = Selectable<ImportJobTable>

export async function insertImportJob(db: Db, job: Insertable<ImportJobTable>): Promise<void> {
  await db.insertInto('importJob').values(job).execute()
}

export async function updateImportJob(
  db: Db,
  id: string,
  end: {
    state: ImportState
    isDryRun: boolean
    endedAt: Date
    fileBytes: number
    fileDigest: string
    counts: object
    report: object
  },
): Promise<void> {
  const { counts, report, ...columns } = end
  await db
    .updateTable('importJob')
    .set({ ...columns, counts: JSON.stringify(counts), report: JSON.stringify(report) })
    .where('id', '=', id)
    .execute()
}

/** Jobs of this node that were under way when it stopped: what they had done was rolled back by the database. */
export async function interruptImportJobs(db: Db, ids: readonly string[], endedAt: Date): Promise<void> {
  if (ids.length === 0) return
  await db
    .updateTable('importJob')
    .set({ state: 'interrupted', endedAt })
    .where('id', 'in', ids)
    .where('state', '=', 'running')
    .execute()
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
