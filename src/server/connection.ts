import { randomUUID } from 'node:crypto'
import type { WebSocket } from 'ws'
import type { Components } from '../access/components.ts'
import { liveComponents, maySeeSystemLog } from '../access/door.ts'
import type { AppContext } from '../context.ts'
import { releaseSystemLogs } from '../edges/edge-rpc.ts'
import { AppError } from '../errors.ts'
import { toText } from '../lib/text.ts'
import type { ChannelValue } from '../live/channel-cache.ts'
import type { Subscription, Watcher } from '../live/hub.ts'
import type { Log } from '../log.ts'
import {
  type Frame,
  type FrameId,
  type Params,
  readFrame,
  writeError,
  writeNotification,
  writeResult,
} from '../rpc/envelope.ts'
import type { Method, PeerKind } from '../rpc/method.ts'
import type { Caller, Session } from '../rpc/session.ts'
import { actingContext, actingMask, isActing } from './acting.ts'
import { closeCodes } from './close-codes.ts'
import { dispatch, type MethodTable, type Outcome } from './dispatch.ts'
import { codeLabel } from './metrics.ts'
import { RateLimit } from './rate-limit.ts'
import type { ServerParts } from './service.ts'
import { SocketChannel } from './socket-channel.ts'

const MAX_RUNNING = 64
const MAX_WAITING = 512
const MAX_INVALID_FRAMES = 100
const STRANGER_FRAME_BYTES = 64 * 1024
const STRANGER_TOTAL_BYTES = 1024 * 1024
/** Past this backlog live frames are left out; past the second, or for too long, the connection ends. */
const SLOW_BYTES = 256 * 1024
const FROZEN_BYTES = 16 * 1024 * 1024
const FROZEN_MS = 30_000
/** UI log lines are untrusted and thinned (protocol C.1: 5 a second). */
const LOG_LINES_PER_SECOND = 5

const anonymous: Caller = { type: 'anonymous' }

/**
 * One socket of a UI or a service: frames in, calls started in order, replies out, pushes bounded. Nothing in here knows a
 * method by name.
 */
export class Connection implements Session, Watcher {
  readonly kind: PeerKind
  readonly clientAddress: string
  readonly id = randomUUID()
  readonly watcher: Watcher = this
  subscription: Subscription | undefined
  readonly channel: SocketChannel
  channelCount = -1
  readonly #ctx: AppContext
  readonly #parts: ServerParts
  readonly #socket: WebSocket
  readonly #methods: MethodTable[PeerKind]
  readonly #log: Log
  readonly #limit: RateLimit
  readonly #logLimit = new RateLimit(LOG_LINES_PER_SECOND, LOG_LINES_PER_SECOND)
  #caller: Caller
  /** The service as the caller meets it; while another acts as him, cut to what that other may. */
  #acting: AppContext
  #waiting: Extract<Frame, { kind: 'request' }>[] = []
  #running = 0
  #exclusive = false
  #invalid = 0
  /** Past a limit or closed: nothing of this peer is looked at any more. */
  #ended = false
  #strangerBytes = 0
  #deadline: NodeJS.Timeout | undefined
  #slowSince: number | undefined
  #timers = new Set<NodeJS.Timeout>()
  readonly #held = new Map<string, Disposable>()

  constructor(
    ctx: AppContext,
    parts: ServerParts,
    socket: WebSocket,
    options: { kind: PeerKind; clientAddress: string; caller?: Caller },
  ) {
    this.#ctx = ctx
    this.#parts = parts
    this.#socket = socket
    this.channel = new SocketChannel(socket)
    this.kind = options.kind
    this.clientAddress = options.clientAddress
    this.#caller = options.caller ?? anonymous
    this.#acting = ctx
    this.#methods = parts.methods[options.kind]
    this.#log = ctx.log.child({ connectionId: this.id, clientKind: options.kind })
    const perSecond = options.kind === 'ui' ? ctx.config.uiRequestsPerSecond : 0
    this.#limit = new RateLimit(perSecond, perSecond * 2)
    parts.sockets.add(this)
    if (this.#caller.type === 'anonymous') this.#armDeadline()
    socket.on('message', (data, isBinary) => this.#received(data as Buffer, isBinary))
    socket.on('close', () => this.#onClose())
    socket.on('error', (error) => this.#log.info({ err: { message: error.message } }, 'socket error'))
    this.#log.info({ clientAddress: options.clientAddress }, 'connected')
  }

  get caller(): Caller {
    return this.#caller
  }

  signIn(caller: Caller): void {
    this.signOut()
    // The peer may be gone by the time the password is checked; nobody would ever give this session back.
    if (this.#ended) {
      if (caller.type === 'user') this.#ctx.sessions.release(caller.sessionId)
      return
    }
    this.#caller = caller
    this.#acting = actingContext(this.#ctx, caller)
    clearTimeout(this.#deadline)
    this.#parts.sockets.signedIn(this)
  }

  /** @NOTE a stranger's `logout` must not give him a new deadline and new bytes. */
  signOut(): void {
    if (this.#caller.type === 'anonymous') return
    this.#parts.sockets.signedOut(this)
    this.#releaseSession()
    this.#caller = anonymous
    this.#acting = this.#ctx
    this.channelCount = -1
    this.#unsubscribe()
    this.#strangerBytes = 0
    this.#armDeadline()
  }

  /** Ends the TCP connection without a close handshake: the UI comes back by itself (ui.md section 0, rule 9). */
  destroy(): void {
    this.#socket.terminate()
  }

  /** The end of the service: a UI is destroyed, everybody else is told to come back. */
  goAway(): void {
    if (this.kind === 'ui') this.#socket.terminate()
    else this.#socket.close(closeCodes.goingAway, 'service is stopping')
  }

  get idle(): boolean {
    return this.#running === 0 && this.#waiting.length === 0
  }

  liveComponents(edgeId: number): Components {
    const { caller } = this
    if (this.#isOver() || !('principalId' in caller)) return []
    return liveComponents(this.#acting, caller.principalId, edgeId, this.#ctx.clock().getTime())
  }

  maySeeSystemLog(edgeId: number): boolean {
    const { caller } = this
    if (this.#isOver()) return false
    return (
      'principalId' in caller && maySeeSystemLog(this.#acting, caller.principalId, edgeId, this.#ctx.clock().getTime())
    )
  }

  pushData(edgeName: string, values: Record<string, ChannelValue>): void {
    if (this.#isSlow()) {
      this.#parts.metrics.droppedPushes.inc()
      return
    }
    this.pushNotification(edgeName, 'currentData', values)
  }

  pushNotification(edgeName: string, method: string, params: Params): void {
    this.#send(writeNotification('edgeRpc', { edgeId: edgeName, payload: { jsonrpc: '2.0', method, params } }))
  }

  pushFrame(frame: Buffer): void {
    if (this.#socket.readyState !== this.#socket.OPEN) return
    if (this.#isSlow()) this.#parts.metrics.droppedPushes.inc()
    else this.#socket.send(frame, { binary: false })
  }

  hold(name: string, resource: Disposable | undefined): void {
    this.#held.get(name)?.[Symbol.dispose]()
    this.#held.delete(name)
    if (resource === undefined) return
    // The peer may be gone by now; nobody would ever let go of this.
    if (this.#ended) resource[Symbol.dispose]()
    else this.#held.set(name, resource)
  }

  /** One frame, whatever it is, must not end the process. */
  #received(data: Buffer, isBinary: boolean): void {
    if (this.#ended) return
    this.#parts.liveness.seen(this.#socket)
    try {
      this.#onMessage(data, isBinary)
    } catch (error) {
      this.#log.error({ err: error }, 'frame not handled')
      this.#invalidFrame('not handled', undefined)
    }
  }

  #onMessage(data: Buffer, isBinary: boolean): void {
    if (isBinary) return this.#invalidFrame('binary', undefined)
    if (this.#caller.type === 'anonymous') {
      this.#strangerBytes += data.length
      if (data.length > STRANGER_FRAME_BYTES || this.#strangerBytes > STRANGER_TOTAL_BYTES)
        return this.#end('bytes before log-in')
    }
    const frame = readFrame(data.toString())
    switch (frame.kind) {
      case 'request':
        return this.#onRequest(frame)
      case 'notification':
        return this.#onNotification(frame)
      case 'invalid':
        return this.#invalidFrame(frame.reason, frame.id)
      default:
        // Nothing was asked of this peer, so nothing can be answered.
        return this.#invalidFrame('answer without request', undefined)
    }
  }

  #onRequest(frame: Extract<Frame, { kind: 'request' }>): void {
    const method = this.#methods.get(frame.method)
    if (method === undefined) {
      return this.#finish(
        frame.id,
        undefined,
        performance.now(),
        refusal(new AppError('unknownMethod', [frame.method.slice(0, 100)])),
      )
    }
    if (!method.unlimited && !this.#limit.take(performance.now())) {
      return this.#finish(frame.id, method, performance.now(), refusal(new AppError('tooManyRequests')))
    }
    if (this.#exclusive || this.#running >= MAX_RUNNING || this.#waiting.length > 0) {
      if (this.#waiting.length >= MAX_WAITING) {
        return this.#finish(frame.id, method, performance.now(), refusal(new AppError('tooManyRequests')))
      }
      this.#waiting.push(frame)
      return
    }
    this.#run(frame, method)
  }

  #run(frame: Extract<Frame, { kind: 'request' }>, method: Method): void {
    const startedAt = performance.now()
    if (this.#sessionOver()) return
    if (method.exclusive) this.#exclusive = true
    const outcome = dispatch(this.#acting, method, this, frame.params)
    if (!(outcome instanceof Promise)) {
      if (method.exclusive) this.#exclusive = false
      return this.#finish(frame.id, method, startedAt, outcome)
    }
    this.#running++
    void outcome.then((settled) => {
      this.#running--
      if (method.exclusive) this.#exclusive = false
      this.#finish(frame.id, method, startedAt, settled)
      this.#next()
    })
  }

  #next(): void {
    while (this.#waiting.length > 0 && !this.#exclusive && this.#running < MAX_RUNNING) {
      const frame = this.#waiting.shift()
      const method = frame && this.#methods.get(frame.method)
      if (frame && method) this.#run(frame, method)
    }
  }

  #finish(id: FrameId, method: Method | undefined, startedAt: number, outcome: Outcome): void {
    const text = outcome.ok ? writeResult(id, outcome.result) : writeError(id, outcome.error)
    const delayMs = this.kind === 'ui' && outcome.ok ? (method?.answerAfterMs?.(this.#ctx) ?? 0) : 0
    if (delayMs > 0) this.#after(delayMs, () => this.#send(text))
    else this.#send(text)
    const ms = performance.now() - startedAt
    const name = method?.name ?? 'other'
    this.#parts.metrics.requests.add(this.kind, name, ms / 1000)
    const principal = 'principalId' in this.#caller ? this.#caller.principalId : undefined
    const actorId = isActing(this.#caller) ? this.#caller.impersonation.actorId : undefined
    if (outcome.ok) {
      this.#log.info({ method: name, principalId: principal, actorId, ms: Math.round(ms * 100) / 100 }, 'call')
      return
    }
    this.#parts.metrics.errors.inc({ component: this.kind, code: codeLabel(outcome.error.code) })
    const line = {
      method: name,
      principalId: principal,
      actorId,
      ms: Math.round(ms * 100) / 100,
      code: outcome.error.code,
      err: outcome.cause,
    }
    this.#log[outcome.level](line, 'call refused')
  }

  /** Only `logMessage` is known, before log-in too (protocol C.5). */
  #onNotification(frame: Extract<Frame, { kind: 'notification' }>): void {
    if (frame.method !== 'logMessage') return this.#invalidFrame('unknown notification', undefined)
    if (!this.#logLimit.take(performance.now())) return
    const text = toText(frame.params['msg'], 2000)
    this.#log.info({ uiLevel: toText(frame.params['level'], 20), text }, 'message from the UI')
  }

  #invalidFrame(reason: string, id: FrameId | undefined): void {
    this.#parts.metrics.invalidFrames.inc({ component: this.kind, reason })
    if (id !== undefined) this.#send(writeError(id, new AppError('invalidMessage', [reason]).toWire()))
    this.#invalid++
    if (this.#invalid >= MAX_INVALID_FRAMES) this.#end('invalid frames')
  }

  #end(reason: string): void {
    this.#ended = true
    this.#log.warn({ reason }, 'disconnected for passing a limit')
    this.#socket.close(closeCodes.policy, reason)
    this.#after(1000, () => this.#socket.terminate())
  }

  /** A session or a token may end by itself while its socket is open. */
  #sessionOver(): boolean {
    const { caller } = this
    const hasEnded =
      caller.type === 'user'
        ? this.#ctx.sessions.isEnded(caller.sessionId)
        : caller.type === 'service' && caller.token !== undefined && !this.#ctx.serviceTokens.isValid(caller.token)
    if (!hasEnded && !this.#isOver()) return false
    this.destroy()
    return true
  }

  /** Whether the time or the right of whoever acts as the caller is over; pushes ask this too. */
  #isOver(): boolean {
    const { caller } = this
    return isActing(caller) && (this.#ctx.sessions.isEnded(caller.sessionId) || actingMask(this.#ctx, caller) === 0)
  }

  #send(text: string): void {
    if (this.#socket.readyState !== this.#socket.OPEN) return
    if (this.#socket.bufferedAmount > FROZEN_BYTES) return this.destroy()
    this.#socket.send(text)
  }

  #isSlow(): boolean {
    if (this.#socket.bufferedAmount < SLOW_BYTES) {
      this.#slowSince = undefined
      return false
    }
    const now = performance.now()
    this.#slowSince ??= now
    if (now - this.#slowSince > FROZEN_MS) {
      this.#log.warn('disconnected: reads too slowly')
      this.destroy()
    }
    return true
  }

  #armDeadline(): void {
    clearTimeout(this.#deadline)
    if (this.#socket.readyState !== this.#socket.OPEN) return
    this.#deadline = setTimeout(() => this.destroy(), this.#ctx.config.signInDeadlineMs).unref()
  }

  #after(ms: number, action: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      action()
    }, ms).unref()
    this.#timers.add(timer)
  }

  #unsubscribe(): void {
    for (const name of [...this.#held.keys()]) this.hold(name, undefined)
    if (this.subscription === undefined) return
    const silent = this.#ctx.hub.unsubscribe(this.subscription)
    this.subscription = undefined
    releaseSystemLogs(this.#ctx, silent)
  }

  #releaseSession(): void {
    if (this.#caller.type === 'user') this.#ctx.sessions.release(this.#caller.sessionId)
  }

  #onClose(): void {
    this.#ended = true
    clearTimeout(this.#deadline)
    for (const timer of this.#timers) clearTimeout(timer)
    this.#waiting = []
    this.#unsubscribe()
    this.#parts.sockets.delete(this)
    this.#releaseSession()
    this.#log.info('disconnected')
  }
}

function refusal(error: AppError): Outcome {
  return { ok: false, error: error.toWire(), level: 'info' }
}
