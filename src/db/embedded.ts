import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { PGlite } from '@electric-sql/pglite'
import { CamelCasePlugin, Kysely } from 'kysely'
import type { Log } from '../log.ts'
import type { OpenDatabase } from './database.ts'
import { DurableFiles } from './durable-files.ts'
import { EmbeddedDialect } from './embedded-dialect.ts'
import { startUpkeep } from './embedded-upkeep.ts'
import { lockFolder } from './folder-lock.ts'
import { ping } from './ping.ts'
import type { Database } from './schema.ts'

const IN_MEMORY = 'memory://'
const INT8 = 20

export interface EmbeddedOptions {
  dataDir: string
  log: Log
  /** A dump to start from, for tests. */
  loadDataDir?: Blob
}

/** Opens the embedded database in a folder, which only one process may use at a time. */
export async function openEmbedded(options: EmbeddedOptions): Promise<OpenDatabase> {
  const stack = new AsyncDisposableStack()
  try {
    const pglite = await start(options, stack)
    const db = new Kysely<Database>({
      dialect: new EmbeddedDialect(pglite),
      plugins: [new CamelCasePlugin({ maintainNestedObjectKeys: true })],
    })
    stack.defer(() => db.destroy())
    stack.use(startUpkeep(db, options.log))
    return describe(pglite, db, stack)
  } catch (error) {
    await stack.disposeAsync()
    throw error
  }
}

async function start({ dataDir, loadDataDir }: EmbeddedOptions, stack: AsyncDisposableStack): Promise<PGlite> {
  const settings = { parsers: { [INT8]: Number }, ...(loadDataDir === undefined ? {} : { loadDataDir }) }
  let pglite: PGlite
  if (dataDir === IN_MEMORY) {
    pglite = await PGlite.create({ ...settings, dataDir })
  } else {
    stack.use(await lockFolder(dataDir))
    const folder = join(dataDir, 'database')
    await mkdir(folder, { recursive: true })
    pglite = await PGlite.create({ ...settings, fs: new DurableFiles(folder), ...DurableFiles.settings })
  }
  stack.defer(() => (pglite.closed ? undefined : pglite.close()))
  return pglite
}

function describe(pglite: PGlite, db: Kysely<Database>, stack: AsyncDisposableStack): OpenDatabase {
  return {
    db,
    engine: 'embedded',
    ping: () => ping(db),
    async listen(channel, onPayload) {
      const stop = await pglite.listen(channel, onPayload)
      return {
        async [Symbol.asyncDispose]() {
          if (!pglite.closed) await stop()
        },
      }
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  }
}
