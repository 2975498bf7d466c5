import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import type { ImportItem } from '../../src/import/model.ts'
import { createOrganisation } from '../../src/organisations/organisation-service.ts'
import { Exports } from '../../src/server/export.ts'
import { createSite } from '../../src/sites/site-service.ts'
import { backendToken } from '../harness/backend.ts'
import { runCli } from '../harness/child.ts'
import { UiClient, userPassword } from '../harness/clients.ts'
import { importItems } from '../harness/importing.ts'
import { addEdge, addUser, give } from '../harness/seed.ts'
import { adminPassword, startTestService, type TestService } from '../harness/service.ts'
import { readAll } from '../unit/import/fleet-restore.ts'

const actor = { actorId: null }
let service: TestService
let sunnyId: number
let ownerLogin: string

beforeAll(async () => {
  service = await startTestService()
  const { ctx } = service
  const owner = await addUser(ctx, { email: 'owner@example.org' })
  ownerLogin = owner.login
  const sunny = await createOrganisation(ctx, actor, 'Sunny', owner.id)
  const other = await createOrganisation(ctx, actor, 'Other', (await addUser(ctx, { login: 'stranger' })).id)
  sunnyId = sunny.id
  const site = await createSite(ctx, actor, { organisationId: sunny.id, name: 'The Mill', labels: ['old'] })
  const elsewhere = await createSite(ctx, actor, { organisationId: other.id, name: 'Elsewhere' })
  const edge = await addEdge(ctx, { edgeId: 'edge1', siteId: site.id, comment: 'Mühle' })
  await addEdge(ctx, { edgeId: 'edge2', siteId: elsewhere.id })
  await give(ctx, await addUser(ctx, { login: 'tenant', email: 'tenant@example.org' }), 'guest', edge)
})
afterAll(() => service?.[Symbol.asyncDispose]())

const fetchExport = (query: string, headers: Record<string, string> = {}) =>
  fetch(`${service.urls.http}/export${query}`, { headers })
const bearer = (token: string) => ({ authorization: `Bearer ${token}` })
const basic = (login: string) => ({
  authorization: `Basic ${Buffer.from(`${login}:${userPassword}`).toString('base64')}`,
})
const namesOf = (items: ImportItem[], kind: string) =>
  items.flatMap((item) => {
    if (item.kind !== kind) return []
    if (item.kind === 'user') return [item.login]
    return [item.kind === 'edge' ? item.edgeId : 'key' in item ? item.key : '']
  })

describe('an export', () => {
  it('of the whole service is for who looks after all accounts, and has everything but secrets', async () => {
    const { token } = await backendToken(service)
    const response = await fetchExport('', bearer(token))
    expect([response.status, response.headers.get('content-type')]).toEqual([200, 'application/json'])
    const text = await response.text()
    const items = await readAll(text)
    expect(namesOf(items, 'problem')).toEqual([])
    expect(namesOf(items, 'edge')).toEqual(['edge1', 'edge2'])
    expect(namesOf(items, 'site')).toEqual(['elsewhere', 'the-mill'])
    expect(namesOf(items, 'user')).toEqual(['admin', 'stranger', 'tenant', ownerLogin].sort())
    expect(text).toContain('tenant@example.org')
    expect(text).not.toMatch(/key-of-edge1|\$2[aby]\$|apiKey|setupPassword|local-operator/)
    const log = await service.ctx.db
      .selectFrom('change')
      .select('action')
      .where('action', '=', 'masterData.exported')
      .execute()
    expect(log).toHaveLength(1)
  })

  it('of an organisation is for its owner: nothing of others, and of people only who they are (P-08, G-32)', async () => {
    const response = await fetchExport(`?organisation=${sunnyId}&format=yaml`, basic(ownerLogin))
    expect([response.status, response.headers.get('content-type')]).toEqual([200, 'application/yaml'])
    const text = await response.text()
    const items = await readAll(text)
    expect(namesOf(items, 'organisation')).toEqual(['sunny'])
    expect(namesOf(items, 'edge')).toEqual(['edge1'])
    expect(namesOf(items, 'user')).toEqual(['tenant', ownerLogin].sort())
    expect(text).not.toMatch(/example\.org|Elsewhere|stranger|edge2/)
  })

  it('is refused to everybody else, whether there is such an organisation or not (G-14)', async () => {
    expect((await fetchExport('')).status).toBe(401)
    expect((await fetchExport('', bearer('wrong'))).status).toBe(401)
    expect((await fetchExport('?format=xml', basic(ownerLogin))).status).toBe(400)
    const { token: reader } = await backendToken(service, { scopes: ['read'] })
    expect((await fetchExport('', bearer(reader))).status).toBe(403)
    const { token: guest } = await backendToken(service, { role: 'guest' })
    expect((await fetchExport('', bearer(guest))).status).toBe(403)
    expect((await fetchExport('', basic(ownerLogin))).status).toBe(403)
    const texts = [sunnyId, 999_999].map(async (id) => {
      const response = await fetchExport(`?organisation=${id}`, basic('tenant'))
      return [response.status, await response.text()]
    })
    const [hidden, missing] = await Promise.all(texts)
    expect(hidden).toEqual(missing)
    expect(hidden?.[0]).toBe(403)
  })

  it('is announced by exportMasterData', async () => {
    await using owner = await UiClient.signedIn(service, ownerLogin)
    const result = await owner.request('exportMasterData', { organisationId: sunnyId })
    expect(result).toEqual({ path: `/export?format=json&organisation=${sunnyId}` })
    await expect(owner.request('exportMasterData', {})).rejects.toThrow('denied')
    await expect(owner.request('exportMasterData', { format: 'xml' })).rejects.toThrow()
  })

  it('is written by the command line, to a file for its owner alone', { timeout: 60_000 }, async () => {
    const { dataDir } = service.config
    const file = join(dataDir, 'fleet.yaml')
    expect(await runCli(['export', file, '--format', 'yaml', '--data-dir', dataDir])).toMatchObject({
      code: 0,
      stderr: '',
    })
    expect((await stat(file)).mode & 0o777).toBe(0o600)
    expect(namesOf(await readAll(await readFile(file, 'utf8')), 'edge')).toEqual(['edge1', 'edge2'])
    const missing = await runCli(['export', '--organisation', '999999', '--data-dir', dataDir])
    expect([missing.code, missing.stdout]).toEqual([1, ''])
    expect((await runCli(['export', '--data-dir', join(dataDir, 'nothing')])).code).toBe(2)
    const schema = await runCli(['export', '--schema'])
    expect(JSON.parse(schema.stdout)).toMatchObject({ additionalProperties: false })
  })
})

describe('downloads', { timeout: 60_000 }, () => {
  let busy: TestService
  beforeAll(async () => {
    busy = await startTestService()
    const settings = { note: 'x'.repeat(12_000) }
    const edges = Array.from(
      { length: 1500 },
      (_, at): ImportItem => ({ kind: 'edge', place: { file: 'x' }, edgeId: `edge${at}`, settings }),
    )
    await importItems(busy.ctx, edges)
  })
  afterAll(() => busy?.[Symbol.asyncDispose]())
  const ask = (headers: Record<string, string>) => fetch(`${busy.urls.http}/export`, { headers })
  const admin = { authorization: `Basic ${Buffer.from(`admin:${adminPassword}`).toString('base64')}` }
  const allFree = () => vi.waitFor(() => expect(busy.service.parts.exports.count).toBe(0), { timeout: 10_000 })

  it('are few at a time, and one of each caller: more are told to come back, and places are free again', async () => {
    const [token, other] = [await backendToken(busy), await backendToken(busy)].map((one) => bearer(one.token))
    const first = await ask(admin)
    const again = await ask(admin)
    const second = await ask(token ?? {})
    const third = await ask(other ?? {})
    expect([first.status, again.status, second.status, third.status]).toEqual([200, 429, 200, 429])
    expect([third.headers.get('retry-after'), await third.text()]).toEqual(['30', expect.stringContaining('later')])
    expect((await ask({})).status).toBe(401)
    for (const { body } of [first, second]) await body?.cancel()
    await allFree()
    const whole = await ask(admin)
    expect(whole.status).toBe(200)
    expect((await whole.text()).length).toBeGreaterThan(18_000_000)
  })

  it('that are slow give way to others who come, the slowest first, and go on as long as nobody does', async () => {
    const { parts } = busy.service
    let nowMs = 0
    parts.exports = new Exports({ nowMs: () => nowMs })
    const callers = await Promise.all(Array.from({ length: 4 }, () => backendToken(busy)))
    const [first = {}, second = {}, third = {}, fourth = {}] = callers.map(({ token }) => bearer(token))
    // Until what lies on the way is full, they are as quick as anybody.
    const comesIn = (headers: Record<string, string>) =>
      vi.waitFor(async () => {
        const response = await ask(headers)
        expect(response.status).toBe(200)
        return response
      }, 5000)
    const slowest = await ask(first)
    const slow = await ask(second)
    const reader = slow.body?.getReader() ?? expect.unreachable()
    for (let taken = 0; taken < 8_000_000; ) taken += (await reader.read()).value?.length ?? expect.unreachable()
    nowMs = 29_000
    expect((await ask(third)).status).toBe(429)
    nowMs = 10 * 60_000
    const next = await comesIn(third)
    await expect(slowest.text()).rejects.toThrow()
    expect((await ask(second)).status).toBe(429)
    const last = await comesIn(fourth)
    expect((await ask(first)).status).toBe(429)
    const rest = async () => {
      while (!(await reader.read()).done);
    }
    await expect(rest()).rejects.toThrow()
    for (const one of [next, last]) expect((await one.text()).length).toBeGreaterThan(18_000_000)
    await allFree()
  })

  it('end when nothing of them is taken for long', async () => {
    const { parts } = busy.service
    parts.exports = new Exports({ stalledMs: 300 })
    const stalled = await ask(admin)
    expect(parts.exports.count).toBe(1)
    await allFree()
    await expect(stalled.text()).rejects.toThrow()
    expect((await (await ask(admin)).text()).length).toBeGreaterThan(18_000_000)
  })
})
