import type { WebSocket } from 'ws'

interface Peer {
  /** Any frame or pong since the last round. */
  alive: boolean
  /** Rounds of silence. */
  missed: number
  readonly slice: Set<WebSocket>
}

/** The peer stands on its socket: there are as many as edges, and each frame asks for it. */
interface LiveSocket extends WebSocket {
  livenessPeer?: Peer
}

/**
 * Pings every socket once per interval, spread over the interval in slices so that 20,000 pings do not go out at once.
 * Any frame or pong counts as life; a peer silent for two pings is terminated (half-open TCP connections).
 */
export class Liveness {
  readonly #slices: Set<WebSocket>[]
  readonly #timer: NodeJS.Timeout
  #next = 0
  #added = 0

  constructor(intervalMs: number) {
    const count = Math.max(1, Math.min(30, Math.floor(intervalMs / 100)))
    this.#slices = Array.from({ length: count }, () => new Set())
    this.#timer = setInterval(() => this.#round(), intervalMs / count)
    this.#timer.unref()
  }

  add(socket: WebSocket): void {
    const slice = this.#slices[this.#added++ % this.#slices.length]
    if (slice === undefined) return
    const live: LiveSocket = socket
    live.livenessPeer = { alive: true, missed: 0, slice }
    slice.add(socket)
    socket.on('pong', onPong)
    socket.on('close', onClose)
  }

  seen(socket: WebSocket): void {
    const peer = (socket as LiveSocket).livenessPeer
    if (peer) peer.alive = true
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  #round(): void {
    const slice = this.#slices[this.#next]
    this.#next = (this.#next + 1) % this.#slices.length
    if (slice === undefined) return
    for (const socket of slice) {
      const peer = (socket as LiveSocket).livenessPeer
      if (peer === undefined) continue
      peer.missed = peer.alive ? 0 : peer.missed + 1
      peer.alive = false
      if (peer.missed >= 2) socket.terminate()
      else socket.ping()
    }
  }
}

function onPong(this: LiveSocket): void {
  if (this.livenessPeer) this.livenessPeer.alive = true
}

function onClose(this: LiveSocket): void {
  this.livenessPeer?.slice.delete(this)
}
