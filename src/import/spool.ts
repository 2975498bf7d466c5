import { once } from 'node:events'
import { createReadStream, createWriteStream } from 'node:fs'
import { rm } from 'node:fs/promises'
import { finished } from 'node:stream/promises'
import type { Pace } from './pace.ts'

/** Values on disk, a line each, so that a long file never is in memory as a whole. Disposing deletes them. */
export class Spool<T> implements AsyncDisposable {
  readonly #path: string
  readonly #stream
  count = 0

  constructor(path: string) {
    this.#path = path
    this.#stream = createWriteStream(path, { mode: 0o600, highWaterMark: 1 << 20 })
    // Reported by whoever writes or ends it.
    this.#stream.on('error', () => undefined)
  }

  async add(value: T): Promise<void> {
    this.count += 1
    if (!this.#stream.write(`${JSON.stringify(value)}\n`)) await once(this.#stream, 'drain')
  }

  /** To be called once, before reading. */
  async end(): Promise<void> {
    this.#stream.end()
    await finished(this.#stream)
  }

  /** The values in their order, in batches of about this size. */
  async *batches(size: number, pace: Pace): AsyncGenerator<T[]> {
    let batch: T[] = []
    for await (const line of this.#lines()) {
      batch.push(JSON.parse(line) as T)
      if (pace.isOver) await pace.rest()
      if (batch.length < size) continue
      yield batch
      batch = []
    }
    if (batch.length > 0) yield batch
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stream.destroy()
    await rm(this.#path, { force: true })
  }

  async *#lines(): AsyncGenerator<string> {
    let rest = ''
    for await (const piece of createReadStream(this.#path, { encoding: 'utf8', highWaterMark: 1 << 16 })) {
      const lines = (rest + String(piece)).split('\n')
      rest = lines.pop() ?? ''
      yield* lines
    }
  }
}
