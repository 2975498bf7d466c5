import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { BackendClient, EdgeClient, type Json } from '../harness/clients.ts'
import { openOperator } from '../harness/operator.ts'
import { addEdge, fresh, give, type SeededEdge } from '../harness/seed.ts'
import { startTestService, type TestService } from '../harness/service.ts'

let service: TestService
let operator: Awaited<ReturnType<typeof openOperator>>
beforeAll(async () => {
  service = await startTestService()
  operator = await openOperator(service)
})
afterAll(async () => {
  await operator?.[Symbol.asyncDispose]()
  await service?.[Symbol.asyncDispose]()
})

/** A reader with grants of its own, and those by edge. */
async function openReader(edges: SeededEdge[]): Promise<{ client: BackendClient; grants: Map<string, number> }> {
  const name = fresh('reader')
  const { token } = await operator.call('createServiceToken', { name })
  const id = [...service.ctx.store.index.rows('service')].find((row) => row.name === name)?.id ?? 0
  const grants = new Map<string, number>()
  for (const edge of edges) grants.set(edge.id, await give(service.ctx, { id } as never, 'guest', edge))
  return { client: await BackendClient.open(service, `Bearer ${token}`), grants }
}

const isTable = ({ method }: { method?: string }) => method === 'edgesCurrentData'
const tableOf = async (client: BackendClient, fits: (table: Json) => boolean = () => true): Promise<Json> =>
  (await client.next((frame) => isTable(frame) && fits(frame.params ?? {}))).params ?? {}

describe('tables of many edges for many readers', () => {
  it('hold for each reader exactly what the edges said and he may see and asked for', { timeout: 30_000 }, async () => {
    const edges = await Promise.all(Array.from({ length: 6 }, () => addEdge(service.ctx)))
    const devices = await Promise.all(edges.map(({ apiKey }) => EdgeClient.open(service, apiKey)))
    const readers = await Promise.all(edges.map((_, from) => openReader(edges.slice(from))))
    const wanted = (reader: number) => (reader % 2 === 0 ? ['a/Number', 'a/Text'] : ['a/Number', 'a/Missing'])
    for (const [index, { client }] of readers.entries()) {
      const ids = edges.slice(index).map(({ id }) => id)
      await client.request('subscribeEdgesChannels', { count: 1, ids, channels: wanted(index) })
    }
    for (let round = 0; round < 2; round++) {
      for (const [index, device] of devices.entries())
        device.report({ 'a/Number': round * 100 + index, 'a/Text': `t${round}` })
      const all = (index: number) => ({
        'a/Number': round * 100 + index,
        'a/Text': `t${round}`,
        'a/Missing': null,
      })
      for (const [from, { client }] of readers.entries()) {
        const expected = Object.fromEntries(
          edges.slice(from).map(({ id }, offset) => {
            const known: Record<string, unknown> = all(from + offset)
            return [id, Object.fromEntries(wanted(from).map((channel) => [channel, known[channel]]))]
          }),
        )
        const table = await tableOf(client, (found) => JSON.stringify(found) === JSON.stringify(expected))
        expect(table).toEqual(expected)
      }
    }
    await Promise.all([...devices, ...readers.map(({ client }) => client)].map((peer) => peer[Symbol.asyncDispose]()))
    await expect.poll(() => service.ctx.tables.size).toBe(0)
  })

  it('narrow when a grant is revoked, widen when it is given again, and end with the service', async () => {
    const [kept, lost] = [await addEdge(service.ctx), await addEdge(service.ctx)]
    const { client, grants } = await openReader([kept, lost])
    const ids = [kept.id, lost.id]
    await client.request('subscribeEdgesChannels', { count: 1, ids, channels: ['a/B'] })
    expect(Object.keys(await tableOf(client))).toEqual(ids)
    await operator.request('revokeGrant', { grantId: grants.get(lost.id) })
    const seen = client.frames.length
    expect(Object.keys(await tableOf(client, () => client.frames.length > seen))).toEqual([kept.id])
    const { caller } = [...service.service.parts.sockets.all()].find(({ kind }) => kind === 'backend') ?? {}
    const principalId = caller && 'principalId' in caller ? caller.principalId : 0
    await give(service.ctx, { id: principalId } as never, 'guest', lost)
    expect(Object.keys(await tableOf(client, (table) => lost.id in table))).toEqual(ids)
    const { name } = service.ctx.store.index.row('service', principalId) ?? {}
    await operator.request('setServiceDisabled', { name, disabled: true })
    expect((await client.closed).code).toBe(1006)
    await expect.poll(() => service.ctx.tables.size).toBe(0)
  })

  it('pass over a reader that does not read, and nobody else', { timeout: 30_000 }, async () => {
    const edges = await Promise.all(Array.from({ length: 10 }, () => addEdge(service.ctx)))
    const ids = edges.map(({ id }) => id)
    // About three megabytes a table.
    const channels = Array.from({ length: 1000 }, (_, index) => `${'x'.repeat(280)}/${index}`)
    const [slow, quick] = [(await openReader(edges)).client, (await openReader(edges)).client]
    const dropped = async () => (await service.service.parts.metrics.droppedPushes.get()).values[0]?.value ?? 0
    const before = await dropped()
    slow.socket.pause()
    let count = 0
    while ((await dropped()) === before && count < 100) {
      slow.send({ jsonrpc: '2.0', id: count, method: 'subscribeEdgesChannels', params: { count, ids, channels } })
      await quick.request('subscribeEdgesChannels', { count: count++, ids, channels: ['a/B'] })
      await tableOf(quick)
    }
    expect(await dropped()).toBeGreaterThan(before)
    slow.socket.resume()
    await tableOf(slow, (table) => Object.keys(table).length === ids.length)
    expect(slow.frames.filter(isTable).length).toBeLessThan(count)
    await Promise.all([slow, quick].map((client) => client[Symbol.asyncDispose]()))
    await expect.poll(() => service.ctx.tables.size).toBe(0)
  })
})
