import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { PGlite, type Results, type Transaction } from '@electric-sql/pglite'
import { CamelCasePlugin, Kysely, PGliteDialect, sql } from 'kysely'
import type { Log } from '../log.ts'
import type { OpenDatabase } from './database.ts'
import { DurableFiles } from './durable-files.ts'
import { lockFolder } from './folder-lock.ts'
import { fromDatabase } from './pg-errors.ts'
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
      dialect: new PGliteDialect({ pglite: simpleWhenPlain(pglite) }),
      plugins: [new CamelCasePlugin({ maintainNestedObjectKeys: true })],
    })
    stack.defer(() => db.destroy())
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
    async ping() {
      await sql`select 1`.execute(db)
    },
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

type Target = Pick<PGlite, 'query' | 'exec'>

/**
 * What Kysely needs of PGlite, with the rule of `pg`: statements without parameters go by the simple protocol, which
 * takes several at once (migrations).
 */
function simpleWhenPlain(pglite: PGlite) {
  return {
    close: () => pglite.close(),
    get closed() {
      return pglite.closed
    },
    get ready() {
      return pglite.ready
    },
    waitReady: pglite.waitReady,
    query: queryOn(pglite),
    transaction: <T>(callback: (tx: ReturnType<typeof plainTransaction>) => Promise<T>) =>
      pglite.transaction((tx) => callback(plainTransaction(tx))),
  }
}

function plainTransaction(tx: Transaction) {
  return { query: queryOn(tx), rollback: () => tx.rollback() }
}

function queryOn(target: Target) {
  return async <T>(text: string, parameters?: unknown[]): Promise<Results<T>> => {
    try {
      if (parameters !== undefined && parameters.length > 0) return await target.query<T>(text, parameters)
      const results = await target.exec(text)
      return (results.at(-1) ?? { rows: [], fields: [] }) as Results<T>
    } catch (error) {
      throw fromDatabase(withoutValues(error))
    }
  }
}

/** PGlite hangs the statement and its values on the error; they would end up in the log. */
function withoutValues(error: unknown): unknown {
  if (error instanceof Error) Object.assign(error, { query: undefined, params: undefined, queryOptions: undefined })
  return error
}
