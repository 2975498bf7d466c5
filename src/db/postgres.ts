import { CamelCasePlugin, Kysely, PostgresDialect } from 'kysely'
import { Pool, type PoolClient, type PoolConfig, types } from 'pg'
import type { Log } from '../log.ts'
import type { OpenDatabase } from './database.ts'
import { PostgresListener } from './listener.ts'
import { fromDatabase } from './pg-errors.ts'
import { ping } from './ping.ts'
import { PreparedClient, StatementNames } from './prepared.ts'
import type { Database } from './schema.ts'
import { assertOutsideWrite } from './write-scope.ts'

const STATEMENT_TIMEOUT_MS = 30_000
const CONNECT_TIMEOUT_MS = 5_000
/** A statement that has no answer by then never gets one: PostgreSQL would have ended it. */
const SILENCE_MS = STATEMENT_TIMEOUT_MS + 5_000

export interface PostgresOptions {
  url: string
  poolSize?: number
  log: Log
  /** How long a connection may stay without an answer before it is cut. */
  silenceMs?: number
}

/** Opens a pool of connections to PostgreSQL. Nothing connects before the first statement. */
export function openPostgres(options: PostgresOptions): OpenDatabase {
  const { log } = options
  const config = connectionConfig(options.url)
  const pool = createPool({ ...config, max: options.poolSize ?? 10 }, log)
  const db = new Kysely<Database>({
    dialect: new PostgresDialect({ pool: preparedPool(pool, options.silenceMs ?? SILENCE_MS) }),
    plugins: [new CamelCasePlugin({ maintainNestedObjectKeys: true })],
  })
  return {
    db,
    engine: 'postgres',
    ping: () => ping(db),
    async listen(channel, onPayload, onLost) {
      const listener = new PostgresListener({ config, channel, onPayload, onLost, log })
      await listener.start()
      return listener
    },
    async [Symbol.asyncDispose]() {
      await db.destroy()
      // Kysely ends the pool only if it has used it.
      if (!pool.ending) await pool.end()
    },
  }
}

function connectionConfig(url: string): PoolConfig {
  return {
    connectionString: url,
    application_name: 'ems-metadata',
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    idleTimeoutMillis: 60_000,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    statement_timeout: STATEMENT_TIMEOUT_MS,
    idle_in_transaction_session_timeout: STATEMENT_TIMEOUT_MS,
    types: { getTypeParser },
  }
}

function createPool(config: PoolConfig, log: Log): Pool {
  const pool = new Pool(config)
  pool.on('error', (error) => log.warn({ err: error }, 'idle database connection lost'))
  // @NOTE a connection that dies while in use reports twice: to its statement and as an event, which nobody else hears.
  pool.on('connect', (client) => client.on('error', () => undefined))
  return pool
}

/** The pool as Kysely sees it; each connection keeps its wrapper, by which Kysely knows it again. */
function preparedPool(pool: Pool, silenceMs: number) {
  const names = new StatementNames()
  const wrappers = new WeakMap<PoolClient, PreparedClient>()
  return {
    options: pool.options,
    async connect(): Promise<PreparedClient> {
      assertOutsideWrite()
      const client = await pool.connect().catch((error: unknown) => {
        throw fromDatabase(error)
      })
      const wrapper = wrappers.get(client) ?? new PreparedClient(client, names, silenceMs)
      wrappers.set(client, wrapper)
      return wrapper
    },
    end: () => pool.end(),
  }
}

/** 64-bit integers are numbers here: counts and revisions stay far below 2^53. */
function getTypeParser(oid: number, format?: 'text' | 'binary') {
  return oid === types.builtins.INT8 ? Number : types.getTypeParser(oid, format as 'text')
}
