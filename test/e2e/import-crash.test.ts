import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { Client } from 'pg'
import { expect, it, vi } from 'vitest'
import { openDatabase } from '../../src/db/database.ts'
import { WRITER_LOCK } from '../../src/db/write.ts'
import { type ServiceProcess, spawnService } from '../harness/child.ts'
import { type Json, ServiceClient } from '../harness/clients.ts'
import { cloneDatabase, eachEngine } from '../harness/database.ts'
import { connected, holdCommits } from '../harness/hold-commits.ts'
import { silentLog } from '../harness/log.ts'
import { freePorts } from '../harness/ports.ts'
import { temporaryFolder, unpackEmbedded } from '../harness/service.ts'

const edgeNames = ['edge0', 'edge1', 'edge2']
/** Tables that an import of people fills. */
const tables = [
  'principal',
  'userAccount',
  'userProfile',
  'accessGrant',
  'importKey',
  'importInvitee',
  'change',
] as const

const people = (count: number) =>
  [
    'email;firstname;opUser.Sources',
    ...Array.from({ length: count }, (_, n) => `p${n}@example.com;P ${n};"${edgeNames.join(',')}"`),
  ].join('\n')

const stepOf = async (client: ServiceClient, importId: unknown, state: 'applying' | 'ended') =>
  await client.next(({ method, params }) => {
    if (method !== 'importProgress' || params?.['importId'] !== importId) return false
    return state === 'ended' ? params?.['state'] !== undefined : Number(params?.['applied']) > 0
  }, 60_000)

eachEngine('a service that is killed in the middle of an import', ({ name }) => {
  it('has nothing of it after the restart, says so, and imports the same file', { timeout: 180_000 }, async () => {
    await using stack = new AsyncDisposableStack()
    const folder = stack.use(await temporaryFolder()).path
    const clone = name === 'postgres' ? stack.use(await cloneDatabase()) : undefined
    if (clone === undefined) await unpackEmbedded(folder)
    const storage =
      clone === undefined ? {} : { DATABASE_URL: clone.url, EMS_SECRET: 'a secret that is long enough for tests' }
    const env = { EMS_DATA_DIR: folder, ADMIN_PASSWORD: 'admin', ...storage }
    const counts = async () => {
      await using database = await openDatabase({ url: clone?.url, dataDir: folder, log: silentLog })
      const found: Record<string, number> = {}
      for (const table of tables) {
        const { count } = await database.db
          .selectFrom(table)
          .select(({ fn }) => fn.countAll<number>().as('count'))
          .executeTakeFirstOrThrow()
        found[table] = Number(count)
      }
      return found
    }
    const ports = await freePorts()
    const content = people(3000)
    let importId: unknown
    {
      await using child = await spawnService(env, ports)
      await using operator = await ServiceClient.local(as(child, folder))
      for (const edgeId of edgeNames) await operator.request('createEdge', { edgeId })
      await child.end('SIGTERM')
    }
    const before = await counts()
    {
      await using child = await spawnService(env, ports)
      await using operator = await ServiceClient.local(as(child, folder))
      // With PostgreSQL it is held at the last moment: all rows are written then, and none is committed.
      await using held = clone && (await holdWriterLock(clone.url))
      ;({ importId } = await operator.request('importMasterData', { content, fileName: 'people.csv' }))
      if (held === undefined) await stepOf(operator, importId, 'applying')
      else await vi.waitFor(async () => expect(await held.isWaitedFor()).toBe(true), { timeout: 60_000 })
      expect(await child.end('SIGKILL')).toBeNull()
    }
    expect(await readdir(join(folder, 'imports'))).toEqual([`job-${importId}`])
    // A server notices after a moment that its client is gone.
    await vi.waitFor(async () => expect(await counts()).toEqual(before), { timeout: 20_000 })
    {
      await using child = await spawnService(env, ports)
      await using operator = await ServiceClient.local(as(child, folder))
      expect(await readdir(join(folder, 'imports'))).toEqual([])
      expect(await operator.request('getImportReport', { importId })).toMatchObject({
        state: 'interrupted',
        counts: {},
      })
      const again = await operator.request('importMasterData', { content, fileName: 'people.csv' })
      expect((await stepOf(operator, again['importId'], 'ended')).params).toMatchObject({ state: 'done' })
      const { counts: made } = await operator.request('getImportReport', { importId: again['importId'] })
      expect((made as Json)['byKind']).toMatchObject({ user: { created: 3000 }, grant: { created: 9000 } })
      await child.end('SIGTERM')
    }
    const after = await counts()
    expect(after.userAccount).toBe((before.userAccount ?? 0) + 3000)
    expect(after.accessGrant).toBe((before.accessGrant ?? 0) + 9000)
    expect(after.change).toBe((before.change ?? 0) + 3000)
  })
})

it('an import that was applied is done, though the service is killed while its commit is still followed', {
  timeout: 120_000,
}, async () => {
  await using folder = await temporaryFolder()
  await using clone = await cloneDatabase()
  const storage = { DATABASE_URL: clone.url, EMS_SECRET: 'a secret that is long enough for tests' }
  const env = { EMS_DATA_DIR: folder.path, ADMIN_PASSWORD: 'admin', ...storage }
  const ports = await freePorts()
  const content = `email\n${Array.from({ length: 1000 }, (_, n) => `p${n}@example.com`).join('\n')}\n`
  let importId: unknown
  {
    await using child = await spawnService(env, ports)
    await using operator = await ServiceClient.local(as(child, folder.path))
    await using held = await holdCommits(clone.url)
    await using reader = await connected(clone.url)
    ;({ importId } = await operator.request('importMasterData', { content, fileName: 'people.csv' }))
    await vi.waitFor(async () => expect(await held.isWaitedFor()).toBe(true), 60_000)
    // Granted with the commit; from then on nobody can read the log.
    await reader.query('begin')
    const committed = reader.query('lock table change in access exclusive mode')
    await held.letGo()
    await committed
    expect(await child.end('SIGKILL')).toBeNull()
  }
  expect(await readdir(join(folder.path, 'imports'))).toEqual([`job-${importId}`])
  await using child = await spawnService(env, ports)
  await using operator = await ServiceClient.local(as(child, folder.path))
  expect(await readdir(join(folder.path, 'imports'))).toEqual([])
  expect(await operator.request('getImportReport', { importId })).toMatchObject({
    state: 'done',
    endedAt: expect.any(String),
    counts: { byKind: { user: { created: 1000 } } },
  })
  await child.end('SIGTERM')
})

/** Lets no write be done until disposed. */
async function holdWriterLock(url: string) {
  const client = new Client({ connectionString: url })
  await client.connect()
  await client.query('select pg_advisory_lock($1::bigint)', [WRITER_LOCK])
  return {
    isWaitedFor: async () => {
      const { rowCount } = await client.query(`
        select from pg_locks join pg_database on pg_database.oid = pg_locks.database
        where datname = current_database() and locktype = 'advisory' and not granted`)
      return rowCount === 1
    },
    [Symbol.asyncDispose]: () => client.end(),
  }
}

function as(child: ServiceProcess, dataDir: string) {
  return { urls: child.urls, controlSocket: `${dataDir}/control.sock` }
}
