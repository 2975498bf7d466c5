import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { type ClientOptions, WebSocket, WebSocketServer } from 'ws'
import { type Json, type Reachable, WireClient, type WireFrame } from './clients.ts'

interface HeldEdge {
  edgeId: string
  socket: WebSocket
  /** Requests of the manager that the edge has not answered: outer id by inner id. */
  asked: Map<string, string>
}
interface AppOptions extends ClientOptions {
  id?: string
  /** Of the manager; default: the service's own port. */
  url?: string
}

const pools = { PoolSize: 10, MaxPoolSize: 10, Active: 0, Pending: 0, Completed: 42 }

/**
 * What an OpenEMS Backend.Edge.App does (protocol B.4), made from the protocol reference: a client of Edge.Manager that
 * holds the sockets of edges on a port of its own, which is open only while it has a manager and a map that is not empty.
 * The list of edges, which the real one sends every five seconds if anything changed, is sent when a test says so.
 */
export class EdgeApp extends WireClient {
  /** Where edges connect, for `EdgeClient.open`. */
  readonly forEdges: Reachable
  keys: ReadonlyMap<string, string> = new Map()
  /** Every map so far. */
  readonly maps: Record<string, string>[] = []
  /** Frames of edges go no further while it is set: what the real app's pool may do to them. */
  heldBack: string[] | undefined
  readonly #held = new Set<HeldEdge>()
  /** Requests of edges that the manager has not answered. */
  readonly #calls = new Map<string, { edge: HeldEdge; innerId: string }>()
  #server: WebSocketServer | undefined
  #listening: Promise<unknown> = Promise.resolve()

  private constructor(socket: WebSocket, service: Reachable) {
    super(socket)
    this.forEdges = { ...service, urls: { ...service.urls } }
    void this.closed.then(() => this.#stopServer())
  }

  /** Connects to the manager; rejects with the HTTP status when it refuses. */
  static async open(service: Reachable, { id = 'edges0', url, ...options }: AppOptions = {}): Promise<EdgeApp> {
    const headers = { id, ...options.headers }
    const address = url ?? service.urls.edgeManager
    const socket = new WebSocket(address, { perMessageDeflate: false, ...options, headers })
    const app = new EdgeApp(socket, service)
    await new Promise<void>((resolve, reject) => {
      socket.once('open', resolve)
      socket.once('error', reject)
      socket.once('unexpected-response', (request, response) => {
        reject(new Error(`refused with ${response.statusCode}`))
        request.destroy()
      })
    })
    return app
  }

  /** Opened, told its keys, and listening for edges. */
  static async serving(service: Reachable, options: AppOptions = {}): Promise<EdgeApp> {
    const app = await EdgeApp.open(service, options)
    await app.until(() => (app.keys.size > 0 ? true : undefined), 'a map that is not empty')
    await app.#listening
    return app
  }

  /** Whether edges can connect. */
  get isServing(): boolean {
    return this.#server !== undefined
  }

  get edgeIds(): string[] {
    return [...new Set([...this.#held].map(({ edgeId }) => edgeId))]
  }

  /** The next map that fits. */
  async told(fits: (keys: Record<string, string>) => boolean): Promise<Record<string, string>> {
    return await this.until(() => {
      const newest = this.maps.at(-1)
      return newest && fits(newest) ? newest : undefined
    }, 'map')
  }

  /** The cyclic task: the whole list. */
  list(edgeIds: readonly string[] = this.edgeIds): void {
    const metrics = { ...pools, Connections: this.#held.size }
    this.send({ jsonrpc: '2.0', method: 'connectedEdges', params: { edgeIds, metrics } })
  }

  /** Lets go what was held back. */
  release(): void {
    const frames = this.heldBack ?? []
    this.heldBack = undefined
    for (const text of frames) this.send(text)
  }

  protected override received(frame: WireFrame): void {
    if (frame.method === 'updateMetadataCache') return void this.#update(frame)
    if (frame.method === 'edgeRpc') return this.#toEdge(frame)
    const call = this.#calls.get(String(frame.id))
    if (call === undefined) return
    this.#calls.delete(String(frame.id))
    const { result, error } = frame
    const payload = result?.['payload'] as { result: Json } | undefined
    const answer = payload ? { result: payload.result } : { error }
    call.edge.socket.send(JSON.stringify({ jsonrpc: '2.0', id: call.innerId, ...answer }))
  }

  #update(frame: WireFrame): void {
    const keys = frame.params?.['apikeysToEdgeIds'] as Record<string, string>
    this.keys = new Map(Object.entries(keys))
    this.maps.push(keys)
    if (this.keys.size > 0) this.#startServer()
    else this.#stopServer()
  }

  #startServer(): void {
    if (this.#server !== undefined) return
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false })
    this.#server = server
    this.#listening = once(server, 'listening').then(() => {
      this.forEdges.urls.edge = `ws://127.0.0.1:${(server.address() as AddressInfo).port}`
    })
    server.on('connection', (socket, request) => this.#accept(socket, String(request.headers['apikey'])))
  }

  #stopServer(): void {
    for (const { socket } of this.#held) socket.terminate()
    this.#server?.close()
    this.#server = undefined
  }

  /** An unknown key: the upgrade has succeeded, then the connection is cut without a close frame (protocol B.4). */
  #accept(socket: WebSocket, apiKey: string): void {
    const edgeId = this.keys.get(apiKey)
    if (edgeId === undefined) return socket.terminate()
    const edge: HeldEdge = { edgeId, socket, asked: new Map() }
    this.#held.add(edge)
    socket.on('message', (data) => this.#fromEdge(edge, JSON.parse(String(data)) as WireFrame))
    socket.on('error', () => undefined)
    socket.on('close', () => {
      this.#held.delete(edge)
      const error = { code: 1, message: 'Websocket connection closed', data: ['Websocket connection closed'] }
      for (const outer of edge.asked.values()) this.#forward({ jsonrpc: '2.0', id: outer, error })
    })
  }

  #fromEdge(edge: HeldEdge, frame: WireFrame): void {
    if (frame.method === undefined) return this.#answerOfEdge(edge, frame)
    const params = { edgeId: edge.edgeId, payload: frame }
    if (frame.id === undefined) return this.#forward({ jsonrpc: '2.0', method: 'edgeRpc', params })
    const id = randomUUID()
    this.#calls.set(id, { edge, innerId: String(frame.id) })
    this.#forward({ jsonrpc: '2.0', method: 'edgeRpc', params, id })
  }

  #answerOfEdge(edge: HeldEdge, { id, result, error }: WireFrame): void {
    const outer = edge.asked.get(String(id))
    if (outer === undefined) return
    edge.asked.delete(String(id))
    const answer = error ? { error } : { result: { payload: { jsonrpc: '2.0', id, result } } }
    this.#forward({ jsonrpc: '2.0', id: outer, ...answer })
  }

  #toEdge(frame: WireFrame): void {
    const { edgeId, payload } = frame.params as { edgeId: string; payload: WireFrame }
    const edge = [...this.#held].find((held) => held.edgeId === edgeId)
    if (edge !== undefined) {
      if (frame.id !== undefined) edge.asked.set(String(payload.id), String(frame.id))
      return edge.socket.send(JSON.stringify(payload))
    }
    if (frame.id === undefined) return
    this.#forward({ jsonrpc: '2.0', id: frame.id, error: { code: 4004, message: 'Send failed', data: [] } })
  }

  #forward(frame: object): void {
    const text = JSON.stringify(frame)
    if (this.heldBack !== undefined) this.heldBack.push(text)
    else if (this.socket.readyState === this.socket.OPEN) this.send(text)
  }
}
