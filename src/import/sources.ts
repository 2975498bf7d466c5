import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { problem } from '../errors.ts'
import type { ImportInput } from './model.ts'

/** A file to import. */
export type ImportSource = ImportInput & {
  /** Throws when it is another one by now. */
  requireSame?: () => Promise<void>
  /** To be called when the import has ended. */
  release?: () => Promise<void>
  /** To be called when it did not even begin. */
  putBack?: () => void
}

/** A file on disk. Throws when there is none. */
export async function fileInput(name: string, path: string): Promise<ImportSource> {
  const state = async () => {
    const found = await stat(path).catch(() => undefined)
    return found?.isFile() ? `${found.ino} ${found.size} ${found.mtimeMs}` : undefined
  }
  const before = await state()
  if (before === undefined) throw problem(`There is no file ${path}`)
  const requireSame = async () => {
    if ((await state()) !== before) throw problem('The file was changed while it was read: import it when it is whole')
  }
  return { name, path, open: () => createReadStream(path), requireSame }
}

/** A file that came inside a call. */
export function textInput(name: string, content: string | Buffer): ImportInput {
  return {
    name,
    async *open() {
      yield Buffer.from(content)
    },
  }
}

/** What a report says of a file; nothing while it was not read to its end. */
export interface FileFacts {
  fileBytes: number
  /** SHA-256, in hex. */
  fileDigest: string
}

export interface CountedSource extends ImportSource {
  /** As far as they are known. */
  facts(): FileFacts
  /** Reads the file once more for them if its reader took it in another order, or not to its end. */
  readFacts(maxBytes: number, signal: AbortSignal): Promise<FileFacts>
}

/** The same file, of which what is read is counted. */
export function counting(input: ImportSource): CountedSource {
  let found: FileFacts = { fileBytes: 0, fileDigest: '' }
  async function* open(): AsyncGenerator<Buffer> {
    const hash = createHash('sha256')
    let fileBytes = 0
    for await (const chunk of input.open()) {
      hash.update(chunk)
      fileBytes += chunk.length
      yield chunk
    }
    found = { fileBytes, fileDigest: hash.digest('hex') }
  }
  async function readFacts(maxBytes: number, signal: AbortSignal): Promise<FileFacts> {
    if (found.fileDigest !== '') return found
    let bytes = 0
    for await (const chunk of open()) {
      signal.throwIfAborted()
      bytes += chunk.length
      if (bytes > maxBytes) break
    }
    return found
  }
  return { ...input, open, facts: () => found, readFacts }
}
