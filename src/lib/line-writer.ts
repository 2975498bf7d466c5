import { write, writeSync } from 'node:fs'

/** So many characters make a block; what is less goes out once a second. */
const BLOCK_LENGTH = 32 * 1024
const FLUSH_EVERY_MS = 1000
/** A pipe that is full is tried again. */
const RETRY_MS = 50
const LAST_TRIES = 20

/**
 * Writes lines to an open file in blocks, off the event loop, one block at a time and in order. A reader that is too slow
 * loses lines: more than `maxBacklog` characters never wait.
 */
export class LineWriter {
  readonly #file: number
  readonly #maxBacklog: number
  #waiting = ''
  #isWriting = false
  #timer: NodeJS.Timeout | undefined

  constructor(file: number, maxBacklog: number) {
    this.#file = file
    this.#maxBacklog = maxBacklog
  }

  write(line: string): void {
    if (this.#timer === undefined) this.#start()
    if (this.#waiting.length > this.#maxBacklog) return
    this.#waiting += line
    if (this.#waiting.length >= BLOCK_LENGTH && !this.#isWriting) this.#writeBlock()
  }

  /** Writes what waits before it returns, for the end of the process. A file that takes nothing is given up. */
  flush(done?: () => void): void {
    let block = this.#take()
    for (let tries = 0; block.length > 0 && tries < LAST_TRIES; tries++) {
      try {
        block = block.subarray(writeSync(this.#file, block))
      } catch (error) {
        if (!isFull(error)) break
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, RETRY_MS)
      }
    }
    done?.()
  }

  #start(): void {
    this.#timer = setInterval(() => {
      if (this.#waiting !== '' && !this.#isWriting) this.#writeBlock()
    }, FLUSH_EVERY_MS)
    this.#timer.unref()
    process.once('exit', () => this.flush())
  }

  #writeBlock(): void {
    this.#isWriting = true
    this.#continue(this.#take())
  }

  #continue(block: Buffer): void {
    write(this.#file, block, (error, written) => {
      if (error !== null && isFull(error)) {
        setTimeout(() => this.#continue(block), RETRY_MS)
        return
      }
      // What cannot be written is lost: there is nowhere to say so.
      if (error === null && written < block.length) return this.#continue(block.subarray(written))
      this.#isWriting = false
      if (this.#waiting.length >= BLOCK_LENGTH) this.#writeBlock()
    })
  }

  #take(): Buffer {
    const block = Buffer.from(this.#waiting)
    this.#waiting = ''
    return block
  }
}

function isFull(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException
  return code === 'EAGAIN' || code === 'EBUSY'
}
