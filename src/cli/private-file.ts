import { open, rm } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import { ConfigError } from '../config.ts'

/** Writes a file that only its owner can read, also where one lay there already. */
export async function writePrivately(pieces: AsyncIterable<string | Buffer>, file: string): Promise<void> {
  const handle = await open(file, 'w', 0o600)
  try {
    await handle.chmod(0o600)
    await pipeline(pieces, handle.createWriteStream())
  } catch (error) {
    await rm(file, { force: true })
    throw error
  }
}

/** A new file that nobody else can read; it is gone again unless it is kept. */
export interface PrivateFile extends AsyncDisposable {
  write(text: string): Promise<unknown>
  keep(): void
}

/** Opens it. What is there already is not overwritten. */
export async function openPrivate(file: string): Promise<PrivateFile> {
  const handle = await open(file, 'wx', 0o600).catch((error: NodeJS.ErrnoException) => {
    throw new ConfigError(
      error.code === 'EEXIST'
        ? `There is a file ${file} already: vouchers go into a new one.`
        : `${file} cannot be written: ${error.code}.`,
    )
  })
  let isKept = false
  return {
    write: (text) => handle.write(text),
    keep: () => {
      isKept = true
    },
    async [Symbol.asyncDispose]() {
      await handle.close()
      if (!isKept) await rm(file, { force: true })
    },
  }
}
