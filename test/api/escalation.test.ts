import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { EdgeClient, type Json, refusal, UiClient } from '../harness/clients.ts'
import { importItems, userRecord } from '../harness/importing.ts'
import { company, memberOf, newSite, newSub } from '../harness/organisations.ts'
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

async function person(shareable = true) {
  const user = await addUser(service.ctx, { shareable })
  return { user, login: user.login, ui: await UiClient.signedIn(service, user.login) }
}
const idOf = async (answer: Promise<Json>) => Number((await answer)['id'])
const seen = async (ui: UiClient) => (await ui.request('getEdges'))['edges'] as Json[]

describe('an invitation to a user group', () => {
  it('that waits conveys nothing its maker could not give when it is accepted (G-01, G-31, P-22)', async () => {
    const [maker, friend, keeper] = [await person(), await person(false), await person()]
    const groupId = await idOf(maker.ui.request('createUserGroup', { name: fresh('Friends ') }))
    expect(await maker.ui.request('addGroupMember', { groupId, member: { login: friend.login } })).toEqual({
      state: 'invited',
    })
    await maker.ui.request('addGroupMember', { groupId, member: { login: keeper.login } })
    const edge = await addEdge(service.ctx)
    const on = { edgeId: edge.id }
    await admin.request('grantRole', { to: { login: keeper.login }, on, role: 'resource.administration' })
    // Whoever grants to a group grants to those who are in it.
    await keeper.ui.request('grantRole', { to: { userGroupId: groupId }, on, role: 'resource.detail' })
    expect((await refusal(friend.ui, 'acceptInvitation', { groupId })).message).toMatch(/not valid/)
    expect(await seen(friend.ui)).toEqual([])
    // Once its maker may, he is in.
    await keeper.ui.request('grantRole', { to: { login: maker.login }, on, role: 'resource.administration' })
    await friend.ui.request('acceptInvitation', { groupId })
    expect(await seen(friend.ui)).toMatchObject([{ id: edge.id }])
  })
})

describe('an invitation that is made once more', () => {
  it('is for the time of the last one, and counts again after it was rejected (P-22, T2)', async () => {
    const [maker, friend] = [await person(), await person(false)]
    const groupId = await idOf(maker.ui.request('createUserGroup', { name: fresh('Friends ') }))
    const invited = { groupId, member: { login: friend.login } }
    await maker.ui.request('addGroupMember', invited)
    await friend.ui.request('rejectInvitation', { groupId })
    const validTo = new Date(service.ctx.clock().getTime() + 3_600_000).toISOString()
    expect(await maker.ui.request('addGroupMember', { ...invited, validTo })).toEqual({ state: 'invited' })
    await friend.ui.request('acceptInvitation', { groupId })
    expect(await maker.ui.request('listGroupMembers', { groupId })).toMatchObject({ members: [{ validTo }], total: 1 })
  })
})

describe('claims', () => {
  it('are not set by a manager on an owner, who is above him (P-09, C-12)', async () => {
    const { id, owner, boss } = await company(service, admin)
    const manager = await memberOf(service, boss, id, 'manager')
    const given = { login: owner.login, key: 'sensors', value: 'NONE' }
    expect((await refusal(manager.ui, 'setClaim', given)).code).toBe(1005)
    const viewer = await memberOf(service, boss, id, 'viewer')
    await manager.ui.request('setClaim', { ...given, login: viewer.user.login })
  })

  it('of NONE are lifted only by who holds what they cut (G-01, K8)', async () => {
    const { id, boss } = await company(service, admin)
    const [clerk, manager] = [await person(), await memberOf(service, boss, id, 'manager')]
    const name = fresh('acme.clerk')
    await boss.request('createRole', { organisationId: id, name, self: ['discover', 'manageMembers', 'manageGroup'] })
    await boss.request('grantRole', { to: { login: clerk.login }, on: { organisationId: id }, role: name })
    const given = { login: manager.user.login, key: 'control', value: 'NONE' }
    await boss.request('setClaim', given)
    expect((await refusal(clerk.ui, 'setClaim', { ...given, value: 'WRITE' })).message).toMatch(/pass on.*control/)
    // Nor does a file bring it.
    const record = { ...userRecord(given.login, { claims: { control: 'WRITE' } }), email: `${given.login}@example.com` }
    const by = { askerId: clerk.user.id, organisationId: id }
    expect((await importItems(service.ctx, [record], by)).report.problems).toMatchObject([
      { rule: 'G-01', text: expect.stringMatching(/control/) },
    ])
    await boss.request('setClaim', { ...given, value: 'WRITE' })
  })
})

describe('gates of a sub-organisation', () => {
  it('are opened only by who holds what goes through them (G-01, P-13)', async () => {
    const { id, boss } = await company(service, admin)
    const [planner, below] = [await person(), await newSub(boss, id)]
    const name = fresh('acme.planner')
    await boss.request('createRole', {
      organisationId: id,
      name,
      self: ['discover', 'manageGroup', 'edit', 'createSub'],
    })
    await boss.request('grantRole', { to: { login: planner.login }, on: { organisationId: id }, role: name })
    const siteId = await newSite(boss, id)
    const edge = await addEdge(service.ctx, { siteId })
    await boss.request('shareSite', { siteId, organisationId: below })
    await boss.request('addOrganisationMember', { organisationId: below, login: planner.login, role: 'owner' })
    const control = async () => (await planner.ui.request('getEdge', { edgeId: edge.id }))['edge'] as Json
    expect(await control()).toMatchObject({ role: 'guest' })
    const gates = { organisationId: below, canEditSites: true }
    expect((await refusal(planner.ui, 'setOrganisationGates', gates)).message).toMatch(/pass on/)
    expect(await control()).toMatchObject({ role: 'guest' })
    await boss.request('setOrganisationGates', gates)
    expect(await control()).toMatchObject({ role: 'installer' })
    await planner.ui.request('setOrganisationGates', { organisationId: below, canEditSites: false })
  })
})

describe('policies of a tenant', () => {
  it('make nothing public and nobody a guest beyond what who switches them holds (G-01, K7, K10)', async () => {
    const { id, boss } = await company(service, admin)
    const planner = await memberOf(service, boss, id, 'member')
    const name = fresh('acme.planner')
    await boss.request('createRole', { organisationId: id, name, self: ['discover', 'manageGroup'] })
    await boss.request('grantRole', { to: { login: planner.user.login }, on: { organisationId: id }, role: name })
    const edge = await addEdge(service.ctx, { siteId: await newSite(boss, id) })
    const policies = { organisationId: id, strictRoles: false }
    expect((await refusal(planner.ui, 'setTenantPolicies', policies)).code).toBe(1005)
    expect((await refusal(planner.ui, 'getEdge', { edgeId: edge.id })).code).toBe(1005)
    expect((await refusal(planner.ui, 'setTenantPolicies', { organisationId: id, publicAccess: true })).code).toBe(1005)
  })
})

describe('a user group that owns an organisation', () => {
  it('loses its people, and goes, by owners only (P-09, C-12)', async () => {
    const { id, boss } = await company(service, admin)
    const [manager, second] = [await memberOf(service, boss, id, 'manager'), await person()]
    const groupId = await idOf(boss.request('createUserGroup', { name: fresh('Board '), organisationId: id }))
    await boss.request('grantRole', { to: { userGroupId: groupId }, on: { organisationId: id }, role: 'org.owner' })
    const member = { login: second.login }
    await boss.request('addGroupMember', { groupId, member })
    expect((await refusal(manager.ui, 'removeGroupMember', { groupId, member })).message).toMatch(/owners only/)
    expect((await refusal(manager.ui, 'deleteUserGroup', { groupId })).message).toMatch(/owners only/)
    await second.ui.request('removeGroupMember', { groupId, member })
    await boss.request('deleteUserGroup', { groupId })
  })
})

describe('an administrator of the platform for a time', () => {
  it('lets himself in to no account and no service that has more for longer (G-01, EC-10)', async () => {
    const helper = await person()
    const validTo = new Date(service.ctx.clock().getTime() + 3_600_000).toISOString()
    const role = 'openems.admin'
    await admin.request('grantRole', { to: { login: helper.login }, on: { platform: true }, role, validTo })
    const [chief, customer] = [await person(), await person()]
    await admin.request('grantRole', { to: { login: chief.login }, on: { platform: true }, role })
    const password = 'another good password'
    expect((await refusal(helper.ui, 'setPassword', { login: chief.login, password })).message).toMatch(/pass on/)
    await helper.ui.request('setPassword', { login: customer.login, password })
    const name = fresh('service')
    const { tokenId } = await admin.request('createServiceToken', { name, role: 'admin' })
    expect((await refusal(helper.ui, 'createServiceToken', { name })).message).toMatch(/pass on/)
    expect((await refusal(helper.ui, 'rotateServiceToken', { tokenId })).message).toMatch(/pass on/)
  })

  it('makes no service at all when he may not give it the role (G-01)', async () => {
    const helper = await person()
    const validTo = new Date(service.ctx.clock().getTime() + 3_600_000).toISOString()
    const to = { login: helper.login }
    await admin.request('grantRole', { to, on: { platform: true }, role: 'openems.admin', validTo })
    const name = fresh('service')
    expect((await refusal(helper.ui, 'createServiceToken', { name, role: 'admin' })).message).toMatch(/pass on/)
    expect(await admin.request('listServices', { query: name })).toEqual({ services: [], total: 0 })
  })
})

describe('a name that is taken again', () => {
  it('brings nothing of the account that had it: rights, groups, invitations, agreement (G-01, EC-17)', async () => {
    const { id, boss } = await company(service, admin)
    const [old, keeper] = [await addUser(service.ctx), await person()]
    const { login } = old
    const edge = await addEdge(service.ctx)
    await admin.request('grantRole', { to: { login }, on: { edgeId: edge.id }, role: 'resource.detail' })
    const groupId = await idOf(keeper.ui.request('createUserGroup', { name: fresh('Friends ') }))
    await keeper.ui.request('addGroupMember', { groupId, member: { login } })
    await boss.request('addOrganisationMember', { organisationId: id, login, role: 'viewer' })
    const { invitations } = await boss.request('listInvitations', { organisationId: id })
    const [{ invitationId } = {}] = invitations as Json[]
    expect(invitationId).toEqual(expect.any(Number))
    await admin.request('setClaim', { login, key: 'control', value: 'NONE' })
    await admin.request('deleteUser', { login })
    await admin.request('createUser', { login, password: 'another good password' })
    await using again = await UiClient.open(service)
    await again.signIn(login, 'another good password')
    expect(await seen(again)).toEqual([])
    expect(await again.request('listUserGroups')).toMatchObject({ total: 0 })
    expect(await again.request('listClaims')).toMatchObject({ total: 0 })
    expect(await again.request('listInvitations')).toMatchObject({ total: 0 })
    expect((await refusal(again, 'acceptInvitation', { invitationId })).code).toBe(1005)
    expect((await refusal(again, 'acceptInvitation', { groupId })).code).toBe(1005)
  })

  it('of an edge shows nothing to a socket that still watches the one that had it (G-11)', async () => {
    const watcher = await person()
    const edge = await addEdge(service.ctx)
    const on = { edgeId: edge.id }
    await admin.request('grantRole', { to: { login: watcher.login }, on, role: 'resource.detail' })
    {
      await using device = await EdgeClient.open(service, edge.apiKey)
      await watcher.ui.watch(edge.id, ['soc'])
      device.report({ soc: 1 })
      await watcher.ui.data()
      await admin.request('deleteEdge', on)
      await device.closed
    }
    const { apiKey } = await admin.request('createEdge', on)
    const before = watcher.ui.texts.length
    await using device = await EdgeClient.open(service, String(apiKey))
    for (const soc of [42, 43]) {
      device.report({ soc })
      await device.settled()
    }
    await watcher.ui.settled()
    expect(watcher.ui.texts.slice(before).join()).not.toMatch(/4[23]/)
    expect((await refusal(watcher.ui, 'getEdgesChannelsValues', { ids: [edge.id], channels: ['soc'] })).code).toBe(1005)
  })
})

describe('what stops a deletion', () => {
  it('is told without counting what the asker may not see (G-14)', async () => {
    const { id, boss } = await company(service, admin)
    const [clerk, below] = [await person(), await newSub(boss, id)]
    const siteId = await newSite(boss, id)
    await addEdge(service.ctx, { siteId })
    await boss.request('createUserGroup', { name: fresh('Hidden '), organisationId: below })
    const [role, hidden] = [fresh('acme.clerk'), fresh('acme.hidden')]
    await boss.request('createRole', { organisationId: id, name: role, self: ['discover', 'delete', 'manageGroup'] })
    const hiddenRole = await idOf(boss.request('createRole', { organisationId: id, name: hidden, self: ['discover'] }))
    for (const on of [{ siteId }, { organisationId: id }, { organisationId: below }])
      await boss.request('grantRole', { to: { login: clerk.login }, on, role })
    await boss.request('grantRole', { to: { login: clerk.login }, on: { siteId }, role: hidden })
    expect((await refusal(clerk.ui, 'deleteSite', { siteId })).message).toMatch(/still has edges you cannot see/)
    expect((await refusal(boss, 'deleteSite', { siteId })).message).toMatch(/still has 1 edge:/)
    const organisation = { organisationId: below }
    expect((await refusal(clerk.ui, 'deleteOrganisation', organisation)).message).toMatch(/still has things you cannot/)
    expect((await refusal(boss, 'deleteOrganisation', organisation)).message).toMatch(/still has 1 user group:/)
    expect((await refusal(clerk.ui, 'deleteRole', { roleId: hiddenRole })).message).toMatch(
      /still granted on things you cannot see/,
    )
    expect((await refusal(boss, 'deleteRole', { roleId: hiddenRole })).message).toMatch(/still granted once \(on Site/)
  })

  it('names the organisations that would have no owner, as far as the asker knows them (P-09)', async () => {
    const { owner } = await company(service, admin)
    for (const method of ['deleteUser', 'setUserDisabled']) {
      const given = method === 'deleteUser' ? {} : { disabled: true }
      const { message } = await refusal(admin, method, { login: owner.login, ...given })
      expect(message).toMatch(/at least one owner.*Company /)
    }
  })
})
