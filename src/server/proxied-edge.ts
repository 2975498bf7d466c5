import { randomUUID } from 'node:crypto'
import type { AppContext } from '../context.ts'
import { AppError, PeerError } from '../errors.ts'
import type { Frame, Params } from '../rpc/envelope.ts'
import type { Outcome } from './dispatch.ts'
import { EdgePeer } from './edge-peer.ts'
import { RateLimit } from './rate-limit.ts'
import type { ServerParts } from './service.ts'

/** A request on its way to an edge behind an app. */
export interface ProxiedRequest {
  jsonrpc: '2.0'
  method: string
  params: Params
  id: string
}
/** The socket of the app, as far as its edges need it: resolves with the edge's own result. */
export type AskThroughApp = (edgeName: string, payload: ProxiedRequest, timeoutMs: number) => Promise<unknown>

/** The app knows no such edge (any more). */
const SEND_FAILED = 4004
/** What OpenEMS says when the socket of the edge closed before the answer (protocol A.3). */
const CLOSED_TEXT = 'Websocket connection closed'

/** An edge whose socket is held by a Backend.Edge.App (protocol B.4); stands by when a newer link takes over. */
export class ProxiedEdge extends EdgePeer {
  readonly keyHash = undefined
  readonly standsBy = true
  /** When the edge was last seen to connect, and to say anything; monotonic milliseconds. */
  connectedAt = performance.now()
  heardAt = performance.now()
  readonly #ask: AskThroughApp
  readonly #limit: RateLimit
  #waiting: Set<(reason: AppError) => void> | undefined

  constructor(ctx: AppContext, parts: ServerParts, edge: { id: number; edgeId: string }, ask: AskThroughApp) {
    super(ctx, parts, edge)
    this.#ask = ask
    this.#limit = new RateLimit(ctx.config.edgeFramesPerSecond, ctx.config.edgeFramesPerSecond * 5)
  }

  get edgeId(): number {
    return this.edge.id
  }

  /** Rejects with 3000 when the edge is gone from the app or a newer link took over, code 1 when it does not answer. */
  async request(method: string, params: Params, timeoutMs: number): Promise<unknown> {
    if (this.edge.link !== this) throw this.#notConnected()
    const { promise, resolve, reject } = Promise.withResolvers<unknown>()
    this.#waiting ??= new Set()
    const { size } = this.#waiting.add(reject)
    try {
      if (size > MAX_WAITING) throw new AppError('tooManyRequests')
      this.#ask(this.edge.name, { jsonrpc: '2.0', method, params, id: randomUUID() }, timeoutMs).then(resolve, reject)
      return await promise
    } catch (error) {
      throw isGone(error) ? this.#notConnected() : error
    } finally {
      this.#waiting.delete(reject)
    }
  }

  /** A notification of the edge. Its configuration comes first on every new connection (protocol B.1). */
  notified(method: string, params: Params): void {
    this.heardAt = performance.now()
    if (!this.#limit.take(this.heardAt)) return this.invalidFrame('too many frames')
    if (method === 'edgeConfig') this.connected()
    this.onNotification(method, params)
  }

  /** The edge has just connected to the app: this link is the newest. */
  connected(): void {
    this.connectedAt = performance.now()
    this.restarted()
    this.ctx.hub.connect(this.edge.id, this.edge.name, this)
  }

  /** A request of the edge. */
  called(frame: Extract<Frame, { kind: 'request' }>, answer: (outcome: Outcome) => void): void {
    this.heardAt = performance.now()
    this.onRequest(frame, answer)
  }

  /** The app says that the edge is there. */
  present(): void {
    if (this.edge.link === this) this.ctx.hub.seen(this.edge, this.ctx.clock().getTime())
  }

  /** The edge is gone from the app. */
  detach(): void {
    this.#dropWaiting()
    this.ctx.hub.disconnect(this.edge, this)
  }

  end(reason: 'replaced' | 'revoked'): void {
    this.ctx.log.info({ edgeId: this.edge.name, reason }, 'edge is elsewhere now')
    this.#dropWaiting()
  }

  /** The socket is the app's; the app is told. */
  goAway(): void {}

  terminate(): void {}

  protected override invalidFrame(reason: string): void {
    this.parts.metrics.invalidFrames.inc({ component: 'edge', reason })
  }

  #dropWaiting(): void {
    for (const reject of this.#waiting ?? []) reject(this.#notConnected())
  }

  #notConnected(): AppError {
    return new AppError('edgeNotConnected', [this.edge.name])
  }
}

const MAX_WAITING = 500

function isGone(error: unknown): boolean {
  if (!(error instanceof PeerError)) return false
  const { code, message } = error.wire
  return code === SEND_FAILED || (code === 1 && message === CLOSED_TEXT)
}
