import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { disableUser } from '../../src/accounts/user-service.ts'
import { openBackend } from '../harness/backend.ts'
import { type BackendClient, EdgeClient, type Json, UiClient, userPassword } from '../harness/clients.ts'
import { testClock } from '../harness/clock.ts'
import { addEdge, addUser, addUserWith, fresh, give, type SeededEdge } from '../harness/seed.ts'
import { startTestService, type TestService } from '../harness/service.ts'

const HOUR = 3_600_000
const clock = testClock()
let service: TestService
let backend: BackendClient
let edge: SeededEdge
beforeAll(async () => {
  service = await startTestService({ clock: clock.now, config: { registration: 'open' } })
  backend = await openBackend(service)
  edge = await addEdge(service.ctx, { comment: 'House' })
})
afterAll(async () => {
  await backend?.[Symbol.asyncDispose]()
  await service?.[Symbol.asyncDispose]()
})

const code = async (client: BackendClient, method: string, params: object) =>
  (await client.call(method, params)).error?.code

/** Every method of a backend with parameters that work, once `userId` and `edgeId` are real. */
const asked = (userId: string, edgeId: string): Record<string, Json> => ({
  getUser: { userId },
  getUserByExternalId: { externalId: '0' },
  getUserRole: { userId, edgeId },
  getUserRoles: { pairs: [[userId, edgeId]] },
  getEdgeIdForApikey: { apikey: 'none' },
  getEdgeBySetupPassword: { setupPassword: 'none' },
  getEdgeConfig: { edgeId },
  getSerialNumberForEdge: { edgeId },
  logGenericSystemLog: { edgeId, userId, teaser: 'Systemrestart' },
  getUserAlertingSettings: { edgeId },
  setUserAlertingSettings: { edgeId, userId, settings: [] },
  getEdgeOfflineAlertingSettings: { edgeId },
  getSumStateAlertingSettings: { edgeId },
  authenticateUserWithPassword: { username: userId, password: 'x' },
  authenticateUserWithToken: { token: 'x' },
  logoutUser: { token: 'x' },
  registerUserFor: {
    user: {
      firstname: 'A',
      lastname: 'B',
      email: 'x@example.org',
      password: userPassword,
      address: { street: '', zip: '', city: '', country: '' },
    },
  },
})
/** Methods of people that a backend calls for one of them. */
const askedFor = (userId: string, edgeId: string): Record<string, Json> => ({
  getEdge: { userId, edgeId },
  getEdges: { userId },
  addEdgeToUser: { userId, setupPassword: 'x' },
  getUserInformation: { userId },
  updateUserLanguage: { userId, language: 'EN' },
  updateUserSettings: { userId, settings: {} },
  getSetupProtocolData: { userId, edgeId },
  getLatestSetupProtocolCoreInfo: { userId, edgeId },
  getProtocolsCoreInfo: { userId, edgeId },
  getSetupProtocol: { userId, setupProtocolId: 1 },
})

describe('what a backend asks', () => {
  it('is refused without the right to, and when that right has run out', async () => {
    const user = await addUserWith(service.ctx, 'owner', edge)
    const validTo = new Date(clock.now().getTime() + HOUR)
    await using guest = await openBackend(service, { role: 'guest' })
    await using former = await openBackend(service, { validTo })
    expect(await former.request('getUser', { userId: user.login })).toHaveProperty('user.id', user.login)
    clock.advance(HOUR)
    for (const [method, params] of Object.entries({
      ...asked(user.login, edge.id),
      ...askedFor(user.login, edge.id),
    })) {
      expect([method, await code(guest, method, params)]).toEqual([method, 1005])
      expect([method, await code(former, method, params)]).toEqual([method, 1005])
    }
  })

  it('needs the scope of its token: `read` for what is there, `authenticate` to speak for users', async () => {
    const user = await addUserWith(service.ctx, 'owner', edge)
    await using reader = await openBackend(service, { scopes: ['read'] })
    await using speaker = await openBackend(service, { scopes: ['authenticate'] })
    const all = { ...asked(user.login, edge.id), ...askedFor(user.login, edge.id) }
    for (const [method, params] of Object.entries(all)) {
      const refusals = [await code(reader, method, params), await code(speaker, method, params)]
      expect([method, refusals.filter((refused) => refused === 1002).length]).toEqual([
        method,
        // Lists and edges are read; for another they are read on his behalf, which takes both.
        ['getEdge', 'getEdges'].includes(method) ? 2 : 1,
      ])
    }
  })

  it('is refused where the parameters are wrong', async () => {
    for (const method of Object.keys(asked('', ''))) {
      expect([method, await code(backend, method, {})]).toEqual([method, -32602])
      expect([method, await code(backend, method, { userId: 1, edgeId: [], token: {}, pairs: 'x' })]).toEqual([
        method,
        -32602,
      ])
    }
  })

  it('is not for people: they name nobody but themselves (E-06)', async () => {
    const user = await addUserWith(service.ctx, 'owner', edge)
    const other = await addUserWith(service.ctx, 'owner', edge)
    await using ui = await UiClient.signedIn(service, user.login)
    for (const [method, params] of Object.entries(asked(user.login, edge.id)))
      expect([method, (await ui.call(method, params)).error?.code]).toEqual([method, 4001])
    for (const [method, params] of Object.entries(askedFor(other.login, edge.id)))
      expect([method, (await ui.call(method, params)).error?.code]).toEqual([method, 1005])
    expect(await ui.request('getEdge', { edgeId: edge.id, userId: user.login })).toHaveProperty('edge.role', 'owner')
  })
})

describe('users', () => {
  it('are found by login and by the subject of their tokens, with all that a stock backend keeps', async () => {
    const user = await addUser(service.ctx, { email: `${fresh('m')}@example.org` })
    const expected = {
      user: {
        userId: String(user.id),
        id: user.login,
        name: user.name,
        email: user.email,
        language: 'EN',
        globalRole: 'owner',
        settings: {},
        disabled: false,
        hasMultipleEdges: false,
      },
    }
    expect(await backend.request('getUser', { userId: user.login })).toEqual(expected)
    expect(await backend.request('getUserByExternalId', { externalId: String(user.id) })).toEqual(expected)
    for (const externalId of ['999999', 'x', user.login, '99999999999', ''])
      expect(await code(backend, 'getUserByExternalId', { externalId })).toBe(1005)
    expect(await code(backend, 'getUser', { userId: 'nobody' })).toBe(1005)
  })

  it('have a role on an edge that tells how long it holds; null without one (E.3)', async () => {
    const validTo = new Date(clock.now().getTime() + 5000)
    const user = await addUser(service.ctx)
    const role = () => backend.request('getUserRole', { userId: user.login, edgeId: edge.id })
    expect(await role()).toEqual({ role: null, validForMs: 600_000, epoch: service.ctx.store.revision })
    await give(service.ctx, user, 'installer', edge, { validTo })
    expect(await role()).toMatchObject({ role: 'installer', validForMs: 5000, epoch: service.ctx.store.revision })
    clock.advance(5000)
    expect(await role()).toMatchObject({ role: null, validForMs: 600_000 })
    const pairs = [
      [user.login, edge.id],
      ['admin', edge.id],
      ['nobody', edge.id],
      ['admin', 'no-edge'],
    ]
    expect(((await backend.request('getUserRoles', { pairs }))['roles'] as Json[]).map((one) => one['role'])).toEqual([
      null,
      'admin',
      null,
      null,
    ])
    expect(await code(backend, 'getUserRoles', { pairs: Array(1001).fill(['a', 'b']) })).toBe(-32602)
  })
})

describe('a backend that speaks for a user', () => {
  it('gets the list, the edge and the profile he would get, and changes it as him', async () => {
    const user = await addUserWith(service.ctx, 'guest', edge)
    const userId = user.login
    const { edges } = await backend.request('getEdges', { userId })
    expect((edges as Json[]).map(({ id, role }) => [id, role])).toEqual([[edge.id, 'guest']])
    expect(await backend.request('getEdge', { userId, edgeId: edge.id })).toHaveProperty('edge.role', 'guest')
    const hidden = await addEdge(service.ctx)
    expect(await code(backend, 'getEdge', { userId, edgeId: hidden.id })).toBe(1005)
    await backend.request('updateUserLanguage', { userId, language: 'fr' })
    await backend.request('updateUserSettings', { userId, settings: { theme: 'dark' } })
    const address = { street: 'S', zip: '1', city: 'C', country: 'de' }
    const person = { firstname: 'Ada', lastname: 'Byron', email: '', phone: '', address }
    await backend.request('setUserInformation', { userId, user: person })
    expect(await backend.request('getUserInformation', { userId })).toMatchObject({
      user: { firstname: 'Ada', address },
    })
    expect(await backend.request('getUser', { userId })).toMatchObject({
      user: { language: 'FR', settings: { theme: 'dark' }, name: 'Ada Byron' },
    })
    expect(await backend.request('addEdgeToUser', { userId, setupPassword: hidden.setupPassword })).toMatchObject({
      edge: { id: hidden.id },
    })
    expect(await backend.request('getUserRole', { userId, edgeId: hidden.id })).toHaveProperty('role', 'installer')
    const logged = await service.ctx.db
      .selectFrom('change')
      .select(['actorId', 'subjectId'])
      .where('action', '=', 'edge.addedBySetupPassword')
      .orderBy('revision', 'desc')
      .executeTakeFirstOrThrow()
    expect(logged.subjectId).toBe(user.id)
    expect(logged.actorId).not.toBe(user.id)
  })

  it('cannot speak for nobody, nor for whom is disabled', async () => {
    const user = await addUserWith(service.ctx, 'owner', edge)
    await disableUser(service.ctx, { actorId: null }, user.id)
    for (const userId of [user.login, 'nobody']) {
      expect(await code(backend, 'getEdge', { userId, edgeId: edge.id })).toBe(1005)
      expect(await code(backend, 'setUserAlertingSettings', { userId, edgeId: edge.id, settings: [] })).toBe(1005)
    }
    expect(await code(backend, 'getUserInformation', {})).toBe(1001)
  })

  it('cannot do through a user what is cut from itself (E-06)', async () => {
    const user = await addUserWith(service.ctx, 'owner', edge)
    await using limited = await openBackend(service, { components: ['meter*'] })
    const params = { userId: user.login, edgeId: edge.id }
    expect(await code(limited, 'getEdge', params)).toBe(1005)
    expect(await backend.request('getEdge', params)).toMatchObject({ edge: { role: 'owner' } })
  })
})

describe('edges', () => {
  it('are found by key and setup password, which only strangers guess at', async () => {
    expect(await backend.request('getEdgeIdForApikey', { apikey: edge.apiKey })).toEqual({ edgeId: edge.id })
    expect(await backend.request('getEdgeIdForApikey', { apikey: 'another' })).toEqual({})
    await using other = await openBackend(service)
    expect(await other.request('getEdgeBySetupPassword', { setupPassword: edge.setupPassword })).toEqual({
      edgeId: edge.id,
    })
    for (let guess = 0; guess < 10; guess++)
      expect(await other.request('getEdgeBySetupPassword', { setupPassword: `guess ${guess}` })).toEqual({})
    expect(await code(other, 'getEdgeBySetupPassword', { setupPassword: edge.setupPassword })).toBe(4005)
  })

  it('have a configuration, a serial number and a type; an unknown one has the stock text', async () => {
    const made = await addEdge(service.ctx)
    expect(await backend.request('getEdgeConfig', { edgeId: made.id })).toEqual({ config: {} })
    expect(await backend.request('getSerialNumberForEdge', { edgeId: made.id })).toEqual({})
    const columns = { serialNumber: 'SN-1', emsType: 'Box' }
    await service.ctx.db.updateTable('edge').set(columns).where('id', '=', made.row.id).execute()
    await using device = await EdgeClient.open(service, made.apiKey)
    device.notify('edgeConfig', { components: { ess0: {} }, factories: {} })
    await device.settled()
    expect(await backend.request('getEdgeConfig', { edgeId: made.id })).toHaveProperty('config.components.ess0')
    expect(await backend.request('getSerialNumberForEdge', { edgeId: made.id })).toEqual({ serialNumber: 'SN-1' })
    expect(await backend.request('getEmsType', { edgeId: made.id })).toEqual({ emsType: 'Box' })
    expect((await backend.call('getSerialNumberForEdge', { edgeId: 'none' })).error).toMatchObject({
      code: 1,
      message: 'Unable to get Edge for id [none]',
    })
  })

  it('have a log of what was done to them, with the user and not only the backend', async () => {
    const user = await addUserWith(service.ctx, 'admin', edge)
    const entry = { edgeId: edge.id, userId: user.login, teaser: 'Systemcommand: ls', values: { command: 'ls' } }
    expect(await backend.request('logGenericSystemLog', entry)).toEqual({})
    const row = await service.ctx.db
      .selectFrom('change')
      .select(['subjectId', 'after'])
      .where('action', '=', 'edge.systemLog')
      .orderBy('revision', 'desc')
      .executeTakeFirstOrThrow()
    expect(row).toEqual({
      subjectId: user.id,
      after: { edgeId: edge.id, teaser: 'Systemcommand: ls', values: { command: 'ls' } },
    })
    expect(await code(backend, 'logGenericSystemLog', { ...entry, userId: 'nobody' })).toBe(1005)
  })
})

describe('alerting', () => {
  it('is set as the user would, and told of those only who may still see the edge (C-16)', async () => {
    const house = await addEdge(service.ctx)
    const admin = await addUserWith(service.ctx, 'admin', house)
    const validTo = new Date(clock.now().getTime() + HOUR)
    const tenant = await addUser(service.ctx)
    await give(service.ctx, tenant, 'owner', house, { validTo })
    const settings = [
      { userLogin: tenant.login, offlineEdgeDelay: 60, faultEdgeDelay: 10, warningEdgeDelay: 0 },
      { userLogin: admin.login, offlineEdgeDelay: 0, faultEdgeDelay: 0, warningEdgeDelay: 15 },
    ]
    const edgeId = house.id
    const neverTold = { lastOfflineAlert: null, lastSumStateAlert: null }
    await backend.request('setUserAlertingSettings', { userId: admin.login, edgeId, settings })
    expect((await backend.request('getUserAlertingSettings', { edgeId }))['settings']).toHaveLength(2)
    expect(await backend.request('getUserAlertingSettings', { edgeId, userId: tenant.login })).toEqual({
      settings: [{ ...settings[0], ...neverTold }],
    })
    expect(await backend.request('getUserAlertingSettings', { edgeId, userId: 'admin' })).toEqual({
      settings: [{ userLogin: 'admin', offlineEdgeDelay: 0, faultEdgeDelay: 0, warningEdgeDelay: 0, ...neverTold }],
    })
    expect(await backend.request('getEdgeOfflineAlertingSettings', { edgeId })).toEqual({
      settings: [{ edgeId, userLogin: tenant.login, delay: 60, lastNotification: null }],
    })
    const sumStates = await backend.request('getSumStateAlertingSettings', { edgeId })
    expect((sumStates['settings'] as Json[]).map((one) => one['userLogin']).sort()).toEqual(
      [admin.login, tenant.login].sort(),
    )
    expect(
      (await backend.call('setUserAlertingSettings', { userId: tenant.login, edgeId, settings })).error,
    ).toMatchObject({ code: 1, data: [`You may not change the alerting of [${admin.login}]`] })
    clock.advance(HOUR)
    expect(await backend.request('getEdgeOfflineAlertingSettings', { edgeId })).toEqual({ settings: [] })
  })
})

describe('stamps of alerts', () => {
  it('are what the sender of mails said last, never later than now, and survive new settings (E-16, F.1)', async () => {
    const house = await addEdge(service.ctx)
    const owner = await addUserWith(service.ctx, 'owner', house)
    const other = await addUserWith(service.ctx, 'owner', house)
    const edgeId = house.id
    const alert = { offlineEdgeDelay: 60, faultEdgeDelay: 10, warningEdgeDelay: 0 }
    const set = (userLogin: string) =>
      backend.request('setUserAlertingSettings', { userId: userLogin, edgeId, settings: [{ userLogin, ...alert }] })
    await set(owner.login)
    await set(other.login)
    const sent = (template: string, sentAt: Date, recipients = [owner.login]) =>
      backend.request('reportAlertsSent', {
        template,
        sentAt: sentAt.toISOString(),
        mails: [
          { edgeId, recipients: [...recipients, 'nobody'] },
          { edgeId: 'no-such-edge', recipients },
        ],
      })
    const stampsOf = async (method: string) => {
      const { settings } = await backend.request(method, { edgeId })
      return (settings as Json[]).map((one) => [one['userLogin'], one['lastNotification']])
    }
    const now = clock.now()
    const earlier = new Date(now.getTime() - HOUR)
    await sent('alerting_offline', earlier)
    await sent('alerting_sum_state', new Date(now.getTime() + HOUR), [owner.login, other.login])
    await set(owner.login)
    expect(await stampsOf('getEdgeOfflineAlertingSettings')).toEqual([
      [owner.login, earlier.toISOString()],
      [other.login, null],
    ])
    expect(await stampsOf('getSumStateAlertingSettings')).toEqual([
      [owner.login, now.toISOString()],
      [other.login, now.toISOString()],
    ])
    await sent('alerting_offline', new Date(earlier.getTime() - HOUR))
    expect(await backend.request('getUserAlertingSettings', { edgeId, userId: owner.login })).toEqual({
      settings: [
        {
          userLogin: owner.login,
          ...alert,
          lastOfflineAlert: earlier.toISOString(),
          lastSumStateAlert: now.toISOString(),
        },
      ],
    })
    await using reader = await openBackend(service, { scopes: ['read'] })
    expect(
      (await reader.call('reportAlertsSent', { template: 'alerting_offline', mails: [{ edgeId, recipients: [] }] }))
        .error,
    ).toMatchObject({ code: 1002 })
  })
})

describe('sessions', () => {
  it('are opened, taken up and ended for users of a backend (F.3)', async () => {
    const user = await addUser(service.ctx)
    const opened = await backend.request('authenticateUserWithPassword', {
      username: user.login,
      password: userPassword,
      clientAddress: '203.0.113.9',
    })
    expect(opened).toMatchObject({ userId: String(user.id), login: user.login })
    const { token } = opened
    expect(await backend.request('authenticateUserWithToken', { token })).toEqual(opened)
    expect(await backend.request('logoutUser', { token })).toEqual({})
    expect(await code(backend, 'authenticateUserWithToken', { token })).toBe(1003)
    expect(await backend.request('logoutUser', { token: 'none' })).toEqual({})
    expect(await code(backend, 'authenticateUserWithPassword', { username: user.login, password: 'wrong' })).toBe(1003)
  })

  it('start with a registration that no client chooses the role of (OC-11)', async () => {
    const email = `${fresh('new')}@example.org`
    const user = {
      firstname: 'New',
      lastname: 'Person',
      email,
      password: userPassword,
      role: 'ADMIN',
      address: { street: '', zip: '', city: '', country: '' },
    }
    const made = await backend.request('registerUserFor', { user })
    expect(await backend.request('getUserByExternalId', { externalId: made['userId'] })).toMatchObject({
      user: { id: email, globalRole: 'owner' },
    })
    expect(await code(backend, 'registerUserFor', { user })).toBe(1)
  })
})
