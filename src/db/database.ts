import type { Kysely, Transaction } from 'kysely'
import type { Log } from '../log.ts'
import { openEmbedded } from './embedded.ts'
import { openPostgres } from './postgres.ts'
import type { Database } from './schema.ts'

/** The database or a transaction on it; what every query takes first. */
export type Db = Kysely<Database>
/** Where it must be a transaction. */
export type Tx = Transaction<Database>

/** An open database. Disposing closes every connection. */
export interface OpenDatabase extends AsyncDisposable {
  readonly db: Db
  readonly engine: 'postgres' | 'embedded'
  /** Rejects with AppError `unavailable` unless the database answers. */
  ping(): Promise<void>
  /**
   * Hears the payloads sent on a channel (a lower-case name) until it is disposed. A lost connection is opened again with growing pauses;
   * `onLost` is told `lost`, then `again`, and whoever missed payloads in between must read what they announced.
   */
  listen(
    channel: string,
    onPayload: (payload: string) => void,
    onLost?: (state: 'lost' | 'again') => void,
  ): Promise<AsyncDisposable>
}

export interface DatabaseOptions {
  /** PostgreSQL; without it the embedded database in `dataDir`. */
  url?: string | undefined
  /** Folder of the embedded database; `memory://` keeps nothing. */
  dataDir?: string | undefined
  poolSize?: number | undefined
  log: Log
}

/** Opens PostgreSQL when a URL is given, else the embedded database in the data folder. */
export async function openDatabase(options: DatabaseOptions): Promise<OpenDatabase> {
  const { url, dataDir, poolSize, log } = options
  if (url !== undefined) return openPostgres({ url, log, ...(poolSize === undefined ? {} : { poolSize }) })
  if (dataDir !== undefined) return openEmbedded({ dataDir, log })
  throw new TypeError('openDatabase needs a url or a dataDir')
}
