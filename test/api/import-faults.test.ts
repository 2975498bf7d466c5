import { createHash, randomUUID } from 'node:crypto'
import { readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { sql } from 'kysely'
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { ImportJobs, type ImportOptions, type RunningImport } from '../../src/import/import-service.ts'
import { type ImportSource, textInput } from '../../src/import/sources.ts'
import { ServiceClient, UiClient } from '../harness/clients.ts'
import { cloneDatabase } from '../harness/database.ts'
import { connected, holdCommits } from '../harness/hold-commits.ts'
import { recordingLog } from '../harness/log.ts'
import { addEdge, fresh } from '../harness/seed.ts'
import { startServiceOn, startTestService, type TestService, temporaryFolder } from '../harness/service.ts'
import { TcpProxy } from '../harness/tcp-proxy.ts'
import { xlsx } from '../harness/xlsx.ts'

const recorded = recordingLog()
let service: TestService
let admin: UiClient
beforeAll(async () => {
  service = await startTestService({ log: recorded.log })
  admin = await UiClient.signedIn(service)
})
afterAll(async () => {
  await admin?.[Symbol.asyncDispose]()
  await service?.[Symbol.asyncDispose]()
})
beforeEach(() => void recorded.lines.splice(0))

const people = (count: number) => Array.from({ length: count }, () => `${fresh('person')}@example.com`)
const csv = (logins: readonly string[]) => `email\n${logins.join('\n')}\n`
const options: ImportOptions = {
  organisationId: null,
  name: 'file',
  scope: 'source',
  dryRun: false,
  skipInvalid: false,
}
const begin = (source: ImportSource, given: Partial<ImportOptions> = {}, at = service) =>
  at.ctx.imports.begin({ actorId: null }, source, { ...options, ...given })
/** An import that holds its turn until it is let go. */
async function slow(): Promise<{ job: RunningImport; letGo: () => void }> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const open = async function* () {
    await promise
    yield Buffer.from(csv(people(1)))
  }
  return { job: await begin({ name: 'slow.csv', open }), letGo: resolve }
}
const folders = (at = service) => readdir(join(at.config.dataDir, 'imports'))
const reportOf = ({ id }: RunningImport) => admin.request('getImportReport', { importId: id })

describe('a full disk', () => {
  it.each(['read', 'planned'])('ends the import that meets it (%s) with what to do, and no other', async (name) => {
    const first = await slow()
    const logins = people(4000)
    const second = await begin(textInput('people.csv', csv(logins)))
    await symlink('/dev/full', join(service.config.dataDir, 'imports', `job-${second.id}`, name))
    const third = await begin(textInput('people.csv', csv(people(1))))
    first.letGo()
    expect(await first.job.done).toMatchObject({ state: 'done' })
    const { state, report } = await second.done
    expect([state, report.problems[0]?.text]).toEqual(['failed', expect.stringContaining('data folder is full')])
    expect(recorded.lines).toContainEqual(expect.objectContaining({ msg: 'an import failed' }))
    expect(service.ctx.store.index.userByLogin(logins[0] ?? '')).toBeUndefined()
    expect(await third.done).toMatchObject({ state: 'done' })
    expect(await folders()).toEqual([])
  })
})

describe('an import that waits', () => {
  it('is cancelled at once, and those after it have their turn', async () => {
    const first = await slow()
    const second = await begin(textInput('people.csv', csv(people(1))))
    const third = await begin(textInput('people.csv', csv(people(1))))
    await admin.request('cancelImport', { importId: second.id })
    expect(await reportOf(second)).toMatchObject({ state: 'cancelled' })
    expect([await reportOf(first.job), await reportOf(third)]).toMatchObject([
      { state: 'running' },
      { state: 'running' },
    ])
    first.letGo()
    expect([await first.job.done, await third.done]).toMatchObject([{ state: 'done' }, { state: 'done' }])
  })
})

describe('how an import ended', () => {
  /** Lets no row of an import be changed until disposed. */
  async function heldOutcome(at: TestService) {
    const { db } = at.ctx
    await sql`create function no_outcome() returns trigger as $$ begin raise 'no outcome'; end $$ language plpgsql`.execute(
      db,
    )
    await sql`create trigger no_outcome before update on import_job for each row execute function no_outcome()`.execute(
      db,
    )
    return { [Symbol.asyncDispose]: async () => void (await sql`drop function no_outcome cascade`.execute(db)) }
  }
  const triedToKeep = () =>
    vi.waitFor(() => expect(recorded.messages()).toContain('how an import ended could not be kept'), 5000)

  it.each([
    { dryRun: true, state: 'done' },
    { dryRun: false, state: 'failed' },
  ])(
    'is kept as soon as that can be, and nothing is applied without it (dry run: $dryRun)',
    async ({ dryRun, state }) => {
      const [login = ''] = people(1)
      let job: RunningImport
      {
        await using _ = await heldOutcome(service)
        job = await begin(textInput('people.csv', csv([login])), { dryRun })
        await triedToKeep()
        expect(await reportOf(job)).toMatchObject({ state: 'running' })
        expect(await folders()).toEqual([`job-${job.id}`])
      }
      expect(await job.done).toMatchObject({ state })
      expect(await reportOf(job)).toMatchObject({ state })
      expect(service.ctx.store.index.userByLogin(login)).toBeUndefined()
      expect(await folders()).toEqual([])
    },
  )

  it('is kept when that can be at last, however often it could not, unless whoever it was for is gone', async () => {
    await using jobs = new ImportJobs(service.ctx, [1])
    const unkept = () => recorded.messages().filter((text) => text === 'how an import ended could not be kept').length
    const job = await (async () => {
      await using _ = await heldOutcome(service)
      const begun = await jobs.begin({ actorId: null }, textInput('people.csv', csv(people(1))), options)
      await vi.waitFor(() => expect(unkept()).toBeGreaterThan(20), 5000)
      return begun
    })()
    expect(await job.done).toMatchObject({ state: 'failed' })
    expect(await reportOf(job)).toMatchObject({ state: 'failed' })
    expect(jobs.running(job.id)).toBeUndefined()
    const edge = await addEdge(service.ctx)
    const { promise, resolve } = Promise.withResolvers<void>()
    const open = async function* () {
      await promise
      yield Buffer.from(`email,opUser.Sources\n${people(1)},${edge.id}\n`)
    }
    const gone = await jobs.begin({ actorId: null }, { name: 'gone.csv', open }, { ...options, dryRun: true })
    await service.ctx.db.deleteFrom('importJob').where('id', '=', gone.id).execute()
    resolve()
    expect(await gone.done).toMatchObject({ state: 'done', counts: { gains: 1 } })
    expect(await folders()).toEqual([])
  })

  it('is not waited for by who stops the service; the next start says that it was interrupted', async () => {
    await using folder = await temporaryFolder()
    await using database = await cloneDatabase()
    const place = { dataDir: folder.path, databaseUrl: database.url }
    let id = ''
    {
      await using before = await startServiceOn(place, { log: recorded.log })
      await heldOutcome(before)
      ;({ id } = await begin(textInput('people.csv', csv(people(1))), {}, before))
      await triedToKeep()
    }
    {
      await using client = await connected(database.url)
      await client.query('drop function no_outcome cascade')
    }
    await using after = await startServiceOn(place)
    await using local = await ServiceClient.local(after)
    expect(await local.request('getImportReport', { importId: id })).toMatchObject({ state: 'interrupted' })
  })

  it('is what the database says, though its answer to the commit was lost', async () => {
    await using folder = await temporaryFolder()
    await using database = await cloneDatabase()
    await using proxy = await TcpProxy.to(database.url)
    const place = { dataDir: folder.path, databaseUrl: proxy.through(database.url) }
    await using cutOff = await startServiceOn(place, { log: recorded.log })
    await using held = await holdCommits(database.url)
    const [login = ''] = people(1)
    const job = await begin(textInput('people.csv', csv([login])), {}, cutOff)
    await vi.waitFor(async () => expect(await held.isWaitedFor()).toBe(true), 5000)
    await proxy.cut()
    await proxy.restore()
    await held.letGo()
    expect(await job.done).toMatchObject({ state: 'done' })
    expect(recorded.messages()).toContain('an import failed')
    await vi.waitFor(() => expect(cutOff.ctx.store.index.userByLogin(login)).toBeDefined(), 10_000)
    await using local = await ServiceClient.local(cutOff)
    expect(await local.request('getImportReport', { importId: job.id })).toMatchObject({
      state: 'done',
      counts: { byKind: { user: { created: 1 } } },
    })
  })
})

describe('what is said of a file', () => {
  it('is its size and its digest, whichever way it is read', async () => {
    await using folder = await temporaryFolder()
    await using local = await ServiceClient.local(service)
    const path = join(folder.path, 'people.xlsx')
    await writeFile(path, xlsx({ People: [['email'], ...people(4000).map((login) => [`${randomUUID()}-${login}`])] }))
    expect((await stat(path)).size).toBeGreaterThan(65_536)
    const { importId } = await local.request('importMasterData', { path, dryRun: true })
    await local.next(({ params }) => params?.['importId'] === importId && params?.['state'] !== undefined)
    const bytes = await readFile(path)
    expect(await local.request('getImportReport', { importId })).toMatchObject({
      state: 'done',
      fileBytes: bytes.length,
      fileDigest: createHash('sha256').update(bytes).digest('hex'),
    })
  })
})

it('nothing of an import stays in memory when it has ended, while the socket that began it stays', async () => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const first = await slow()
  const { importId } = await admin.request('importMasterData', { content: csv(people(1)) })
  const job = new WeakRef(service.ctx.imports.running(String(importId)) as RunningImport)
  first.letGo()
  await admin.next(({ params }) => params?.['importId'] === importId && params?.['state'] !== undefined)
  await vi.waitFor(() => {
    collect()
    expect(job.deref()).toBeUndefined()
  }, 5000)
})
