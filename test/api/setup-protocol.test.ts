import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openBackend } from '../harness/backend.ts'
import { type BackendClient, type Json, UiClient } from '../harness/clients.ts'
import { testClock } from '../harness/clock.ts'
import { addEdge, addUser, addUserWith, fresh, give, type SeededEdge } from '../harness/seed.ts'
import { startTestService, type TestService } from '../harness/service.ts'

const HOUR = 3_600_000
const clock = testClock()
let service: TestService
let backend: BackendClient
beforeAll(async () => {
  service = await startTestService({ clock: clock.now })
  backend = await openBackend(service)
})
afterAll(async () => {
  await backend?.[Symbol.asyncDispose]()
  await service?.[Symbol.asyncDispose]()
})

function protocolOf(edge: SeededEdge, email: string): Json {
  const address = { street: 'Weg 1', zip: '94469', city: 'Deggendorf', country: 'de' }
  return {
    edge: { id: edge.id },
    customer: { firstname: 'Jörg', lastname: 'Müller (sen.)', email, phone: '1', address },
    installer: {
      firstname: 'I',
      lastname: 'N',
      email: 'i@example.org',
      phone: '',
      address,
      company: { name: 'Solar' },
    },
    lots: [{ category: 'Battery', name: 'Module 1', serialNumber: 'B-1' }],
    items: [{ category: 'Safety', name: 'Earthing', value: 'ok' }],
    oem: 'openems',
  }
}

async function commissioned() {
  const edge = await addEdge(service.ctx)
  const installer = await addUserWith(service.ctx, 'installer', edge)
  const email = `${fresh('customer')}@example.org`
  const protocol = protocolOf(edge, email)
  const { setupProtocolId } = await backend.request('submitSetupProtocol', { userId: installer.login, protocol })
  return { edge, installer, email, protocol, setupProtocolId: setupProtocolId as number }
}

describe('a setup protocol', () => {
  it('makes its customer owner of the edge, with an account if he has none, and an alert after an hour', async () => {
    const { edge, email, installer } = await commissioned()
    expect(await backend.request('getUserRole', { userId: email, edgeId: edge.id })).toHaveProperty('role', 'owner')
    expect(await backend.request('getUser', { userId: email })).toMatchObject({
      user: { name: 'Jörg Müller (sen.)', globalRole: 'owner' },
    })
    expect(await backend.request('getEdgeOfflineAlertingSettings', { edgeId: edge.id })).toEqual({
      settings: [{ edgeId: edge.id, userLogin: email, delay: 60, lastNotification: null }],
    })
    const other = await addEdge(service.ctx)
    await give(service.ctx, installer, 'installer', other)
    await backend.request('submitSetupProtocol', { userId: installer.login, protocol: protocolOf(other, email) })
    expect(await backend.request('getUser', { userId: email })).toHaveProperty('user.hasMultipleEdges', true)
  })

  it('is submitted by installers of the edge, who convey no more than they hold (G-01)', async () => {
    const { edge, protocol } = await commissioned()
    const owner = await addUserWith(service.ctx, 'owner', edge)
    await using ui = await UiClient.signedIn(service, owner.login)
    expect((await ui.call('submitSetupProtocol', { protocol })).error?.code).toBe(1002)
    const parts = { edgeId: edge.id, serialNumbers: [] }
    expect((await ui.call('createSerialNumberExtensionProtocol', parts)).error?.code).toBe(1002)
    await using stranger = await UiClient.signedIn(service, (await addUser(service.ctx)).login)
    expect((await stranger.call('submitSetupProtocol', { protocol })).error?.code).toBe(1005)
    const visitor = await addUser(service.ctx)
    await give(service.ctx, visitor, 'installer', edge, { validTo: new Date(clock.now().getTime() + HOUR) })
    await using brief = await UiClient.signedIn(service, visitor.login)
    const forLonger = { protocol: protocolOf(edge, `${fresh('late')}@example.org`) }
    expect((await brief.call('submitSetupProtocol', forLonger)).error?.message).toMatch(/not for so long/)
    clock.advance(HOUR)
    expect((await brief.call('submitSetupProtocol', { protocol })).error?.code).toBe(1005)
    expect((await brief.call('createSerialNumberExtensionProtocol', parts)).error?.code).toBe(1005)
    for (const wrong of [{}, { protocol: {} }, { protocol: { ...protocol, customer: undefined } }])
      expect((await brief.call('submitSetupProtocol', wrong)).error?.code).toBe(-32602)
    const userId = (await addUserWith(service.ctx, 'installer', edge)).login
    const nobody = { ...protocol, customer: { ...(protocol['customer'] as Json), email: '' } }
    expect((await backend.call('submitSetupProtocol', { userId, protocol: nobody })).error?.code).toBe(1)
  })

  it('is listed, read and printed for owners of its edge and nobody else (OC-12)', async () => {
    const { edge, email, setupProtocolId, installer, protocol } = await commissioned()
    clock.advance(1000)
    const added = await backend.request('createSerialNumberExtensionProtocol', {
      edgeId: edge.id,
      userId: installer.login,
      serialNumbers: [{ category: 'Battery', name: 'Module 2', serialNumber: 'B-2' }],
    })
    const first = { setupProtocolId, createDate: expect.any(String), setupProtocolType: 'SETUP_PROTOCOL' }
    const second = { ...added, createDate: expect.any(String), setupProtocolType: 'CAPACITY_EXTENSION' }
    const edgeId = edge.id
    expect(await backend.request('getProtocolsCoreInfo', { userId: email, edgeId })).toEqual({
      setupProtocols: [second, first],
    })
    expect(await backend.request('getLatestSetupProtocolCoreInfo', { userId: email, edgeId })).toEqual(second)
    expect(await backend.request('getSetupProtocolData', { userId: email, edgeId })).toEqual({
      customer: protocol['customer'],
      items: protocol['items'],
    })
    // The UI sends the number as text.
    const { payload } = await backend.request('getSetupProtocol', {
      userId: email,
      setupProtocolId: String(setupProtocolId),
    })
    const pdf = Buffer.from(String(payload), 'base64').toString('latin1')
    expect(pdf).toMatch(/^%PDF-1\.4\n[\s\S]*Jörg Müller \\\(sen\.\\\)[\s\S]*Module 1: B-1[\s\S]*%%EOF\n$/)

    const guest = await addUserWith(service.ctx, 'guest', edge)
    const stranger = await addUser(service.ctx)
    const former = await addUser(service.ctx)
    await give(service.ctx, former, 'owner', edge, { validTo: new Date(clock.now().getTime() + HOUR) })
    await using ofFormer = await UiClient.signedIn(service, former.login)
    expect((await ofFormer.call('getSetupProtocol', { setupProtocolId })).error).toBeUndefined()
    clock.advance(HOUR)
    for (const { login, codes } of [
      { login: guest.login, codes: [1005, 1002, 1002] },
      { login: stranger.login, codes: [1005, 1005, 1005] },
      { login: former.login, codes: [1005, 1005, 1005] },
    ]) {
      await using ui = await UiClient.signedIn(service, login)
      const answers = [
        await ui.call('getSetupProtocol', { setupProtocolId }),
        await ui.call('getSetupProtocolData', { edgeId }),
        await ui.call('getLatestSetupProtocolCoreInfo', { edgeId }),
      ]
      expect(answers.map(({ error }) => error?.code)).toEqual(codes)
      const unknown = await ui.call('getSetupProtocol', { setupProtocolId: 9_999_999 })
      expect(unknown.error).toEqual(answers[0]?.error)
      for (const wrong of [{}, { setupProtocolId: 'x' }])
        expect((await ui.call('getSetupProtocol', wrong)).error?.code).toBe(-32602)
    }
    await using ofGuest = await UiClient.signedIn(service, guest.login)
    expect(await ofGuest.request('getProtocolsCoreInfo', { edgeId })).toEqual({ setupProtocols: [] })
  })

  it('of another time stays hidden from whoever took the house over (T2)', async () => {
    const { edge, setupProtocolId } = await commissioned()
    clock.advance(HOUR)
    const heir = await addUser(service.ctx)
    await using admin = await UiClient.signedIn(service)
    await admin.request('grantRole', {
      to: { login: heir.login },
      on: { edgeId: edge.id },
      role: 'openems.owner',
      dataWindows: [[clock.now().toISOString(), null]],
    })
    await using ui = await UiClient.signedIn(service, heir.login)
    expect(await ui.request('getProtocolsCoreInfo', { edgeId: edge.id })).toEqual({ setupProtocols: [] })
    expect(await ui.request('getSetupProtocolData', { edgeId: edge.id })).toEqual({})
    expect(await ui.request('getLatestSetupProtocolCoreInfo', { edgeId: edge.id })).toEqual({})
    expect((await ui.call('getSetupProtocol', { setupProtocolId })).error?.code).toBe(1005)
  })
})
