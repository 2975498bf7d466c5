import { randomUUID } from 'node:crypto'
import { open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { problem } from '../errors.ts'
import type { Clock } from '../lib/clock.ts'

export interface Upload {
  id: string
  path: string
  name: string
  principalId: number
  at: number
}

/** Of one sender, and of all together. */
const MAX_WAITING = 5
const MAX_WAITING_ALL = 50
const KEEP_MS = 3_600_000

/** Files that were sent and wait to be imported, each for who sent it; after an hour they are gone. */
export class Uploads {
  readonly #folder: string
  readonly #clock: Clock
  readonly #maxBytes: number
  readonly #waiting = new Map<string, Upload>()

  constructor(parts: { folder: string; clock: Clock; maxBytes: number }) {
    this.#folder = parts.folder
    this.#clock = parts.clock
    this.#maxBytes = parts.maxBytes
  }

  /** Throws when so many wait that no other is taken. */
  requireRoom(principalId: number): void {
    const own = [...this.#waiting.values()].filter((upload) => upload.principalId === principalId)
    if (own.length >= MAX_WAITING || this.#waiting.size >= MAX_WAITING_ALL)
      throw problem('Too many files wait to be imported: import them, or send this one in an hour')
  }

  /** Takes a file in, piece by piece. Refused when it is too large or too many wait. */
  async receive(body: Readable, given: { name: string; principalId: number }): Promise<Upload> {
    this.requireRoom(given.principalId)
    const id = randomUUID()
    const upload: Upload = { ...given, id, path: join(this.#folder, `upload-${id}`), at: this.#clock().getTime() }
    this.#waiting.set(id, upload)
    try {
      // A stream that opens the file itself may do so after the failure, and after the file was deleted.
      const file = await open(upload.path, 'wx', 0o600)
      await pipeline(body, (chunks) => limited(chunks, this.#maxBytes), file.createWriteStream())
    } catch (error) {
      await this.discard(upload)
      throw error
    }
    return upload
  }

  /** The file, for who sent it: nobody else, and once. */
  take(id: string, principalId: number): Upload {
    const upload = this.#waiting.get(id)
    if (upload === undefined || upload.principalId !== principalId)
      throw problem('There is no such upload: send the file')
    this.#waiting.delete(id)
    return upload
  }

  /** Lets it wait again: it was not imported after all. */
  putBack(upload: Upload): void {
    this.#waiting.set(upload.id, upload)
  }

  async discard({ id, path }: Upload): Promise<void> {
    this.#waiting.delete(id)
    await rm(path, { force: true })
  }

  /** Deletes what nobody has imported for an hour. */
  async forgetOld(): Promise<void> {
    const before = this.#clock().getTime() - KEEP_MS
    for (const upload of [...this.#waiting.values()]) if (upload.at < before) await this.discard(upload)
  }
}

async function* limited(chunks: AsyncIterable<Buffer>, maxBytes: number): AsyncGenerator<Buffer> {
  let size = 0
  for await (const chunk of chunks) {
    size += chunk.length
    if (size > maxBytes) throw problem(`The file is too large: at most ${maxBytes} bytes`)
    yield chunk
  }
}
