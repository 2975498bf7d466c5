import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type WebSocket, WebSocketServer } from 'ws'
import { type Fleet, type FleetOptions, startFleet } from '../../../src/simulator/fleet.ts'

export interface Frame {
  id?: string
  method?: string
  params: Record<string, Record<string, unknown>>
  result?: unknown
  error?: unknown
}

export const START = Date.UTC(2026, 3, 4, 10)
const USER = { id: 'a@b.c', name: 'A', language: 'DE' }

/** One accepted socket: frames in order, awaited one by one. */
export class Connection {
  readonly socket: WebSocket
  readonly request: IncomingMessage
  /** The first frame, once it is there. */
  config: Frame | undefined
  readonly #frames: Frame[] = []
  readonly #waiting: ((frame: Frame) => void)[] = []

  constructor(socket: WebSocket, request: IncomingMessage) {
    this.socket = socket
    this.request = request
    socket.on('message', (data) => {
      const frame = JSON.parse(String(data)) as Frame
      const waiting = this.#waiting.shift()
      if (waiting) waiting(frame)
      else this.#frames.push(frame)
    })
  }

  next(): Promise<Frame> {
    const frame = this.#frames.shift()
    return frame ? Promise.resolve(frame) : new Promise((resolve) => this.#waiting.push(resolve))
  }

  async nextOf(method: string): Promise<Frame> {
    for (;;) {
      const frame = await this.next()
      if (frame.method === method) return frame
    }
  }

  /** The members of the next data frame. */
  async data(): Promise<Record<string, unknown>> {
    const { params } = await this.nextOf('timestampedData')
    return Object.values(params)[0] ?? {}
  }

  send(frame: unknown): void {
    this.socket.send(typeof frame === 'string' ? frame : JSON.stringify(frame))
  }

  async call(role: string, method: string, params: object): Promise<Frame> {
    const payload = { jsonrpc: '2.0', method, params, id: 'b-b-b-b-b' }
    this.send({
      jsonrpc: '2.0',
      method: 'authenticatedRpc',
      params: { user: { ...USER, role }, payload },
      id: 'a-a-a-a-a',
    })
    for (;;) {
      const frame = await this.next()
      if (frame.id === 'a-a-a-a-a') return frame
    }
  }
}

/** An edge port, a fleet against it and a clock that only the test moves. */
export class Scene implements AsyncDisposable {
  now = START
  readonly #server: WebSocketServer
  readonly #connections: Connection[] = []
  readonly #waiting: ((connection: Connection) => void)[] = []
  fleet: Fleet | undefined

  private constructor(server: WebSocketServer) {
    this.#server = server
    server.on('connection', (socket, request) => {
      const connection = new Connection(socket, request)
      const waiting = this.#waiting.shift()
      if (waiting) waiting(connection)
      else this.#connections.push(connection)
    })
  }

  static async open(server: ConstructorParameters<typeof WebSocketServer>[0] = {}): Promise<Scene> {
    const listening = new WebSocketServer({ port: 0, host: '127.0.0.1', ...server })
    await once(listening, 'listening')
    return new Scene(listening)
  }

  get url(): string {
    return `ws://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  start(options: Partial<FleetOptions> = {}): Fleet {
    this.fleet = startFleet({
      url: this.url,
      edges: 1,
      apiKey: (index) => `edge${index}`,
      clock: () => new Date(this.now),
      reconnect: { minMs: 10_000, maxMs: 10_000 },
      ...options,
    })
    this.fleet.tick()
    return this.fleet
  }

  connection(): Promise<Connection> {
    const connection = this.#connections.shift()
    return connection ? Promise.resolve(connection) : new Promise((resolve) => this.#waiting.push(resolve))
  }

  /** The next socket on which the edge has sent its configuration. */
  async opened(): Promise<Connection> {
    const connection = await this.connection()
    connection.config = await connection.next()
    return connection
  }

  pass(ms: number): void {
    this.now += ms
    this.fleet?.tick()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.fleet?.[Symbol.asyncDispose]()
    for (const client of this.#server.clients) client.terminate()
    this.#server.close()
  }
}
