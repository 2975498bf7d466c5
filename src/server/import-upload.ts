import type { IncomingMessage, ServerResponse } from 'node:http'
import { findOpenSession } from '../accounts/session-queries.ts'
import type { AppContext } from '../context.ts'
import { AppError } from '../errors.ts'
import { fromDisk, isDiskFull } from '../import/disk.ts'
import { mayImport } from '../import/importer.ts'
import { authenticate, readAuthorization } from './authorization.ts'
import type { ServerParts } from './service.ts'

/** Where files to be imported are sent; the rest of the path is their name. */
const UPLOAD_PATH = '/imports/'
/** Who sends nothing for so long is gone. */
const STALLED_MS = 30_000

export function isUpload({ method, url = '' }: IncomingMessage): boolean {
  return method === 'PUT' && url.startsWith(UPLOAD_PATH)
}

/**
 * Takes a file in for `importMasterData`: PUT with the token of a service that may manage, or of a session. Answers
 * `{"uploadId"}`. The body is read to disk, never into memory, and only after the head was found good.
 */
export async function handleUpload(
  ctx: AppContext,
  parts: ServerParts,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const answer = (status: number, body: object) => {
    response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' })
    response.end(`${JSON.stringify(body)}\n`)
  }
  const refuse = (status: number, text: string) => {
    response.shouldKeepAlive = false
    answer(status, { error: text })
  }
  const principalId = await uploader(ctx, parts, request)
  if (principalId === 429) return refuse(429, 'too many attempts')
  if (principalId === 401) return refuse(401, 'bearer token of a service or a session needed')
  if (principalId === 403) return refuse(403, 'the service token needs the scope manage')
  if (!mayImport(ctx, principalId))
    return refuse(403, 'files are sent by owners of a main organisation and by who looks after all accounts')
  const { importMaxFileBytes: maxBytes } = ctx.config
  if (Number(request.headers['content-length'] ?? 0) > maxBytes) return refuse(413, `at most ${maxBytes} bytes`)
  const name = decodeName((request.url ?? '').split('?')[0]?.slice(UPLOAD_PATH.length) ?? '')
  const { uploads } = ctx.imports
  let status = 429
  try {
    uploads.requireRoom(principalId)
    status = 413
    request.setTimeout(STALLED_MS, () => request.destroy())
    const { id } = await uploads.receive(request, { name, principalId })
    answer(200, { uploadId: id })
  } catch (error) {
    // Whoever sent it has gone: there is nobody to answer, and nothing of it is left.
    if (isGone(error)) return
    if (error instanceof AppError) return refuse(status, error.message)
    ctx.log.error({ err: error }, 'a file that was sent could not be kept')
    const said = fromDisk(error)
    refuse(isDiskFull(error) ? 507 : 500, said instanceof AppError ? said.message : 'internal error')
  }
}

function isGone(error: unknown): boolean {
  return ['ECONNRESET', 'ERR_STREAM_PREMATURE_CLOSE'].includes((error as NodeJS.ErrnoException).code ?? '')
}

async function uploader(ctx: AppContext, parts: ServerParts, request: IncomingMessage): Promise<number> {
  const header = request.headers.authorization
  const credentials = readAuthorization(header)
  if (credentials?.scheme !== 'bearer') return 401
  const claims = await ctx.tokens.verify(credentials.token)
  if (claims !== undefined) {
    const session = await findOpenSession(ctx.db, claims.sessionId, ctx.clock())
    return session?.user.disabledAt === null ? session.user.id : 401
  }
  const clientAddress = parts.addresses.clientAddress(request)
  const caller = await authenticate(ctx, parts.attempts, { header, clientAddress, schemes: ['bearer'] })
  if (typeof caller === 'number') return caller
  if (caller.type !== 'service') return 401
  return caller.scopes.has('manage') ? caller.principalId : 403
}

function decodeName(text: string): string {
  try {
    return decodeURIComponent(text).slice(0, 200) || 'file'
  } catch {
    return 'file'
  }
}
