import { Client } from 'pg'

const PAGE = 1000
const CONNECT_TIMEOUT_MS = 10_000
const STATEMENT_TIMEOUT_MS = 300_000

export type ForeignRow = Readonly<Record<string, unknown>>

/** The PostgreSQL database of another product, read at one instant and never written to. Disposing closes the connection. */
export interface ForeignDatabase extends AsyncDisposable {
  /** The rows of a query, a page at a time in memory. One query after another. */
  rows(query: string, values?: readonly unknown[]): AsyncGenerator<ForeignRow>
}

/** Connects and begins a read-only transaction, which sees one state of the database until it is disposed. */
export async function openForeign(url: string): Promise<ForeignDatabase> {
  const client = new Client({
    connectionString: url,
    application_name: 'ems-metadata-import',
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    statement_timeout: STATEMENT_TIMEOUT_MS,
  })
  // A connection that is lost also reports to the statement that runs, which throws.
  client.on('error', () => undefined)
  await client.connect()
  try {
    await client.query('begin isolation level repeatable read read only')
  } catch (error) {
    await client.end()
    throw error
  }
  return { rows: (query, values = []) => rowsOf(client, query, values), [Symbol.asyncDispose]: () => client.end() }
}

async function* rowsOf(client: Client, query: string, values: readonly unknown[]): AsyncGenerator<ForeignRow> {
  await client.query(`declare page no scroll cursor for ${query}`, [...values])
  try {
    for (;;) {
      const { rows } = await client.query<ForeignRow>(`fetch ${PAGE} from page`)
      yield* rows
      if (rows.length < PAGE) return
    }
  } finally {
    await client.query('close page').catch(() => undefined)
  }
}
