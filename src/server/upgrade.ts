import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { type WebSocket, WebSocketServer } from 'ws'
import { LOCAL_OPERATOR_PRINCIPAL_ID } from '../access/model.ts'
import { everyScope } from '../accounts/scopes.ts'
import type { AppContext } from '../context.ts'
import type { PeerKind } from '../rpc/method.ts'
import type { Caller } from '../rpc/session.ts'
import { authenticate, challengesOf, type Schemes } from './authorization.ts'
import { Connection } from './connection.ts'
import { edgeAppName, servesEdgeAppsByPath } from './edge-app-access.ts'
import { EdgeAppConnection } from './edge-app-connection.ts'
import { EdgeConnection } from './edge-connection.ts'
import type { SocketKind } from './metrics.ts'
import type { ServerParts } from './service.ts'

/** What a listener lets in: one kind of client on a classic port, by path on the HTTP port, the operator on the local socket. */
export type Entrance = SocketKind | 'byPath' | 'control' | 'rest'

const paths: Readonly<Record<string, SocketKind>> = {
  '/edge': 'edge',
  '/ui': 'ui',
  '/service': 'service',
  '/backend': 'backend',
  '/edge-manager': 'edgeManager',
}
const refusals = {
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  429: 'Too Many Requests',
  503: 'Service Unavailable',
} as const
/** Who may bring what in the header `Authorization`. */
const schemes = { service: ['bearer'], backend: ['basic', 'bearer'] } as const
const NO_CONTEXT_TAKEOVER = { serverNoContextTakeover: true, clientNoContextTakeover: true, threshold: 1024 }

/** Decides about every upgrade: limits first, then credentials, then the socket. Nobody is told why he is refused. */
export class Upgrade {
  readonly #ctx: AppContext
  readonly #parts: ServerParts
  readonly #servers: Record<SocketKind, WebSocketServer>

  constructor(ctx: AppContext, parts: ServerParts) {
    this.#ctx = ctx
    this.#parts = parts
    const large = ctx.config.maxFrameBytes
    const options = { noServer: true, clientTracking: false, skipUTF8Validation: false } as const
    this.#servers = {
      edge: new WebSocketServer({
        ...options,
        maxPayload: large,
        perMessageDeflate: ctx.config.compression ? NO_CONTEXT_TAKEOVER : false,
      }),
      ui: new WebSocketServer({ ...options, maxPayload: Math.ceil(large / 4), perMessageDeflate: false }),
      service: new WebSocketServer({ ...options, maxPayload: large, perMessageDeflate: false }),
      backend: new WebSocketServer({ ...options, maxPayload: large, perMessageDeflate: false }),
      edgeManager: new WebSocketServer({ ...options, maxPayload: large, perMessageDeflate: false }),
    }
  }

  /** Handler of an HTTP server's `upgrade` event. Never throws. */
  handle(entrance: Entrance, request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on('error', () => socket.destroy())
    const kind =
      entrance === 'byPath'
        ? paths[pathOf(request)]
        : entrance === 'control'
          ? 'service'
          : entrance === 'rest'
            ? undefined
            : entrance
    if (kind === undefined || (kind === 'edgeManager' && !this.#servesApps(entrance))) return refuse(socket, 404)
    if (this.#parts.stopping) return refuse(socket, 503)
    const address = entrance === 'control' ? 'local' : this.#parts.addresses.clientAddress(request)
    if (!this.#parts.addresses.enter(address, this.#ctx.config.maxConnectionsPerAddress)) {
      this.#refused(kind, 'connections', address)
      return refuse(socket, 429)
    }
    socket.once('close', () => this.#parts.addresses.leave(address))
    if (kind === 'edge') this.#edge(request, socket, head, address)
    else if (kind === 'ui') this.#ui(request, socket, head, address)
    else if (kind === 'edgeManager') this.#edgeManager(request, socket, head, address)
    else if (entrance === 'control')
      this.#open('service', request, socket, head, address, {
        type: 'service',
        principalId: LOCAL_OPERATOR_PRINCIPAL_ID,
        scopes: everyScope,
      })
    else void this.#service(kind, request, socket, head, address)
  }

  /** Header `apikey` (protocol B.1): one hash, one look-up, no database. */
  #edge(request: IncomingMessage, socket: Duplex, head: Buffer, address: string): void {
    const header = request.headers['apikey']
    const key = typeof header === 'string' && header.length <= 512 ? header.trim() : undefined
    const row = key === undefined ? undefined : this.#ctx.credentials.find(key, this.#ctx.clock().getTime())
    const edge = row && this.#ctx.store.index.edge(row.edgeId)
    if (key === undefined || row === undefined || edge === undefined) {
      this.#refused('edge', 'key', address)
      return refuse(socket, 401)
    }
    this.#ctx.keyCopies?.offer(row.id, key)
    this.#servers.edge.handleUpgrade(request, socket, head, (webSocket) => {
      new EdgeConnection(this.#ctx, this.#parts, webSocket, { id: edge.id, edgeId: edge.edgeId, keyHash: row.keyHash })
      this.#admit(webSocket, 'edge')
    })
  }

  #servesApps(entrance: Entrance): boolean {
    if (this.#parts.keyMap === undefined) return false
    return entrance !== 'byPath' || servesEdgeAppsByPath(this.#ctx.config)
  }

  /** Header `id` (protocol B.4), with a secret; the app is told every API key, so nobody else may get here. */
  #edgeManager(request: IncomingMessage, socket: Duplex, head: Buffer, address: string): void {
    const { keyCopies } = this.#ctx
    const name = edgeAppName(this.#ctx.config, request)
    if (name === undefined || keyCopies === undefined) {
      this.#refused('edgeManager', 'secret', address)
      return refuse(socket, 401)
    }
    this.#servers.edgeManager.handleUpgrade(request, socket, head, (webSocket) => {
      const app = new EdgeAppConnection(this.#ctx, this.#parts, keyCopies, webSocket, name)
      this.#admit(webSocket, 'edgeManager')
      this.#parts.keyMap?.greet(app)
    })
  }

  /** A UI brings nothing: it signs in by JSON-RPC (protocol C). */
  #ui(request: IncomingMessage, socket: Duplex, head: Buffer, address: string): void {
    const { allowedOrigins, maxWaitingSockets } = this.#ctx.config
    const origin = request.headers.origin
    if (allowedOrigins.length > 0 && origin !== undefined && !allowedOrigins.includes(origin)) {
      this.#refused('ui', 'origin', address)
      return refuse(socket, 403)
    }
    if (this.#parts.sockets.strangers >= maxWaitingSockets) {
      this.#refused('ui', 'waiting', address)
      return refuse(socket, 503)
    }
    this.#open('ui', request, socket, head, address)
  }

  /** Header `Authorization`: a service token, or for Backend-to-Backend a log-in too (protocol D.1). */
  async #service(
    kind: 'service' | 'backend',
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
    clientAddress: string,
  ): Promise<void> {
    const { authorization: header, origin } = request.headers
    // A browser adds remembered Basic credentials to what a foreign page opens.
    if (origin !== undefined && !this.#ctx.config.allowedOrigins.includes(origin)) {
      this.#refused(kind, 'origin', clientAddress)
      return refuse(socket, 403)
    }
    try {
      const given = { header, clientAddress, schemes: schemes[kind] }
      const caller = await authenticate(this.#ctx, this.#parts.attempts, given)
      if (typeof caller !== 'number') {
        if (!socket.destroyed) this.#open(kind, request, socket, head, clientAddress, caller)
        return
      }
      this.#refused(kind, caller === 401 ? 'token' : 'attempts', clientAddress)
      refuse(socket, caller, schemes[kind])
    } catch (error) {
      this.#ctx.log.warn({ err: error }, 'credentials not checked')
      refuse(socket, 503)
    }
  }

  #open(
    kind: PeerKind,
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
    clientAddress: string,
    caller?: Caller,
  ): void {
    this.#servers[kind].handleUpgrade(request, socket, head, (webSocket) => {
      new Connection(
        this.#ctx,
        this.#parts,
        webSocket,
        caller ? { kind, clientAddress, caller } : { kind, clientAddress },
      )
      this.#admit(webSocket, kind)
    })
  }

  #admit(webSocket: WebSocket, kind: SocketKind): void {
    this.#parts.liveness.add(webSocket)
    const { openSockets } = this.#parts.metrics
    openSockets[kind]++
    webSocket.on('close', () => openSockets[kind]--)
  }

  #refused(kind: SocketKind, reason: string, address: string): void {
    this.#parts.metrics.refused.inc({ component: kind, reason })
    if (this.#parts.refusalLog.take(performance.now())) {
      this.#ctx.log.warn({ clientKind: kind, reason, clientAddress: address }, 'connection refused')
    }
  }
}

function pathOf(request: IncomingMessage): string {
  const url = request.url ?? '/'
  const end = url.indexOf('?')
  return end < 0 ? url : url.slice(0, end)
}

/** The same few bytes whatever was wrong. */
function refuse(socket: Duplex, status: keyof typeof refusals, accepted: Schemes = []): void {
  // A peer that does not close its side would keep the connection for ever.
  socket.once('finish', () => socket.destroy())
  const challenges = status === 401 ? challengesOf(accepted) : []
  const lines = challenges.map((challenge) => `WWW-Authenticate: ${challenge}\r\n`).join('')
  socket.end(`HTTP/1.1 ${status} ${refusals[status]}\r\n${lines}Connection: close\r\nContent-Length: 0\r\n\r\n`)
}
