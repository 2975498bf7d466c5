import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { runCli } from '../harness/child.ts'
import { type Json, UiClient } from '../harness/clients.ts'
import { addEdge, fresh } from '../harness/seed.ts'
import { startTestService, type TestService } from '../harness/service.ts'

const PEOPLE = 250
const KEPT = 220
let service: TestService
let admin: UiClient
let importId: unknown
const logins = Array.from({ length: PEOPLE }, () => `${fresh('person')}@example.com`)

beforeAll(async () => {
  service = await startTestService({ config: { importMaxAccessLines: KEPT } })
  admin = await UiClient.signedIn(service)
  const edge = await addEdge(service.ctx)
  const content = ['email,opUser.Sources', ...logins.map((login) => `${login},${edge.id}`)].join('\n')
  importId = (await admin.request('importMasterData', { content }))['importId']
  await admin.next(({ params }) => params?.['importId'] === importId && params?.['state'] !== undefined)
})
afterAll(async () => {
  await admin?.[Symbol.asyncDispose]()
  await service?.[Symbol.asyncDispose]()
})

const pageOf = async (params: object = {}) => {
  const { report } = await admin.request('getImportReport', { importId, ...params })
  return report as Json & { access: { who: string; action: string; edges: number }[] }
}

it('a report says who gains or loses what in pages, up to the limit of the settings, and counts all of it (D-29)', async () => {
  const first = await pageOf()
  expect(first).toMatchObject({ accessCount: PEOPLE, accessKept: KEPT })
  expect(first.access).toHaveLength(100)
  expect(first.access[0]).toMatchObject({ who: logins[0], action: 'gains', edges: 1 })
  const { counts } = await admin.request('getImportReport', { importId })
  expect(counts).toMatchObject({ gains: PEOPLE, people: PEOPLE })
  const names = async (params: object) => (await pageOf(params)).access.map(({ who }) => who)
  expect(await names({ page: 2 })).toEqual(logins.slice(200, KEPT))
  expect(await names({ page: 3 })).toEqual([])
  expect(await names({ limit: 1000 })).toEqual(logins.slice(0, KEPT))
  expect(await names({ page: 4, limit: 33 })).toEqual(logins.slice(132, 165))
  for (const wrong of [{ limit: 0 }, { limit: 1001 }, { page: -1 }])
    await expect(pageOf(wrong)).rejects.toMatchObject({ code: -32602 })
})

it('an import is done once what it brings can be asked for', { timeout: 60_000 }, async () => {
  const many = Array.from({ length: 2000 }, () => `${fresh('person')}@example.com`)
  const { importId } = await admin.request('importMasterData', { content: ['email', ...many].join('\n') })
  await vi.waitFor(async () => expect((await admin.request('getImportReport', { importId }))['state']).toBe('done'), {
    timeout: 50_000,
  })
  expect(many.filter((login) => service.ctx.store.index.userByLogin(login) === undefined)).toEqual([])
})

it('the command line shows the first lines of a report to people, and all of them to machines', {
  timeout: 30_000,
}, async () => {
  const at = [String(importId), '--data-dir', service.config.dataDir]
  const { stdout, code } = await runCli(['import-report', ...at])
  expect(code).toBe(0)
  expect(stdout).toContain(`${logins[19]} gains guest on 1 edge`)
  expect(stdout).not.toContain(`${logins[20]} gains`)
  expect(stdout).toContain(`and ${PEOPLE - 20} more (of ${PEOPLE} the first ${KEPT} are kept)`)
  const { report } = JSON.parse((await runCli(['import-report', ...at, '--json'])).stdout) as {
    report: { access: Json[] }
  }
  expect(report.access.map(({ who }) => who)).toEqual(logins.slice(0, KEPT))
})

it('what was kept of access goes with the report', async () => {
  const { db } = service.ctx
  const pages = () => db.selectFrom('importAccess').select('page').where('importId', '=', String(importId)).execute()
  expect(await pages()).toHaveLength(3)
  await db.deleteFrom('importJob').where('id', '=', String(importId)).execute()
  expect(await pages()).toEqual([])
})
