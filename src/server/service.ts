import { readFile, rm } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import { createServer as createTlsServer, type ServerOptions as TlsOptions } from 'node:https'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Change } from '../access/model.ts'
import { loginsEndedBy } from '../accounts/password-logins.ts'
import { allMethods } from '../api/index.ts'
import type { AppContext } from '../context.ts'
import { Addresses } from './addresses.ts'
import { ApiDocument } from './api-document.ts'
import { type MethodTable, methodTable } from './dispatch.ts'
import { edgeManagerHost } from './edge-app-access.ts'
import type { EdgeAppConnection } from './edge-app-connection.ts'
import { observeEdgeApps } from './edge-app-metrics.ts'
import { EdgeKeyMap } from './edge-key-map.ts'
import type { EdgePeer } from './edge-peer.ts'
import { Exports } from './export.ts'
import { FailedAttempts } from './failed-attempts.ts'
import { handleHttp } from './http.ts'
import { Liveness } from './liveness.ts'
import { createMetrics, type Metrics, observeGauge } from './metrics.ts'
import { RateLimit } from './rate-limit.ts'
import { handleRest } from './rest.ts'
import { Sockets } from './sockets.ts'
import { type Entrance, Upgrade } from './upgrade.ts'

/** What the sockets of one service share. */
export interface ServerParts {
  methods: MethodTable
  apiDocument: ApiDocument
  metrics: Metrics
  sockets: Sockets
  edgeApps: Set<EdgeAppConnection>
  /** Undefined unless the operator opted in to serve Backend.Edge.App. */
  keyMap: EdgeKeyMap | undefined
  liveness: Liveness
  addresses: Addresses
  /** Refusals are logged one by one up to this rate; the metric counts them all. */
  refusalLog: RateLimit
  /** Refused credentials by network. */
  attempts: FailedAttempts
  /** REST requests under way. */
  httpCalls: number
  exports: Exports
  stopping: boolean
}

export interface RunningService extends AsyncDisposable {
  /** Ports really in use, by entrance; missing ones are off. */
  ports: Partial<Record<'edge' | 'ui' | 'http' | 'backend' | 'rest' | 'edgeManager', number>>
  parts: ServerParts
}

const DRAIN_MS = 5000

/** Starts every listener; disposing stops accepting, tells clients, lets running calls finish and closes. */
export async function startService(
  ctx: AppContext,
  options: { release: string; controlSocket?: string; anyPort?: boolean },
): Promise<RunningService> {
  const edgeApps = new Set<EdgeAppConnection>()
  const parts: ServerParts = {
    methods: methodTable(allMethods),
    apiDocument: new ApiDocument(allMethods),
    metrics: createMetrics(options.release),
    sockets: new Sockets(),
    edgeApps,
    keyMap: ctx.keyCopies && new EdgeKeyMap(ctx, ctx.keyCopies, edgeApps),
    liveness: new Liveness(ctx.config.pingIntervalMs),
    addresses: new Addresses(ctx.config.trustedProxies),
    refusalLog: new RateLimit(10, 50),
    attempts: new FailedAttempts(),
    httpCalls: 0,
    exports: new Exports(),
    stopping: false,
  }
  observeGauges(ctx, parts)
  followSessions(ctx, parts)
  const upgrade = new Upgrade(ctx, parts)
  const tls = await readTls(ctx)
  const { edgeManagerClientCa } = ctx.config
  const clientCa = edgeManagerClientCa === undefined ? undefined : await readFile(edgeManagerClientCa)
  const servers: Server[] = []
  const open = async (entrance: Entrance, where: number | string): Promise<number> => {
    const trust = entrance === 'edgeManager' && clientCa ? { ca: clientCa, requestCert: true } : {}
    const server = listener(
      ctx,
      parts,
      upgrade,
      entrance,
      entrance === 'control' || !tls ? undefined : { ...tls, ...trust },
    )
    servers.push(server)
    await listen(server, where, entrance === 'edgeManager' ? edgeManagerHost(ctx.config) : ctx.config.host)
    const address = server.address()
    return typeof address === 'object' && address !== null ? (address as AddressInfo).port : 0
  }
  const ports: RunningService['ports'] = {}
  try {
    const isOn = (port: number) => port !== 0 || options.anyPort === true
    const { edgePort, uiPort, httpPort, backendPort, restPort, edgeManagerPort } = ctx.config
    if (isOn(edgePort)) ports.edge = await open('edge', edgePort)
    if (isOn(uiPort)) ports.ui = await open('ui', uiPort)
    if (isOn(httpPort)) ports.http = await open('byPath', httpPort)
    if (isOn(backendPort)) ports.backend = await open('backend', backendPort)
    if (isOn(restPort)) ports.rest = await open('rest', restPort)
    if (parts.keyMap && isOn(edgeManagerPort)) ports.edgeManager = await open('edgeManager', edgeManagerPort)
    if (options.controlSocket !== undefined) await openControl(open, options.controlSocket)
  } catch (error) {
    for (const server of servers) server.close()
    parts.liveness.stop()
    throw error
  }
  return { ports, parts, [Symbol.asyncDispose]: () => stop(ctx, parts, servers) }
}

function listener(
  ctx: AppContext,
  parts: ServerParts,
  upgrade: Upgrade,
  entrance: Entrance,
  tls: TlsOptions | undefined,
): Server {
  const limits = {
    maxHeaderSize: 16 * 1024,
    headersTimeout: 10_000,
    // Large files come over slow lines; whoever sends one is known and must go on sending (import-upload.ts).
    requestTimeout: entrance === 'byPath' ? 3_600_000 : 20_000,
    connectionsCheckingInterval: 5000,
    // Programs that poll every minute keep their connection.
    keepAliveTimeout: entrance === 'rest' ? 75_000 : 5000,
  }
  const server = tls ? (createTlsServer({ ...limits, ...tls }) as unknown as Server) : createServer(limits)
  server.on('upgrade', (request, socket, head) => upgrade.handle(entrance, request, socket, head))
  server.on('request', (request, response) => {
    if (entrance === 'byPath' || entrance === 'control') {
      void handleHttp(ctx, parts, request, response, entrance === 'control')
    } else if (entrance === 'rest') void handleRest(ctx, parts, request, response)
    else response.writeHead(426, { connection: 'close' }).end('This port speaks WebSocket only.\n')
  })
  server.on('clientError', (_error, socket) => socket.destroy())
  return server
}

async function listen(server: Server, where: number | string, host: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    const done = () => {
      server.off('error', reject)
      resolve()
    }
    if (typeof where === 'string') server.listen(where, done)
    else server.listen({ port: where, host, backlog: 4096 }, done)
  })
}

/** The socket file is readable by its owner alone: whoever can open it is the operator. */
async function openControl(open: (entrance: Entrance, where: string) => Promise<number>, path: string): Promise<void> {
  await rm(path, { force: true })
  const mask = process.umask(0o177)
  try {
    await open('control', path)
  } finally {
    process.umask(mask)
  }
}

async function readTls(ctx: AppContext): Promise<{ cert: Buffer; key: Buffer } | undefined> {
  const { tlsCert, tlsKey } = ctx.config
  if (tlsCert === undefined || tlsKey === undefined) return undefined
  return { cert: await readFile(tlsCert), key: await readFile(tlsKey) }
}

/** A session or token that ended anywhere, and an account that was disabled or deleted, end their open sockets here. */
function followSessions(ctx: AppContext, parts: ServerParts): void {
  ctx.sessions.onEnded((sessionId) => {
    for (const connection of parts.sockets.ofSession(sessionId)) connection.destroy()
  })
  ctx.serviceTokens.onEnded((holder) => {
    for (const connection of parts.sockets.ofPrincipal(holder.serviceId)) {
      const { caller } = connection
      if (caller.type === 'service' && caller.token === holder) connection.destroy()
    }
  })
  ctx.store.onChange((changes, graph) => {
    for (const userId of loginsEndedBy(changes, graph)) endLogins(parts, userId)
    for (const change of graph) {
      if (!endsAccess(change)) continue
      for (const connection of parts.sockets.ofPrincipal(change.id)) connection.destroy()
    }
  })
}

function endLogins(parts: ServerParts, userId: number): void {
  for (const connection of parts.sockets.ofPrincipal(userId))
    if (connection.caller.type === 'login') connection.destroy()
}

/** An account or service that was disabled or deleted. */
function endsAccess(change: Change): boolean {
  if (change.entity !== 'user' && change.entity !== 'service') return false
  return change.after === null || (change.after.disabledAt ?? null) !== null
}

function observeGauges(ctx: AppContext, parts: ServerParts): void {
  observeGauge(parts.metrics, 'ems_edges_connected', 'Edges connected to this node', () => ctx.hub.connectedCount)
  observeGauge(parts.metrics, 'ems_edges_online', 'Edges online', () => ctx.hub.states.onlineCount)
  observeGauge(parts.metrics, 'ems_edge_states_unwritten', 'Edge states not written down yet', () => ctx.states.backlog)
  observeGauge(
    parts.metrics,
    'ems_edge_configs_refused',
    'Configurations the database did not take',
    () => ctx.configs.refused,
  )
  observeGauge(parts.metrics, 'ems_password_queue', 'Password checks waiting', () => ctx.passwords.queueLength)
  observeEdgeApps(ctx, parts)
  observeGauge(parts.metrics, 'ems_revision', 'Revision of the access index', () => ctx.store.index.revision)
}

/** UI sockets are destroyed, everybody else is told 1001; running calls get a few seconds. */
async function stop(ctx: AppContext, parts: ServerParts, servers: readonly Server[]): Promise<void> {
  parts.stopping = true
  parts.keyMap?.stop()
  for (const server of servers) server.close()
  const deadline = performance.now() + DRAIN_MS
  const isBusy = () => parts.httpCalls > 0 || [...parts.sockets.all()].some((connection) => !connection.idle)
  while (performance.now() < deadline && isBusy()) await sleep(20)
  for (const connection of parts.sockets.all()) connection.goAway()
  for (const link of ctx.hub.links()) (link as EdgePeer).goAway()
  for (const app of parts.edgeApps) app.goAway()
  const closeBy = performance.now() + 1000
  while (performance.now() < closeBy && (parts.sockets.size > 0 || ctx.hub.connectedCount > 0)) await sleep(20)
  for (const connection of parts.sockets.all()) connection.destroy()
  for (const link of ctx.hub.links()) (link as EdgePeer).terminate()
  for (const app of parts.edgeApps) app.terminate()
  for (const server of servers) server.closeAllConnections()
  parts.liveness.stop()
}
