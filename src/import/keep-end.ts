import { setTimeout as pause } from 'node:timers/promises'
import type { AppContext } from '../context.ts'
import { isMisfit } from '../db/pg-errors.ts'
import { endImportJob, type ImportEnd, insertImportAccess } from './import-job-queries.ts'

/** Between attempts; the last one again and again. */
const PAUSES_MS = [200, 1000, 5000, 15_000, 60_000]

/**
 * Keeps how an import ended that applied nothing; as often as it must, until the service stops. Returns what is kept, if
 * anything is: the database may have committed what seemed to have failed. Pages first: whoever reads that it has ended reads
 * all of it.
 */
export async function keepEnd(
  { db, log }: Pick<AppContext, 'db' | 'log'>,
  {
    importId,
    end,
    access,
    signal,
  }: { importId: string; end: ImportEnd; access: readonly string[]; signal: AbortSignal },
  pausesMs: readonly number[] = PAUSES_MS,
): Promise<ImportEnd['state'] | undefined> {
  const pauses = pausesMs.values()
  for (let nextTryMs = 0; ; ) {
    try {
      await insertImportAccess(db, importId, access)
      return await endImportJob(db, importId, end)
    } catch (error) {
      if (isMisfit(error)) {
        log.warn({ err: error, importId }, 'how an import ended is not kept: its organisation is gone')
        return end.state
      }
      nextTryMs = pauses.next().value ?? nextTryMs
      log.error({ err: error, importId, nextTryMs }, 'how an import ended could not be kept')
    }
    if (signal.aborted) return undefined
    await pause(nextTryMs, undefined, { signal }).catch(() => undefined)
  }
}
