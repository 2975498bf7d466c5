import { z } from 'zod'
import type { AccessIndex } from '../access/access-index.ts'
import { LOCAL_OPERATOR_PRINCIPAL_ID } from '../access/model.ts'
import { managesUsers } from '../access/people-door.ts'
import type { ImportProgress } from '../client/notifications.ts'
import { problem } from '../errors.ts'
import { findImportJob, type ImportJob, listImportAccess, listImportJobs } from '../import/import-job-queries.ts'
import type { RunningImport } from '../import/import-service.ts'
import { requireImporter } from '../import/importer.ts'
import { emptyCounts, emptyReport, importCounts, importReport } from '../import/report.ts'
import { fileInput, type ImportSource, textInput } from '../import/sources.ts'
import { writeNotification } from '../rpc/envelope.ts'
import { type Call, defineMethod } from '../rpc/method.ts'
import { actorOf, operatorClients as clients, id, lookOf, paging, refused } from './rights-shapes.ts'
import { empty, integer } from './shapes.ts'

const MAX_INLINE = 1_048_576
const PUSH_MS = 500
const importId = z.uuid()
/** Of `report.access` in one answer. */
const MAX_LINES = 1000

const importMasterData = defineMethod({
  name: 'importMasterData',
  summary:
    'Imports people, what they may see and whole fleets from a file: first as a dry run that shows who and what would change. Progress comes as `importProgress`.',
  clients,
  params: z.strictObject({
    /** What PUT /imports/<name> answered. */
    upload: z.uuid().optional(),
    /** A small file in the call itself. */
    content: z.string().max(MAX_INLINE).optional(),
    /** On the machine of the service, for its operator only. */
    path: z.string().max(4096).optional(),
    fileName: z.string().min(1).max(200).default('file'),
    /** What says how to read the file, where the format needs it. */
    template: z.string().max(MAX_INLINE).optional(),
    format: z.string().max(50).optional(),
    /** The main organisation that it is for; left out: the whole service. */
    organisationId: id.optional(),
    /** Where it comes from: Set replaces what an import of this name gave before (K12). */
    name: z.string().min(1).max(50).default('file'),
    /** `all`: Set replaces what anybody gave. */
    scope: z.enum(['source', 'all']).default('source'),
    dryRun: z.boolean().default(false),
    skipInvalid: z.boolean().default(false),
  }),
  result: z.object({ importId: z.string() }),
  access: 'signedIn',
  handler: async (call, { upload, content, path, fileName, template, organisationId = null, ...options }) => {
    const actor = actorOf(call)
    requireImporter(call.ctx, actor, organisationId)
    const source = await sourceOf(call, { upload, content, path, fileName })
    const explained = template === undefined ? undefined : textInput('template', template)
    const job = await call.ctx.imports.begin(actor, source, { ...options, organisationId }, explained)
    follow(call, job)
    return { importId: job.id }
  },
})

async function sourceOf(
  call: Call,
  given: { upload?: string | undefined; content?: string | undefined; path?: string | undefined; fileName: string },
): Promise<ImportSource> {
  const { upload, content, path, fileName } = given
  const { actorId } = actorOf(call)
  if ([upload, content, path].filter((one) => one !== undefined).length !== 1)
    throw problem('Give the file once: as upload, or as content')
  if (content !== undefined) return textInput(fileName, content)
  if (upload !== undefined) {
    const { uploads } = call.ctx.imports
    const file = uploads.take(upload, actorId)
    const found = await fileInput(file.name, file.path)
    return { ...found, release: () => uploads.discard(file), putBack: () => uploads.putBack(file) }
  }
  const { caller } = call
  const isLocal = caller.type === 'service' && caller.token === undefined && actorId === LOCAL_OPERATOR_PRINCIPAL_ID
  if (!isLocal) throw problem('Only the operator on the machine of the service names a path: send the file')
  return fileInput(fileName, path ?? '')
}

/** Tells the socket that began it how far it is, until it is done or the socket is not its any more. */
function follow({ ctx, session, caller }: Call, job: RunningImport): void {
  if (session.caller !== caller) return
  let toldAt = Number.NEGATIVE_INFINITY
  const held = `import ${job.id}`
  const stop = ctx.imports.onProgress((other) => {
    if (other.id !== job.id) return
    const now = performance.now()
    if (other.result === undefined && now - toldAt < PUSH_MS) return
    toldAt = now
    const ended = other.result === undefined ? {} : { state: other.result.state }
    const progress: ImportProgress = { importId: job.id, ...other.progress, ...ended }
    if (session.channel.isOpen) session.channel.push(writeNotification('importProgress', { ...progress }))
    if (other.result !== undefined) session.hold(held, undefined)
  })
  session.hold(held, { [Symbol.dispose]: stop })
}

const cancelImport = defineMethod({
  name: 'cancelImport',
  summary: 'Stops an import that is under way; nothing of it is left behind.',
  clients,
  params: z.strictObject({ importId }),
  result: empty,
  access: 'signedIn',
  handler: async (call, params) => {
    await requireJob(call, params.importId)
    const job = call.ctx.imports.running(params.importId)
    if (job === undefined) throw problem('This import is not under way here (any more)')
    job.cancel()
    await job.done
    return {}
  },
})

const importProgress = z.object({
  phase: z.enum(['reading', 'planning', 'applying']),
  read: z.number(),
  planned: z.number(),
  applied: z.number(),
})

const jobView = {
  importId: z.string(),
  state: z.string(),
  organisationId: z.number().nullable(),
  name: z.string(),
  fileName: z.string(),
  fileBytes: z.number(),
  /** SHA-256 of the file, in hex. */
  fileDigest: z.string(),
  format: z.string(),
  dryRun: z.boolean(),
  createdBy: z.string().nullable(),
  createdAt: z.string(),
  endedAt: z.string().nullable(),
  counts: importCounts,
}

/** Who it was, if he is still there. */
function nameOf(index: AccessIndex, principalId: number): string {
  if (principalId === LOCAL_OPERATOR_PRINCIPAL_ID) return 'the operator of the service'
  return index.user(principalId)?.login ?? index.row('service', principalId)?.name ?? `principal ${principalId}`
}

function viewOf({ ctx }: Call, job: Omit<ImportJob, 'report' | 'options'>) {
  const { id: importId, createdBy, createdAt, endedAt, isDryRun: dryRun, counts, ...columns } = job
  const login = createdBy === null ? null : nameOf(ctx.store.index, createdBy)
  const { organisationId, name, fileName, fileBytes, fileDigest, format } = columns
  // What is applied is not done before this node has it, too.
  const isUnderWay = ctx.imports.running(importId) !== undefined
  return {
    importId,
    state: isUnderWay ? 'running' : columns.state,
    organisationId,
    name,
    fileName,
    fileBytes: Number(fileBytes),
    fileDigest,
    format,
    dryRun,
    createdBy: login,
    createdAt: createdAt.toISOString(),
    endedAt: isUnderWay ? null : (endedAt?.toISOString() ?? null),
    counts: { ...emptyCounts(), ...counts },
  }
}

const getImportReport = defineMethod({
  name: 'getImportReport',
  summary:
    'What an import did or would do, and everything that is wrong: with file, row, column, value and rule. Who gains or loses what comes in pages.',
  clients,
  params: z.strictObject({
    importId,
    /** Of `report.access`, from 0. */
    page: paging.page,
    limit: integer.pipe(z.number().min(1).max(MAX_LINES)).default(100),
  }),
  result: z.object({
    ...jobView,
    progress: importProgress.optional(),
    report: importReport,
  }),
  access: 'signedIn',
  handler: async (call, params) => {
    const job = await requireJob(call, params.importId)
    const progress = call.ctx.imports.running(job.id)?.progress
    const { page, limit } = params
    const access = await listImportAccess(call.ctx.db, job.id, { offset: page * limit, limit })
    const report = { ...emptyReport(), ...job.report, access }
    return { ...viewOf(call, job), report, ...(progress ? { progress: { ...progress } } : {}) }
  },
})

const listImports = defineMethod({
  name: 'listImports',
  summary: 'Imports into an organisation, or of the whole service, newest first.',
  clients,
  params: z.strictObject({ organisationId: id.optional(), page: paging.page, limit: paging.limit }),
  result: z.object({ imports: z.array(z.object(jobView)) }),
  access: 'signedIn',
  handler: async (call, { organisationId, page, limit }) => {
    requireImporter(call.ctx, actorOf(call), organisationId ?? null)
    const jobs = await listImportJobs(call.ctx.db, { organisationId, offset: page * limit, limit })
    return { imports: jobs.map((job) => viewOf(call, job)) }
  },
})

/** The job, for those who could have begun it. */
export async function requireJob(call: Call, jobId: string): Promise<ImportJob> {
  const job = await findImportJob(call.ctx.db, jobId)
  const look = lookOf(call)
  const isOwner =
    job !== undefined &&
    job.organisationId !== null &&
    (look.askerId === null || look.index.allows(look.askerId, 'manageGroup', job.organisationId, look.at))
  if (job === undefined || !(isOwner || managesUsers(look))) {
    throw refused(look, 'import', job === undefined && `import ${jobId}`)
  }
  return job
}

export const importMethods = [importMasterData, cancelImport, getImportReport, listImports]
