import type { WebSocket } from 'ws'
import type { PushChannel } from '../mirror/metadata-subscriber.ts'

/** Whoever has more than this unread gets nothing new until he has read; liveness ends whoever never does. */
const FULL_BYTES = 256 * 1024

/** Notifications for a peer at the speed at which it reads. */
export class SocketChannel implements PushChannel {
  readonly #socket: WebSocket
  #waiting: (() => void)[] = []
  readonly #written = () => {
    if (this.#waiting.length > 0 && (!this.isOpen || this.#socket.bufferedAmount < FULL_BYTES)) this.#wake()
  }

  constructor(socket: WebSocket) {
    this.#socket = socket
  }

  get isOpen(): boolean {
    return this.#socket.readyState === this.#socket.OPEN
  }

  /** What the peer has not read yet. */
  get backlogBytes(): number {
    return this.#socket.bufferedAmount
  }

  push(text: string): void {
    if (this.isOpen) this.#socket.send(text, this.#written)
  }

  drained(): Promise<void> | undefined {
    if (!this.isOpen || this.#socket.bufferedAmount < FULL_BYTES) return undefined
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  /** Without a close handshake: the peer is not wanted any more. */
  close(): void {
    this.#socket.terminate()
    this.#wake()
  }

  #wake(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const resolve of waiting) resolve()
  }
}
