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
import { CallQueue } from './call-queue.ts'
import { closeCodes } from './close-codes.ts'
import { dispatch, type MethodTable, type Outcome } from './dispatch.ts'
import { codeLabel } from './metrics.ts'
import { Outgoing } from './outgoing.ts'
import { RateLimit } from './rate-limit.ts'
import type { ServerParts } from './service.ts'
import { SocketChannel } from './socket-channel.ts'
import { StrangerLimits } from './stranger-limits.ts'

const MAX_INVALID_FRAMES = 100
/** UI log lines are untrusted and thinned (protocol C.1: 5 a second). */
const LOG_LINES_PER_SECOND = 5

const anonymous: Caller = { type: 'anonymous' }

type Request = Extract<Frame, { kind: 'request' }>
type Queued = { frame: Request; method: Method }

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
  readonly #calls = new CallQueue<Queued>((call) => this.#start(call))
  readonly #out: Outgoing
  readonly #stranger: StrangerLimits
  #invalid = 0
  /** Past a limit or closed: nothing of this peer is looked at any more. */
  #ended = false
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
    this.#out = new Outgoing(socket, () => {
      this.#log.warn('disconnected: reads too slowly')
      this.destroy()
    })
    this.#stranger = new StrangerLimits(ctx.config.signInDeadlineMs, () => this.destroy())
    parts.sockets.add(this)
    if (this.#caller.type === 'anonymous') this.#stranger.begin()
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
    this.#stranger.end()
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
    if (this.#out.isOpen) this.#stranger.begin()
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
    return this.#calls.idle
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

  pushData(edgeName: string, values: Record<string, ChannelValue>): boolean {
    if (this.#out.isSlow()) {
      this.#parts.metrics.droppedPushes.inc()
      return false
    }
    this.pushNotification(edgeName, 'currentData', values)
    return true
  }

  pushNotification(edgeName: string, method: string, params: Params): void {
    this.#out.send(writeNotification('edgeRpc', { edgeId: edgeName, payload: { jsonrpc: '2.0', method, params } }))
  }

  pushFrame(frame: Buffer): void {
    if (!this.#out.isOpen) return
    if (this.#out.isSlow()) this.#parts.metrics.droppedPushes.inc()
    else this.#out.sendFrame(frame)
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
    if (this.#caller.type === 'anonymous' && !this.#stranger.take(data.length)) return this.#end('bytes before log-in')
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

  #onRequest(frame: Request): void {
    const method = this.#methods.get(frame.method)
    if (method === undefined) {
      const unknown = new AppError('unknownMethod', [frame.method.slice(0, 100)])
      void this.#finish(frame.id, undefined, performance.now(), refusal(unknown))
      return
    }
    const isTaken = (method.unlimited || this.#limit.take(performance.now())) && this.#calls.take({ frame, method })
    if (!isTaken) void this.#finish(frame.id, method, performance.now(), refusal(new AppError('tooManyRequests')))
  }

  #start({ frame, method }: Queued): Promise<void> | undefined {
    const startedAt = performance.now()
    if (this.#sessionOver()) return undefined
    const outcome = dispatch(this.#acting, method, this, frame.params)
    if (outcome instanceof Promise) {
      return outcome.then((settled) => this.#finish(frame.id, method, startedAt, settled))
    }
    return this.#finish(frame.id, method, startedAt, outcome)
  }

  /** Answers a call, now or later; a promise when the next one has to wait for that. */
  #finish(id: FrameId, method: Method | undefined, startedAt: number, outcome: Outcome): Promise<void> | undefined {
    const text = outcome.ok ? writeResult(id, outcome.result) : writeError(id, outcome.error)
    const delayMs = this.kind === 'ui' && outcome.ok ? (method?.answerAfterMs?.(this.#ctx) ?? 0) : 0
    const later = delayMs > 0 ? this.#sendLater(text, delayMs) : undefined
    if (later === undefined) this.#out.send(text)
    this.#report(method, startedAt, outcome)
    return method?.exclusive ? later : undefined
  }

  #sendLater(text: string, delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.#out.after(delayMs, () => {
        this.#out.send(text)
        resolve()
      })
    })
  }

  #report(method: Method | undefined, startedAt: number, outcome: Outcome): void {
    const ms = performance.now() - startedAt
    const name = method?.name ?? 'other'
    this.#parts.metrics.requests.add(this.kind, name, ms / 1000)
    const principal = 'principalId' in this.#caller ? this.#caller.principalId : undefined
    const actorId = isActing(this.#caller) ? this.#caller.impersonation.actorId : undefined
    const line = { method: name, principalId: principal, actorId, ms: Math.round(ms * 100) / 100 }
    if (outcome.ok) return this.#log.info(line, 'call')
    this.#parts.metrics.errors.inc({ component: this.kind, code: codeLabel(outcome.error.code) })
    this.#log[outcome.level]({ ...line, code: outcome.error.code, err: outcome.cause }, 'call refused')
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
    if (id !== undefined) this.#out.send(writeError(id, new AppError('invalidMessage', [reason]).toWire()))
    this.#invalid++
    if (this.#invalid >= MAX_INVALID_FRAMES) this.#end('invalid frames')
  }

  #end(reason: string): void {
    this.#ended = true
    this.#log.warn({ reason }, 'disconnected for passing a limit')
    this.#socket.close(closeCodes.policy, reason)
    this.#out.after(1000, () => this.#socket.terminate())
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
    this.#stranger.end()
    this.#out.stop()
    this.#calls.clear()
    this.#unsubscribe()
    this.#parts.sockets.delete(this)
    this.#releaseSession()
    this.#log.info('disconnected')
  }
}

function refusal(error: AppError): Outcome {
  return { ok: false, error: error.toWire(), level: 'info' }
}
