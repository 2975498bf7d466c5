import { createHash } from 'node:crypto'
import type { PostgresCursor, PostgresPoolClient, PostgresQueryResult } from 'kysely'
import type { PoolClient, QueryResult } from 'pg'
import { fromDatabase } from './pg-errors.ts'

/** Lets the statements that follow on a connection take as long as they need. */
export const withoutTimeout = 'set statement_timeout = 0'
/** Takes `withoutTimeout` back. */
export const usualTimeout = 'reset statement_timeout'

const MAX_NAMES = 1000
/** Statements with more parameters are lists of varying length: a name for each length would only fill memory. */
const MAX_PARAMETERS = 64

/** The names under which connections keep their prepared statements. */
export class StatementNames {
  readonly #names = new Map<string, string>()
  #generation = 0

  /** The name of a statement, or undefined for one that is not worth keeping prepared. */
  nameOf(text: string, parameterCount: number): string | undefined {
    if (parameterCount === 0 || parameterCount > MAX_PARAMETERS) return undefined
    const known = this.#names.get(text)
    if (known !== undefined) return known
    if (this.#names.size >= MAX_NAMES) return undefined
    const name = `s${this.#generation}_${createHash('sha256').update(text).digest('base64url').slice(0, 24)}`
    this.#names.set(text, name)
    return name
  }

  /** After a change of the schema: everything is prepared afresh under other names. */
  renew(): void {
    this.#names.clear()
    this.#generation++
  }
}

/**
 * A pooled connection as Kysely uses it. Statements with parameters run prepared; statements without go by the simple
 * protocol, which takes several at once (migrations). A connection that stays silent is cut, or a lost network would
 * hold its callers for many minutes.
 */
export class PreparedClient implements PostgresPoolClient {
  readonly #client: PoolClient
  readonly #names: StatementNames
  readonly #deadlineMs: number
  #watched = true

  constructor(client: PoolClient, names: StatementNames, deadlineMs: number) {
    this.#client = client
    this.#names = names
    this.#deadlineMs = deadlineMs
  }

  query<R>(text: string, parameters: readonly unknown[]): Promise<PostgresQueryResult<R>>
  query<R>(cursor: PostgresCursor<R>): PostgresCursor<R>
  query<R>(
    text: string | PostgresCursor<R>,
    parameters: readonly unknown[] = [],
  ): Promise<PostgresQueryResult<R>> | PostgresCursor<R> {
    if (typeof text !== 'string') throw new TypeError('Cursors are not supported')
    return this.#run(text, parameters) as Promise<PostgresQueryResult<R>>
  }

  release(destroy?: boolean): void {
    this.#client.release(destroy)
  }

  async #run(text: string, parameters: readonly unknown[]): Promise<QueryResult> {
    if (text === withoutTimeout) this.#watched = false
    if (text === usualTimeout) this.#watched = true
    try {
      return await this.#send(text, parameters)
    } catch (error) {
      if (!isOutdatedPlan(error)) throw fromDatabase(error)
      this.#names.renew()
      if (this.#client.getTransactionStatus() !== 'I') throw fromDatabase(error)
      return await this.#send(text, parameters)
    }
  }

  async #send(text: string, parameters: readonly unknown[]): Promise<QueryResult> {
    const name = this.#names.nameOf(text, parameters.length)
    const values = [...parameters]
    const timer = this.#watched ? setTimeout(() => cut(this.#client), this.#deadlineMs) : undefined
    try {
      return await this.#client.query(name === undefined ? { text, values } : { name, text, values })
    } finally {
      clearTimeout(timer)
    }
  }
}

/** Ends a connection at once, without asking the other side. */
function cut(client: PoolClient): void {
  const { connection } = client as unknown as { connection: { stream: { destroy(): void } } }
  connection.stream.destroy()
}

/** A migration changed a table that a prepared `select *` or `returning *` reads. */
function isOutdatedPlan(error: unknown): boolean {
  const { code, routine } = error as { code?: unknown; routine?: unknown }
  return code === '0A000' && routine === 'RevalidateCachedQuery'
}
