import type { PGlite, Results, Transaction } from '@electric-sql/pglite'
import { type DatabaseConnection, PGliteAdapter, PGliteDialect, PGliteDriver } from 'kysely'
import { fromDatabase } from './pg-errors.ts'
import { Turns } from './turns.ts'
import { assertOutsideWrite } from './write-scope.ts'

/** Kysely's dialect for PGlite with the manners of the `pg` side: same errors, same rules for statements and writes. */
export class EmbeddedDialect extends PGliteDialect {
  readonly #pglite: PGlite

  constructor(pglite: PGlite) {
    super({ pglite })
    this.#pglite = pglite
  }

  override createAdapter(): PGliteAdapter {
    return new SeveralCallers()
  }

  override createDriver(): PGliteDriver {
    return new OneAfterAnother({ pglite: simpleWhenPlain(this.#pglite) })
  }
}

/** Lets callers through to the driver, which queues them after a look at who is asking. */
class SeveralCallers extends PGliteAdapter {
  override get supportsMultipleConnections(): boolean {
    return true
  }
}

class OneAfterAnother extends PGliteDriver {
  readonly #turns = new Turns()
  #done: () => void = () => undefined

  override async acquireConnection(): Promise<DatabaseConnection> {
    assertOutsideWrite()
    this.#done = await this.#turns.take()
    return super.acquireConnection()
  }

  override async releaseConnection(): Promise<void> {
    this.#done()
  }
}

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

function queryOn(target: Pick<PGlite, 'query' | 'exec'>) {
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
