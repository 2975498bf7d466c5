import type { AppContext } from '../context.ts'
import { edgeNotifications } from '../edges/edge-notifications.ts'
import { resumeSystemLog } from '../edges/edge-rpc.ts'
import { AppError } from '../errors.ts'
import type { EdgeLink, LiveEdge } from '../live/hub.ts'
import type { Frame } from '../rpc/envelope.ts'
import { type Caller, silentSession } from '../rpc/session.ts'
import { dispatch, failure, type Outcome } from './dispatch.ts'
import { codeLabel } from './metrics.ts'
import type { ServerParts } from './service.ts'

const MAX_RUNNING = 20

/** What a connected edge is, however its frames arrive: notifications and requests in (protocol B.2, B.3), requests out. */
export abstract class EdgePeer implements EdgeLink {
  readonly caller: Caller
  abstract readonly keyHash: string | undefined
  protected readonly ctx: AppContext
  protected readonly parts: ServerParts
  protected readonly edge: LiveEdge
  #running = 0
  #started = false

  constructor(ctx: AppContext, parts: ServerParts, edge: { id: number; edgeId: string }) {
    this.ctx = ctx
    this.parts = parts
    this.caller = { type: 'edge', edgeId: edge.id, edgeName: edge.edgeId }
    this.edge = ctx.hub.connect(edge.id, edge.edgeId, this)
  }

  abstract request(method: string, params: Record<string, unknown>, timeoutMs: number): Promise<unknown>
  abstract end(reason: 'replaced' | 'revoked'): void
  /** The service is stopping: tell the edge to come back, where it can be told. */
  abstract goAway(): void
  abstract terminate(): void
  protected abstract invalidFrame(reason: string): void

  /** A notification; one of a link that is not in use counts for nothing. */
  protected onNotification(method: string, params: Record<string, unknown>): void {
    const handler = Object.hasOwn(edgeNotifications, method) ? edgeNotifications[method] : undefined
    if (handler === undefined) return this.invalidFrame('unknown notification')
    const now = this.ctx.clock().getTime()
    if (this.edge.link !== this) return
    this.ctx.hub.seen(this.edge, now)
    const { edgeFrames } = this.parts.metrics
    edgeFrames.set(method, (edgeFrames.get(method) ?? 0) + 1)
    handler(this.ctx, this.edge, params, now)
    if (!this.#started) {
      this.#started = true
      resumeSystemLog(this.ctx, this.edge)
    }
  }

  /** The edge has just connected anew over the same link: what is asked of it at the beginning is asked again. */
  protected restarted(): void {
    this.#started = false
  }

  /** A request; `answer` is called once, with what to send. */
  protected onRequest(frame: Extract<Frame, { kind: 'request' }>, answer: (outcome: Outcome) => void): void {
    const method = this.parts.methods.edge.get(frame.method)
    const startedAt = performance.now()
    const finish = (outcome: Outcome) => {
      answer(outcome)
      this.#record(frame.method, startedAt, outcome)
    }
    if (method === undefined) return finish(failure(new AppError('unknownMethod', [frame.method.slice(0, 100)])))
    if (this.#running >= MAX_RUNNING) return finish(failure(new AppError('tooManyRequests')))
    this.#running++
    const outcome = dispatch(
      this.ctx,
      method,
      silentSession({ kind: 'edge', clientAddress: '', caller: this.caller }),
      frame.params,
    )
    void Promise.resolve(outcome).then((settled) => {
      this.#running--
      finish(settled)
    })
  }

  #record(asked: string, startedAt: number, outcome: Outcome): void {
    const ms = performance.now() - startedAt
    const method = this.parts.methods.edge.has(asked) ? asked : 'other'
    this.parts.metrics.requests.add('edge', method, ms / 1000)
    const line = { edgeId: this.edge.name, clientKind: 'edge', method, ms: Math.round(ms * 100) / 100 }
    if (outcome.ok) return this.ctx.log.info(line, 'call')
    this.parts.metrics.errors.inc({ component: 'edge', code: codeLabel(outcome.error.code) })
    this.ctx.log[outcome.level]({ ...line, code: outcome.error.code, err: outcome.cause }, 'call refused')
  }
}
