import { setTimeout as sleep } from 'node:timers/promises'
import { frameOf, Peer } from './wire.ts'
import { apiKeyOf, type Login } from './world.ts'

const ADDRESSES = 20
const AT_A_TIME = 400

interface Answer {
  result?: Record<string, unknown>
  error?: { code: number; message: string }
}

/** Opens a UI socket. */
export function openUi(port: number): Promise<Peer> {
  return Peer.open({ port, path: '/ui' })
}

/** One request, its answer waited for; pushes in between are passed over. */
export function call(peer: Peer, method: string, params: object): Promise<Record<string, unknown>> {
  const id = crypto.randomUUID()
  return new Promise((resolve, reject) => {
    peer.onText = (payload) => {
      const answer = JSON.parse(payload.toString()) as Answer & { id?: string }
      if (answer.id !== id) return
      if (answer.result) resolve(answer.result)
      else reject(new Error(`${method}: ${answer.error?.code} ${answer.error?.message}`))
    }
    peer.send(JSON.stringify({ jsonrpc: '2.0', id, method, params }))
  })
}

/** So many UI sockets of one user: one log-in with the password, the others with its token. */
export async function signedInUis(port: number, login: Login, count: number): Promise<Peer[]> {
  const first = await openUi(port)
  const { token } = await call(first, 'authenticateWithPassword', login)
  const rest = await Promise.all(
    Array.from({ length: count - 1 }, async () => {
      const peer = await openUi(port)
      await call(peer, 'authenticateWithToken', { token })
      return peer
    }),
  )
  return [first, ...rest]
}

/** A request whose id can be changed in place. */
export class RequestFrame {
  readonly #frame: Buffer
  readonly #idEnd: number
  #number = 0

  constructor(method: string, params: object) {
    const id = '00000000-0000-4000-8000-000000000000'
    this.#frame = frameOf(JSON.stringify({ jsonrpc: '2.0', id, method, params }))
    this.#idEnd = this.#frame.indexOf(id) + id.length
  }

  /** The next request; a copy, because the socket may still hold the one before. */
  next(): Buffer {
    this.#number++
    const frame = Buffer.from(this.#frame)
    frame.write(String(this.#number % 1e10).padStart(10, '0'), this.#idEnd - 10, 'latin1')
    return frame
  }
}

/** One request in flight on each socket for so long; returns how many were answered. Every answer is looked at. */
export async function closedLoop(peers: readonly Peer[], frames: RequestFrame, ms: number): Promise<number> {
  let answered = 0
  let running = peers.length
  let failed: string | undefined
  const until = performance.now() + ms
  await new Promise<void>((resolve) => {
    for (const peer of peers) {
      peer.onText = (payload) => {
        if (payload.indexOf('"result"', 0, 'latin1') < 0) failed = payload.toString()
        answered++
        if (performance.now() < until) peer.sendFrame(frames.next())
        else if (--running === 0) resolve()
      }
      peer.sendFrame(frames.next())
    }
  })
  if (failed !== undefined) throw new Error(`a call failed: ${failed}`)
  return answered
}

/** Connects edges `from` up to `to` from several loopback addresses, a few hundred at a time, as fast as it goes. */
export async function connectEdges(
  port: number,
  from: number,
  to: number,
  opened?: (peer: Peer, index: number) => void,
): Promise<Peer[]> {
  const peers = new Array<Peer>(to - from)
  let next = from
  const worker = async () => {
    while (next < to) {
      const index = next++
      const peer = await Peer.open({
        port,
        headers: { apikey: apiKeyOf(index) },
        localAddress: `127.0.0.${2 + (index % ADDRESSES)}`,
      })
      peers[index - from] = peer
      opened?.(peer, index)
    }
  }
  await Promise.all(Array.from({ length: Math.min(AT_A_TIME, to - from) }, worker))
  return peers
}

/** Closes sockets some at a time, so that the server's clean-up is no storm of its own. */
export async function closeAll(peers: readonly Peer[]): Promise<void> {
  for (let at = 0; at < peers.length; at += 1000) {
    await Promise.all(peers.slice(at, at + 1000).map((peer) => peer.close()))
    await sleep(5)
  }
}

/** Waits until a server says so, for so long at most. */
export async function until(isSo: () => Promise<boolean>, ms: number): Promise<boolean> {
  const deadline = performance.now() + ms
  while (performance.now() < deadline) {
    if (await isSo()) return true
    await sleep(50)
  }
  return false
}
