import type { WebSocket } from 'ws'

/** Past this backlog live frames are left out; past the second, or for too long, the connection ends. */
const SLOW_BYTES = 256 * 1024
const FROZEN_BYTES = 16 * 1024 * 1024
const FROZEN_MS = 30_000

/** What goes out on one socket: now or later, and never waiting for a peer that does not read. */
export class Outgoing {
  readonly #socket: WebSocket
  readonly #onFrozen: () => void
  readonly #timers = new Set<NodeJS.Timeout>()
  #slowSince: number | undefined

  /** `onFrozen`: the peer has not read for too long. */
  constructor(socket: WebSocket, onFrozen: () => void) {
    this.#socket = socket
    this.#onFrozen = onFrozen
  }

  get isOpen(): boolean {
    return this.#socket.readyState === this.#socket.OPEN
  }

  /** Whether so much is under way that what can be left out should be. */
  isSlow(): boolean {
    if (this.#socket.bufferedAmount < SLOW_BYTES) {
      this.#slowSince = undefined
      return false
    }
    const now = performance.now()
    this.#slowSince ??= now
    if (now - this.#slowSince > FROZEN_MS) this.#onFrozen()
    return true
  }

  /** Sends a text; a peer with too much of a backlog is cut off. */
  send(text: string): void {
    if (!this.isOpen) return
    if (this.#socket.bufferedAmount > FROZEN_BYTES) return this.#socket.terminate()
    this.#socket.send(text)
  }

  /** Sends bytes that are a text already. */
  sendFrame(frame: Buffer): void {
    if (this.isOpen) this.#socket.send(frame, { binary: false })
  }

  /** Does something later, unless the socket is gone by then. */
  after(ms: number, action: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      action()
    }, ms).unref()
    this.#timers.add(timer)
  }

  /** The socket is gone. */
  stop(): void {
    for (const timer of this.#timers) clearTimeout(timer)
    this.#timers.clear()
  }
}
