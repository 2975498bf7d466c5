import { once } from 'node:events'
import { createReadStream, createWriteStream } from 'node:fs'
import { rm } from 'node:fs/promises'
import { finished } from 'node:stream/promises'
import type { Pace } from './pace.ts'

/** So much text is worked on at once. */
const BATCH_LENGTH = 1 << 17
/** So much is written at once: a write for each line would cost more than the line. */
const PIECE_LENGTH = 1 << 16

/** JSON values on disk, a line each, so that a long file never is in memory as a whole. Disposing deletes them. */
export class Spool<T> implements AsyncDisposable {
  readonly #path: string
  readonly #stream
  #piece = ''
  count = 0

  constructor(path: string) {
    this.#path = path
    this.#stream = createWriteStream(path, { mode: 0o600, highWaterMark: 2 * PIECE_LENGTH })
    // Reported by whoever writes or ends it.
    this.#stream.on('error', () => undefined)
  }

  async add(value: T): Promise<void> {
    this.count += 1
    this.#piece += `${JSON.stringify(value)}\n`
    if (this.#piece.length < PIECE_LENGTH) return
    const isFull = !this.#stream.write(this.#piece)
    this.#piece = ''
    if (isFull) await once(this.#stream, 'drain')
  }

  /** To be called once, before reading. */
  async end(): Promise<void> {
    this.#stream.end(this.#piece)
    this.#piece = ''
    await finished(this.#stream)
  }

  /** The values in their order, in batches of this size at most; what is long comes in smaller ones. */
  async *batches(size: number, pace: Pace): AsyncGenerator<T[]> {
    let batch: T[] = []
    let length = 0
    for await (const lines of this.#lines()) {
      for (const line of lines) {
        batch.push(JSON.parse(line) as T)
        if (pace.isOver) await pace.rest()
        length += line.length
        if (batch.length < size && length < BATCH_LENGTH) continue
        yield batch
        batch = []
        length = 0
      }
    }
    if (batch.length > 0) yield batch
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stream.destroy()
    // A file that is still to be opened would come after it was deleted.
    await finished(this.#stream).catch(() => undefined)
    await rm(this.#path, { force: true })
  }

  async *#lines(): AsyncGenerator<string[]> {
    let rest = ''
    for await (const piece of createReadStream(this.#path, { encoding: 'utf8', highWaterMark: 1 << 16 })) {
      const lines = (rest + String(piece)).split('\n')
      rest = lines.pop() ?? ''
      yield lines
    }
  }
}
