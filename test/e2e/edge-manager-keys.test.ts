import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { EdgeClient, ServiceClient } from '../harness/clients.ts'
import { testClock } from '../harness/clock.ts'
import { cloneDatabase } from '../harness/database.ts'
import { EdgeApp } from '../harness/edge-app.ts'
import { recordingLog } from '../harness/log.ts'
import { openOperator } from '../harness/operator.ts'
import { addEdge, type SeededEdge } from '../harness/seed.ts'
import { startServiceOn, startTestService, type TestService, temporaryFolder } from '../harness/service.ts'
import { TcpProxy } from '../harness/tcp-proxy.ts'

const seal = 'the first seal of the test, long enough'
const id = 'edges0'

let service: TestService
let operator: Awaited<ReturnType<typeof openOperator>>
const time = testClock()
beforeAll(async () => {
  service = await startTestService({ config: { edgeKeySeals: [seal] }, clock: time.now })
  operator = await openOperator(service)
})
afterAll(async () => {
  await operator?.[Symbol.asyncDispose]()
  await service?.[Symbol.asyncDispose]()
})

async function deleteKeys(of: TestService, edge: SeededEdge): Promise<void> {
  await of.ctx.write({ actorId: null }, async (write) => {
    const keys = [...write.index.rows('edgeKey')].filter(({ edgeId }) => edgeId === edge.row.id)
    await write.tx.deleteFrom('edgeKey').where('edgeId', '=', edge.row.id).execute()
    for (const key of keys) write.deleted('edgeKey.deleted', 'edgeKey', key)
  })
}

it('the map follows every change of a key: made, rotated with overlap, ended, deleted', async () => {
  const kept = await addEdge(service.ctx)
  await using app = await EdgeApp.serving(service, { id })
  await app.told((keys) => keys[kept.apiKey] === kept.id)
  const { apiKey: first } = await operator.call('createEdge', { edgeId: 'moving' })
  await app.told((keys) => keys[String(first)] === 'moving')
  const { apiKey: second } = await operator.call('rotateEdgeKey', { edgeId: 'moving', overlapHours: 1 })
  await app.told((keys) => keys[String(first)] === 'moving' && keys[String(second)] === 'moving')
  time.advance(3_600_001)
  await app.told((keys) => !(String(first) in keys) && keys[String(second)] === 'moving')
  const { apiKey: third } = await operator.call('rotateEdgeKey', { edgeId: 'moving', overlapHours: 0 })
  expect(await app.told((keys) => String(third) in keys)).not.toHaveProperty(String(second))
  const copies = () => service.ctx.db.selectFrom('edgeKeyCopy').selectAll().execute()
  const stored = JSON.stringify(await copies())
  for (const key of [kept.apiKey, first, second, third]) expect(stored).not.toContain(String(key))
  // Of keys that have ended nothing is kept.
  await vi.waitFor(async () => expect(await copies()).toHaveLength(2), { timeout: 5000 })
})

it('an edge whose keys are gone is no longer listened to, at once', async () => {
  const edge = await addEdge(service.ctx)
  await using app = await EdgeApp.serving(service, { id })
  await app.told((keys) => edge.apiKey in keys)
  await using device = await EdgeClient.open(app.forEdges, edge.apiKey)
  device.report({ soc: 1 })
  await device.settled()
  await app.settled()
  const isOnline = () => service.ctx.hub.states.isOnline(edge.row.id)
  expect(isOnline()).toBe(true)
  await deleteKeys(service, edge)
  await app.told((keys) => !(edge.apiKey in keys))
  expect(isOnline()).toBe(false)
  // The app does not cut it off (protocol B.4); what it says counts for nothing.
  device.report({ soc: 2 })
  await device.settled()
  app.list()
  await app.settled()
  expect([isOnline(), service.ctx.hub.find(edge.row.id)?.cache.get('soc')]).toEqual([false, 1])
})

it('many changes at once go out together, and what concerns no key not at all', async () => {
  await addEdge(service.ctx)
  await using app = await EdgeApp.serving(service, { id })
  const before = app.maps.length
  const made = await Promise.all(Array.from({ length: 30 }, () => addEdge(service.ctx)))
  await app.told((keys) => made.every(({ apiKey }) => apiKey in keys))
  expect(app.maps.length - before).toBeLessThan(10)
  await operator.call('createUser', { login: 'somebody' })
  const last = await addEdge(service.ctx)
  await app.told((keys) => last.apiKey in keys)
  const sizes = app.maps.map((map) => Object.keys(map).length)
  expect(new Set(sizes).size).toBe(sizes.length)
})

it('edges from before the opting in are listed, and served once rotated or seen directly', async () => {
  await using database = await cloneDatabase()
  await using folder = await temporaryFolder()
  const storage = { databaseUrl: database.url, dataDir: folder.path }
  const before = await startServiceOn(storage)
  const edges = [await addEdge(before.ctx), await addEdge(before.ctx), await addEdge(before.ctx)]
  const [rotated, direct, waiting] = edges as [SeededEdge, SeededEdge, SeededEdge]
  await using stillBefore = await ServiceClient.local(before)
  await expect(stillBefore.request('listEdgesWithoutKeyCopy')).rejects.toThrow('EMS_EDGE_KEY_SEALS is not set')
  await before[Symbol.asyncDispose]()

  const { log, messages } = recordingLog()
  await using service = await startServiceOn({ ...storage, edgeKeySeals: [seal] }, { log })
  await using operator = await openOperator(service)
  const unserved = (ids: string[]) => ({ edgeIds: ids, total: ids.length })
  const list = () => operator.call('listEdgesWithoutKeyCopy', {})
  expect(await list()).toEqual(unserved(edges.map((edge) => edge.id)))
  expect(await operator.call('listEdgesWithoutKeyCopy', { after: rotated.id, limit: 1 })).toEqual({
    edgeIds: [direct.id],
    total: 3,
  })
  await using app = await EdgeApp.open(service, { id })
  await vi.waitFor(() => expect(messages()).toContain('no API key can be served yet, so the app lets no edge in'))
  expect([app.maps, app.isServing]).toEqual([[], false])
  const { apiKey } = await operator.call('rotateEdgeKey', { edgeId: rotated.id, overlapHours: 1 })
  // The old key is valid for an hour, but nobody knows it.
  expect(await app.told(() => true)).toEqual({ [String(apiKey)]: rotated.id })
  expect(await list()).toEqual(unserved([direct.id, waiting.id]))
  await using device = await EdgeClient.open(service, direct.apiKey)
  expect(await app.told((keys) => direct.apiKey in keys)).toEqual({
    [String(apiKey)]: rotated.id,
    [direct.apiKey]: direct.id,
  })
  await expect(EdgeClient.open(service, `${waiting.apiKey}x`)).rejects.toThrow('refused with 401')
  expect(await list()).toEqual(unserved([waiting.id]))
  const metrics = await (await fetch(`${service.urls.http}/metrics`)).text()
  expect(metrics).toMatch(/^ems_edges_without_key_copy 1$/m)
  expect(device.closing).toBeUndefined()
})

it('a seal is changed in peace; a copy that cannot be opened, or was put in the place of another, is not served', async () => {
  await using database = await cloneDatabase()
  await using folder = await temporaryFolder()
  const storage = { databaseUrl: database.url, dataDir: folder.path }
  const next = 'the second seal of the test, long enough'
  const one = await startServiceOn({ ...storage, edgeKeySeals: [seal] })
  const [edge, other] = [await addEdge(one.ctx), await addEdge(one.ctx)]
  await one[Symbol.asyncDispose]()

  const two = await startServiceOn({ ...storage, edgeKeySeals: [next, seal] })
  {
    await using app = await EdgeApp.serving(two, { id })
    expect(Object.keys(app.maps[0] ?? {})).toHaveLength(2)
    await vi.waitFor(() => expect(two.ctx.keyCopies?.outdatedCount).toBe(0), { timeout: 5000 })
  }
  await two[Symbol.asyncDispose]()

  const three = await startServiceOn({ ...storage, edgeKeySeals: [next] })
  {
    await using app = await EdgeApp.serving(three, { id })
    expect(Object.keys(app.maps[0] ?? {})).toHaveLength(2)
    const copies = await three.ctx.db.selectFrom('edgeKeyCopy').selectAll().orderBy('edgeKeyId').execute()
    const [first, second] = copies
    const update = three.ctx.db.updateTable('edgeKeyCopy').set({ sealed: first?.sealed ?? '' })
    await update.where('edgeKeyId', '=', second?.edgeKeyId ?? 0).execute()
  }
  await three[Symbol.asyncDispose]()

  const { log, lines } = recordingLog()
  await using four = await startServiceOn({ ...storage, edgeKeySeals: [next] }, { log })
  await using app = await EdgeApp.serving(four, { id })
  expect(app.maps).toEqual([{ [edge.apiKey]: edge.id }])
  expect(lines).toContainEqual(expect.objectContaining({ level: 50, keys: 1 }))
  await using device = await EdgeClient.open(four, other.apiKey)
  await app.told((keys) => other.apiKey in keys)
  expect([four.ctx.keyCopies?.unreadableCount, device.closing]).toEqual([0, undefined])
})

it('an outage of the database leaves the map as it is, also for an app that comes only then', async () => {
  await using database = await cloneDatabase()
  await using proxy = await TcpProxy.to(database.url)
  await using folder = await temporaryFolder()
  const storage = { databaseUrl: proxy.through(database.url), dataDir: folder.path, staleAfterMs: 1000 }
  await using service = await startServiceOn({ ...storage, edgeKeySeals: [seal] })
  const edge = await addEdge(service.ctx)
  await using app = await EdgeApp.serving(service, { id })
  await app.told((keys) => edge.apiKey in keys)
  await proxy.cut()
  await using second = await EdgeApp.serving(service, { id })
  expect(second.maps).toEqual([{ [edge.apiKey]: edge.id }])
  await using device = await EdgeClient.open(second.forEdges, edge.apiKey)
  device.report({ soc: 1 })
  await device.settled()
  await second.settled()
  await vi.waitFor(() => expect(() => service.ctx.store.assertFresh()).toThrow(), { timeout: 5000 })
  expect(service.ctx.hub.states.isOnline(edge.row.id)).toBe(true)
  await proxy.restore()
  const late = await vi.waitFor(() => addEdge(service.ctx), { timeout: 20_000, interval: 200 })
  await second.told((keys) => late.apiKey in keys)
  for (const { maps } of [app, second]) expect(maps.filter((map) => !(edge.apiKey in map))).toEqual([])
})

it('the map is empty only when no key is left at all, and then says so: every edge is dropped', async () => {
  await using service = await startTestService({ config: { edgeKeySeals: [seal] } })
  const [edge, other] = [await addEdge(service.ctx), await addEdge(service.ctx)]
  await using app = await EdgeApp.serving(service, { id })
  await app.told((keys) => other.apiKey in keys && edge.apiKey in keys)
  await using device = await EdgeClient.open(app.forEdges, edge.apiKey)
  await deleteKeys(service, other)
  await app.told((keys) => !(other.apiKey in keys))
  expect(device.closing).toBeUndefined()
  await deleteKeys(service, edge)
  expect(await app.told((keys) => Object.keys(keys).length === 0)).toEqual({})
  expect(await device.closed).toMatchObject({ code: 1006 })
  expect(app.isServing).toBe(false)
})
