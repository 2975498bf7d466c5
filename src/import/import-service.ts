import { randomUUID } from 'node:crypto'
import { mkdir, readdir, rm } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { rightsHolder } from '../access/write-door.ts'
import type { AppContext } from '../context.ts'
import type { Tx } from '../db/database.ts'
import { isDeadlock } from '../db/pg-errors.ts'
import type { ImportState } from '../db/schema.ts'
import { Turns } from '../db/turns.ts'
import type { Actor, WriteFunction } from '../db/write.ts'
import { AppError, problem } from '../errors.ts'
import { keyedHash } from '../lib/secrets.ts'
import { type ApplyParts, applyInside, applyPlan, Moved } from './apply.ts'
import { fromDisk } from './disk.ts'
import {
  endImportJob,
  type ImportEnd,
  insertImportAccess,
  insertImportJob,
  interruptImportJobs,
} from './import-job-queries.ts'
import { requireImporter } from './importer.ts'
import { keepEnd } from './keep-end.ts'
import type { ImportInput, ImportLimits } from './model.ts'
import { ReservedIds } from './numbers.ts'
import { Pace } from './pace.ts'
import { makePlan, type Plan, type PlanOptions, type PlanParts } from './plan.ts'
import { readImport } from './readers.ts'
import { emptyCounts, emptyReport, type ImportCounts, type ImportReport } from './report.ts'
import { type CountedSource, counting, type ImportSource } from './sources.ts'
import { shown } from './unreadable.ts'
import { Uploads } from './uploads.ts'

export interface ImportOptions {
  /** Main organisation that it is for; null: the whole service. */
  organisationId: number | null
  /** Short name of where it comes from: Set replaces what it gave before (K12). */
  name: string
  /** Of the readers; undefined: found out. */
  format?: string | undefined
  scope: 'source' | 'all'
  dryRun: boolean
  skipInvalid: boolean
}

export interface ImportProgress {
  phase: 'reading' | 'planning' | 'applying'
  read: number
  planned: number
  applied: number
}

export interface RunningImport {
  id: string
  actor: Actor
  organisationId: number | null
  progress: ImportProgress
  /** Set at the end. */
  result?: ImportResult
  cancel(): void
  done: Promise<ImportResult>
}

export interface ImportResult {
  state: Exclude<ImportState, 'running'>
  /** Asked for, or by the file itself (D-29). */
  isDryRun: boolean
  counts: ImportCounts
  report: ImportReport
  /** Pages of who gains or loses what, as JSON. */
  access: readonly string[]
}

/** `isKept`: the transaction that applied it kept how it ended as well. */
type Outcome = ImportResult & { isKept?: true }

export type ProgressListener = (job: RunningImport) => void

/** After so many plans that were overtaken, the next is made while nobody else can write. */
const MAX_PLANS = 3
const MAX_RUNNING = 5
const MAX_FILE_NAME = 200
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,49}$/

type Context = Pick<AppContext, 'db' | 'store' | 'write' | 'clock' | 'config' | 'log' | 'pepper' | 'keyCopies'>

/** Imports of this node: one at a time, the others wait. */
export class ImportJobs implements AsyncDisposable {
  readonly #ctx: Context
  readonly #folder: string
  /** Files that were sent and wait. */
  readonly uploads: Uploads
  readonly #turns = new Turns()
  readonly #running = new Map<string, RunningImport>()
  readonly #listeners = new Set<ProgressListener>()
  readonly #stopping = new AbortController()
  readonly #keepPausesMs: readonly number[] | undefined
  #beginning = 0

  constructor(ctx: Context, keepPausesMs?: readonly number[]) {
    this.#ctx = ctx
    this.#keepPausesMs = keepPausesMs
    this.#folder = join(ctx.config.dataDir, 'imports')
    this.uploads = new Uploads({ folder: this.#folder, clock: ctx.clock, maxBytes: ctx.config.importMaxFileBytes })
  }

  /** Marks what a crash interrupted before it was applied, and deletes what it left on disk. */
  async start(): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 })
    const left = await readdir(this.#folder)
    await interruptImportJobs(
      this.#ctx.db,
      left.flatMap((name) => (name.startsWith('job-') ? [name.slice('job-'.length)] : [])),
      this.#ctx.clock(),
    )
    for (const name of left) await rm(join(this.#folder, name), { recursive: true, force: true })
  }

  /** Begins an import; whoever may not do that is refused like somebody who asks for what is not there. */
  async begin(
    actor: Actor,
    input: ImportSource,
    options: ImportOptions,
    template?: ImportInput,
  ): Promise<RunningImport> {
    const id = randomUUID()
    const abort = new AbortController()
    const folder = this.#folderOf(id)
    this.#beginning += 1
    try {
      requireImporter(this.#ctx, actor, options.organisationId)
      if (!NAME.test(options.name)) throw problem('The name of an import has 1 to 50 letters, digits, ".", "_" or "-"')
      if (this.#running.size + this.#beginning > MAX_RUNNING)
        throw problem(`${MAX_RUNNING} imports wait or are under way: begin this one when one of them has ended`)
      await mkdir(folder, { mode: 0o700 }).catch((error: unknown) => Promise.reject(fromDisk(error)))
      await this.#insertJob(id, actor, input, options)
    } catch (error) {
      await rm(folder, { recursive: true, force: true })
      input.putBack?.()
      throw error
    } finally {
      this.#beginning -= 1
    }
    const job: RunningImport = {
      id,
      actor,
      organisationId: options.organisationId,
      progress: { phase: 'reading', read: 0, planned: 0, applied: 0 },
      cancel: () => abort.abort(new Cancelled()),
      done: Promise.resolve().then(() => this.#run(job, input, options, template, abort.signal)),
    }
    this.#running.set(id, job)
    return job
  }

  async #insertJob(id: string, actor: Actor, input: ImportInput, options: ImportOptions): Promise<void> {
    const { organisationId, name, format = '', dryRun, scope, skipInvalid } = options
    await insertImportJob(this.#ctx.db, {
      id,
      state: 'running',
      organisationId,
      name,
      fileName: shown(basename(input.name), MAX_FILE_NAME),
      format: shown(format),
      options: JSON.stringify({ scope, skipInvalid }),
      isDryRun: dryRun,
      createdBy: rightsHolder(actor),
      createdAt: this.#ctx.clock(),
      endedAt: null,
    })
  }

  /** An import that is under way here. */
  running(id: string): RunningImport | undefined {
    return this.#running.get(id)
  }

  /** Hears of each step and of the end. Returns how to stop. */
  onProgress(listener: ProgressListener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort()
    const jobs = [...this.#running.values()]
    for (const job of jobs) job.cancel()
    await Promise.all(jobs.map(({ done }) => done))
    this.#listeners.clear()
  }

  async #run(
    job: RunningImport,
    input: ImportSource,
    options: ImportOptions,
    template: ImportInput | undefined,
    signal: AbortSignal,
  ): Promise<ImportResult> {
    const counted = counting(input)
    let passOn: (() => void) | undefined
    let outcome: Outcome
    try {
      passOn = await this.#turns.take(signal)
      outcome = await this.#attempt(job, counted, options, template, signal)
    } catch (error) {
      outcome = { ...this.#failed(error), isDryRun: options.dryRun }
    } finally {
      passOn?.()
    }
    const { isKept, ...result } = outcome
    const end = endOf(result, counted, this.#ctx.clock())
    const kept = { importId: job.id, end, access: result.access, signal: this.#stopping.signal }
    const state = isKept ? end.state : await keepEnd(this.#ctx, kept, this.#keepPausesMs)
    job.result = { ...result, state: state ?? end.state }
    await this.#clearUp(job.id, input, state !== undefined)
    this.#running.delete(job.id)
    this.#tell(job)
    return job.result
  }

  /** The folder of an import whose end is not kept stays: by it the next start knows that nothing was applied. */
  async #clearUp(id: string, input: ImportSource, isKept: boolean): Promise<void> {
    try {
      if (isKept) await rm(this.#folderOf(id), { recursive: true, force: true })
      await input.release?.()
    } catch (error) {
      this.#ctx.log.error({ err: error, importId: id }, 'the files of an import could not be deleted')
    }
  }

  #folderOf(id: string): string {
    return join(this.#folder, `job-${id}`)
  }

  async #attempt(
    job: RunningImport,
    input: CountedSource,
    options: ImportOptions,
    template: ImportInput | undefined,
    signal: AbortSignal,
  ): Promise<Outcome> {
    const { db, store, write, clock } = this.#ctx
    const askerId = rightsHolder(job.actor)
    const limits = importLimits(this.#ctx.config)
    const { organisationId, scope, skipInvalid } = options
    const planned: PlanOptions = {
      askerId,
      organisationId,
      source: `import:${options.name}`,
      scope,
      skipInvalid,
      maxProblems: limits.maxProblems,
      maxAccessLines: this.#ctx.config.importMaxAccessLines,
      folder: this.#folderOf(job.id),
    }
    const reserved = new ReservedIds()
    const plan = async (parts: Pick<PlanParts, 'db' | 'index' | 'pace'>) => {
      const readOptions = { pace: parts.pace, ...(template === undefined ? {} : { template }) }
      const items = readImport(input, readOptions, limits, options.format || undefined)
      const onProgress = (progress: { read: number; planned: number }) =>
        this.#progress(job, { phase: progress.planned > 0 ? 'planning' : 'reading', ...progress })
      const hash = (secret: string) => keyedHash(this.#ctx.pepper, secret)
      const given = { ...parts, reserved, at: clock(), hash, onProgress }
      const made = await makePlan(items, planned, given, options.dryRun)
      await input.readFacts(limits.maxFileBytes, signal)
      await input.requireSame?.()
      return made
    }
    const parts: ApplyParts = {
      write,
      clock,
      signal,
      requireImporter: () => requireImporter(this.#ctx, job.actor, organisationId),
      keepKey: async (tx, keyId, apiKey) => this.#ctx.keyCopies?.store(tx, keyId, apiKey),
      onProgress: ({ applied }) => this.#progress(job, { phase: 'applying', applied }),
    }
    const keepAccess = (tx: Tx, made: Plan) => insertImportAccess(tx, job.id, made.summary.lines.pages())
    const keepEnd = (tx: Tx, made: Plan) => endImportJob(tx, job.id, endOf(resultOf(made), input, clock()))
    for (let attempt = 0; attempt < MAX_PLANS; attempt++) {
      parts.requireImporter()
      await using made = await plan({ db, index: store.index, pace: new Pace(signal) })
      if (!mustApply(made)) return resultOf(made)
      // How it ended is part of what is applied; the pages are written before others have to wait.
      const writeAll: WriteFunction = (actor, body, prepare) =>
        write(
          actor,
          async (w) => {
            const value = await body(w)
            await keepEnd(w.tx, made)
            return value
          },
          async (tx) => {
            await prepare?.(tx)
            await keepAccess(tx, made)
          },
        )
      try {
        await applyPlan(made, { ...parts, write: writeAll }, { actor: job.actor, organisationId, importId: job.id })
        return { ...resultOf(made), isKept: true }
      } catch (error) {
        if (!(error instanceof Moved || isDeadlock(error))) throw error
      }
    }
    return await write(job.actor, async (w): Promise<Outcome> => {
      parts.requireImporter()
      // Everybody waits for this: it does not sleep.
      await using made = await plan({ db: w.tx, index: w.index, pace: new Pace(signal, { restMs: 0 }) })
      if (!mustApply(made)) return resultOf(made)
      await applyInside(w, made, parts, { organisationId, importId: job.id })
      await keepAccess(w.tx, made)
      await keepEnd(w.tx, made)
      return { ...resultOf(made), isKept: true }
    })
  }

  #failed(error: unknown): Omit<ImportResult, 'isDryRun'> {
    const nothing = { counts: emptyCounts(), report: emptyReport(), access: [] }
    const { report } = nothing
    if (error instanceof Cancelled) return { state: 'cancelled', ...nothing }
    const isKnown = error instanceof AppError
    if (!isKnown || error.cause !== undefined) this.#ctx.log.error({ err: error }, 'an import failed')
    const text = isKnown ? error.message : 'The import failed; the log of the service says why'
    report.problems.push({ place: { file: '' }, rule: 'failed', text, isFatal: true })
    report.problemCount = 1
    return { state: 'failed', ...nothing }
  }

  #progress(job: RunningImport, step: Partial<ImportProgress>): void {
    Object.assign(job.progress, step)
    this.#tell(job)
  }

  #tell(job: RunningImport): void {
    for (const listener of this.#listeners) listener(job)
  }
}

/** Somebody stopped it. */
class Cancelled extends Error {
  override name = 'Cancelled'
}

/** The limits of the settings. */
export function importLimits(config: AppContext['config']): ImportLimits {
  return {
    maxFileBytes: config.importMaxFileBytes,
    maxUnpackedBytes: config.importMaxUnpackedBytes,
    maxUnpackedRatio: config.importMaxUnpackedRatio,
    maxRows: config.importMaxRows,
    maxColumns: config.importMaxColumns,
    maxCellBytes: config.importMaxCellBytes,
    maxProblems: config.importMaxProblems,
  }
}

function mustApply(plan: Plan): boolean {
  const { isDryRun, isRefused, users, records, outsiders } = plan
  return !isDryRun && !isRefused && (users.count > 0 || records.length > 0 || outsiders.length > 0)
}

function resultOf({ isRefused, isDryRun, summary: { counts, report, lines } }: Plan): ImportResult {
  return { state: isRefused ? 'refused' : 'done', isDryRun, counts, report, access: lines.pages() }
}

function endOf({ access: _, ...end }: ImportResult, input: CountedSource, endedAt: Date): ImportEnd {
  return { ...end, ...input.facts(), endedAt }
}
