import { type JSONRPCClient, JSONRPCErrorException } from 'json-rpc-2.0'
import type { WebSocket } from 'ws'
import type { AppContext } from '../context.ts'
import { edgeNotifications } from '../edges/edge-notifications.ts'
import { resumeSystemLog } from '../edges/edge-rpc.ts'
import { AppError, errorKinds, PeerError, problem } from '../errors.ts'
import type { EdgeLink, LiveEdge } from '../live/hub.ts'
import { type Frame, readFrame, writeError, writeResult } from '../rpc/envelope.ts'
import type { Caller, Session } from '../rpc/session.ts'
import { closeCodes } from './close-codes.ts'
import { dispatch, failure, type Outcome } from './dispatch.ts'
import { codeLabel } from './metrics.ts'
import { createPeerClient } from './peer-client.ts'
import { RateLimit } from './rate-limit.ts'
import type { ServerParts } from './service.ts'

const MAX_INVALID_FRAMES = 1000
const MAX_RUNNING = 20
const MAX_PENDING = 500
const FROZEN_BYTES = 32 * 1024 * 1024

/** The socket with its connection on it: listeners are shared functions, so that 100,000 edges cost no closures. */
interface EdgeSocket extends WebSocket {
  edgeConnection?: EdgeConnection
}

/** One socket of an edge (protocol B.1-B.3). Small on purpose: there are as many as edges. */
export class EdgeConnection implements EdgeLink {
  readonly caller: Caller
  readonly keyHash: string
  readonly #ctx: AppContext
  readonly #parts: ServerParts
  readonly #socket: EdgeSocket
  readonly #edge: LiveEdge
  readonly #limit: RateLimit
  #client: JSONRPCClient | undefined
  #pending = 0
  #running = 0
  #invalid = 0
  #started = false
  #dropped = false

  constructor(
    ctx: AppContext,
    parts: ServerParts,
    socket: WebSocket,
    edge: { id: number; edgeId: string; keyHash: string },
  ) {
    this.#ctx = ctx
    this.#parts = parts
    this.#socket = socket as EdgeSocket
    this.keyHash = edge.keyHash
    this.caller = { type: 'edge', edgeId: edge.id, edgeName: edge.edgeId }
    this.#limit = new RateLimit(ctx.config.edgeFramesPerSecond, ctx.config.edgeFramesPerSecond * 5)
    this.#socket.edgeConnection = this
    this.#edge = ctx.hub.connect(edge.id, edge.edgeId, this)
    socket.on('message', onMessage)
    socket.on('close', onClose)
    socket.on('error', onError)
    ctx.log.info({ edgeId: edge.edgeId }, 'edge connected')
  }

  /** Rejects with 3000 when the edge drops, code 1 when it does not answer within `timeoutMs`. */
  async request(method: string, params: Record<string, unknown>, timeoutMs: number): Promise<unknown> {
    if (this.#socket.readyState !== this.#socket.OPEN) throw new AppError('edgeNotConnected', [this.#edge.name])
    if (this.#pending >= MAX_PENDING) throw new AppError('tooManyRequests')
    this.#client ??= createPeerClient((text) => this.#send(text))
    this.#pending++
    try {
      return await this.#client
        .timeout(timeoutMs, (id) => ({ jsonrpc: '2.0', id, error: { code: 1, message: 'timeout', data: timedOut } }))
        .request(method, params)
    } catch (error) {
      throw this.#translate(error, timeoutMs)
    } finally {
      this.#pending--
    }
  }

  end(reason: 'replaced' | 'revoked'): void {
    this.#ctx.log.info({ edgeId: this.#edge.name, reason }, 'edge connection ended')
    if (reason === 'replaced') this.#socket.close(closeCodes.replaced, 'a newer connection took over')
    else this.#socket.close(closeCodes.policy, 'the key is no longer valid')
    const timer = setTimeout(() => this.#socket.terminate(), 2000)
    timer.unref()
    this.#dropPending()
  }

  goAway(): void {
    this.#socket.close(closeCodes.goingAway, 'service is stopping')
  }

  terminate(): void {
    this.#socket.terminate()
  }

  /** One frame, whatever it is, must not end the process. */
  received(data: Buffer, isBinary: boolean): void {
    // A connection that is being ended brings nothing in any more.
    if (this.#socket.readyState !== this.#socket.OPEN) return
    this.#parts.liveness.seen(this.#socket)
    try {
      this.#handle(data, isBinary)
    } catch (error) {
      this.#ctx.log.error({ edgeId: this.#edge.name, err: error }, 'frame not handled')
      this.#invalidFrame('not handled')
    }
  }

  #handle(data: Buffer, isBinary: boolean): void {
    if (!this.#limit.take(performance.now())) return this.#cutOff('too many frames')
    if (isBinary) return this.#invalidFrame('binary')
    const frame = readFrame(data.toString())
    switch (frame.kind) {
      case 'notification':
        return this.#onNotification(frame.method, frame.params)
      case 'request':
        return this.#onRequest(frame)
      case 'success':
        return this.#onResponse({ jsonrpc: '2.0', id: frame.id, result: frame.result ?? {} })
      case 'error':
        return this.#onResponse({ jsonrpc: '2.0', id: frame.id, error: frame.error })
      default:
        if (frame.id !== undefined)
          this.#send(writeError(frame.id, new AppError('invalidMessage', [frame.reason]).toWire()))
        return this.#invalidFrame(frame.reason)
    }
  }

  closed(): void {
    this.#dropPending()
    this.#ctx.hub.disconnect(this.#edge, this)
    this.#ctx.log.info({ edgeId: this.#edge.name }, 'edge disconnected')
  }

  #onNotification(method: string, params: Record<string, unknown>): void {
    const handler = Object.hasOwn(edgeNotifications, method) ? edgeNotifications[method] : undefined
    if (handler === undefined) return this.#invalidFrame('unknown notification')
    const now = this.#ctx.clock().getTime()
    if (this.#edge.link !== this) return
    this.#ctx.hub.seen(this.#edge, now)
    const { edgeFrames } = this.#parts.metrics
    edgeFrames.set(method, (edgeFrames.get(method) ?? 0) + 1)
    handler(this.#ctx, this.#edge, params, now)
    if (!this.#started) {
      this.#started = true
      resumeSystemLog(this.#ctx, this.#edge)
    }
  }

  #onRequest(frame: Extract<Frame, { kind: 'request' }>): void {
    const method = this.#parts.methods.edge.get(frame.method)
    const startedAt = performance.now()
    if (method === undefined)
      return this.#finish(frame, startedAt, failure(new AppError('unknownMethod', [frame.method.slice(0, 100)])))
    if (this.#running >= MAX_RUNNING) return this.#finish(frame, startedAt, failure(new AppError('tooManyRequests')))
    this.#running++
    const outcome = dispatch(this.#ctx, method, this.#asSession(), frame.params)
    void Promise.resolve(outcome).then((settled) => {
      this.#running--
      this.#finish(frame, startedAt, settled)
    })
  }

  #finish(frame: Extract<Frame, { kind: 'request' }>, startedAt: number, outcome: Outcome): void {
    this.#send(outcome.ok ? writeResult(frame.id, outcome.result) : writeError(frame.id, outcome.error))
    const ms = performance.now() - startedAt
    const method = this.#parts.methods.edge.has(frame.method) ? frame.method : 'other'
    this.#parts.metrics.requests.labels('edge', method).observe(ms / 1000)
    const line = { edgeId: this.#edge.name, clientKind: 'edge', method, ms: Math.round(ms * 100) / 100 }
    if (outcome.ok) return this.#ctx.log.info(line, 'call')
    this.#parts.metrics.errors.inc({ component: 'edge', code: codeLabel(outcome.error.code) })
    this.#ctx.log[outcome.level]({ ...line, code: outcome.error.code, err: outcome.cause }, 'call refused')
  }

  #onResponse(response: {
    jsonrpc: '2.0'
    id: string | number
    result?: unknown
    error?: { code: number; message: string; data: string[] }
  }): void {
    if (this.#client === undefined || this.#pending === 0) return this.#invalidFrame('answer without request')
    this.#client.receive(response as Parameters<JSONRPCClient['receive']>[0])
  }

  #translate(error: unknown, timeoutMs: number): unknown {
    if (!(error instanceof JSONRPCErrorException)) return error
    if (this.#dropped) return new AppError('edgeNotConnected', [this.#edge.name])
    if (error.data === timedOut) {
      return problem(`Edge [${this.#edge.name}] did not answer within ${timeoutMs / 1000} seconds`)
    }
    // To a UI this code means that its own session is over, whoever it comes from (ui.md section 0, rule 4).
    if (error.code === errorKinds.authenticationFailed.code) return problem(error.message)
    const data = Array.isArray(error.data) ? error.data.map(String) : []
    return new PeerError({ code: error.code, message: error.message, data })
  }

  #dropPending(): void {
    this.#dropped = true
    this.#client?.rejectAllPendingRequests('connection closed')
  }

  #invalidFrame(reason: string): void {
    this.#parts.metrics.invalidFrames.inc({ component: 'edge', reason })
    if (++this.#invalid >= MAX_INVALID_FRAMES) this.#cutOff('invalid frames')
  }

  #cutOff(reason: string): void {
    if (this.#socket.readyState !== this.#socket.OPEN) return
    this.#ctx.log.warn({ edgeId: this.#edge.name, reason }, 'edge disconnected for passing a limit')
    this.#socket.close(closeCodes.policy, reason)
    this.#socket.terminate()
  }

  #send(text: string): void {
    if (this.#socket.readyState !== this.#socket.OPEN) return
    if (this.#socket.bufferedAmount > FROZEN_BYTES) return this.#socket.terminate()
    this.#socket.send(text)
  }

  #asSession(): Session {
    return {
      kind: 'edge',
      clientAddress: '',
      caller: this.caller,
      watcher: noWatcher,
      subscription: undefined,
      channelCount: -1,
      signIn: () => undefined,
      signOut: () => undefined,
    }
  }
}

/** Marks our own time-out; no peer can send this object. */
const timedOut = Object.freeze({})

const noWatcher = {
  maySee: () => false,
  maySeeSystemLog: () => false,
  pushData: () => undefined,
  pushNotification: () => undefined,
}

function onMessage(this: WebSocket, data: unknown, isBinary: boolean): void {
  ;(this as EdgeSocket).edgeConnection?.received(data as Buffer, isBinary)
}

function onClose(this: WebSocket): void {
  ;(this as EdgeSocket).edgeConnection?.closed()
}

function onError(this: WebSocket): void {
  // A broken frame or a reset: ws closes the socket itself, and `close` says the rest.
}
