import { write, writeSync } from 'node:fs'

/** So many bytes make a block; what is less goes out once a second. */
const BLOCK_BYTES = 64 * 1024
const FLUSH_EVERY_MS = 1000
/** A pipe that is full is tried again. */
const RETRY_MS = 50
const LAST_TRIES = 20
/** A character of a string takes three bytes at most. */
const MOST_BYTES = 3

/**
 * Writes lines to an open file in blocks, off the event loop, one block at a time and in order. A reader that is too slow
 * loses lines: more than `maxBacklog` bytes never wait.
 */
export class LineWriter {
  readonly #file: number
  readonly #maxBacklog: number
  #block = Buffer.allocUnsafe(BLOCK_BYTES)
  #used = 0
  /** Full blocks behind the one that is being written. */
  #waiting: Buffer[] = []
  #waitingBytes = 0
  #isWriting = false
  #timer: NodeJS.Timeout | undefined

  constructor(file: number, maxBacklog: number) {
    this.#file = file
    this.#maxBacklog = maxBacklog
  }

  write(line: string): void {
    if (this.#timer === undefined) this.#start()
    if (this.#waitingBytes > this.#maxBacklog) return
    if (line.length * MOST_BYTES > BLOCK_BYTES - this.#used) {
      this.#endBlock()
      if (line.length * MOST_BYTES > BLOCK_BYTES) return this.#enqueue(Buffer.from(line))
    }
    this.#used += this.#block.write(line, this.#used)
  }

  /** Writes what waits before it returns, for the end of the process. A file that takes nothing is given up. */
  flush(done?: () => void): void {
    let rest = Buffer.concat([...this.#waiting, this.#block.subarray(0, this.#used)])
    this.#waiting = []
    this.#waitingBytes = 0
    this.#used = 0
    for (let tries = 0; rest.length > 0 && tries < LAST_TRIES; tries++) {
      try {
        rest = rest.subarray(writeSync(this.#file, rest))
      } catch (error) {
        if (!isFull(error)) break
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, RETRY_MS)
      }
    }
    done?.()
  }

  #start(): void {
    this.#timer = setInterval(() => this.#endBlock(), FLUSH_EVERY_MS)
    this.#timer.unref()
    process.once('exit', () => this.flush())
  }

  #endBlock(): void {
    if (this.#used === 0) return
    const full = this.#block.subarray(0, this.#used)
    this.#block = Buffer.allocUnsafe(BLOCK_BYTES)
    this.#used = 0
    this.#enqueue(full)
  }

  #enqueue(block: Buffer): void {
    this.#waiting.push(block)
    this.#waitingBytes += block.length
    if (!this.#isWriting) this.#next()
  }

  #next(): void {
    const block = this.#waiting.shift()
    this.#isWriting = block !== undefined
    if (block === undefined) return
    this.#waitingBytes -= block.length
    this.#continue(block)
  }

  #continue(block: Buffer): void {
    write(this.#file, block, (error, written) => {
      if (error !== null && isFull(error)) {
        setTimeout(() => this.#continue(block), RETRY_MS)
        return
      }
      // What cannot be written is lost: there is nowhere to say so.
      if (error === null && written < block.length) return this.#continue(block.subarray(written))
      this.#next()
    })
  }
}

function isFull(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException
  return code === 'EAGAIN' || code === 'EBUSY'
}
