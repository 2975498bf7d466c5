import { randomUUID } from 'node:crypto'
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { AppContext } from '../../src/context.ts'
import { applyPlan } from '../../src/import/apply.ts'
import { insertImportJob } from '../../src/import/import-job-queries.ts'
import { requireImporter } from '../../src/import/importer.ts'
import type { ImportItem, UserRecord } from '../../src/import/model.ts'
import { ReservedIds } from '../../src/import/numbers.ts'
import { Pace } from '../../src/import/pace.ts'
import { makePlan, type PlanOptions } from '../../src/import/plan.ts'
import type { AccessDetail, ImportCounts, ImportReport } from '../../src/import/report.ts'
import { keyedHash } from '../../src/lib/secrets.ts'

export interface Imported {
  isRefused: boolean
  counts: ImportCounts
  report: ImportReport
}

/** Plans records and, unless it is a dry run or something is wrong, applies them, as a job does with what a reader yields. */
export async function importItems(
  ctx: AppContext,
  items: readonly ImportItem[],
  given: Partial<PlanOptions> & {
    dryRun?: boolean
    signal?: AbortSignal
    beforeApply?: () => Promise<unknown>
    onApplied?: () => void
  } = {},
): Promise<Imported> {
  const importId = randomUUID()
  const folder = join(ctx.config.dataDir, `import-${randomUUID()}`)
  await mkdir(folder, { recursive: true })
  const { dryRun = false, signal = new AbortController().signal } = given
  const options: PlanOptions = {
    askerId: null,
    organisationId: null,
    source: 'import:test',
    scope: 'source',
    skipInvalid: false,
    maxProblems: 100,
    maxAccessLines: 1000,
    folder,
    ...given,
  }
  const parts = {
    index: ctx.store.index,
    db: ctx.db,
    at: ctx.clock(),
    reserved: new ReservedIds(),
    hash: (secret: string) => keyedHash(ctx.pepper, secret),
    pace: new Pace(signal),
    onProgress: () => undefined,
  }
  const read = async function* () {
    yield* items
  }
  try {
    await using plan = await makePlan(read(), options, parts, dryRun)
    const { isRefused, summary } = plan
    const job = { organisationId: options.organisationId, name: 'test', fileName: 'test', isDryRun: dryRun }
    const started = { ...job, state: 'done', createdBy: options.askerId, createdAt: ctx.clock() } as const
    await insertImportJob(ctx.db, { id: importId, ...started })
    await given.beforeApply?.()
    if (!isRefused && !plan.isDryRun) {
      await applyPlan(
        plan,
        {
          write: ctx.write,
          clock: ctx.clock,
          signal,
          requireImporter: () => requireImporter(ctx, { actorId: options.askerId }, options.organisationId),
          onProgress: () => given.onApplied?.(),
          keepKey: async () => undefined,
        },
        { actor: { actorId: options.askerId }, organisationId: options.organisationId, importId },
      )
    }
    const access = summary.lines.pages().flatMap((page) => JSON.parse(page) as AccessDetail[])
    return { isRefused, counts: summary.counts, report: { ...summary.report, access } }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** A record of a user, as a reader makes it. */
export function userRecord(login: string, rest: Partial<UserRecord> = {}): UserRecord {
  return { kind: 'user', place: { file: 'users.csv', row: 2 }, login, email: login, ...rest }
}
