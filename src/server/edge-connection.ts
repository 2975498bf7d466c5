import type { WebSocket } from 'ws'
import type { AppContext } from '../context.ts'
import { AppError } from '../errors.ts'
import { readFrame, writeError, writeResult } from '../rpc/envelope.ts'
import { closeCodes } from './close-codes.ts'
import { EdgeCalls, type PeerResponse } from './edge-calls.ts'
import { EdgePeer } from './edge-peer.ts'
import { RateLimit } from './rate-limit.ts'
import type { ServerParts } from './service.ts'

const MAX_INVALID_FRAMES = 1000
const MAX_PENDING = 500
const FROZEN_BYTES = 32 * 1024 * 1024

/** The socket with its connection on it: listeners are shared functions, so that 100,000 edges cost no closures. */
interface EdgeSocket extends WebSocket {
  edgeConnection?: EdgeConnection
}

/** One socket of an edge (protocol B.1-B.3). Small on purpose: there are as many as edges. */
export class EdgeConnection extends EdgePeer {
  readonly keyHash: string
  readonly #socket: EdgeSocket
  readonly #limit: RateLimit
  #calls: EdgeCalls | undefined
  #invalid = 0

  constructor(
    ctx: AppContext,
    parts: ServerParts,
    socket: WebSocket,
    edge: { id: number; edgeId: string; keyHash: string },
  ) {
    super(ctx, parts, edge)
    this.#socket = socket as EdgeSocket
    this.keyHash = edge.keyHash
    this.#limit = new RateLimit(ctx.config.edgeFramesPerSecond, ctx.config.edgeFramesPerSecond * 5)
    this.#socket.edgeConnection = this
    socket.on('message', onMessage)
    socket.on('close', onClose)
    socket.on('error', onError)
    ctx.log.info({ edgeId: edge.edgeId }, 'edge connected')
  }

  /** Rejects with 3000 when the edge drops, code 1 when it does not answer within `timeoutMs`. */
  async request(method: string, params: Record<string, unknown>, timeoutMs: number): Promise<unknown> {
    if (this.#socket.readyState !== this.#socket.OPEN) throw new AppError('edgeNotConnected', [this.edge.name])
    this.#calls ??= new EdgeCalls((text) => this.#send(text), MAX_PENDING)
    return this.#calls.request(this.edge.name, method, params, timeoutMs)
  }

  end(reason: 'replaced' | 'revoked'): void {
    this.ctx.log.info({ edgeId: this.edge.name, reason }, 'edge connection ended')
    if (reason === 'replaced') this.#socket.close(closeCodes.replaced, 'a newer connection took over')
    else this.#socket.close(closeCodes.policy, 'the key is no longer valid')
    const timer = setTimeout(() => this.#socket.terminate(), 2000)
    timer.unref()
    this.#calls?.drop()
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
    this.parts.liveness.seen(this.#socket)
    try {
      this.#handle(data, isBinary)
    } catch (error) {
      this.ctx.log.error({ edgeId: this.edge.name, err: error }, 'frame not handled')
      this.invalidFrame('not handled')
    }
  }

  #handle(data: Buffer, isBinary: boolean): void {
    if (!this.#limit.take(performance.now())) return this.#cutOff('too many frames')
    if (isBinary) return this.invalidFrame('binary')
    const frame = readFrame(data.toString())
    switch (frame.kind) {
      case 'notification':
        return this.onNotification(frame.method, frame.params)
      case 'request':
        return this.onRequest(frame, (outcome) =>
          this.#send(outcome.ok ? writeResult(frame.id, outcome.result) : writeError(frame.id, outcome.error)),
        )
      case 'success':
        return this.#onResponse({ jsonrpc: '2.0', id: frame.id, result: frame.result ?? {} })
      case 'error':
        return this.#onResponse({ jsonrpc: '2.0', id: frame.id, error: frame.error })
      default:
        if (frame.id !== undefined)
          this.#send(writeError(frame.id, new AppError('invalidMessage', [frame.reason]).toWire()))
        return this.invalidFrame(frame.reason)
    }
  }

  closed(): void {
    this.#calls?.drop()
    this.ctx.hub.disconnect(this.edge, this)
    this.ctx.log.info({ edgeId: this.edge.name }, 'edge disconnected')
  }

  #onResponse(response: PeerResponse): void {
    if (this.#calls?.receive(response) !== true) this.invalidFrame('answer without request')
  }

  protected override invalidFrame(reason: string): void {
    this.parts.metrics.invalidFrames.inc({ component: 'edge', reason })
    if (++this.#invalid >= MAX_INVALID_FRAMES) this.#cutOff('invalid frames')
  }

  #cutOff(reason: string): void {
    if (this.#socket.readyState !== this.#socket.OPEN) return
    this.ctx.log.warn({ edgeId: this.edge.name, reason }, 'edge disconnected for passing a limit')
    this.#socket.close(closeCodes.policy, reason)
    this.#socket.terminate()
  }

  #send(text: string): void {
    if (this.#socket.readyState !== this.#socket.OPEN) return
    if (this.#socket.bufferedAmount > FROZEN_BYTES) return this.#socket.terminate()
    this.#socket.send(text)
  }
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
