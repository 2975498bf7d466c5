/**
 * The bare limit: a `ws` server with nothing but the work itself. On `/ui` it parses, switches on the method and answers;
 * elsewhere it looks up the `apikey` header and merges what edges send into a map.
 */
import { createServer } from 'node:http'
import bcrypt from 'bcrypt'
import { type WebSocket, WebSocketServer } from 'ws'
import { sayReady } from './child.ts'
import { answerCommands } from './probe.ts'
import { apiKeyOf } from './world.ts'

interface EdgeSocket extends WebSocket {
  channels?: Map<string, unknown>
}

const keys = new Map(Array.from({ length: Number(process.env['BENCH_EDGES']) }, (_, index) => [apiKeyOf(index), index]))
let reply: unknown = {}
let connected = 0
let received = 0

const sockets = new WebSocketServer({ noServer: true, clientTracking: false, perMessageDeflate: false })
const server = createServer()
server.on('upgrade', (request, socket, head) => {
  if (request.url === '/ui') {
    sockets.handleUpgrade(request, socket, head, (ui) => void ui.on('message', answer))
    return
  }
  if (!keys.has(String(request.headers['apikey']))) {
    socket.end('HTTP/1.1 401 Unauthorized\r\nConnection: close\r\n\r\n')
    return
  }
  sockets.handleUpgrade(request, socket, head, (edge) => {
    connected++
    edge.on('message', merge)
    edge.on('close', closed)
  })
})

function answer(this: WebSocket, data: Buffer): void {
  const frame = JSON.parse(data.toString()) as { id: string; method: string; params: { edgeId: string } }
  switch (frame.method) {
    case 'getEdge':
    case 'getEdges':
      this.send(JSON.stringify({ jsonrpc: '2.0', id: frame.id, result: reply }))
      break
    default:
      this.send(JSON.stringify({ jsonrpc: '2.0', id: frame.id, error: { code: 4001, message: 'unknown', data: [] } }))
  }
}

function merge(this: EdgeSocket, data: Buffer): void {
  received++
  const frame = JSON.parse(data.toString()) as { method: string; params: Record<string, Record<string, unknown>> }
  if (frame.method !== 'timestampedData') return
  this.channels ??= new Map()
  for (const timestamp in frame.params) {
    const row = frame.params[timestamp]
    for (const channel in row) this.channels.set(channel, row[channel])
  }
}

function closed(): void {
  connected--
}

/** bcrypt alone: so many comparisons at a time, for so long; returns how many were done. */
async function compare({
  hash,
  password,
  concurrency,
  ms,
}: {
  hash: string
  password: string
  concurrency: number
  ms: number
}) {
  const until = performance.now() + ms
  let done = 0
  const worker = async () => {
    while (performance.now() < until) {
      if (!(await bcrypt.compare(password, hash))) throw new Error('the password is not the one that was hashed')
      done++
    }
  }
  await Promise.all(Array.from({ length: concurrency }, worker))
  return done
}

server.listen({ port: 0, host: '0.0.0.0', backlog: 4096 }, () => {
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  answerCommands(
    {
      counts: () => ({ online: connected, connected, received }),
      reply: (value: unknown) => {
        reply = value
      },
      compare,
    },
    () => 0,
    async () => void server.closeAllConnections(),
  )
  sayReady({ edge: port, ui: port })
})
