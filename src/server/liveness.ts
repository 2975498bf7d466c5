import type { WebSocket } from 'ws'

interface Peer {
  /** Any frame or pong since the last round. */
  alive: boolean
  /** Rounds of silence. */
  missed: number
}

/**
 * Pings every socket once per interval, spread over the interval in slices so that 20,000 pings do not go out at once.
 * Any frame or pong counts as life; a peer silent for two pings is terminated (half-open TCP connections).
 */
export class Liveness {
  readonly #peers = new Map<WebSocket, Peer>()
  readonly #slices: Set<WebSocket>[]
  readonly #timer: NodeJS.Timeout
  #next = 0

  constructor(intervalMs: number) {
    const count = Math.max(1, Math.min(30, Math.floor(intervalMs / 100)))
    this.#slices = Array.from({ length: count }, () => new Set())
    this.#timer = setInterval(() => this.#round(), intervalMs / count)
    this.#timer.unref()
  }

  add(socket: WebSocket): void {
    const slice = this.#slices[this.#peers.size % this.#slices.length]
    this.#peers.set(socket, { alive: true, missed: 0 })
    slice?.add(socket)
    socket.on('pong', () => this.seen(socket))
    socket.on('close', () => {
      this.#peers.delete(socket)
      slice?.delete(socket)
    })
  }

  seen(socket: WebSocket): void {
    const peer = this.#peers.get(socket)
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
      const peer = this.#peers.get(socket)
      if (peer === undefined) continue
      peer.missed = peer.alive ? 0 : peer.missed + 1
      peer.alive = false
      if (peer.missed >= 2) socket.terminate()
      else socket.ping()
    }
  }
}
