import type { WebSocket } from 'ws'
import type { AppContext } from '../context.ts'
import type { KeyCopies } from '../edges/key-copies.ts'
import { AppError, problem } from '../errors.ts'
import type { Log } from '../log.ts'
import { classify, type Frame, isObject, type Params, readFrame, writeError, writeResult } from '../rpc/envelope.ts'
import { closeCodes } from './close-codes.ts'
import { EdgeCalls, type PeerResponse } from './edge-calls.ts'
import { type AskThroughApp, ProxiedEdge } from './proxied-edge.ts'
import type { ServerParts } from './service.ts'

const MAX_INVALID_FRAMES = 10_000
const MAX_PENDING = 20_000
const FROZEN_BYTES = 256 * 1024 * 1024
/** A list was made a moment before it arrives: an edge that connected since is not in it yet. */
const GRACE_MS = 2000
/** Frames of an edge that has left may still be on their way through the app. */
const STRAGGLER_MS = 2000
/** An edge says something every second; one the app never listed and that is silent has left between two lists. */
const SILENT_MS = 15_000
const SWEEP_MS = 5000

/** Numbers an app tells about itself (protocol B.4), as they go into the metrics. */
const appMetrics = ['PoolSize', 'MaxPoolSize', 'Active', 'Pending', 'Completed', 'Connections'] as const

/**
 * One socket of an OpenEMS Backend.Edge.App: the service's side of Edge.Manager (protocol B.4). An edge is there from its
 * first frame on, not only from the next list of the app, so that nothing of it is lost (protocol B.5).
 */
export class EdgeAppConnection {
  readonly name: string
  /** What the app last told about itself. */
  readonly reported = new Map<string, number>()
  readonly #ctx: AppContext
  readonly #parts: ServerParts
  readonly #copies: KeyCopies
  readonly #socket: WebSocket
  readonly #log: Log
  readonly #calls: EdgeCalls
  readonly #edges = new Map<string, ProxiedEdge>()
  readonly #sweep: NodeJS.Timeout
  #listed: ReadonlySet<string> = new Set()
  /** Edges that the app's lists no longer name, and since when. */
  readonly #left = new Map<string, number>()
  #invalid = 0
  /** What it was last told. */
  #keys: Buffer | undefined

  constructor(ctx: AppContext, parts: ServerParts, copies: KeyCopies, socket: WebSocket, name: string) {
    this.#ctx = ctx
    this.#parts = parts
    this.#copies = copies
    this.#socket = socket
    this.name = name
    this.#log = ctx.log.child({ clientKind: 'edgeManager', edgeApp: name })
    this.#calls = new EdgeCalls((text) => this.#send(text), MAX_PENDING)
    parts.edgeApps.add(this)
    socket.on('message', (data, isBinary) => this.#received(data as Buffer, isBinary))
    socket.on('close', () => this.#closed())
    socket.on('error', (error) => this.#log.info({ err: { message: error.message } }, 'socket error'))
    this.#sweep = setInterval(() => this.#dropSilent(), SWEEP_MS)
    this.#sweep.unref()
    this.#log.info('edge app connected')
  }

  /** Edges connected to the app. */
  get size(): number {
    return this.#edges.size
  }

  /**
   * Sends `updateMetadataCache`, ready to be sent, unless the app has it already. An empty map makes the app drop every
   * edge, so it goes only to an app that was given keys before, and the caller makes sure that there really are none.
   */
  sendKeys(frame: Buffer, isEmpty: boolean): void {
    if (this.#socket.readyState !== this.#socket.OPEN || this.#keys?.equals(frame)) return
    if (isEmpty && this.#keys === undefined) return
    this.#keys = frame
    this.#socket.send(frame, { binary: false })
  }

  /** Keys have changed: edges that have none any more are no longer listened to; the app does not cut them off itself. */
  recheck(now: number): void {
    for (const [name, edge] of this.#edges) {
      if (!this.#copies.serves(edge.edgeId, now)) this.#drop(name, edge, 'revoked')
    }
  }

  goAway(): void {
    this.#socket.close(closeCodes.goingAway, 'service is stopping')
  }

  terminate(): void {
    this.#socket.terminate()
  }

  /** One frame, whatever it is, must not end the process. */
  #received(data: Buffer, isBinary: boolean): void {
    if (this.#socket.readyState !== this.#socket.OPEN) return
    this.#parts.liveness.seen(this.#socket)
    try {
      this.#handle(data, isBinary)
    } catch (error) {
      this.#log.error({ err: error }, 'frame not handled')
      this.#invalidFrame('not handled')
    }
  }

  #handle(data: Buffer, isBinary: boolean): void {
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

  #onNotification(method: string, params: Params): void {
    if (method === 'connectedEdges') return this.#onConnectedEdges(params)
    if (method !== 'edgeRpc') return this.#invalidFrame('unknown notification')
    const inner = classify(params['payload'])
    if (inner.kind !== 'notification') return this.#invalidFrame('payload')
    const edge = this.#edgeOf(params['edgeId'], inner.method)
    if (edge === undefined) return this.#invalidFrame('unknown edge')
    edge.notified(inner.method, inner.params)
  }

  /** The answer repeats the inner id inside and the outer one outside; an error stands outside (protocol B.4). */
  #onRequest(frame: Extract<Frame, { kind: 'request' }>): void {
    const refuse = (error: AppError) => this.#send(writeError(frame.id, error.toWire()))
    if (frame.method !== 'edgeRpc') return refuse(new AppError('unknownMethod', [frame.method.slice(0, 100)]))
    const inner = classify(frame.params['payload'])
    if (inner.kind !== 'request') return refuse(new AppError('invalidParams', ['payload: must be a request']))
    const name = String(frame.params['edgeId']).slice(0, 100)
    const edge = this.#edgeOf(frame.params['edgeId'], inner.method)
    if (edge === undefined) return refuse(new AppError('edgeNotConnected', [name]))
    edge.called(inner, (outcome) => {
      if (!outcome.ok) return this.#send(writeError(frame.id, outcome.error))
      this.#send(writeResult(frame.id, { payload: { jsonrpc: '2.0', id: inner.id, result: outcome.result ?? {} } }))
    })
  }

  #onResponse(response: PeerResponse): void {
    if (!this.#calls.receive(response)) this.#invalidFrame('answer without request')
  }

  /** The whole list of edges connected to the app, made every five seconds if anything changed. */
  #onConnectedEdges(params: Params): void {
    const { edgeIds, metrics } = params
    if (!Array.isArray(edgeIds)) return this.#invalidFrame('edgeIds')
    if (isObject(metrics)) this.#keepMetrics(metrics)
    const listed = new Set(edgeIds.filter((name): name is string => typeof name === 'string'))
    const now = performance.now()
    this.#left.clear()
    for (const [name, edge] of this.#edges) {
      if (listed.has(name) || now - edge.connectedAt < GRACE_MS) continue
      this.#left.set(name, now)
      this.#drop(name, edge, 'left')
    }
    this.#listed = listed
    for (const name of listed) if (!this.#edges.has(name)) this.#attach(name)?.present()
  }

  #keepMetrics(metrics: Params): void {
    for (const name of appMetrics) {
      const value = metrics[name]
      if (typeof value === 'number' && Number.isFinite(value)) this.reported.set(name, value)
    }
  }

  /** The edge that a frame is of. It is there from now on, unless the frame was overtaken by the news that it left. */
  #edgeOf(name: unknown, method: string): ProxiedEdge | undefined {
    if (typeof name !== 'string') return undefined
    const known = this.#edges.get(name)
    if (known !== undefined) return known
    const leftAt = this.#left.get(name)
    if (leftAt !== undefined && method !== 'edgeConfig' && performance.now() - leftAt < STRAGGLER_MS) return undefined
    return this.#attach(name)
  }

  /** Takes an edge in; undefined when there is none or no key of it is valid, so that the app cannot have let it in. */
  #attach(name: string): ProxiedEdge | undefined {
    const row = this.#ctx.store.index.edgeByName(name)
    if (row === undefined || !this.#copies.serves(row.id, this.#ctx.clock().getTime())) return undefined
    const edge = new ProxiedEdge(this.#ctx, this.#parts, row, this.#ask)
    this.#edges.set(name, edge)
    this.#log.info({ edgeId: name }, 'edge connected')
    return edge
  }

  #drop(name: string, edge: ProxiedEdge, reason: string): void {
    this.#edges.delete(name)
    edge.detach()
    this.#log.info({ edgeId: name, reason }, 'edge disconnected')
  }

  #dropSilent(): void {
    const silentSince = performance.now() - SILENT_MS
    for (const [name, edge] of this.#edges) {
      if (!this.#listed.has(name) && edge.heardAt < silentSince) this.#drop(name, edge, 'silent')
    }
  }

  readonly #ask: AskThroughApp = async (edgeId, payload, timeoutMs) => {
    const answer = await this.#calls.request(edgeId, 'edgeRpc', { edgeId, payload }, timeoutMs)
    const inner = isObject(answer) ? answer['payload'] : undefined
    if (!isObject(inner) || inner['result'] === undefined) {
      throw problem(`Edge [${edgeId}] gave an answer without a result`)
    }
    return inner['result']
  }

  #send(text: string): void {
    if (this.#socket.readyState !== this.#socket.OPEN) return
    if (this.#socket.bufferedAmount > FROZEN_BYTES) return this.#socket.terminate()
    this.#socket.send(text)
  }

  #invalidFrame(reason: string): void {
    this.#parts.metrics.invalidFrames.inc({ component: 'edgeManager', reason })
    if (++this.#invalid < MAX_INVALID_FRAMES) return
    this.#log.warn('disconnected for passing a limit')
    this.#socket.close(closeCodes.policy, 'invalid frames')
    this.#socket.terminate()
  }

  /** The app stops listening for edges without this socket, so they are gone at once, unless they are elsewhere. */
  #closed(): void {
    clearInterval(this.#sweep)
    this.#parts.edgeApps.delete(this)
    this.#calls.drop()
    for (const edge of this.#edges.values()) edge.detach()
    this.#log.info({ edges: this.#edges.size }, 'edge app disconnected')
    this.#edges.clear()
  }
}
