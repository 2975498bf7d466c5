import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { EdgeClient, refusal, UiClient, userPassword } from '../harness/clients.ts'
import { addEdge, addUser, fresh } from '../harness/seed.ts'
import { startTestService, type TestService } from '../harness/service.ts'

let service: TestService
let admin: UiClient
beforeAll(async () => {
  service = await startTestService()
  admin = await UiClient.signedIn(service)
})
afterAll(async () => {
  await admin?.[Symbol.asyncDispose]()
  await service?.[Symbol.asyncDispose]()
})

/** An account as an operator makes it: nothing is said about sharing. */
async function created() {
  const login = fresh('made')
  await admin.request('createUser', {
    login,
    name: `Name of ${login}`,
    email: `${login}@mail.example`,
    password: userPassword,
  })
  return { login, ui: await UiClient.signedIn(service, login) }
}
async function company() {
  const owner = await addUser(service.ctx, { shareable: true })
  const { id } = await admin.request('createOrganisation', { name: fresh('Company '), owner: owner.login })
  return { id, ui: await UiClient.signedIn(service, owner.login) }
}

describe('privacy of accounts', () => {
  it('G-17 G-18 G-19 a new account is private: every way to name it answers as for nobody', async () => {
    const [keeper, secret] = [await created(), await created()]
    const edge = await addEdge(service.ctx)
    await admin.request('grantRole', {
      to: { login: keeper.login },
      on: { edgeId: edge.id },
      role: 'resource.administration',
    })
    const { id: groupId } = await keeper.ui.request('createUserGroup', { name: 'Group' })
    const ways: [method: string, params: (login: string) => object][] = [
      ['grantRole', (login) => ({ to: { login }, on: { edgeId: edge.id }, role: 'resource.detail' })],
      ['grantAccess', (login) => ({ login, on: { edgeId: edge.id }, role: 'guest' })],
      ['setRestriction', (login) => ({ login, edgeId: edge.id, periods: [{ to: '2020-01-01T00:00:00.000Z' }] })],
      ['setClaim', (login) => ({ login, key: 'reports', value: 'READ' })],
      ['listClaims', (login) => ({ login })],
      [
        'authorizeData',
        (userId) => ({
          userId,
          edgeId: edge.id,
          channels: [],
          from: '2020-01-01T00:00:00.000Z',
          to: '2021-01-01T00:00:00.000Z',
        }),
      ],
      ['getUserEdges', (userId) => ({ userId })],
      ['handOver', (login) => ({ edgeId: edge.id, to: { login } })],
    ]
    for (const [method, params] of ways) {
      const [unseen, nobody] = [
        await refusal(keeper.ui, method, params(secret.login)),
        await refusal(keeper.ui, method, params('nobody-at-all')),
      ]
      const text = (error: object, login: string) => JSON.stringify(error).replaceAll(login, 'X')
      expect([method, text(unseen, secret.login)]).toEqual([method, text(nobody, 'nobody-at-all')])
      expect(unseen.code).toBe(1005)
    }
    const invited = await keeper.ui.request('addGroupMember', { groupId, member: { login: secret.login } })
    expect(await keeper.ui.request('addGroupMember', { groupId, member: { login: 'nobody-at-all' } })).toEqual(invited)
    expect(await keeper.ui.request('listGroupMembers', { groupId })).toEqual({ members: [], total: 0 })
  })

  it('G-17 G-20 G-32 who is available shows his name and nothing else; private again he keeps what he has', async () => {
    const [keeper, friend] = [await created(), await created()]
    const edge = await addEdge(service.ctx)
    await admin.request('grantRole', {
      to: { login: keeper.login },
      on: { edgeId: edge.id },
      role: 'resource.administration',
    })
    await friend.ui.request('setUserInformation', {
      user: {
        firstname: 'Frida',
        lastname: 'Secret',
        email: `${friend.login}@mail.example`,
        phone: '555 1234',
        address: { street: 'Hidden Lane', zip: '1', city: 'X', country: 'de' },
      },
    })
    await friend.ui.request('setShareable', { shareable: true })
    const on = { edgeId: edge.id }
    await keeper.ui.request('grantRole', { to: { login: friend.login }, on, role: 'resource.detail' })
    await friend.ui.request('setShareable', { shareable: false })
    expect(await friend.ui.request('getEdge', on)).toMatchObject({ edge: { role: 'guest' } })
    expect(
      (await refusal(keeper.ui, 'grantRole', { to: { login: friend.login }, on, role: 'resource.control' })).code,
    ).toBe(1005)
    const told = [await keeper.ui.request('listGrants', { on }), await keeper.ui.request('getEdgeUsers', on)]
    expect(JSON.stringify(told)).toContain(friend.login)
    expect(JSON.stringify(told)).not.toMatch(/mail\.example|555 1234|Hidden Lane|Frida/)
    const named = await refusal(keeper.ui, 'getUserInformation', { userId: friend.login })
    const nobody = await refusal(keeper.ui, 'getUserInformation', { userId: 'nobody-at-all' })
    expect([named.code, nobody.code]).toEqual([1005, 1005])
  })
})

describe('public access', () => {
  it('G-03 K7 is off by default, and is the tenant’s to turn on and off', async () => {
    const [one, stranger] = [await company(), await created()]
    const { organisations } = await one.ui.request('listOrganisations')
    expect(organisations).toMatchObject([{ publicAccess: false }])
    const { id: siteId } = await one.ui.request('createSite', {
      organisationId: one.id,
      name: 'House',
      location: 'Hill 1',
    })
    const edge = await addEdge(service.ctx, { siteId: Number(siteId), comment: 'Miller family' })
    const open = { to: { everybody: true }, on: { siteId }, role: 'resource.overview' }
    await one.ui.request('grantRole', open)
    const seen = async () => (await stranger.ui.request('listSites'))['total']
    expect(await seen()).toBe(0)
    expect((await refusal(stranger.ui, 'setTenantPolicies', { organisationId: one.id, publicAccess: true })).code).toBe(
      1005,
    )
    await one.ui.request('setTenantPolicies', { organisationId: one.id, publicAccess: true })
    expect(await seen()).toBe(1)
    expect(await one.ui.request('getEdgeUsers', { edgeId: edge.id })).toMatchObject({ everybody: true })
    await one.ui.request('setTenantPolicies', { organisationId: one.id, publicAccess: false })
    expect(await seen()).toBe(0)
    expect(await one.ui.request('getEdgeUsers', { edgeId: edge.id })).toMatchObject({ everybody: false })
  })

  it('G-04 K7 K10 opens no role, no value, no name, whatever else the tenant says', async () => {
    const [one, stranger] = [await company(), await created()]
    const { id: siteId } = await one.ui.request('createSite', {
      organisationId: one.id,
      name: 'House',
      location: 'Hill 1',
    })
    const edge = await addEdge(service.ctx, { siteId: Number(siteId), comment: 'Miller family' })
    await one.ui.request('setTenantPolicies', { organisationId: one.id, publicAccess: true, strictRoles: false })
    await one.ui.request('grantRole', { to: { everybody: true }, on: { siteId }, role: 'resource.overview' })
    await one.ui.request('grantRole', { to: { everybody: true }, on: { edgeId: edge.id }, role: 'resource.overview' })
    await using device = await EdgeClient.open(service, edge.apiKey)
    device.report({ 'meter0/ActivePower': 5 })
    await device.settled()
    expect(await stranger.ui.request('getEdges')).toEqual({ edges: [] })
    expect(await stranger.ui.request('getEdges', { query: 'Miller' })).toEqual({ edges: [] })
    for (const [method, params] of [
      ['getEdge', { edgeId: edge.id }],
      ['subscribeEdges', { edges: [edge.id] }],
      ['getEdgesStatus', { edgeIds: [edge.id] }],
      ['getEdgesChannelsValues', { ids: [edge.id], channels: ['meter0/ActivePower'] }],
      ['edgeRpc', { edgeId: edge.id, payload: { method: 'getEdgeConfig', id: 'x' } }],
      ['getEdgeUsers', { edgeId: edge.id }],
    ] as const)
      expect([method, (await refusal(stranger.ui, method, params)).code]).toEqual([method, 1005])
    const range = { from: '2020-01-01T00:00:00.000Z', to: '2021-01-01T00:00:00.000Z' }
    const asked = { userId: stranger.login, edgeId: edge.id, channels: ['meter0/ActivePower'], ...range }
    expect(await stranger.ui.request('authorizeData', asked)).toMatchObject({
      allowed: [],
      channels: [],
      reason: 'none',
    })
    expect(await stranger.ui.request('listSites')).toEqual({
      sites: [{ id: siteId, name: '', isVirtual: false }],
      total: 1,
    })
    const roles = ['resource.detail', 'resource.control', 'resource.administration', 'openems.guest', 'openems.owner']
    for (const role of roles)
      expect((await refusal(one.ui, 'grantRole', { to: { everybody: true }, on: { siteId }, role })).message).toMatch(
        /nothing more/,
      )
    await using deaf = await UiClient.open(service)
    expect((await refusal(deaf, 'listSites', {})).code).toBe(1001)
  })
})
