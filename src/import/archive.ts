import { setImmediate as turn } from 'node:timers/promises'
import { TextDecoder } from 'node:util'
import { type Entry, fromBufferPromise, openPromise, type ZipFile } from 'yauzl'
import type { ImportInput, ImportLimits, Place } from './model.ts'
import { readPieces } from './read-text.ts'
import { Unreadable } from './unreadable.ts'

const MAX_ENTRIES = 10_000
const PIECE_BYTES = 8_192

/** The parts of a zip archive as text. What it unpacks to is held against the limits: as declared, and again as it comes. */
export class Archive implements AsyncDisposable {
  readonly #place: Place
  readonly #limits: ImportLimits
  readonly #zip: ZipFile
  readonly #entries: ReadonlyMap<string, Entry>
  #unpacked = 0

  private constructor(place: Place, limits: ImportLimits, zip: ZipFile, entries: ReadonlyMap<string, Entry>) {
    this.#place = place
    this.#limits = limits
    this.#zip = zip
    this.#entries = entries
  }

  /** Throws `Unreadable` for what is no archive, is encrypted, or would unpack to too much. */
  static async open(input: ImportInput, limits: ImportLimits): Promise<Archive> {
    const place = { file: input.name }
    let zip: ZipFile | undefined
    try {
      const options = { lazyEntries: true, autoClose: false }
      zip =
        input.path === undefined
          ? await fromBufferPromise(await collect(input, limits), options)
          : await openPromise(input.path, options)
      return new Archive(place, limits, zip, await listEntries(place, zip, limits))
    } catch (error) {
      zip?.close()
      if (error instanceof Unreadable) throw error
      throw broken(place)
    }
  }

  get names(): string[] {
    return [...this.#entries.keys()]
  }

  /** The text of a part, piece by piece; nothing for a part that there is not. */
  async *text(name: string): AsyncGenerator<string> {
    const entry = this.#entries.get(name)
    if (entry === undefined) return
    const decoder = new TextDecoder('utf-8', { fatal: true })
    const place = { ...this.#place, path: name }
    try {
      for await (const chunk of await this.#zip.openReadStreamPromise(entry)) {
        const bytes = chunk as Buffer
        this.#unpacked += bytes.length
        if (this.#unpacked > this.#limits.maxUnpackedBytes) throw tooMuch(place, this.#limits)
        for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
          yield decoder.decode(bytes.subarray(at, at + PIECE_BYTES), { stream: true })
          await turn()
        }
      }
      yield decoder.decode()
    } catch (error) {
      if (error instanceof Unreadable) throw error
      throw broken(place)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#zip.close()
  }
}

async function collect(input: ImportInput, limits: ImportLimits): Promise<Buffer> {
  const pieces: Buffer[] = []
  for await (const piece of readPieces(input, limits)) pieces.push(piece)
  return Buffer.concat(pieces)
}

async function listEntries(place: Place, zip: ZipFile, limits: ImportLimits): Promise<Map<string, Entry>> {
  if (zip.fileSize > limits.maxFileBytes)
    throw new Unreadable(place, 'limit', `The file is larger than ${limits.maxFileBytes} bytes: split it`)
  if (zip.entryCount > MAX_ENTRIES)
    throw new Unreadable(place, 'limit', `The archive has more than ${MAX_ENTRIES} parts: save it anew`)
  const entries = new Map<string, Entry>()
  let unpacked = 0
  for await (const entry of zip.eachEntry()) {
    unpacked += entry.uncompressedSize
    if (entry.isEncrypted()) throw new Unreadable(place, 'format', 'The file is encrypted: save it without a password')
    if (entries.has(entry.fileName)) throw broken({ ...place, path: entry.fileName })
    entries.set(entry.fileName, entry)
  }
  if (unpacked > limits.maxUnpackedBytes) throw tooMuch(place, limits)
  if (unpacked > zip.fileSize * limits.maxUnpackedRatio)
    throw new Unreadable(
      place,
      'limit',
      `The file unpacks to more than ${limits.maxUnpackedRatio} times its size: that is no ordinary workbook`,
    )
  return entries
}

function tooMuch(place: Place, { maxUnpackedBytes }: ImportLimits): Unreadable {
  return new Unreadable(place, 'limit', `The file unpacks to more than ${maxUnpackedBytes} bytes: split it`)
}

function broken(place: Place): Unreadable {
  return new Unreadable(
    place,
    'format',
    'The file is broken, or no workbook: open it in a spreadsheet and save it as .xlsx',
  )
}
