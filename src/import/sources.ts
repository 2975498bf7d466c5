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

/** The same file, and what was read of it when it was read to its end, for the report. */
export function counting(input: ImportSource): {
  input: ImportSource
  result(): { fileBytes: number; fileDigest: string }
} {
  let fileBytes = 0
  let fileDigest = ''
  async function* open(): AsyncGenerator<Buffer> {
    const hash = createHash('sha256')
    let bytes = 0
    for await (const chunk of input.open()) {
      hash.update(chunk)
      bytes += chunk.length
      yield chunk
    }
    fileBytes = bytes
    fileDigest = hash.digest('hex')
  }
  return { input: { ...input, open }, result: () => ({ fileBytes, fileDigest }) }
}
