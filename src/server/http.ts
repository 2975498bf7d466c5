import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AppContext } from '../context.ts'
import { equalSecrets } from '../lib/constant-time.ts'
import { EXPORT_PATH, handleExport, isExport } from './export.ts'
import { handleUpload, isUpload } from './import-upload.ts'
import type { ServerParts } from './service.ts'

/** Paths with a name in the metrics; everything else is "other". */
const paths = ['/', '/healthz', '/readyz', '/metrics', '/.well-known/jwks.json', '/openrpc.json', EXPORT_PATH]

/** Health, readiness, metrics, public keys and the API document; everything else is 404. Never throws. */
export async function handleHttp(
  ctx: AppContext,
  parts: ServerParts,
  request: IncomingMessage,
  response: ServerResponse,
  isOperator = false,
): Promise<void> {
  const startedAt = performance.now()
  // Nobody waits for a body that nobody reads.
  const hasBody =
    request.headers['transfer-encoding'] !== undefined || Number(request.headers['content-length'] ?? 0) > 0
  if (hasBody && !isUpload(request)) response.shouldKeepAlive = false
  try {
    if (isExport(request) && request.method === 'GET') await handleExport(ctx, parts, request, response, isOperator)
    else await route(ctx, parts, request, response)
  } catch (error) {
    ctx.log.error({ err: error, path: request.url?.slice(0, 100) }, 'HTTP request failed')
    if (!response.headersSent) reply(response, 500, 'internal error\n')
  }
  const asked = (request.url ?? '/').split('?')[0] ?? '/'
  const labels = { component: 'http', path: paths.includes(asked) ? asked : 'other' }
  parts.metrics.httpRequests.observe(labels, (performance.now() - startedAt) / 1000)
  parts.metrics.httpResults.inc({ ...labels, status: response.statusCode })
}

async function route(
  ctx: AppContext,
  parts: ServerParts,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  if (isUpload(request)) return handleUpload(ctx, parts, request, response)
  if (request.method !== 'GET' && request.method !== 'HEAD')
    return reply(response, 405, 'only GET, and PUT of a file to /imports/<name>\n')
  const path = (request.url ?? '/').split('?')[0]
  switch (path) {
    case '/healthz':
      return reply(response, 200, 'ok\n')
    case '/readyz':
      return ready(ctx, parts, response)
    case '/metrics':
      if (!mayScrape(ctx, request)) return reply(response, 401, 'bearer token needed\n')
      return reply(response, 200, await parts.metrics.registry.metrics(), parts.metrics.registry.contentType)
    case '/.well-known/jwks.json':
      return reply(response, 200, JSON.stringify(await ctx.tokens.jwks()), 'application/json', 'public, max-age=300')
    case '/openrpc.json':
      return reply(response, 200, await parts.apiDocument.text(), 'application/json', 'public, max-age=300')
    case '/':
      return reply(
        response,
        200,
        'ems-metadata: WebSocket JSON-RPC on /ui, /edge, /service and /backend; see /healthz, /readyz, /metrics, /openrpc.json\n',
      )
    default:
      return reply(response, 404, 'not found\n')
  }
}

/** Ready: the database answers, the index is fresh, and the service is not stopping. Migrations are a condition of starting. */
async function ready(ctx: AppContext, parts: ServerParts, response: ServerResponse): Promise<void> {
  const checks: Record<string, string> = { database: 'ok', index: 'ok', stopping: parts.stopping ? 'yes' : 'no' }
  await ctx.database.ping().catch(() => {
    checks['database'] = 'does not answer'
  })
  try {
    ctx.store.assertFresh()
  } catch {
    checks['index'] = 'too old to trust'
  }
  const ok = checks['database'] === 'ok' && checks['index'] === 'ok' && !parts.stopping
  reply(
    response,
    ok ? 200 : 503,
    `${JSON.stringify({ ready: ok, revision: ctx.store.index.revision, ...checks })}\n`,
    'application/json',
  )
}

function mayScrape(ctx: AppContext, request: IncomingMessage): boolean {
  const token = ctx.config.metricsToken
  return token === undefined || equalSecrets(request.headers.authorization ?? '', `Bearer ${token}`)
}

function reply(
  response: ServerResponse,
  status: number,
  body: string,
  type = 'text/plain; charset=utf-8',
  cache = 'no-store',
): void {
  response.writeHead(status, {
    'content-type': type,
    'content-length': Buffer.byteLength(body),
    'cache-control': cache,
    'x-content-type-options': 'nosniff',
  })
  response.end(body)
}
