import { randomUUID } from 'node:crypto'
import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createOrganisation } from '../../src/organisations/organisation-service.ts'
import { runCli } from '../harness/child.ts'
import { type Json, ServiceClient, UiClient, type WireClient } from '../harness/clients.ts'
import { addEdge, addUser, fresh } from '../harness/seed.ts'
import {
  startServiceOn,
  startTestService,
  type TestService,
  temporaryFolder,
  unpackEmbedded,
} from '../harness/service.ts'

let service: TestService
let admin: UiClient
beforeAll(async () => {
  service = await startTestService()
  admin = await UiClient.signedIn(service)
})
afterAll(async () => {
  await admin?.[Symbol.asyncDispose]()
  await service?.[Symbol.asyncDispose]()
})

const csv = (...rows: string[][]) => ['email,firstname', ...rows.map((row) => row.join(','))].join('\n')
const address = () => `${fresh('person')}@example.com`
const ended = async (client: WireClient, importId: unknown) =>
  (
    await client.next(
      ({ method, params }) =>
        method === 'importProgress' && params?.['importId'] === importId && params?.['state'] !== undefined,
    )
  ).params as Json
const run = async (client: WireClient, params: object) => {
  const { importId } = await client.request('importMasterData', params)
  await ended(client, importId)
  return await client.request('getImportReport', { importId })
}
const put = (path: string, body: string, authorization?: string) =>
  fetch(`${service.urls.http}${path}`, {
    method: 'PUT',
    body,
    ...(authorization === undefined ? {} : { headers: { authorization } }),
  })

describe('importMasterData', () => {
  it('imports what comes in the call, tells how far it is and keeps the report', async () => {
    const login = address()
    const report = await run(admin, { content: csv([login, 'Ada']), fileName: 'people.csv' })
    expect(report).toMatchObject({
      state: 'done',
      dryRun: false,
      createdBy: 'admin',
      fileName: 'people.csv',
      fileDigest: expect.stringMatching(/^[0-9a-f]{64}$/),
      counts: { records: 1, byKind: { user: { created: 1 } } },
      report: { problems: [], invite: [login] },
    })
    expect(service.ctx.store.index.userByLogin(login)).toMatchObject({ name: 'Ada' })
    const { imports } = await admin.request('listImports', {})
    expect(imports).toMatchObject([{ importId: report['importId'], state: 'done' }])
    expect(await readdir(join(service.config.dataDir, 'imports'))).toEqual([])
  })

  it('shows what would change and changes nothing (D-29)', async () => {
    const login = address()
    const revision = service.ctx.store.revision
    const report = await run(admin, { content: csv([login, 'Ada']), dryRun: true })
    expect(report).toMatchObject({ state: 'done', dryRun: true, counts: { byKind: { user: { created: 1 } } } })
    expect(service.ctx.store.revision).toBe(revision)
  })

  it('applies nothing when one row is wrong, and says file, row and rule of all that is', async () => {
    const login = address()
    const content = csv([login, 'Ada'], ['', 'Nobody'], ['not an address', 'x'])
    const report = await run(admin, { content, fileName: 'people.csv' })
    expect(report['state']).toBe('refused')
    const { problems } = report['report'] as { problems: Json[] }
    expect(problems.length).toBeGreaterThanOrEqual(2)
    expect(problems[0]).toMatchObject({ place: { file: 'people.csv', row: 3 }, rule: 'D-03' })
    expect(service.ctx.store.index.userByLogin(login)).toBeUndefined()
    const again = await run(admin, { content, skipInvalid: true })
    expect(again).toMatchObject({ state: 'done', counts: { byKind: { user: { created: 1 } } } })
  })

  it('takes a file sent by HTTP, once and from who sent it', async () => {
    const login = address()
    const sent = await put('/imports/people%20here.csv', csv([login, 'Ada']), `Bearer ${admin.token}`)
    const { uploadId } = (await sent.json()) as Json
    const other = await UiClient.signedIn(service, (await addUser(service.ctx)).login)
    await expect(other.request('importMasterData', { upload: uploadId })).rejects.toMatchObject({ code: 1005 })
    await other[Symbol.asyncDispose]()
    const report = await run(admin, { upload: uploadId })
    expect(report).toMatchObject({ state: 'done', fileName: 'people here.csv' })
    await expect(admin.request('importMasterData', { upload: uploadId })).rejects.toThrow('no such upload')
  })

  it('takes no file from strangers, nor one that is too large', async () => {
    expect((await put('/imports/x.csv', 'x')).status).toBe(401)
    expect((await put('/imports/x.csv', 'x', 'Bearer nonsense')).status).toBe(401)
    await using small = await startTestService({ config: { importMaxFileBytes: 1024 } })
    await using boss = await UiClient.signedIn(small)
    const headers = { authorization: `Bearer ${boss.token}` }
    const big = await fetch(`${small.urls.http}/imports/x.csv`, { method: 'PUT', body: 'x'.repeat(2000), headers })
    expect(big.status).toBe(413)
    expect(await readdir(join(small.config.dataDir, 'imports'))).toEqual([])
  })

  it('is for owners into their main organisation and nobody else (G-14)', async () => {
    const boss = await addUser(service.ctx)
    const organisation = await createOrganisation(service.ctx, { actorId: null }, fresh('Own '), boss.id)
    const edge = await addEdge(service.ctx, { organisationId: organisation.id })
    await using ui = await UiClient.signedIn(service, boss.login)
    const content = `email,opUser.Sources\n${address()},${edge.id}`
    for (const organisationId of [undefined, 1, 999_999]) {
      const asked = ui.request('importMasterData', { content, ...(organisationId ? { organisationId } : {}) })
      await expect(asked).rejects.toMatchObject({ code: 1005 })
    }
    const report = await run(ui, { content, organisationId: organisation.id })
    expect(report).toMatchObject({ state: 'done', counts: { gains: 1 } })
    await using stranger = await UiClient.signedIn(service, (await addUser(service.ctx)).login)
    const { importId } = report
    for (const method of ['getImportReport', 'cancelImport']) {
      await expect(stranger.request(method, { importId })).rejects.toMatchObject({ code: 1005 })
      await expect(stranger.request(method, { importId: randomUUID() })).rejects.toMatchObject({ code: 1005 })
    }
    await expect(stranger.request('listImports')).rejects.toMatchObject({ code: 1005 })
    await expect(
      ui.request('importMasterData', { path: '/etc/passwd', organisationId: organisation.id }),
    ).rejects.toThrow('Only the operator')
  })

  it('can be cancelled, and leaves nothing behind', async () => {
    const names = Array.from({ length: 5000 }, address)
    const { importId } = await admin.request('importMasterData', { content: csv(...names.map((name) => [name, 'x'])) })
    await admin.request('cancelImport', { importId })
    expect(await admin.request('getImportReport', { importId })).toMatchObject({ state: 'cancelled' })
    expect(service.ctx.store.index.userByLogin(names[0] ?? '')).toBeUndefined()
    await expect(admin.request('cancelImport', { importId })).rejects.toThrow('not under way')
  })

  it('marks what a crash interrupted, and clears up after it', async () => {
    await using folder = await temporaryFolder()
    await unpackEmbedded(folder.path)
    const id = randomUUID()
    {
      await using before = await startServiceOn({ dataDir: folder.path })
      const row = { id, state: 'running', organisationId: null, name: 'x', fileName: 'x', isDryRun: false } as const
      const made = { ...row, createdBy: null, createdAt: before.ctx.clock(), endedAt: null }
      await before.ctx.db.insertInto('importJob').values(made).execute()
    }
    await mkdir(join(folder.path, 'imports', `job-${id}`), { recursive: true })
    await writeFile(join(folder.path, 'imports', `job-${id}`, 'planned'), 'x')
    await using after = await startServiceOn({ dataDir: folder.path })
    await using local = await ServiceClient.local(after)
    expect(await local.request('getImportReport', { importId: id })).toMatchObject({ state: 'interrupted' })
    expect(await readdir(join(folder.path, 'imports'))).toEqual([])
  })
})

describe('ems-metadata import', { timeout: 60_000 }, () => {
  it('imports a file, shows what it did, and keeps the report', async () => {
    await using folder = await temporaryFolder()
    const file = join(folder.path, 'people.csv')
    const login = address()
    await writeFile(file, csv([login, 'Ada']))
    const at = ['--data-dir', service.config.dataDir]
    const tried = await runCli(['import', file, '--dry-run', ...at])
    expect([tried.code, tried.stderr]).toEqual([0, ''])
    expect(tried.stdout).toContain('nothing was changed')
    const done = await runCli(['import', file, '--json', ...at])
    expect(done.code).toBe(0)
    const { importId } = JSON.parse(done.stdout) as { importId: string }
    expect(service.ctx.store.index.userByLogin(login)).toBeDefined()
    const report = await runCli(['import-report', importId, ...at])
    expect(report.stdout).toMatch(/user\s+1\s+0\s+0/)
    await writeFile(file, csv(['', 'Nobody']))
    const refused = await runCli(['import', file, ...at])
    expect(refused.code).toBe(1)
    expect(refused.stdout).toContain('people.csv, row 2')
  })
})
