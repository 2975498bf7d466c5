import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ServiceClient as ClientLibrary } from '../../src/client/service-client.ts'
import { BackendClient, EdgeClient, type Json, ServiceClient, UiClient } from '../harness/clients.ts'
import { testClock } from '../harness/clock.ts'
import { addEdge, addUser, fresh } from '../harness/seed.ts'
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

const make = async (more: Json = {}): Promise<{ token: string; tokenId: number; service: string }> =>
  (await operator.request('createServiceToken', { name: fresh('service'), role: 'admin', ...more })) as never

const methods: [method: string, params: () => Promise<Json>][] = [
  ['createServiceToken', async () => ({ name: fresh('service') })],
  ['rotateServiceToken', async () => ({ tokenId: (await make()).tokenId })],
  ['listServiceTokens', async () => ({})],
]

describe.each(methods)('%s', (method, params) => {
  it('works for who manages users, and refuses everybody else', async () => {
    const given = await params()
    await using stranger = await UiClient.open(service)
    const user = await addUser(service.ctx, { globalRole: 'admin' })
    await using ui = await UiClient.signedIn(service, user.login)
    expect((await stranger.call(method, given)).error?.code).toBe(1001)
    expect((await ui.call(method, given)).error?.code).toBe(1005)
    expect(await operator.request(method, given)).toBeDefined()
  })

  it('takes no unknown or wrong member', async () => {
    const given = await params()
    for (const wrong of [
      { ...given, surprise: 1 },
      { name: '', tokenId: 'x', service: '' },
    ])
      expect((await operator.call(method, wrong)).error?.code).toBe(-32602)
  })
})

describe('a service token', () => {
  it('is good for its scopes only, whatever its service was granted', async () => {
    const edge = await addEdge(service.ctx)
    await using device = await EdgeClient.open(service, edge.apiKey)
    device.answerWith = () => ({ done: true })
    const forwarded = {
      edgeId: edge.id,
      payload: { jsonrpc: '2.0', id: crypto.randomUUID(), method: 'updateComponentConfig', params: {} },
    }
    const reading = { ...forwarded, payload: { ...forwarded.payload, method: 'getEdgeConfig' } }
    const attempts: [scope: string, method: string, params: Json][] = [
      ['read', 'getEdge', { edgeId: edge.id }],
      ['read', 'edgeRpc', reading],
      ['manage', 'createUser', { login: fresh('user') }],
    ]
    for (const scope of ['read', 'authenticate', 'write', 'manage']) {
      await using client = await ServiceClient.open(service, (await make({ scopes: [scope] })).token)
      for (const [needed, method, params] of attempts) {
        const { error } = await client.call(method, params)
        expect([scope, method, error?.code]).toEqual([scope, method, scope === needed ? undefined : 1002])
      }
    }
    await using reader = await ServiceClient.open(service, (await make({ scopes: ['read'] })).token)
    expect((await reader.call('edgeRpc', forwarded)).error).toMatchObject({
      code: 1002,
      data: ['updateComponentConfig', 'service token without scope write'],
    })
    await using writer = await ServiceClient.open(service, (await make({ scopes: ['read', 'write'] })).token)
    expect(await writer.request('edgeRpc', forwarded)).toHaveProperty('payload.result', { done: true })
  })

  it('reads by default, and nothing else', async () => {
    const { tokens } = await operator.request('listServiceTokens', { service: (await make()).service })
    expect(tokens).toMatchObject([{ scopes: ['read'] }])
    expect((await operator.call('createServiceToken', { name: 'x', scopes: ['root'] })).error?.code).toBe(-32602)
    expect((await operator.call('createServiceToken', { name: 'x', scopes: [] })).error?.code).toBe(-32602)
  })

  it('that is rotated without overlap ends its own sockets at once, and no others', async () => {
    const name = fresh('service')
    const [old, other] = [await make({ name }), await make({ name })]
    await using closing = await BackendClient.open(service, `Bearer ${old.token}`)
    await using staying = await BackendClient.open(service, `Bearer ${other.token}`)
    const made = await operator.request('rotateServiceToken', { tokenId: old.tokenId, overlapHours: 0 })
    expect((await closing.closed).code).toBe(1006)
    expect(await staying.request('getEdgesStatus', { edgeIds: [] })).toEqual({})
    await expect(BackendClient.open(service, `Bearer ${old.token}`)).rejects.toThrow('refused with 401')
    await using again = await BackendClient.open(service, `Bearer ${made['token']}`)
    expect(await again.request('getEdgesStatus', { edgeIds: [] })).toEqual({})
  })

  it('that expires is refused at its next call and ends its open sockets', async () => {
    const { token } = await make({ validDays: 1 })
    await using asking = await BackendClient.open(service, `Bearer ${token}`)
    await using silent = await BackendClient.open(service, `Bearer ${token}`)
    time.advance(86_400_000)
    asking.send({ jsonrpc: '2.0', id: '1', method: 'getEdgesStatus', params: { edgeIds: [] } })
    expect((await asking.closed).code).toBe(1006)
    expect(asking.frames).toEqual([])
    expect((await silent.closed).code).toBe(1006)
    await expect(BackendClient.open(service, `Bearer ${token}`)).rejects.toThrow('refused with 401')
  })

  it('that was used says when, to the minute or so', async () => {
    const { token, service: name } = await make({ validDays: 2 })
    await using client = await BackendClient.open(service, `Bearer ${token}`)
    expect(await client.request('getEdgesStatus', { edgeIds: [] })).toEqual({})
    await service.ctx.serviceTokens.writeUses()
    expect(await operator.request('listServiceTokens', { service: name })).toMatchObject({
      tokens: [{ service: name, lastUsedAt: time.now().toISOString() }],
    })
  })

  it('that is none is told to a client as soon as the service says so', async () => {
    const url = `${service.urls.http.replace('http', 'ws')}/service`
    const startedAt = performance.now()
    await expect(new ClientLibrary({ url, token: 'wrong', reconnect: false }).connected()).rejects.toThrow('this token')
    expect(performance.now() - startedAt).toBeLessThan(10_000)
  })
})
