import type { IncomingMessage, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { LOCAL_OPERATOR_PRINCIPAL_ID } from '../access/model.ts'
import { everyScope } from '../accounts/scopes.ts'
import type { AppContext } from '../context.ts'
import { AppError } from '../errors.ts'
import type { ExportWish } from '../import/export-fleet.ts'
import { exportMasterData, requireExport } from '../import/export-service.ts'
import { fleetTextFormats } from '../import/fleet-text.ts'
import { requireScope } from '../rpc/scope.ts'
import { type Authenticated, authenticate, challengesOf, refusalTexts } from './authorization.ts'
import type { ServerParts } from './service.ts'

export const EXPORT_PATH = '/export'
/** Each goes through the whole graph and the tables of people. */
const MAX_EXPORTS = 2
/** Whoever takes nothing for so long is gone. */
const STALLED_MS = 30_000
/** Whoever takes less, from so long after he began on, keeps his place as long as nobody else wants it: half a megabit. */
const MIN_BYTES_PER_S = 64 * 1024
const GRACE_MS = 30_000
const RETRY_AFTER_S = 30
const SCHEMES = ['bearer', 'basic'] as const
const types = { json: 'application/json', yaml: 'application/yaml' } as const

interface Download {
  response: ServerResponse
  startedMs: number
  /** What went over its socket before. */
  bytesBefore: number
}

/** Downloads of the fleet under way: a few, and one of each caller. Where none is free, the slowest gives way if it is too slow. */
export class Exports {
  readonly #running = new Map<number, Download>()
  readonly #nowMs: () => number
  readonly stalledMs: number

  constructor({ stalledMs = STALLED_MS, nowMs = () => performance.now() } = {}) {
    this.stalledMs = stalledMs
    this.#nowMs = nowMs
  }

  get count(): number {
    return this.#running.size
  }

  /** Its place, until disposed; undefined when there is none for him now. */
  begin(principalId: number, response: ServerResponse): Disposable | undefined {
    if (this.#running.has(principalId)) return undefined
    if (this.count >= MAX_EXPORTS && !this.#endSlowest()) return undefined
    const download = { response, startedMs: this.#nowMs(), bytesBefore: response.req.socket.bytesWritten }
    this.#running.set(principalId, download)
    return {
      [Symbol.dispose]: () => {
        if (this.#running.get(principalId) === download) this.#running.delete(principalId)
      },
    }
  }

  #endSlowest(): boolean {
    const speeds = [...this.#running].map(([principalId, download]) => ({ principalId, speed: this.#speed(download) }))
    const slowest = speeds.reduce((one, other) => (other.speed < one.speed ? other : one))
    if (slowest.speed >= MIN_BYTES_PER_S) return false
    this.#running.get(slowest.principalId)?.response.destroy()
    return this.#running.delete(slowest.principalId)
  }

  /** What is taken of it in a second; of one that is new, or waits for us, that is not known. */
  #speed({ response, startedMs, bytesBefore }: Download): number {
    const elapsedMs = this.#nowMs() - startedMs
    if (elapsedMs < GRACE_MS || response.writableLength === 0) return Number.POSITIVE_INFINITY
    const { bytesWritten, writableLength } = response.req.socket
    return ((bytesWritten - writableLength - bytesBefore) / elapsedMs) * 1000
  }
}

/** The caller on the local control socket. */
const operator: Authenticated = { type: 'service', principalId: LOCAL_OPERATOR_PRINCIPAL_ID, scopes: everyScope }

/**
 * `GET /export?organisation=<id>&format=json|yaml`: the file of the fleet, streamed, for a service token or a log-in; on the
 * control socket for the operator. A download ends when nothing of it is taken for long, and a slow one when others wait. A file
 * that ends in an error is cut off, so that nobody takes it for a whole one.
 */
export async function handleExport(
  ctx: AppContext,
  parts: ServerParts,
  request: IncomingMessage,
  response: ServerResponse,
  isOperator: boolean,
): Promise<void> {
  const caller = isOperator ? operator : await callerOf(ctx, parts, request)
  if (typeof caller === 'number') {
    if (caller === 401) response.setHeader('www-authenticate', challengesOf(SCHEMES))
    return answer(response, caller, `${refusalTexts[caller]}\n`)
  }
  const wish = wishOf(request)
  if (wish === undefined)
    return answer(response, 400, 'wanted: ?format=json|yaml&organisation=<id of a main organisation>\n')
  try {
    requireScope(caller, 'manage', 'exportMasterData')
    requireExport(ctx, caller, wish, ctx.clock())
    using place = parts.exports.begin(caller.principalId, response)
    if (place === undefined) {
      response.setHeader('retry-after', RETRY_AFTER_S)
      return answer(response, 429, 'another download is under way: try again later\n')
    }
    const text = await exportMasterData(ctx, caller, wish)
    response.writeHead(200, {
      'content-type': types[wish.format],
      'content-disposition': `attachment; filename="fleet.${wish.format}"`,
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
    })
    response.setTimeout(parts.exports.stalledMs, () => {
      if (response.writableLength > 0) response.destroy()
    })
    await pipeline(Readable.from(text), response)
  } catch (error) {
    if (response.headersSent) {
      response.destroy()
      if (!isGone(error)) ctx.log.error({ err: error }, 'export cut off')
    } else if (error instanceof AppError)
      answer(response, error.kind === 'unavailable' ? 503 : 403, `${error.message}\n`)
    else throw error
  }
}

/** Whether this is asked for. */
export function isExport(request: IncomingMessage): boolean {
  return (request.url ?? '/').split('?')[0] === EXPORT_PATH
}

async function callerOf(
  ctx: AppContext,
  parts: ServerParts,
  request: IncomingMessage,
): Promise<Authenticated | 401 | 429> {
  // A browser adds remembered Basic credentials to what a foreign page asks for.
  const { origin, authorization: header } = request.headers
  if (origin !== undefined && !ctx.config.allowedOrigins.includes(origin)) return 401
  const clientAddress = parts.addresses.clientAddress(request)
  return authenticate(ctx, parts.attempts, { header, clientAddress, schemes: SCHEMES })
}

function wishOf(request: IncomingMessage): ExportWish | undefined {
  const query = new URL(request.url ?? '/', 'http://service').searchParams
  const format = fleetTextFormats.find((one) => one === (query.get('format') ?? 'json'))
  const organisation = query.get('organisation')
  if (format === undefined || (organisation !== null && !/^[1-9]\d{0,8}$/.test(organisation))) return undefined
  return { format, organisationId: organisation === null ? null : Number(organisation) }
}

function answer(response: ServerResponse, status: number, body: string): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' }).end(body)
}

function isGone(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ERR_STREAM_PREMATURE_CLOSE'
}
