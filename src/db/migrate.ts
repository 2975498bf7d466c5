import { readdir, readFile } from 'node:fs/promises'
import { sql } from 'kysely'
import { type Migration, Migrator } from 'kysely/migration'
import { problem } from '../errors.ts'
import type { Log } from '../log.ts'
import type { Db } from './database.ts'
import { usualTimeout, withoutTimeout } from './prepared.ts'

const shippedFolder = new URL('../../migrations/', import.meta.url)
const fileName = /^\d{4}_[a-z0-9_]+\.sql$/

export interface MigrateOptions {
  log: Log
  /** Another folder than the one that is shipped, and another release than package.json says: for tests. */
  folder?: URL
  release?: string
}

/** Names of the shipped migrations that this database does not have yet. */
export async function pendingMigrations(db: Db, folder = shippedFolder): Promise<string[]> {
  const applied = await appliedMigrations(db)
  return (await shippedMigrations(folder)).filter((name) => !applied.includes(name))
}

/**
 * Stops a release that is too old for the database. Migrations this release does not know are only a warning: a newer
 * release keeps the schema fit for the one before it.
 */
export async function checkRelease(db: Db, options: MigrateOptions): Promise<void> {
  const { log, folder = shippedFolder } = options
  const applied = await appliedMigrations(db)
  if (applied.length === 0) return
  const release = options.release ?? (await thisRelease())
  const { oldestRelease } = await db.selectFrom('releaseFloor').select('oldestRelease').executeTakeFirstOrThrow()
  if (compareReleases(release, oldestRelease) < 0) {
    throw problem(`This is release ${release}; the database needs ${oldestRelease} or newer. Install a newer release.`)
  }
  const shipped = await shippedMigrations(folder)
  const unknown = applied.filter((name) => !shipped.includes(name))
  if (unknown.length > 0) log.warn({ migrations: unknown }, 'the database has migrations of a newer release')
}

/** Applies every pending migration in one transaction and names them. Of several runners at once one does the work. */
export async function migrateToLatest(db: Db, options: MigrateOptions): Promise<string[]> {
  const { log, folder = shippedFolder } = options
  await checkRelease(db, options)
  if ((await pendingMigrations(db, folder)).length === 0) return []
  const migrations = await readMigrations(folder)
  const applied = await db.connection().execute(async (connection) => {
    await sql.raw(withoutTimeout).execute(connection)
    try {
      const migrator = new Migrator({ db: connection, provider: { getMigrations: async () => migrations } })
      const { error, results } = await migrator.migrateToLatest()
      if (error !== undefined) throw failure(error, results?.find(({ status }) => status === 'Error')?.migrationName)
      return (results ?? []).map(({ migrationName }) => migrationName)
    } finally {
      await sql.raw(usualTimeout).execute(connection)
    }
  })
  if (applied.length > 0) log.info({ migrations: applied }, 'database migrated')
  return applied
}

/** The release in package.json. */
export async function thisRelease(): Promise<string> {
  const { version } = JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8'))
  return String(version)
}

async function appliedMigrations(db: Db): Promise<string[]> {
  const { rows: found } = await sql<{
    found: boolean
  }>`select to_regclass('kysely_migration') is not null as found`.execute(db)
  if (found[0]?.found !== true) return []
  const { rows } = await sql<{ name: string }>`select name from kysely_migration order by name`.execute(db)
  return rows.map(({ name }) => name)
}

async function shippedMigrations(folder: URL): Promise<string[]> {
  const files = (await readdir(folder)).filter((file) => file.endsWith('.sql')).sort()
  const misnamed = files.find((file) => !fileName.test(file))
  if (misnamed !== undefined) throw new Error(`Migration ${misnamed} is not named NNNN_snake_name.sql`)
  return files.map((file) => file.slice(0, -'.sql'.length))
}

async function readMigrations(folder: URL): Promise<Record<string, Migration>> {
  const names = await shippedMigrations(folder)
  const entries = names.map(async (name) => {
    const text = await readFile(new URL(`${name}.sql`, folder), 'utf8')
    return [name, { up: async (db) => void (await sql.raw(text).execute(db)) } satisfies Migration] as const
  })
  return Object.fromEntries(await Promise.all(entries))
}

function failure(cause: unknown, name: string | undefined): Error {
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new Error(`Migration ${name ?? ''} failed, nothing was changed: ${reason}`, { cause })
}

function compareReleases(one: string, other: string): number {
  const [a, b] = [parts(one), parts(other)]
  return a.map((part, index) => part - (b[index] ?? 0)).find((difference) => difference !== 0) ?? 0
}

/** Major, minor and patch; a suffix such as `-rc.1` counts as the release itself. */
function parts(release: string): number[] {
  const [major = 0, minor = 0, patch = 0] = (release.split(/[-+]/)[0] ?? '').split('.').map(Number)
  return [major, minor, patch]
}
