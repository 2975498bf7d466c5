import { randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { text as readText } from 'node:stream/consumers'
import type { AppContext } from '../context.ts'
import { AppError } from '../errors.ts'
import { classify, type Frame, readFrame, writeError, writeResult } from '../rpc/envelope.ts'
import { type Session, silentSession } from '../rpc/session.ts'
import { authenticate, challengesOf, refusalTexts } from './authorization.ts'
import { dispatch, failure, type Outcome } from './dispatch.ts'
import { codeLabel } from './metrics.ts'
import type { ServerParts } from './service.ts'

const PATH = '/jsonrpc'
const SCHEMES = ['basic', 'bearer'] as const
/** Of an error that belongs to no request that could be read, as OpenEMS has it (protocol D.2). */
const NO_ID = '00000000-0000-0000-0000-000000000000'

const refusals = {
  ...refusalTexts,
  403: 'not from a browser',
  404: 'only POST /jsonrpc is answered here',
  405: 'only POST is answered here',
  413: 'too large',
  415: 'header Content-Type: application/json is needed',
  503: 'try again later',
} as const
type Refusal = keyof typeof refusals

/**
 * Backend-to-Backend REST (protocol D.2): one JSON-RPC request in the body of a POST to /jsonrpc, authenticated each time.
 * Everything that can be is refused before the body is read. Never throws.
 */
export async function handleRest(
  ctx: AppContext,
  parts: ServerParts,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const startedAt = performance.now()
  parts.httpCalls++
  try {
    const refused = await serve(ctx, parts, request, response)
    if (refused !== undefined) refuse(response, refused)
  } catch (error) {
    if (!request.destroyed) ctx.log.warn({ err: error }, 'REST request not answered')
    if (!response.headersSent) refuse(response, 503)
  }
  parts.httpCalls--
  const labels = { component: 'rest', path: isOurs(request) ? PATH : 'other' }
  parts.metrics.httpRequests.observe(labels, (performance.now() - startedAt) / 1000)
  parts.metrics.httpResults.inc({ ...labels, status: response.statusCode })
}

async function serve(
  ctx: AppContext,
  parts: ServerParts,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<Refusal | undefined> {
  const early = refusalOf(ctx, parts, request)
  if (early !== undefined) return early
  const clientAddress = parts.addresses.clientAddress(request)
  if (!parts.addresses.enter(clientAddress, ctx.config.maxConnectionsPerAddress)) return 429
  response.once('close', () => parts.addresses.leave(clientAddress))
  const header = request.headers.authorization
  const caller = await authenticate(ctx, parts.attempts, { header, clientAddress, schemes: SCHEMES })
  if (typeof caller === 'number') {
    parts.metrics.refused.inc({ component: 'rest', reason: caller === 401 ? 'token' : 'attempts' })
    return caller
  }
  const body = await readBody(request, ctx.config.maxFrameBytes)
  if (body === undefined) return 413
  await answer(ctx, parts, silentSession({ kind: 'rest', clientAddress, caller }), body, response)
  return undefined
}

/** What can be told from the head of the request alone. */
function refusalOf(ctx: AppContext, parts: ServerParts, request: IncomingMessage): Refusal | undefined {
  if (!isOurs(request)) return 404
  if (request.method !== 'POST') return 405
  if (parts.stopping) return 503
  const { origin, 'content-type': type, 'content-length': length } = request.headers
  // A browser adds remembered Basic credentials to what a foreign page sends.
  if (origin !== undefined && !ctx.config.allowedOrigins.includes(origin)) return 403
  if (type !== undefined && !/^application\/json\s*(;|$)/i.test(type)) return 415
  if (Number(length ?? 0) > ctx.config.maxFrameBytes) return 413
  return undefined
}

/** Runs the call and answers 200, or 400 (401 for 1003) with the error, as OpenEMS does; the code is the true one. */
async function answer(
  ctx: AppContext,
  parts: ServerParts,
  session: Session,
  body: string,
  response: ServerResponse,
): Promise<void> {
  const startedAt = performance.now()
  const frame = readRequest(body)
  const method = frame.kind === 'request' ? parts.methods.rest.get(frame.method) : undefined
  const outcome =
    frame.kind !== 'request'
      ? failure(new AppError('invalidMessage', [frame.kind === 'invalid' ? frame.reason : 'only requests']))
      : method === undefined
        ? failure(new AppError('unknownMethod', [frame.method.slice(0, 100)]))
        : await dispatch(ctx, method, session, frame.params)
  const id = 'id' in frame && frame.id !== undefined ? frame.id : NO_ID
  const status = outcome.ok ? 200 : outcome.error.code === 1003 ? 401 : 400
  reply(response, status, outcome.ok ? writeResult(id, outcome.result) : writeError(id, outcome.error))
  note(ctx, parts, session, method?.name ?? 'other', performance.now() - startedAt, outcome)
}

/** `jsonrpc` and `id` may be left out (protocol D.2). */
function readRequest(body: string): Frame {
  const frame = readFrame(body)
  return frame.kind === 'notification' ? classify({ ...frame, id: randomUUID() }) : frame
}

function note(
  ctx: AppContext,
  parts: ServerParts,
  session: Session,
  method: string,
  ms: number,
  outcome: Outcome,
): void {
  const principalId = 'principalId' in session.caller ? session.caller.principalId : undefined
  const line = { clientKind: 'rest', method, principalId, ms: Math.round(ms * 100) / 100 }
  parts.metrics.requests.add('rest', method, ms / 1000)
  if (outcome.ok) return ctx.log.info(line, 'call')
  parts.metrics.errors.inc({ component: 'rest', code: codeLabel(outcome.error.code) })
  ctx.log[outcome.level]({ ...line, code: outcome.error.code, err: outcome.cause }, 'call refused')
}

/** The body as text; undefined when it is too large. */
async function readBody(request: IncomingMessage, limit: number): Promise<string | undefined> {
  let size = 0
  request.on('data', (chunk: Buffer) => {
    size += chunk.length
    if (size > limit) request.destroy()
  })
  return await readText(request).catch((error: unknown) => {
    if (size > limit) return undefined
    throw error
  })
}

function isOurs(request: IncomingMessage): boolean {
  return (request.url ?? '/').split('?')[0] === PATH
}

function refuse(response: ServerResponse, status: Refusal): void {
  if (status === 401) response.setHeader('www-authenticate', challengesOf(SCHEMES))
  if (status === 405) response.setHeader('allow', 'POST')
  if (status === 429 || status === 503) response.setHeader('retry-after', '30')
  // What follows the head was not read.
  response.setHeader('connection', 'close')
  reply(response, status, `${refusals[status]}\n`, 'text/plain; charset=utf-8')
}

function reply(response: ServerResponse, status: number, body: string, type = 'application/json'): void {
  response.writeHead(status, {
    'content-type': type,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  })
  response.end(body)
}
