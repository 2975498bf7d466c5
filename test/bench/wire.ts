import { connect, type Socket } from 'node:net'

const TEXT = 1
const CLOSE = 8
const PING = 9
const PONG = 10
const FIXED_KEY = 'dGhlIHNhbXBsZSBub25jZQ=='

export interface PeerOptions {
  port: number
  path?: string
  headers?: Record<string, string>
  localAddress?: string
}

/**
 * The client side of a WebSocket, as thin as it can be, so that one client core can load one server core: masks with the
 * key 0, takes unfragmented frames, answers pings.
 */
export class Peer {
  readonly #socket: Socket
  #rest: Buffer | undefined
  #upgraded = false
  #opened: (() => void) | undefined
  onText: ((payload: Buffer) => void) | undefined
  onClose: (() => void) | undefined

  private constructor(socket: Socket, opened: () => void) {
    this.#socket = socket
    this.#opened = opened
    socket.setNoDelay(true)
    socket.on('data', (chunk) => this.#onData(chunk))
  }

  /** Resolves when the server has accepted the upgrade. */
  static open({ port, path = '/', headers = {}, localAddress }: PeerOptions): Promise<Peer> {
    return new Promise((resolve, reject) => {
      const socket = connect({ port, host: '127.0.0.1', ...(localAddress === undefined ? {} : { localAddress }) })
      const peer = new Peer(socket, () => resolve(peer))
      const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
      socket.write(
        `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
          `Sec-WebSocket-Key: ${FIXED_KEY}\r\nSec-WebSocket-Version: 13\r\n${lines.join('')}\r\n`,
      )
      socket.on('error', reject)
      socket.on('close', () => {
        reject(new Error('closed before it was open'))
        peer.onClose?.()
      })
    })
  }

  send(text: string): void {
    this.#socket.write(frameOf(text))
  }

  sendFrame(frame: Buffer): void {
    this.#socket.write(frame)
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#socket.once('close', () => resolve())
      this.#socket.destroy()
    })
  }

  #onData(chunk: Buffer): void {
    let data = this.#rest === undefined ? chunk : Buffer.concat([this.#rest, chunk])
    this.#rest = undefined
    if (!this.#upgraded) {
      const end = data.indexOf('\r\n\r\n')
      if (end < 0) {
        this.#rest = data
        return
      }
      if (data.toString('latin1', 9, 12) !== '101') {
        this.#socket.destroy()
        return
      }
      this.#upgraded = true
      data = data.subarray(end + 4)
      this.#opened?.()
      this.#opened = undefined
    }
    this.#readFrames(data)
  }

  #readFrames(data: Buffer): void {
    let at = 0
    while (data.length - at >= 2) {
      const opcode = (data[at] ?? 0) & 15
      let length = (data[at + 1] ?? 0) & 127
      let start = at + 2
      if (length === 126) {
        if (data.length - at < 4) break
        length = data.readUInt16BE(at + 2)
        start = at + 4
      } else if (length === 127) {
        if (data.length - at < 10) break
        length = Number(data.readBigUInt64BE(at + 2))
        start = at + 10
      }
      if (data.length < start + length) break
      at = start + length
      if (opcode === TEXT) this.onText?.(data.subarray(start, at))
      else if (opcode === PING) this.#socket.write(Buffer.from([0x80 | PONG, 0x80, 0, 0, 0, 0]))
      else if (opcode === CLOSE) this.#socket.end()
    }
    if (at < data.length) this.#rest = data.subarray(at)
  }
}

/** A text frame of a client, ready to be written any number of times. */
export function frameOf(text: string): Buffer {
  const payload = Buffer.from(text)
  const { length } = payload
  const header = length < 126 ? 6 : length < 65_536 ? 8 : 14
  const frame = Buffer.alloc(header + length)
  frame[0] = 0x80 | TEXT
  if (length < 126) frame[1] = 0x80 | length
  else if (length < 65_536) {
    frame[1] = 0x80 | 126
    frame.writeUInt16BE(length, 2)
  } else {
    frame[1] = 0x80 | 127
    frame.writeBigUInt64BE(BigInt(length), 2)
  }
  payload.copy(frame, header)
  return frame
}
