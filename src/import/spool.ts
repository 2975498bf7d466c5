import { createReadStream } from 'node:fs'
import { type FileHandle, open, rm } from 'node:fs/promises'
import { OneAhead } from '../lib/one-ahead.ts'
import { fromDisk } from './disk.ts'
import type { Pace } from './pace.ts'

/** So much text is worked on at once. */
const BATCH_LENGTH = 1 << 17
/** So much is written at once: a write for each line would cost more than the line. */
const PIECE_LENGTH = 1 << 16

/** JSON values on disk, a line each, so that a long file never is in memory as a whole. Disposing deletes them. */
export class Spool<T> implements AsyncDisposable {
  readonly #path: string
  readonly #writing = new OneAhead()
  #file: FileHandle | undefined
  #piece = ''
  count = 0

  constructor(path: string) {
    this.#path = path
  }

  /** Throws, as `end` does, what people can do when the disk does not take it. */
  async add(value: T): Promise<void> {
    this.count += 1
    this.#piece += `${JSON.stringify(value)}\n`
    if (this.#piece.length >= PIECE_LENGTH) await this.#flush()
  }

  /** To be called once, before reading. */
  async end(): Promise<void> {
    await this.#flush()
    await this.#writing.end()
    await this.#file?.close()
    this.#file = undefined
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
    await this.#writing[Symbol.asyncDispose]()
    await this.#file?.close()
    this.#file = undefined
    await rm(this.#path, { force: true })
  }

  /** Waits for the piece before only: the next is made while this one is written. */
  async #flush(): Promise<void> {
    const piece = this.#piece
    this.#piece = ''
    await this.#writing.begin(() => this.#write(piece))
  }

  async #write(piece: string): Promise<void> {
    try {
      this.#file ??= await open(this.#path, 'w', 0o600)
      await this.#file.writeFile(piece)
    } catch (error) {
      throw fromDisk(error)
    }
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
