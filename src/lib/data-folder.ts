import { access, constants, mkdir, stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { ConfigError } from '../config.ts'

/** Makes the data folder and what is missing above it, for this user only. Throws ConfigError with what stands in the way. */
export async function makeDataFolder(path: string): Promise<void> {
  try {
    await makeFolder(resolve(path))
    await access(path, constants.W_OK | constants.X_OK)
  } catch (error) {
    // A volume of a container may belong to somebody else.
    const who = process.getuid === undefined ? '' : ` by user ${process.getuid()}`
    throw new ConfigError(
      `EMS_DATA_DIR: "${path}" cannot be used as the data folder${who}: ${(error as Error).message}`,
    )
  }
}

/** @NOTE not with Node's own `recursive`, which never ends where a folder that is there takes no other (/proc). */
async function makeFolder(folder: string): Promise<void> {
  if (await isFolder(folder)) return
  const above = dirname(folder)
  if (above !== folder) await makeFolder(above)
  await mkdir(folder, { mode: 0o700 }).catch(async (error: NodeJS.ErrnoException) => {
    // Somebody else was faster.
    if (error.code !== 'EEXIST' || !(await isFolder(folder))) throw error
  })
}

async function isFolder(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isDirectory() ?? false
}
