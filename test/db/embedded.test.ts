import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { openAsBlob } from 'node:fs'
import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { sql } from 'kysely'
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest'
import { openEmbedded } from '../../src/db/embedded.ts'
import { upkeep } from '../../src/db/embedded-upkeep.ts'
import { lockFolder } from '../../src/db/folder-lock.ts'
import { embeddedDatabase } from '../harness/database.ts'
import { silentLog } from '../harness/log.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ems-data-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const source = (path: string) => JSON.stringify(new URL(`../../src/${path}`, import.meta.url).href)

/** Filling a folder from a dump is faster than from nothing. */
const openFresh = async () =>
  openEmbedded({ dataDir: folder, log: silentLog, loadDataDir: await openAsBlob(inject('embeddedDump')) })

type Child = ChildProcessByStdio<null, Readable, null> & AsyncDisposable

/** Another process of the service's Node running a program; killed at the end of the test. */
function run(program: string): Child {
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  return Object.assign(child, {
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null || child.signalCode !== null) return
      child.kill('SIGKILL')
      await once(child, 'exit')
    },
  })
}

describe('the embedded database in a folder', () => {
  it('has everything that was acknowledged when the process is killed, and takes over its lock', async () => {
    const writer = `
      import { sql } from ${JSON.stringify(import.meta.resolve('kysely'))}
      const { openEmbedded } = await import(${source('db/embedded.ts')})
      const { createLogger } = await import(${source('log.ts')})
      const loadDataDir = await (await import('node:fs')).openAsBlob(${JSON.stringify(inject('embeddedDump'))})
      const { db } = await openEmbedded({ dataDir: ${JSON.stringify(folder)}, loadDataDir, log: createLogger({ level: 'silent' }) })
      await sql\`create table written (n int primary key, filler text not null)\`.execute(db)
      for (let n = 1; ; n++) {
        await db.transaction().execute((tx) =>
          sql\`insert into written values (\${n}, repeat('x', 2000)), (\${-n}, '')\`.execute(tx))
        process.stdout.write(n + '\\n')
      }`
    await using child = run(writer)
    let acknowledged = 0
    for await (const line of createInterface(child.stdout)) {
      acknowledged = Number(line)
      if (acknowledged === 100) child.kill('SIGKILL')
    }
    expect(acknowledged).toBeGreaterThanOrEqual(100)

    await using database = await openEmbedded({ dataDir: folder, log: silentLog })
    const { rows } = await sql<{ n: number }>`select n from written where n > 0 order by n`.execute(database.db)
    expect(rows.map(({ n }) => n).slice(0, acknowledged)).toEqual(Array.from({ length: acknowledged }, (_, i) => i + 1))
    const { rows: halves } = await sql`select abs(n) from written group by 1 having count(*) <> 2`.execute(database.db)
    expect(halves).toEqual([])
  })

  it('is flushed to disk by PostgreSQL, not left to the operating system', async () => {
    await using database = await openFresh()
    const { rows } = await sql`
      select current_setting('fsync') as fsync, current_setting('wal_sync_method') as method,
        current_setting('full_page_writes') as pages, current_setting('synchronous_commit') as commit`.execute(
      database.db,
    )
    expect(rows).toEqual([{ fsync: 'on', method: 'fsync', pages: 'on', commit: 'on' }])
  })

  it('is refused to a second opener, in this process and in another, until it is closed', async () => {
    const message = `The database in ${folder} is in use by process`
    const database = await openFresh()
    await expect(openEmbedded({ dataDir: folder, log: silentLog })).rejects.toThrow(
      `${message} ${process.pid} on ${hostname()}; stop it or use its methods`,
    )
    const other = `
      const { lockFolder } = await import(${source('db/folder-lock.ts')})
      await lockFolder(${JSON.stringify(folder)}).then(() => console.log('opened'), (error) => console.log(error.message))`
    await using child = run(other)
    expect((await child.stdout.toArray()).join('')).toContain(`${message} ${process.pid}`)
    await database[Symbol.asyncDispose]()
    expect(await readdir(folder)).toEqual(['database'])
    await using again = await openEmbedded({ dataDir: folder, log: silentLog })
    await again.ping()
  })
})

describe('upkeep of the embedded database', () => {
  it('keeps tables and the write-ahead log from growing with every update', async () => {
    await using database = await embeddedDatabase()
    const { db } = database
    await sql`create table busy as select n, repeat('x', 900) as filler from generate_series(1, 1200) as n`.execute(db)
    const size = async () => {
      const { rows } = await sql<{ table: number; log: string }>`
        select pg_total_relation_size('busy') as "table", pg_wal_lsn_diff(pg_current_wal_lsn(), redo_lsn) as log
        from pg_control_checkpoint()`.execute(db)
      return { table: rows[0]?.table ?? 0, log: Number(rows[0]?.log) }
    }
    const before = await size()
    for (let n = 0; n < 40; n++) {
      await sql`update busy set filler = repeat('y', 900)`.execute(db)
      await upkeep(db)
    }
    const after = await size()
    expect(after.table).toBeLessThan(before.table * 4)
    expect(after.log).toBeLessThan(40 * 1024 * 1024)
  })
})

describe('the lock of a folder', () => {
  const lockPath = () => join(folder, 'lock')
  /** Another process that holds the lock of the folder. */
  async function heldElsewhere(): Promise<Child> {
    const child = run(`
      const { lockFolder } = await import(${source('db/folder-lock.ts')})
      globalThis.lock = await lockFolder(${JSON.stringify(folder)})
      console.log('held')
      setInterval(() => undefined, 1000)`)
    for await (const line of createInterface(child.stdout)) if (line === 'held') break
    return child
  }

  it('is taken over from a process that is dead, but no other file is deleted for it', async () => {
    await using child = await heldElsewhere()
    child.kill('SIGKILL')
    await once(child, 'exit')
    expect(await readdir(folder)).toEqual(['lock'])
    await isTakenAndGivenBack()
    await writeFile(lockPath(), '{"pid":')
    await expect(lockFolder(folder)).rejects.toThrow(`${lockPath()} is not a lock of this version; delete it`)
    expect(await readdir(folder)).toEqual(['lock'])
  })

  it('is held by a process that does not answer, whatever its id is worth here', async () => {
    await using child = await heldElsewhere()
    await expect(lockFolder(folder)).rejects.toThrow(`in use by process ${child.pid} on ${hostname()}; stop it`)
    child.kill('SIGSTOP')
    await expect(lockFolder(folder)).rejects.toThrow('in use by another process; stop it')
    child.kill('SIGKILL')
    await once(child, 'exit')
    await isTakenAndGivenBack()
  })

  it('goes to one of many that find a dead holder at once', async () => {
    await using child = await heldElsewhere()
    child.kill('SIGKILL')
    await once(child, 'exit')
    const attempts = await Promise.allSettled(Array.from({ length: 20 }, () => lockFolder(folder)))
    expect(attempts.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    expect(await readdir(folder)).toEqual(['lock'])
    for (const attempt of attempts) if (attempt.status === 'fulfilled') await attempt.value[Symbol.asyncDispose]()
  })

  it('is made in a folder that does not exist yet, and told when that cannot be', async () => {
    const missing = join(folder, 'new')
    await using _lock = await lockFolder(missing)
    expect(await readdir(missing)).toEqual(['lock'])
    await mkdir(lockPath())
    await expect(lockFolder(folder)).rejects.toThrow()
  })

  async function isTakenAndGivenBack(): Promise<void> {
    {
      await using _lock = await lockFolder(folder)
      expect((await stat(lockPath())).isSocket()).toBe(true)
      await expect(lockFolder(folder)).rejects.toThrow(`in use by process ${process.pid} on ${hostname()}; stop it`)
    }
    expect(await readdir(folder)).toEqual([])
  }
})
