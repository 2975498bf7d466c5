import { randomUUID } from 'node:crypto'
import { openAsBlob } from 'node:fs'
import { Client } from 'pg'
import { describe, inject } from 'vitest'
import { type OpenDatabase, openDatabase } from '../../src/db/database.ts'
import { openEmbedded } from '../../src/db/embedded.ts'
import { silentLog } from './log.ts'

/** A database of PostgreSQL for one test or file; disposing drops it, with whoever is still connected. */
export interface ClonedDatabase extends AsyncDisposable {
  url: string
}

/** An engine to test with: `open` gives a migrated database of its own each time. */
export interface Engine {
  name: OpenDatabase['engine']
  open(): Promise<OpenDatabase>
}

const engines: readonly Engine[] = [
  { name: 'postgres', open: postgresDatabase },
  { name: 'embedded', open: embeddedDatabase },
]

/** Declares a block of tests once for each engine. */
export function eachEngine(name: string, body: (engine: Engine) => void): void {
  for (const engine of engines) describe(`${name} (${engine.name})`, () => body(engine))
}

/** A copy of the migrated database, made in some 40 ms. */
export async function cloneDatabase(): Promise<ClonedDatabase> {
  return createDatabase(` template ${inject('templateName')}`)
}

/** A database without any table. */
export async function emptyDatabase(): Promise<ClonedDatabase> {
  return createDatabase(' template template0')
}

/** An open copy of the migrated database on PostgreSQL. */
export async function postgresDatabase(): Promise<OpenDatabase> {
  const clone = await cloneDatabase()
  const database = await openDatabase({ url: clone.url, log: silentLog })
  return {
    ...database,
    async [Symbol.asyncDispose]() {
      await database[Symbol.asyncDispose]()
      await clone[Symbol.asyncDispose]()
    },
  }
}

/** A migrated embedded database in memory. */
export async function embeddedDatabase(): Promise<OpenDatabase> {
  return openEmbedded({ dataDir: 'memory://', log: silentLog, loadDataDir: await openAsBlob(inject('embeddedDump')) })
}

/** Runs one statement on the server of a URL, on a connection of its own. */
export async function execute(url: string, statement: string): Promise<Record<string, unknown>[]> {
  const client = new Client({ connectionString: url })
  client.on('error', () => undefined)
  await client.connect()
  try {
    const { rows } = await client.query(statement)
    return rows
  } finally {
    await client.end()
  }
}

async function createDatabase(options: string): Promise<ClonedDatabase> {
  const server = inject('postgresUrl')
  const name = `ems_test_${randomUUID().replaceAll('-', '')}`
  await execute(server, `create database ${name}${options}`)
  const url = new URL(server)
  url.pathname = name
  return {
    url: url.href,
    async [Symbol.asyncDispose]() {
      await execute(server, `drop database ${name} with (force)`)
    },
  }
}
