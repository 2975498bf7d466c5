import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { sql } from 'kysely'
import { describe, expect, it } from 'vitest'
import { type Db, openDatabase } from '../../src/db/database.ts'
import { openEmbedded } from '../../src/db/embedded.ts'
import { checkRelease, migrateToLatest, pendingMigrations, thisRelease } from '../../src/db/migrate.ts'
import { eachEngine, emptyDatabase } from '../harness/database.ts'
import { recordingLog, silentLog } from '../harness/log.ts'

const first = 'create table one (a int); insert into one values (1);'
const shipped = new URL('../../migrations/', import.meta.url)

/** A folder of migrations that goes away at the end of the test. */
async function folderOf(files: Record<string, string>): Promise<AsyncDisposable & { folder: URL }> {
  const path = await mkdtemp(join(tmpdir(), 'ems-migrations-'))
  for (const [name, text] of Object.entries(files)) await writeFile(join(path, name), text)
  return {
    folder: pathToFileURL(`${path}/`),
    [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }),
  }
}

async function tablesOf(db: Db): Promise<string[]> {
  const { rows } = await sql<{ name: string }>`
    select table_name as name from information_schema.tables
    where table_schema = 'public' and table_name not like 'kysely\\_%' order by 1`.execute(db)
  return rows.map(({ name }) => name)
}

describe('migrations on an empty PostgreSQL', () => {
  it('are all applied, once, by one of two runners that start together', async () => {
    await using empty = await emptyDatabase()
    await using one = await openDatabase({ url: empty.url, log: silentLog })
    await using other = await openDatabase({ url: empty.url, log: silentLog })
    const names = (await readdir(shipped)).map((file) => file.replace('.sql', '')).sort()
    expect(await pendingMigrations(one.db)).toEqual(names)
    const results = await Promise.all([
      migrateToLatest(one.db, { log: silentLog }),
      migrateToLatest(other.db, { log: silentLog }),
    ])
    expect(results.flat()).toEqual(names)
    expect(await pendingMigrations(other.db)).toEqual([])
    expect(await migrateToLatest(one.db, { log: silentLog })).toEqual([])
  })

  it('leave the database untouched when the second file is broken', async () => {
    await using empty = await emptyDatabase()
    await using database = await openDatabase({ url: empty.url, log: silentLog })
    await expectUntouchedAfterFailure(database.db)
  })

  it('may take longer than a statement usually may', async () => {
    await using empty = await emptyDatabase()
    await using database = await openDatabase({ url: empty.url, poolSize: 1, log: silentLog })
    const text = `create table seen as select current_setting('statement_timeout') as during;`
    await using slow = await folderOf({ '0001_slow.sql': text })
    await migrateToLatest(database.db, { log: silentLog, folder: slow.folder })
    const { rows } = await sql`select during, current_setting('statement_timeout') as later from seen`.execute(
      database.db,
    )
    expect(rows).toEqual([{ during: '0', later: '30s' }])
  })
})

describe('migrations on an empty embedded database', () => {
  it('leave it untouched when the second file is broken', async () => {
    await using database = await openEmbedded({ dataDir: 'memory://', log: silentLog })
    await expectUntouchedAfterFailure(database.db)
    expect(await migrateToLatest(database.db, { log: silentLog })).toContain('0001_foundation')
  })
})

async function expectUntouchedAfterFailure(db: Db): Promise<void> {
  await using broken = await folderOf({
    '0001_fine.sql': first,
    '0002_broken.sql': `${first.replaceAll('one', 'two')} selct 1;`,
  })
  const attempt = migrateToLatest(db, { log: silentLog, folder: broken.folder })
  await expect(attempt).rejects.toThrow('Migration 0002_broken failed, nothing was changed: syntax error')
  expect(await tablesOf(db)).toEqual([])
  expect(await pendingMigrations(db, broken.folder)).toEqual(['0001_fine', '0002_broken'])
}

eachEngine('releases', (engine) => {
  it('that are too old for the database do not start and do not migrate', async () => {
    await using database = await engine.open()
    await database.db.updateTable('releaseFloor').set({ oldestRelease: '1.10.0' }).execute()
    const message = 'This is release 1.9.3; the database needs 1.10.0 or newer. Install a newer release.'
    await expect(checkRelease(database.db, { log: silentLog, release: '1.9.3' })).rejects.toThrow(message)
    await expect(migrateToLatest(database.db, { log: silentLog, release: '1.9.3' })).rejects.toThrow(message)
    for (const release of ['1.10.0', '1.10.0-rc.1', '1.11.0', '2.0.0']) {
      await checkRelease(database.db, { log: silentLog, release })
    }
  })

  it('start on a database with newer migrations, with a warning', async () => {
    await using database = await engine.open()
    await sql`insert into kysely_migration values ('0999_from_the_future', '2030-01-01T00:00:00.000Z')`.execute(
      database.db,
    )
    const { log, lines } = recordingLog()
    expect(await migrateToLatest(database.db, { log })).toEqual([])
    expect(lines).toMatchObject([
      { msg: 'the database has migrations of a newer release', migrations: ['0999_from_the_future'] },
    ])
  })
})

describe('the files in migrations/', () => {
  it('are named so that their order is plain, and begin by saying what they are for', async () => {
    const files = (await readdir(shipped)).sort()
    for (const [position, file] of files.entries()) {
      expect(file).toMatch(/^\d{4}_[a-z0-9_]+\.sql$/)
      expect(Number(file.slice(0, 4))).toBe(position + 1)
      expect(await readFile(new URL(file, shipped), 'utf8'), file).toMatch(/^-- \w/)
    }
  })

  it('with another name stop everything', async () => {
    await using wrong = await folderOf({ '0001_fine.sql': first, 'extra.sql': first })
    await using empty = await emptyDatabase()
    await using database = await openDatabase({ url: empty.url, log: silentLog })
    await expect(migrateToLatest(database.db, { log: silentLog, folder: wrong.folder })).rejects.toThrow('extra.sql')
  })

  it('ask for no newer release than this one', async () => {
    expect(await thisRelease()).toMatch(/^\d+\.\d+\.\d+/)
  })
})
