/// <reference lib="esnext.disposable" preserve="true" />
import { randomUUID } from 'node:crypto'
import WebSocket from 'ws'
import type { NotificationName, Notifications } from './notifications.ts'
import type { MethodName, ParamsOf, ResultOf } from './protocol.ts'
import { refused, ServiceError, UNAVAILABLE, unavailable } from './service-error.ts'

export interface ServiceClientOptions {
  /** `wss://host:8076`, `wss://host:8080/backend` or `/service`, or `ws+unix:` and the path of a control socket. */
  url: string
  /** Service token. */
  token?: string
  /** Of one call. */
  timeoutMs?: number
  /** False: one connection and no other; `connected()` rejects with what is in its way. */
  reconnect?: boolean
  /** First pause before connecting again; doubles up to `maxPauseMs`. */
  minPauseMs?: number
  maxPauseMs?: number
  /** A service that is silent for two of these is taken for gone. */
  pingIntervalMs?: number
  tls?: TlsOptions
}

/** PEM texts: whom to trust instead of the authorities Node knows, and a certificate of one’s own. */
export interface TlsOptions {
  ca?: string
  cert?: string
  key?: string
}

type Params = object
type Listener = (params: never) => void
interface Pending {
  resolve: (result: unknown) => void
  reject: (error: unknown) => void
  timer: NodeJS.Timeout
}
interface Frame {
  id?: string
  method?: string
  params?: Params
  result?: unknown
  error?: { code: number; message: string; data: unknown }
}

const defaults = {
  timeoutMs: 30_000,
  reconnect: true,
  minPauseMs: 100,
  maxPauseMs: 10_000,
  pingIntervalMs: 15_000,
}

/**
 * Calls and notifications of one service, on a connection that comes back by itself. Calls fail with ServiceError: the
 * error that was answered, or 1006 when there is no connection; they are never repeated, because nobody knows whether they
 * were done.
 */
export class ServiceClient {
  readonly #options: typeof defaults & ServiceClientOptions
  readonly #pending = new Map<string, Pending>()
  readonly #listeners = new Map<string, Set<Listener>>()
  readonly #onConnected = new Set<() => void>()
  readonly #rejectConnected = new Set<(error: Error) => void>()
  #socket: WebSocket | undefined
  #pauseMs: number
  #timer: NodeJS.Timeout | undefined
  #ended = false
  #failure: Error | undefined

  constructor(options: ServiceClientOptions) {
    this.#options = { ...defaults, ...options }
    this.#pauseMs = this.#options.minPauseMs
    this.#connect()
  }

  get isConnected(): boolean {
    return this.#socket?.readyState === WebSocket.OPEN
  }

  /** @internal The connection of the moment, for tests that hold it up. */
  get socket(): WebSocket | undefined {
    return this.#socket
  }

  /** Calls a method; parameters and result are typed from the method list of the service. */
  call<N extends MethodName>(method: N, params: ParamsOf<N>): Promise<ResultOf<N>> {
    return this.request(method, params) as Promise<ResultOf<N>>
  }

  /** The same for a name that is only known at run time. */
  async request(method: string, params: Params): Promise<unknown> {
    if (!this.isConnected) throw this.#failure ?? unavailable('The service is not connected')
    const id = randomUUID()
    const answer = new Promise<unknown>((resolve, reject) => {
      const tooLate = () => this.#settle(id)?.reject(unavailable(`No answer to ${method} in time`))
      this.#pending.set(id, { resolve, reject, timer: setTimeout(tooLate, this.#options.timeoutMs) })
    })
    this.#socket?.send(JSON.stringify({ jsonrpc: '2.0', method, params, id }))
    return await answer
  }

  /** Hears each notification of this name, in order. Returns how to stop. */
  on<N extends NotificationName>(name: N, listener: (params: Notifications[N]) => void): () => void {
    const listeners = this.#listeners.get(name) ?? new Set()
    this.#listeners.set(name, listeners.add(listener))
    return () => listeners.delete(listener)
  }

  /** Is told each time a connection is open; at once if one is. Returns how to stop. */
  onConnected(listener: () => void): () => void {
    this.#onConnected.add(listener)
    if (this.isConnected) listener()
    return () => this.#onConnected.delete(listener)
  }

  /** Calls a method on this connection and on every later one: what is subscribed stays so. Returns how to stop that. */
  subscribe<N extends MethodName>(method: N, params: ParamsOf<N>, failed: (error: unknown) => void): () => void {
    return this.onConnected(() => void this.call(method, params).catch(failed))
  }

  /** Resolves with the first connection; rejects when the service refuses the token or the address. */
  async connected(): Promise<this> {
    if (this.isConnected) return this
    if (this.#failure) throw this.#failure
    await new Promise<void>((resolve, reject) => {
      this.#rejectConnected.add(reject)
      const stop = this.onConnected(() => {
        stop()
        this.#rejectConnected.delete(reject)
        resolve()
      })
    })
    return this
  }

  /** Drops the connection; the next one is made as after any other loss. */
  reconnect(): void {
    this.#socket?.terminate()
  }

  /** Ends the connection for good; what is under way fails with 1006. */
  async close(): Promise<void> {
    this.#ended = true
    clearTimeout(this.#timer)
    const socket = this.#socket
    if (socket === undefined || socket.readyState === WebSocket.CLOSED) return
    const closed = new Promise((resolve) => socket.once('close', resolve))
    socket.terminate()
    await closed
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #connect(): void {
    const { url, token, tls, pingIntervalMs } = this.#options
    const headers = token === undefined ? {} : { authorization: `Bearer ${token}` }
    const socket = new WebSocket(url, { perMessageDeflate: false, ...tls, headers })
    this.#socket = socket
    let isHeard = true
    const heard = () => {
      isHeard = true
    }
    const watch = setInterval(() => {
      if (!isHeard) return socket.terminate()
      isHeard = false
      if (this.isConnected) socket.ping()
    }, pingIntervalMs)
    let reason: Error | undefined
    socket.on('open', () => {
      heard()
      this.#pauseMs = this.#options.minPauseMs
      for (const listener of [...this.#onConnected]) listener()
    })
    socket.on('message', (data) => {
      heard()
      this.#received(String(data))
    })
    socket.on('pong', heard)
    socket.on('ping', heard)
    socket.on('unexpected-response', (_, { statusCode = 0 }) => {
      reason = refused(statusCode)
      socket.terminate()
    })
    // What is wrong with a connection shows in its end.
    socket.on('error', (error) => {
      reason ??= error
    })
    socket.on('close', () => {
      clearInterval(watch)
      this.#closed(reason)
    })
  }

  #closed(reason: Error | undefined): void {
    for (const id of [...this.#pending.keys()]) this.#settle(id)?.reject(unavailable('The connection was lost'))
    if (this.#ended) return
    const isFinal = reason instanceof ServiceError && reason.code !== UNAVAILABLE
    if (isFinal || !this.#options.reconnect) return this.#giveUp(reason ?? unavailable('The connection was lost'))
    // A fleet of backends must not come back all at once.
    const pauseMs = this.#pauseMs * (0.5 + Math.random() / 2)
    this.#pauseMs = Math.min(this.#pauseMs * 2, this.#options.maxPauseMs)
    this.#timer = setTimeout(() => this.#connect(), pauseMs)
  }

  #giveUp(failure: Error): void {
    this.#ended = true
    this.#failure = failure
    for (const reject of this.#rejectConnected) reject(failure)
  }

  #received(text: string): void {
    const frame = parse(text)
    if (frame?.method !== undefined) {
      for (const listener of this.#listeners.get(frame.method) ?? []) listener((frame.params ?? {}) as never)
      return
    }
    const pending = frame?.id === undefined ? undefined : this.#settle(frame.id)
    if (frame?.error) pending?.reject(new ServiceError(frame.error))
    else pending?.resolve(frame?.result)
  }

  #settle(id: string): Pending | undefined {
    const pending = this.#pending.get(id)
    clearTimeout(pending?.timer)
    this.#pending.delete(id)
    return pending
  }
}

/** What is no object is not for us: whoever listens there speaks another language. */
function parse(text: string): Frame | undefined {
  try {
    const frame: unknown = JSON.parse(text)
    return typeof frame === 'object' && frame !== null ? frame : undefined
  } catch {
    return undefined
  }
}
