import { createReadStream } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import { basename, resolve } from 'node:path'
import { Readable } from 'node:stream'
import { setTimeout as pause } from 'node:timers/promises'
import { Command, Option } from 'commander'
import type { ParamsOf, ResultOf } from '../client/protocol.ts'
import type { ServiceClient } from '../client/service-client.ts'
import { ConfigError } from '../config.ts'
import { AppError, problem } from '../errors.ts'
import { withClientOptions } from './calls.ts'
import { bearerOf, type ClientOptions, httpAddress, notByHttp, openService } from './client.ts'
import { importLine, progressLine, reportText } from './import-text.ts'
import { invitationsText, validDays, writeInvitations } from './invitations.ts'
import { odooFile, odooOrganisation } from './odoo.ts'
import { organisationOf } from './organisation.ts'
import { openPrivate } from './private-file.ts'

interface Options extends ClientOptions {
  odoo?: string
  odooOrganisation: string
  template?: string
  format?: string
  organisation?: string
  name?: string
  scope: 'source' | 'all'
  dryRun?: true
  skipInvalid?: true
  invitations?: string
  validDays: number
  json?: true
}

const POLL_MS = 300
/** Answers one after the other that say it is running, and nobody works on it. */
const MAX_IDLE = 20
/** Lines in one answer. */
const PAGE = 1000

type Report = ResultOf<'getImportReport'>

/** `import`: sends a file, shows how far it is, and what it did. Exit code 1 when nothing was applied that should have been. */
export function importCommand(): Command {
  return withClientOptions(new Command('import'))
    .description('Import people, what they may see and whole fleets from a file')
    .argument('[file]', 'CSV, Excel, JSON, YAML: its content says which')
    .option(
      '--odoo <url>',
      'instead of a file: the database of an Odoo, postgresql://reader@host/odoo; see odoo-to-fleet',
    )
    .option('--odoo-organisation <key>', 'what of Odoo belongs to, here', odooOrganisation)
    .option('--template <file>', 'what says how to read the file')
    .option('--format <name>', 'do not look what it is')
    .option('--organisation <id or name>', 'main organisation that it is for')
    .option('--name <name>', 'where it comes from: "Set" replaces what this name gave before (default: file, or odoo)')
    .addOption(new Option('--scope <scope>', '"Set" replaces what').choices(['source', 'all']).default('source'))
    .option('--dry-run', 'show what would change, and change nothing')
    .option('--skip-invalid', 'leave out what is wrong instead of doing nothing')
    .option('--invitations <file>', 'write vouchers for people without a password into this new file, as CSV')
    .addOption(validDays())
    .action(async (named: string | undefined, options: Options) => {
      await using source = await sourceOf(named, options)
      const file = source.path
      const { invitations, dryRun } = options
      // Before anything is done: afterwards it would be too late to say that it cannot be written.
      await using target = invitations === undefined || dryRun ? undefined : await openPrivate(invitations)
      const read = await fileOf(file, options)
      await using service = await openService(options)
      const into = await organisationOf(options)
      const given = { ...read, ...into, ...(await place(service, file, options)) }
      const { importId } = await service.call('importMasterData', given)
      const cancel = () => void service.call('cancelImport', { importId }).catch(() => undefined)
      process.once('SIGINT', cancel)
      const report = await followed(service, importId, options)
      process.removeListener('SIGINT', cancel)
      if (target === undefined || report.state !== 'done' || report.dryRun) return show(report, options)
      // What was imported is told whatever becomes of the vouchers.
      if (!options.json) show({ ...report, invitations: 'to come' }, options)
      const invited = await writeInvitations(options, importId, target, options.validDays).catch((error: unknown) => {
        if (options.json) show(report, options)
        throw withoutVouchers(importId, error)
      })
      if (options.json) show({ ...report, invitations: invited }, options)
      else process.stdout.write(`${invitationsText(invited, String(invitations))}\n`)
    })
}

function withoutVouchers(importId: string, error: unknown): AppError {
  const text = `Imported as ${importId}; but not all vouchers were written. Make all of them anew, into a new file: ems-metadata invite-imported ${importId} FILE`
  return new AppError('generic', [text], error)
}

/** `import-report`: what an earlier import did, or the newest ones. */
export function importReportCommand(): Command {
  return withClientOptions(new Command('import-report'))
    .description('What an import did; without an id the newest imports')
    .argument('[import-id]', 'as "import" and the list say')
    .option('--organisation <id or name>', 'those into this organisation')
    .action(async (importId: string | undefined, options: Options) => {
      await using service = await openService(options)
      if (importId !== undefined) {
        const report = await service.call('getImportReport', { importId })
        return show(await whole(service, report, options), options, false)
      }
      const where = await organisationOf(options)
      const result = await service.call('listImports', where)
      const lines = result.imports.map(importLine)
      process.stdout.write(`${options.json ? JSON.stringify(result) : lines.join('\n') || 'There are none.'}\n`)
    })
}

/** The file to send; what comes from Odoo is read into one that is gone afterwards. */
async function sourceOf(
  file: string | undefined,
  { odoo, odooOrganisation: key }: Options,
): Promise<AsyncDisposable & { path: string }> {
  if ((file === undefined) === (odoo === undefined)) throw new ConfigError('Say what to import: a file, or --odoo URL.')
  if (odoo !== undefined) return await odooFile(odoo, key)
  return { path: file ?? '', [Symbol.asyncDispose]: async () => undefined }
}

/** What is said of the file and how it is read. */
async function fileOf(file: string, options: Options): Promise<ParamsOf<'importMasterData'>> {
  const { template, format, scope, dryRun = false, skipInvalid = false } = options
  const name = options.name ?? (options.odoo === undefined ? 'file' : 'odoo')
  if (!(await stat(file).catch(() => undefined))?.isFile()) throw new ConfigError(`There is no file ${file}.`)
  return {
    fileName: basename(file).slice(0, 200),
    ...(template === undefined ? {} : { template: await readFile(template, 'utf8') }),
    ...(format === undefined ? {} : { format }),
    name,
    scope,
    dryRun,
    skipInvalid,
  }
}

/** Where the service finds it: on this machine, or sent to it. */
async function place(service: ServiceClient, file: string, options: Options) {
  return options.url === undefined ? { path: resolve(file) } : { upload: await send(service, file, options) }
}

/** Sends the file by HTTP to where the socket is. */
async function send(service: ServiceClient, file: string, options: Options): Promise<string> {
  const target = httpAddress(`/imports/${encodeURIComponent(basename(file))}`, options)
  const before = await stat(file)
  const body = Readable.toWeb(createReadStream(file)) as ReadableStream
  const headers = { authorization: bearerOf(service, options) }
  const sent = { method: 'PUT', headers, body, duplex: 'half' } as RequestInit
  const response = await fetch(target, sent).catch((error: Error) => {
    throw problem(
      `${basename(file)} could not be sent to ${target.origin}: ${(error.cause as Error)?.message ?? error}`,
    )
  })
  const answer = readAnswer(await response.text())
  const after = await stat(file)
  if (after.mtimeMs !== before.mtimeMs || after.size !== before.size)
    throw new ConfigError(`${file} was changed while it was sent: import it when it is whole.`)
  if (answer === undefined) throw notByHttp(target, response.status)
  if (answer.uploadId === undefined) throw new ConfigError(`The service does not take the file: ${answer.error}.`)
  return answer.uploadId
}

/** Undefined for what is not an answer of the service: something else listens there. */
function readAnswer(text: string): { uploadId?: string; error?: string } | undefined {
  try {
    const answer: unknown = JSON.parse(text)
    return typeof answer === 'object' && answer !== null ? answer : undefined
  } catch {
    return undefined
  }
}

/** Asks until it has ended; of one that nobody works on any more nothing else would come. */
async function followed(service: ServiceClient, importId: string, options: Options): Promise<Report> {
  const isShown = process.stderr.isTTY && !options.json
  for (let idle = 0; idle < MAX_IDLE; ) {
    const report = await service.call('getImportReport', { importId }).catch((error: unknown) => {
      throw new AppError('generic', [unknownEnd(importId)], error)
    })
    idle = report.progress ? 0 : idle + 1
    if (isShown && report.progress) process.stderr.write(`\r\x1b[K${progressLine(report.progress)}`)
    if (report.state !== 'running') {
      if (isShown) process.stderr.write('\r\x1b[K')
      return await whole(service, report, options)
    }
    await pause(POLL_MS)
  }
  throw problem(unknownEnd(importId))
}

const unknownEnd = (importId: string) =>
  `The import ${importId} was begun, and how it ended is not known here: ask later with "ems-metadata import-report ${importId}"`

/** For machines the report with every page of who gains or loses what, for people with the first. */
async function whole(service: ServiceClient, first: Report, { json }: Options): Promise<Report> {
  const { importId } = first
  const { access: lines, accessKept } = first.report
  if (!json || lines.length >= accessKept) return first
  const access: Report['report']['access'] = []
  for (let page = 0; access.length < accessKept; page++) {
    const { report } = await service.call('getImportReport', { importId, page, limit: PAGE })
    if (report.access.length === 0) break
    access.push(...report.access)
  }
  return { ...first, report: { ...first.report, access } }
}

function show(report: Report & { invitations?: unknown }, options: Options, decides = true): void {
  process.stdout.write(`${options.json ? JSON.stringify(report) : reportText(report)}\n`)
  if (decides && report.state !== 'done') process.exitCode = 1
}
