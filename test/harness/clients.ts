import { randomUUID } from 'node:crypto'
import { expect } from 'vitest'
import { type ClientOptions, WebSocket } from 'ws'
import { adminPassword, type TestService } from './service.ts'

/** Whatever has the addresses of a service: one of this process or of another. */
export type Reachable = Pick<TestService, 'urls' | 'controlSocket'>

/** The password of every account that `addUser` makes. */
export const userPassword = 'correct horse battery'

export type Json = Record<string, unknown>
/** Any frame, parsed; tests look at the members they expect. */
export interface WireFrame {
  jsonrpc?: string
  id?: string | number
  method?: string
  params?: Json
  result?: Json
  error?: { code: number; message: string; data: unknown[] }
}
export interface Closing {
  code: number
  reason: string
}

const WAIT_MS = 8000

/** Whatever a test waits for did not happen; says what did. */
function tooLate(what: string, seen: readonly unknown[]): Error {
  return new Error(`${what} did not come in time; the last frames: ${JSON.stringify(seen.slice(-5)).slice(0, 2000)}`)
}

/** The answer was an error. */
export class Refused extends Error {
  readonly code: number
  readonly data: unknown[]
  constructor(error: NonNullable<WireFrame['error']>) {
    super(error.message)
    this.code = error.code
    this.data = error.data
  }
}

/** The error that answers a request; without one the test is at its end. */
export async function refusal(client: WireClient, method: string, params: object = {}) {
  const { error } = await client.call(method, params)
  return error ?? expect.unreachable(`${method} was not refused`)
}

/** A socket that records every frame and lets a test await the next that matters. */
export class WireClient implements AsyncDisposable {
  readonly socket: WebSocket
  /** Text as it came, in order. */
  readonly texts: string[] = []
  readonly frames: WireFrame[] = []
  readonly closed: Promise<Closing>
  readonly #listeners = new Set<() => void>()
  #taken = 0
  /** Headers of the answer to the handshake. */
  handshake: Record<string, unknown> = {}
  /** How the socket closed, once it has. */
  closing: Closing | undefined

  protected constructor(socket: WebSocket) {
    this.socket = socket
    socket.on('message', (data) => {
      const text = String(data)
      this.texts.push(text)
      const frame = JSON.parse(text) as WireFrame
      this.frames.push(frame)
      this.received(frame)
      for (const listener of this.#listeners) listener()
    })
    socket.on('error', () => undefined)
    socket.on('upgrade', (response) => {
      this.handshake = response.headers
    })
    this.closed = new Promise((resolve) => {
      socket.on('close', (code, reason) => {
        this.closing = { code, reason: String(reason) }
        resolve(this.closing)
        for (const listener of this.#listeners) listener()
      })
    })
  }

  /** Sends any text or bytes. */
  send(data: string | Buffer | object): void {
    this.socket.send(typeof data === 'string' || Buffer.isBuffer(data) ? data : JSON.stringify(data))
  }

  /** Sends a request and resolves with the frame that answers it. */
  async call(method: string, params: object | undefined = {}, id: string | number = randomUUID()): Promise<WireFrame> {
    this.send({ jsonrpc: '2.0', method, ...(params === undefined ? {} : { params }), id })
    return await this.answer(id)
  }

  /** The result of a request; throws Refused. */
  async request(method: string, params: object = {}): Promise<Json> {
    const { result, error } = await this.call(method, params)
    if (error) throw new Refused(error)
    return result ?? {}
  }

  async answer(id: string | number): Promise<WireFrame> {
    return await this.until(() => this.frames.find((frame) => frame.id === id && frame.method === undefined), 'answer')
  }

  /** The next frame, from the last one taken on, that fits; those before it are passed over. */
  async next(fits: (frame: WireFrame) => boolean = () => true, waitMs = WAIT_MS): Promise<WireFrame> {
    return await this.until(
      () => {
        while (this.#taken < this.frames.length) {
          const frame = this.frames[this.#taken++]
          if (frame && fits(frame)) return frame
        }
        return undefined
      },
      'frame',
      waitMs,
    )
  }

  /** Looks after every frame, and when the socket closes, until there is something. */
  async until<T>(look: () => T | undefined, what = 'state', waitMs = WAIT_MS): Promise<T> {
    const found = look()
    if (found !== undefined) return found
    const { promise, resolve, reject } = Promise.withResolvers<T>()
    const late = tooLate(what, this.texts)
    const timer = setTimeout(() => reject(tooLate(what, this.texts)), waitMs)
    const listener = () => {
      const now = look()
      if (now !== undefined) {
        // At once: looking takes frames, and the next may come before the promise is heard of.
        this.#listeners.delete(listener)
        resolve(now)
      } else if (this.closing)
        reject(Object.assign(late, { message: `closed with ${JSON.stringify(this.closing)} before: ${what}` }))
    }
    this.#listeners.add(listener)
    listener()
    try {
      return await promise
    } finally {
      clearTimeout(timer)
      this.#listeners.delete(listener)
    }
  }

  /**
   * Resolves when everything sent so far has been handled: a pong comes after what was sent before its ping. Rejects when the
   * socket is closed or closes before that.
   */
  async settled(): Promise<void> {
    const tooSoon = this.closed.then((closing) => {
      throw new Error(`closed with ${JSON.stringify(closing)} before it settled`)
    })
    const pong = new Promise((resolve) => this.socket.once('pong', resolve))
    if (this.socket.readyState === WebSocket.OPEN) this.socket.ping()
    await Promise.race([pong, tooSoon])
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.socket.terminate()
    await this.closed
  }

  protected received(_frame: WireFrame): void {}
}

/** Waits until a client is connected; rejects with the HTTP status when the upgrade is refused. */
async function connected<C extends WireClient>(client: C): Promise<C> {
  const { socket } = client
  await new Promise<void>((resolve, reject) => {
    socket.once('open', resolve)
    socket.once('error', reject)
    socket.once('unexpected-response', (request, response) => {
      reject(new Error(`refused with ${response.statusCode}`))
      request.destroy()
    })
  })
  return client
}

function connect(url: string, options: ClientOptions = {}): WebSocket {
  return new WebSocket(url, { perMessageDeflate: false, ...options })
}

/** What an OpenEMS UI says on port 8082. */
export class UiClient extends WireClient {
  token = ''

  static async open(service: Reachable, options: ClientOptions = {}): Promise<UiClient> {
    return await connected(new UiClient(connect(service.urls.ui, options)))
  }

  /** Opened and signed in. */
  static async signedIn(
    service: Reachable,
    login = 'admin',
    password = login === 'admin' ? adminPassword : userPassword,
  ): Promise<UiClient> {
    const client = await UiClient.open(service)
    await client.signIn(login, password)
    return client
  }

  async signIn(username: string, password: string = userPassword): Promise<Json> {
    const result = await this.request('authenticateWithPassword', { username, password })
    this.token = String(result['token'])
    return result
  }

  /** The inner result of an `edgeRpc`. */
  async edgeRpc(edgeId: string, method: string, params: object = {}): Promise<Json> {
    const id = randomUUID()
    const result = await this.request('edgeRpc', { edgeId, payload: { jsonrpc: '2.0', method, params, id } })
    const payload = result['payload'] as { jsonrpc: string; id: string; result: Json }
    if (payload.id !== id || payload.jsonrpc !== '2.0')
      throw new Error(`Wrong inner answer: ${JSON.stringify(payload)}`)
    return payload.result
  }

  /** Watches an edge and these channels, as the live view does. */
  async watch(edgeId: string, channels: readonly string[], count = 0): Promise<void> {
    await this.request('subscribeEdges', { edges: [edgeId] })
    await this.edgeRpc(edgeId, 'subscribeChannels', { count, channels })
  }

  /** Values of the next `currentData` that fit. */
  async data(fits: (values: Json) => boolean = () => true): Promise<Json> {
    return (await this.push('currentData', fits)).params
  }

  /** The next notification inside an `edgeRpc`. */
  async push(method: string, fits: (params: Json) => boolean = () => true): Promise<{ edgeId: string; params: Json }> {
    const frame = await this.next((candidate) => {
      const inner = innerOf(candidate)
      return inner !== undefined && inner.method === method && fits(inner.params)
    })
    return { edgeId: String(frame.params?.['edgeId']), params: innerOf(frame)?.params ?? {} }
  }

  /** Every `currentData` so far. */
  get pushes(): Json[] {
    return this.frames.flatMap((frame) =>
      innerOf(frame)?.method === 'currentData' ? [innerOf(frame)?.params ?? {}] : [],
    )
  }
}

function innerOf(frame: WireFrame): { method: string; params: Json } | undefined {
  return frame.method === 'edgeRpc' ? (frame.params?.['payload'] as { method: string; params: Json }) : undefined
}

/** An authenticatedRpc as the edge gets it. */
export interface EdgeRequest {
  id: string
  user: Json
  payload: { jsonrpc: string; id: string; method: string; params: Json }
}

/** What an OpenEMS Edge says on port 8081. */
export class EdgeClient extends WireClient {
  readonly requests: EdgeRequest[] = []
  /** Answers requests by itself; undefined leaves them open. */
  answerWith: ((request: EdgeRequest) => Json | undefined) | undefined
  #at = 0

  static async open(service: Reachable, apiKey: string, options: ClientOptions = {}): Promise<EdgeClient> {
    const headers = { apikey: apiKey, ...options.headers }
    return await connected(new EdgeClient(connect(service.urls.edge, { ...options, headers })))
  }

  notify(method: string, params: object = {}): void {
    this.send({ jsonrpc: '2.0', method, params })
  }

  /** `timestampedData` with one row; each later than the one before. */
  report(values: Json, at?: number): void {
    this.#at = Math.max(this.#at + 1, Date.now())
    this.notify('timestampedData', { [at ?? this.#at]: values })
  }

  /** The next request of the service to this edge. */
  async asked(method?: string): Promise<EdgeRequest> {
    return await this.until(
      () => {
        const index = this.requests.findIndex(({ payload }) => method === undefined || payload.method === method)
        return index < 0 ? undefined : this.requests.splice(index, 1)[0]
      },
      `request ${method ?? ''}`,
    )
  }

  reply(request: EdgeRequest, result: unknown = {}): void {
    this.send({
      jsonrpc: '2.0',
      id: request.id,
      result: { payload: { jsonrpc: '2.0', id: request.payload.id, result } },
    })
  }

  protected override received(frame: WireFrame): void {
    if (frame.method !== 'authenticatedRpc' || typeof frame.id !== 'string') return
    const { user, payload } = frame.params as unknown as Omit<EdgeRequest, 'id'>
    const request = { id: frame.id, user, payload }
    const answer = this.answerWith?.(request)
    if (answer === undefined) this.requests.push(request)
    else this.reply(request, answer)
  }
}

/** Another backend on port 8076 (protocol D.1); `authorization` is the whole header. */
export class BackendClient extends WireClient {
  static async open(
    service: Reachable,
    authorization: string | undefined,
    at: 'port' | 'path' = 'port',
  ): Promise<BackendClient> {
    const url = at === 'port' ? service.urls.backend : `${service.urls.http.replace('http', 'ws')}/backend`
    const headers = authorization === undefined ? {} : { authorization }
    return await connected(new BackendClient(connect(url, { headers })))
  }
}

/** A service with a token: a backend, the operator's tools. */
export class ServiceClient extends WireClient {
  static async open(service: Reachable, token: string): Promise<ServiceClient> {
    const url = `${service.urls.http.replace('http', 'ws')}/service`
    return await connected(new ServiceClient(connect(url, { headers: { authorization: `Bearer ${token}` } })))
  }

  /** The operator of this machine. */
  static async local(service: Reachable): Promise<ServiceClient> {
    return await connected(new ServiceClient(connect(`ws+unix:${service.controlSocket}:/`)))
  }
}
