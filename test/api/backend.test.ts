import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { BackendClient, EdgeClient, type Json, ServiceClient, type WireFrame } from '../harness/clients.ts'
import { testClock } from '../harness/clock.ts'
import { restRpc } from '../harness/rest.ts'
import { addEdge, fresh, give, type SeededEdge } from '../harness/seed.ts'
import { startTestService, type TestService } from '../harness/service.ts'

let service: TestService
let operator: ServiceClient
const time = testClock()
beforeAll(async () => {
  service = await startTestService({ clock: time.now })
  operator = await ServiceClient.local(service)
})
afterAll(async () => {
  await operator?.[Symbol.asyncDispose]()
  await service?.[Symbol.asyncDispose]()
})

/** The token of a service that holds this role on these edges only. */
async function tokenFor(role: 'guest' | 'admin', edges: SeededEdge[], more: Json = {}): Promise<string> {
  const name = fresh('backend')
  const { token } = await operator.request('createServiceToken', { name, scopes: ['read', 'write'], ...more })
  const row = [...service.ctx.store.index.rows('service')].find((one) => one.name === name)
  for (const edge of edges) await give(service.ctx, { id: row?.id ?? 0 } as never, role, edge)
  return `Bearer ${token}`
}

type Ask = (authorization: string, method: string, params: object) => Promise<WireFrame>
const overSocket: Ask = async (authorization, method, params) => {
  await using client = await BackendClient.open(service, authorization)
  return await client.call(method, params)
}
const overRest: Ask = (authorization, method, params) => restRpc(service, authorization, method, params)
const entrances: [name: string, ask: Ask][] = [
  ['8076', overSocket],
  ['8075', overRest],
]

/** Each method with params that work, and some that do not. */
const methods: [method: string, params: (edgeId: string) => Json, wrong: Json[]][] = [
  ['getEdgesStatus', (id) => ({ edgeIds: [id] }), [{}, { edgeIds: 'edge0' }, { edgeIds: [1] }]],
  [
    'getEdgesChannelsValues',
    (id) => ({ ids: [id], channels: ['_sum/EssSoc'] }),
    [{}, { ids: ['edge0'] }, { ids: [], channels: [1] }, { ids: Array(1001).fill('x'), channels: [] }],
  ],
  ['setGridConnSchedule', (id) => ({ id, schedule: [] }), [{}, { id: 'edge0', schedule: [{}] }]],
  [
    'edgeRpc',
    (edgeId) => ({ edgeId, payload: { method: 'getEdgeConfig', params: {} } }),
    [{}, { edgeId: 'edge0', payload: 1 }, { edgeId: 'edge0', payload: { params: {} } }],
  ],
]

describe.each(entrances)('port %s', (_port, ask) => {
  let edge: SeededEdge
  let device: EdgeClient
  beforeEach(async () => {
    edge = await addEdge(service.ctx)
    device = await EdgeClient.open(service, edge.apiKey)
    device.answerWith = ({ user, payload }) => ({ asked: payload.method, as: user['role'] })
    return () => device[Symbol.asyncDispose]()
  })

  it.each(methods)('%s works, and is refused where it has to be', async (method, params, wrong) => {
    const other = await addEdge(service.ctx)
    const admin = await tokenFor('admin', [edge])
    expect(await ask(admin, method, params(edge.id))).toMatchObject({ jsonrpc: '2.0', result: expect.any(Object) })
    for (const invisible of [other.id, 'edge-that-is-not'])
      expect((await ask(admin, method, params(invisible))).error).toMatchObject({
        code: 1005,
        data: expect.any(Array),
      })
    for (const one of wrong) {
      const id = typeof one['edgeId'] === 'string' ? { ...one, edgeId: edge.id } : one
      expect((await ask(admin, method, id)).error).toMatchObject({ code: -32602, data: expect.any(Array) })
    }
    const short = await tokenFor('admin', [edge], { validDays: 1 })
    expect(await ask(short, method, params(edge.id))).toHaveProperty('result')
    time.advance(86_400_000)
    await expect(ask(short, method, params(edge.id))).rejects.toThrow(/401|Unexpected token/)
  })

  it('answers with the values of an edge, null where there is none', async () => {
    const guest = await tokenFor('guest', [edge])
    device.report({ '_sum/EssSoc': 57, '_sum/GridActivePower': -1200.5, 'meter0/Text': 'a"b' })
    await device.settled()
    expect((await ask(guest, 'getEdgesStatus', { edgeIds: [edge.id] })).result).toEqual({ [edge.id]: { online: true } })
    const channels = ['_sum/EssSoc', '_sum/GridActivePower', 'meter0/Text', '_sum/None']
    expect((await ask(guest, 'getEdgesChannelsValues', { ids: [edge.id], channels })).result).toEqual({
      [edge.id]: { '_sum/EssSoc': 57, '_sum/GridActivePower': -1200.5, 'meter0/Text': 'a"b', '_sum/None': null },
    })
  })

  it('hands requests on to the edge with the role held, and true error codes back', async () => {
    const [guest, admin] = [await tokenFor('guest', [edge]), await tokenFor('admin', [edge])]
    const reader = await tokenFor('admin', [edge], { scopes: ['read'] })
    const request = { edgeId: edge.id, payload: { method: 'getModbusProtocol', params: {} } }
    const schedule = [{ startTimestamp: 1577836800, duration: 900, activePowerSetPoint: 0 }]
    expect((await ask(guest, 'edgeRpc', request)).result).toMatchObject({
      payload: { jsonrpc: '2.0', id: expect.any(String), result: { asked: 'getModbusProtocol', as: 'guest' } },
    })
    expect((await ask(admin, 'setGridConnSchedule', { id: edge.id, schedule })).result).toMatchObject({
      jsonrpc: '2.0',
      result: { asked: 'componentJsonApi', as: 'admin' },
    })
    expect((await ask(guest, 'setGridConnSchedule', { id: edge.id, schedule })).error).toMatchObject({
      code: 1002,
      data: ['setGridConnSchedule', 'GUEST'],
    })
    expect((await ask(reader, 'edgeRpc', request)).error?.code).toBe(1002)
    for (const method of ['subscribeChannels', 'subscribeSystemLog']) {
      const payload = { method, params: { channels: [], subscribe: true } }
      expect((await ask(admin, 'edgeRpc', { edgeId: edge.id, payload })).error?.code).toBe(4001)
    }
    await device[Symbol.asyncDispose]()
    await expect
      .poll(async () => (await ask(admin, 'edgeRpc', request)).error)
      .toEqual({ code: 3000, message: `Edge [${edge.id}] is not connected`, data: [edge.id] })
  })

  it('knows nothing else, whatever the token is good for', async () => {
    const { token } = await operator.request('createServiceToken', {
      name: fresh('operator'),
      role: 'admin',
      scopes: ['read', 'authenticate', 'write', 'manage'],
    })
    for (const method of ['createUser', 'createServiceToken', 'authenticateWithPassword', 'toString', '__proto__'])
      expect((await ask(`Bearer ${token}`, method, {})).error).toMatchObject({ code: 4001, data: [method] })
  })
})

describe('subscribeEdgesChannels', () => {
  const channels = ['_sum/EssSoc', '_sum/GridActivePower']
  const tableOf = (client: BackendClient, fits: (params: Json) => boolean = () => true) =>
    client.next(({ method, params }) => method === 'edgesCurrentData' && fits(params ?? {}))

  it('sends all channels of all edges at once and every two seconds, changed or not', async () => {
    const [one, two] = [await addEdge(service.ctx), await addEdge(service.ctx)]
    await using device = await EdgeClient.open(service, one.apiKey)
    device.report({ '_sum/EssSoc': 57, '_sum/GridActivePower': 'a"b' })
    await device.settled()
    await using client = await BackendClient.open(service, await tokenFor('guest', [one, two]))
    expect(await client.request('subscribeEdgesChannels', { count: 0, ids: [one.id, two.id], channels })).toEqual({})
    const expected = {
      [one.id]: { '_sum/EssSoc': 57, '_sum/GridActivePower': 'a"b' },
      [two.id]: { '_sum/EssSoc': null, '_sum/GridActivePower': null },
    }
    const first = await tableOf(client)
    expect(first).toEqual({ jsonrpc: '2.0', method: 'edgesCurrentData', params: expected })
    expect((await tableOf(client)).params).toEqual(expected)
    device.report({ '_sum/EssSoc': 58 })
    const changed = await tableOf(client, (params) => (params[one.id] as Json)['_sum/EssSoc'] === 58)
    expect(changed.params?.[two.id]).toEqual(expected[two.id])
  })

  it('is replaced by a higher count only, and ended by empty lists', async () => {
    const edge = await addEdge(service.ctx)
    await using client = await BackendClient.open(service, await tokenFor('guest', [edge]))
    const subscribe = (params: Json) => client.request('subscribeEdgesChannels', { ids: [edge.id], ...params })
    await subscribe({ count: 5, channels: ['a/New'] })
    await subscribe({ count: 4, channels: ['a/Old'] })
    await subscribe({ count: 5, channels: [] })
    expect((await tableOf(client)).params).toEqual({ [edge.id]: { 'a/New': null } })
    await subscribe({ channels: ['a/Documented'] })
    expect((await tableOf(client, (params) => 'a/Documented' in (params[edge.id] as Json))).params).toBeDefined()
    expect(service.ctx.tables.size).toBe(1)
    await subscribe({ count: 6, channels: [] })
    expect(service.ctx.tables.size).toBe(0)
  })

  it('is refused for an edge out of sight, for bad params, and over HTTP', async () => {
    const [seen, unseen] = [await addEdge(service.ctx), await addEdge(service.ctx)]
    const token = await tokenFor('guest', [seen])
    await using client = await BackendClient.open(service, token)
    const call = (params: Json) => client.call('subscribeEdgesChannels', params)
    expect((await call({ ids: [seen.id, unseen.id], channels })).error).toMatchObject({ code: 1005 })
    expect((await call({ ids: [seen.id, 'edge-that-is-not'], channels })).error).toMatchObject({ code: 1005 })
    for (const wrong of [{}, { ids: [seen.id] }, { ids: [seen.id], channels: 'x' }, { count: 'x', ids: [], channels }])
      expect((await call(wrong)).error?.code).toBe(-32602)
    expect((await restRpc(service, token, 'subscribeEdgesChannels', { ids: [], channels })).error?.code).toBe(4001)
    expect(service.ctx.tables.size).toBe(0)
  })
})
