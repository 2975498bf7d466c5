import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { EdgeClient, type Json, ServiceClient, UiClient, userPassword } from '../harness/clients.ts'
import { addEdge, addUser, addUserWith, fresh, give } from '../harness/seed.ts'
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

/** What only an operator may do, with params that would work. */
const reserved: [method: string, params: () => object][] = [
  ['createUser', () => ({ login: fresh('new') })],
  ['setPassword', () => ({ login: 'admin', password: userPassword })],
  ['setUserDisabled', () => ({ login: 'admin', disabled: true })],
  ['deleteUser', () => ({ login: 'admin' })],
  ['createInvitation', () => ({})],
  ['createServiceToken', () => ({ name: 'mine', role: 'admin' })],
  ['createEdge', () => ({ edgeId: fresh('stolen') })],
  ['listChanges', () => ({})],
  ['grantAccess', () => ({ login: 'admin', on: { platform: true }, role: 'guest' })],
  ['revokeAccess', () => ({ login: 'admin', on: { platform: true } })],
  ['createOrganisation', () => ({ name: 'x' })],
]

describe('what an operator may do', () => {
  it.each(reserved)(
    '%s is refused to who owns edges only, to who was admin once, and to strangers',
    async (method, params) => {
      const edge = await addEdge(service.ctx)
      const owner = await addUserWith(service.ctx, 'admin', edge)
      const former = await addUser(service.ctx, { globalRole: 'admin' })
      await give(service.ctx, former, 'admin', 'platform', { validTo: new Date(Date.now() - 1000) })
      for (const login of [owner.login, former.login]) {
        await using ui = await UiClient.signedIn(service, login)
        expect([1005, 1002]).toContain((await ui.call(method, params())).error?.code)
      }
      await using stranger = await UiClient.open(service)
      expect((await stranger.call(method, params())).error?.code).toBe(1001)
      expect(await operator.request('getEdge', { edgeId: edge.id })).toHaveProperty('edge.role', 'admin')
    },
  )

  it.each(reserved)('%s takes no unknown or missing member', async (method, params) => {
    expect((await operator.call(method, { ...params(), surprise: 1 })).error?.code).toBe(-32602)
    if (Object.keys(params()).length > 0) expect((await operator.call(method, {})).error?.code).toBe(-32602)
  })
})

describe('accounts', () => {
  it('are created, disabled, enabled and deleted', async () => {
    const login = fresh('ada')
    expect(
      await operator.request('createUser', {
        login: ` ${login.toUpperCase()} `,
        name: 'Ada',
        email: `${login}@example.org`,
        language: 'fr',
        globalRole: 'installer',
        password: userPassword,
      }),
    ).toEqual({ login })
    expect((await operator.call('createUser', { login })).error).toMatchObject({
      code: 1,
      message: 'This login is taken',
    })
    await using ui = await UiClient.open(service)
    expect(await ui.signIn(login)).toMatchObject({
      user: { id: login, name: 'Ada', language: 'FR', globalRole: 'installer' },
    })
    expect(await operator.request('setUserDisabled', { login, disabled: true })).toEqual({})
    await using refused = await UiClient.open(service)
    await expect(refused.signIn(login)).rejects.toMatchObject({ code: 1003 })
    await operator.request('setUserDisabled', { login, disabled: false })
    await refused.signIn(login)
    expect(await operator.request('deleteUser', { login })).toEqual({})
    expect((await operator.call('setUserDisabled', { login, disabled: true })).error).toMatchObject({
      code: 1,
      message: `There is no user ${login}`,
    })
  })

  it('of one’s own are neither disabled nor deleted', async () => {
    await using admin = await UiClient.signedIn(service)
    expect((await admin.call('setUserDisabled', { login: 'admin', disabled: true })).error).toMatchObject({ code: 1 })
    expect((await admin.call('deleteUser', { login: 'admin' })).error).toMatchObject({ code: 1 })
  })
})

describe('grants', () => {
  it('are given and withdrawn by who holds as much himself', async () => {
    const edge = await addEdge(service.ctx)
    const admin = await addUserWith(service.ctx, 'admin', edge)
    const owner = await addUserWith(service.ctx, 'owner', edge)
    const other = await addUser(service.ctx, { shareable: true })
    const give = (role: string) => ({ login: other.login, on: { edgeId: edge.id }, role })
    await using byOwner = await UiClient.signedIn(service, owner.login)
    await using byAdmin = await UiClient.signedIn(service, admin.login)
    expect((await byOwner.call('grantAccess', give('admin'))).error).toMatchObject({ code: 1005 })
    expect((await byAdmin.call('grantAccess', { ...give('guest'), on: { platform: true } })).error).toMatchObject({
      code: 1005,
    })
    expect(await byAdmin.request('grantAccess', give('installer'))).toEqual({ grantId: expect.any(Number) })
    await using ui = await UiClient.signedIn(service, other.login)
    expect(await ui.request('getEdge', { edgeId: edge.id })).toHaveProperty('edge.role', 'installer')
    expect(await byAdmin.request('revokeAccess', { login: other.login, on: { edgeId: edge.id } })).toEqual({
      revoked: 1,
    })
    expect(await byAdmin.request('revokeAccess', { login: other.login, on: { edgeId: edge.id } })).toEqual({
      revoked: 0,
    })
    const inverted = { ...give('guest'), validFrom: '2026-02-01T00:00:00Z', validTo: '2026-01-01T00:00:00Z' }
    expect((await byAdmin.call('grantAccess', inverted)).error).toMatchObject({ code: 1 })
    expect((await byAdmin.call('grantAccess', { ...give('guest'), validTo: 'tomorrow' })).error?.code).toBe(-32602)
    const hidden = await addEdge(service.ctx)
    const answers = async (method: string, edgeId: string, more: object = {}) =>
      (await byAdmin.call(method, { login: other.login, on: { edgeId }, ...more })).error
    for (const [method, more] of [
      ['grantAccess', { role: 'guest' }],
      ['revokeAccess', {}],
    ] as const) {
      const unknown = await answers(method, 'none', more)
      expect(unknown).toMatchObject({ code: 1005, data: ['none', admin.login] })
      expect(JSON.stringify(await answers(method, hidden.id, more))).toBe(
        JSON.stringify(unknown).replaceAll('none', hidden.id),
      )
    }
  })

  it('are withdrawn from somebody unknown as from a private account: there is nothing to withdraw (G-17, G-18)', async () => {
    const edge = await addEdge(service.ctx)
    const hidden = await addUser(service.ctx)
    await using ui = await UiClient.signedIn(service, (await addUserWith(service.ctx, 'admin', edge)).login)
    for (const login of [hidden.login, 'nobody-there'])
      expect(await ui.request('revokeAccess', { login, on: { edgeId: edge.id } })).toEqual({ revoked: 0 })
  })
})

describe('edges', () => {
  it('are created with a key that works at once and is shown once', async () => {
    const edgeId = fresh('made')
    const made = await operator.request('createEdge', { edgeId, comment: 'c', producttype: 'p' })
    expect(made).toEqual({
      edgeId,
      apiKey: expect.stringMatching(/^\S{16,}$/),
      setupPassword: expect.stringMatching(/^\S{8,}$/),
    })
    await using device = await EdgeClient.open(service, String(made['apiKey']))
    expect(await device.call('checkSetupPassword', { setupPassword: made['setupPassword'] })).toMatchObject({
      result: {},
    })
    expect((await operator.call('createEdge', { edgeId })).error).toMatchObject({ code: 1 })
    expect((await operator.call('createEdge', { edgeId: fresh('made'), apiKey: made['apiKey'] })).error).toMatchObject({
      code: 1,
    })
    for (const bad of ['', '../x', 'a b', 'x'.repeat(101)])
      expect((await operator.call('createEdge', { edgeId: bad })).error?.code).toBe(-32602)
    expect((await operator.call('rotateEdgeKey', { edgeId: 'none' })).error?.message).toBe('There is no edge none')
    const owner = await addUserWith(service.ctx, 'owner', {
      row: service.ctx.store.index.edgeByName(edgeId) ?? raise(),
      id: edgeId,
      apiKey: '',
      setupPassword: '',
    })
    await using ui = await UiClient.signedIn(service, owner.login)
    expect((await ui.call('rotateEdgeKey', { edgeId })).error).toMatchObject({ code: 1005 })
    expect((await operator.call('rotateEdgeKey', { edgeId, overlapHours: -1 })).error?.code).toBe(-32602)
  })
})

describe('services', () => {
  it('sign in with their token until they are disabled', async () => {
    const { token, service: name } = await operator.request('createServiceToken', {
      name: 'backend',
      role: 'guest',
      scopes: ['read', 'manage'],
      validDays: 1,
    })
    await using backend = await ServiceClient.open(service, String(token))
    expect(await backend.request('getEdges')).toHaveProperty('edges')
    expect((await backend.call('createUser', { login: 'x' })).error).toMatchObject({ code: 1005 })
    await operator.request('setServiceDisabled', { name, disabled: true })
    expect((await backend.closed).code).toBeGreaterThan(1000)
    await expect(ServiceClient.open(service, String(token))).rejects.toThrow('refused with 401')
  })
})

describe('an edge asks', () => {
  it('appCenter: an edge may install every app, and keeps by itself what it has', async () => {
    await using device = await EdgeClient.open(service, (await addEdge(service.ctx)).apiKey)
    const ask = (method: string, params: object = {}) =>
      device.call('appCenter', { payload: { jsonrpc: '2.0', id: randomUUID(), method, params } })
    const app = { appId: 'App.Api.ModbusTcp.ReadOnly', instanceId: randomUUID(), userId: 'alice' }
    expect((await ask('addInstallInstanceHistory', { ...app, key: '0000-0000-0000-0000' })).result).toEqual({})
    expect((await ask('addDeinstallInstanceHistory', app)).result).toEqual({})
    expect((await ask('getInstalledApps')).result).toEqual({ installedApps: [] })
    expect((await ask('getPossibleApps', { key: 'x' })).result).toEqual({ bundles: [] })
    expect((await ask('isKeyApplicable', { key: 'x' })).result).toMatchObject({ isKeyApplicable: false })
    expect((await ask('isAppFree', { appId: 'x' })).error).toMatchObject({ code: 4001 })
    expect((await device.call('appCenter', { payload: {} })).error).toMatchObject({ code: -32602 })
  })

  it('checkSetupPassword: only its own is right', async () => {
    const [own, other] = [await addEdge(service.ctx), await addEdge(service.ctx)]
    await using device = await EdgeClient.open(service, own.apiKey)
    expect((await device.call('checkSetupPassword', { setupPassword: own.setupPassword })).result).toEqual({})
    for (const setupPassword of [other.setupPassword, 'wrong']) {
      expect((await device.call('checkSetupPassword', { setupPassword })).error).toEqual({
        code: 1003,
        message: 'Authentication failed',
        data: ['checkSetupPassword'],
      })
    }
    expect((await device.call('checkSetupPassword', {})).error?.code).toBe(-32602)
    expect((await device.call('oauthRegistry', { payload: {} })).error).toMatchObject({ code: 1 })
    expect((await device.call('x', {})).error).toMatchObject({ code: 4001 })
    await using ui = await UiClient.signedIn(service)
    expect((await ui.call('checkSetupPassword', { setupPassword: own.setupPassword })).error).toMatchObject({
      code: 4001,
    })
  })
})

describe('the log', () => {
  it('tells who did what, newest first, page by page, without secrets', async () => {
    const edge = await addEdge(service.ctx)
    const user = await addUser(service.ctx)
    await using admin = await UiClient.signedIn(service)
    await admin.request('grantAccess', { login: user.login, on: { edgeId: edge.id }, role: 'owner' })
    await admin.request('rotateEdgeKey', { edgeId: edge.id, overlapHours: 0 })
    const first = (await admin.request('listChanges', { login: 'admin', limit: 2 }))['changes'] as Json[]
    expect(first.map(({ action, actor }) => [action, actor])).toEqual([
      ['edgeKey.created', 'admin'],
      ['edgeKey.expires', 'admin'],
    ])
    const next = (await admin.request('listChanges', { login: 'admin', limit: 1, before: first[1]?.['revision'] }))[
      'changes'
    ] as Json[]
    expect(next).toMatchObject([
      { action: 'grant.created', before: null, after: { principalId: user.id, resourceId: edge.row.id } },
    ])
    const all = JSON.stringify(await admin.request('listChanges', { limit: 100 }))
    for (const secret of [edge.apiKey, service.ctx.credentials.hash(edge.apiKey), edge.setupPassword])
      expect(all).not.toContain(secret)
    expect((await admin.call('listChanges', { limit: 0 })).error?.code).toBe(-32602)
  })

  it('of configurations is for owners of the edge', async () => {
    const edge = await addEdge(service.ctx)
    const guest = await addUserWith(service.ctx, 'guest', edge)
    await using ui = await UiClient.signedIn(service, guest.login)
    expect((await ui.call('getEdgeConfigHistory', { edgeId: edge.id })).error).toMatchObject({
      code: 1002,
      data: ['getEdgeConfigHistory', 'GUEST'],
    })
    expect(await operator.request('getEdgeConfigHistory', { edgeId: edge.id })).toEqual({ entries: [] })
    expect((await operator.call('getEdgeConfigHistory', {})).error?.code).toBe(-32602)
  })
})

function raise(): never {
  throw new Error('missing')
}
