import { randomUUID } from 'node:crypto'
import WebSocket, { type ClientOptions } from 'ws'
import type { MethodName, ParamsOf, ResultOf } from './protocol.ts'
import { ServiceError, unavailable } from './service-error.ts'

export interface ServiceClientOptions {
  /** `wss://host:8076`, `wss://host:8080/backend` or `/service`, or `ws+unix:` and the path of a control socket. */
  url: string
  /** Service token. */
  token?: string
  /** Of one call. */
  timeoutMs?: number
  /** First pause before connecting again; doubles up to `maxPauseMs`. */
  minPauseMs?: number
  maxPauseMs?: number
  socket?: ClientOptions
}

type Params = Record<string, unknown>
type Listener = (params: Params) => void
interface Pending {
  resolve: (result: unknown) => void
  reject: (error: unknown) => void
  timer: NodeJS.Timeout
}

/** Why a connection was refused for good: the same token will not be let in by trying again. */
const refusedForGood: ReadonlySet<number> = new Set([401, 403, 404])

/**
 * Calls and notifications of one service, on a connection that comes back by itself. Calls fail with ServiceError: the
 * error that was answered, or 1006 when there is no connection; they are never repeated, because nobody knows whether they
 * were done.
 */
export class ServiceClient implements AsyncDisposable {
  readonly #options: Required<Omit<ServiceClientOptions, 'token' | 'socket'>> & ServiceClientOptions
  readonly #pending = new Map<string, Pending>()
  readonly #listeners = new Map<string, Set<Listener>>()
  readonly #onConnected = new Set<() => void>()
  #socket: WebSocket | undefined
  #pauseMs: number
  #timer: NodeJS.Timeout | undefined
  #ended = false
  #failure: Error | undefined

  constructor(options: ServiceClientOptions) {
    this.#options = { timeoutMs: 30_000, minPauseMs: 100, maxPauseMs: 10_000, ...options }
    this.#pauseMs = this.#options.minPauseMs
    this.#connect()
  }

  get isConnected(): boolean {
    return this.#socket?.readyState === WebSocket.OPEN
  }

  /** The connection of the moment, for whoever wants to look at it. */
  get socket(): WebSocket | undefined {
    return this.#socket
  }

  /** Calls a method; parameters and result are typed from its literal. */
  call<N extends MethodName>(method: N, params: ParamsOf<N>): Promise<ResultOf<N>> {
    return this.request(method, params as Params) as Promise<ResultOf<N>>
  }

  /** The same for a name that is only known at run time. */
  async request(method: string, params: Params): Promise<unknown> {
    if (!this.isConnected) throw this.#failure ?? unavailable('The service is not connected')
    const id = randomUUID()
    const { promise, resolve, reject } = Promise.withResolvers<unknown>()
    const timer = setTimeout(
      () => this.#settle(id)?.reject(unavailable(`No answer to ${method} in time`)),
      this.#options.timeoutMs,
    )
    this.#pending.set(id, { resolve, reject, timer })
    this.#socket?.send(JSON.stringify({ jsonrpc: '2.0', method, params, id }))
    return await promise
  }

  /** Hears each notification of this name, in order. Returns how to stop. */
  on(method: string, listener: Listener): () => void {
    const listeners = this.#listeners.get(method) ?? new Set()
    this.#listeners.set(method, listeners.add(listener))
    return () => listeners.delete(listener)
  }

  /** Is told each time a connection is open; at once if one is. Returns how to stop. */
  onConnected(listener: () => void): () => void {
    this.#onConnected.add(listener)
    if (this.isConnected) listener()
    return () => this.#onConnected.delete(listener)
  }

  /** Resolves with the first connection; rejects when the service refuses the token or the address. */
  async connected(): Promise<this> {
    if (this.isConnected) return this
    if (this.#failure) throw this.#failure
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const stop = this.onConnected(resolve)
    this.#rejectConnected.add(reject)
    await promise.finally(() => {
      stop()
      this.#rejectConnected.delete(reject)
    })
    return this
  }
  readonly #rejectConnected = new Set<(error: Error) => void>()

  /** Drops the connection; the next one is made as after any other loss. */
  reconnect(): void {
    this.#socket?.terminate()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended = true
    clearTimeout(this.#timer)
    const socket = this.#socket
    if (socket === undefined || socket.readyState === WebSocket.CLOSED) return
    const closed = new Promise((resolve) => socket.once('close', resolve))
    socket.terminate()
    await closed
  }

  #connect(): void {
    const { url, token, socket: more } = this.#options
    const headers = { ...more?.headers, ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) }
    const socket = new WebSocket(url, { perMessageDeflate: false, ...more, headers })
    this.#socket = socket
    socket.on('open', () => {
      this.#pauseMs = this.#options.minPauseMs
      for (const listener of [...this.#onConnected]) listener()
    })
    socket.on('message', (data) => this.#received(String(data)))
    socket.on('unexpected-response', (request, { statusCode = 0 }) => {
      if (refusedForGood.has(statusCode)) this.#giveUp(statusCode)
      request.destroy()
    })
    // What is wrong with a connection shows in its end.
    socket.on('error', () => undefined)
    socket.on('close', () => this.#closed())
  }

  #closed(): void {
    for (const id of [...this.#pending.keys()]) this.#settle(id)?.reject(unavailable('The connection was lost'))
    if (this.#ended) return
    // A fleet of backends must not come back all at once.
    const pauseMs = this.#pauseMs * (0.5 + Math.random() / 2)
    this.#pauseMs = Math.min(this.#pauseMs * 2, this.#options.maxPauseMs)
    this.#timer = setTimeout(() => this.#connect(), pauseMs)
  }

  #giveUp(statusCode: number): void {
    this.#ended = true
    this.#failure = new ServiceError({
      code: 1003,
      message: `The service answered HTTP ${statusCode}: ${statusCode === 404 ? 'is the path /backend or /service?' : 'it refuses this token'}`,
    })
    for (const reject of this.#rejectConnected) reject(this.#failure)
  }

  #received(text: string): void {
    const frame = JSON.parse(text) as {
      id?: string
      method?: string
      params?: Params
      result?: unknown
      error?: { code: number; message: string; data: unknown }
    }
    if (frame.method !== undefined) {
      for (const listener of this.#listeners.get(frame.method) ?? []) listener(frame.params ?? {})
      return
    }
    const pending = frame.id === undefined ? undefined : this.#settle(frame.id)
    if (frame.error) pending?.reject(new ServiceError(frame.error))
    else pending?.resolve(frame.result)
  }

  #settle(id: string): Pending | undefined {
    const pending = this.#pending.get(id)
    clearTimeout(pending?.timer)
    this.#pending.delete(id)
    return pending
  }
}
