import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { BackendClient, ServiceClient } from '../harness/clients.ts'
import { addEdge } from '../harness/seed.ts'
import { startTestService, type TestService } from '../harness/service.ts'

let service: TestService
let operator: ServiceClient
beforeAll(async () => {
  service = await startTestService()
  operator = await ServiceClient.local(service)
})
afterAll(async () => {
  await operator?.[Symbol.asyncDispose]()
  await service?.[Symbol.asyncDispose]()
})

describe('port 8076', () => {
  it('lets in who brings a service token, by port and by path', async () => {
    const { token } = await operator.request('createServiceToken', { name: 'monitor', role: 'guest' })
    const edge = await addEdge(service.ctx)
    for (const at of ['port', 'path'] as const) {
      await using backend = await BackendClient.open(service, `Bearer ${token}`, at)
      expect(await backend.request('getEdgesStatus', { edgeIds: [edge.id] })).toEqual({ [edge.id]: { online: false } })
      expect((await backend.call('createUser', { login: 'x' })).error?.code).toBe(4001)
    }
  })

  it.each([undefined, '', 'Bearer', 'Bearer x', 'Basic x', 'Digest x'])(
    'refuses %j before the upgrade and says what it wants',
    async (authorization) => {
      const answer = await fetch(service.urls.backend.replace('ws', 'http'), {
        headers: authorization === undefined ? {} : { authorization },
      })
      expect(answer.status).toBe(426)
      await expect(BackendClient.open(service, authorization)).rejects.toThrow('refused with 401')
    },
  )
})
