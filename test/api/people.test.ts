import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { UserRow } from '../../src/access/model.ts'
import { seedDemo } from '../../src/demo/demo.ts'
import { type Json, refusal, UiClient, userPassword } from '../harness/clients.ts'
import { addEdge, addUser, addUserWith, fresh, give } from '../harness/seed.ts'
import { startTestService, type TestService } from '../harness/service.ts'

let service: TestService
let admin: UiClient
beforeAll(async () => {
  service = await startTestService({ config: { registration: 'invitation', defaultEdgeGroup: true } })
  admin = await UiClient.signedIn(service)
})
afterAll(async () => {
  await admin?.[Symbol.asyncDispose]()
  await service?.[Symbol.asyncDispose]()
})

const signIn = (user: Pick<UserRow, 'login'>, password = userPassword) =>
  UiClient.signedIn(service, user.login, password)
const list = async (client: UiClient, method: string, key: string, params: object = {}) =>
  (await client.request(method, params))[key] as Json[]

/** A tenant with an owner, a user group of it, and a manager who looks after members. */
const letShare = (user: Pick<UserRow, 'login'>, edge: { id: string }) =>
  admin.request('grantRole', { to: { login: user.login }, on: { edgeId: edge.id }, role: 'resource.administration' })

async function tenant() {
  const owner = await addUser(service.ctx, { shareable: true })
  const { id } = await admin.request('createOrganisation', { name: fresh('Company '), owner: owner.login })
  const organisationId = Number(id)
  const boss = await signIn(owner)
  const group = await boss.request('createUserGroup', { name: fresh('Team '), organisationId })
  return { organisationId, owner, boss, groupId: Number(group['id']) }
}

describe('invitations into an organisation', () => {
  it('answer for a private account as for one that is not there, by login and e-mail, and list both (P-22, G-18, E-03)', async () => {
    const { organisationId, boss } = await tenant()
    const hidden = await addUser(service.ctx, { email: `${fresh('hidden')}@example.org` })
    const names = [hidden.login, String(hidden.email), 'nobody-there', 'nobody@example.org']
    const answers = []
    for (const login of names)
      answers.push(await boss.call('addOrganisationMember', { organisationId, login, role: 'viewer' }))
    expect(answers.map(({ result }) => result)).toEqual(names.map(() => ({ state: 'invited' })))
    expect(
      await boss.request('addOrganisationMember', { organisationId, login: hidden.login, role: 'viewer' }),
    ).toEqual({
      state: 'invited',
    })
    const open = await list(boss, 'listInvitations', 'invitations', { organisationId, sort: 'id' })
    expect(open.map(({ addressee }) => addressee)).toEqual(names)
    const shapes = open.map(({ addressee: _a, invitationId: _i, expiresAt: _e, ...rest }) => rest)
    expect(new Set(shapes.map((shape) => JSON.stringify(shape))).size).toBe(1)
    expect(await boss.request('listOrganisationMembers', { organisationId })).toMatchObject({ total: 1 })
  })

  it('make a member on acceptance only; may be rejected, and accepted after that (P-22, E-03)', async () => {
    const { organisationId, owner, boss } = await tenant()
    const hidden = await addUser(service.ctx)
    await using ui = await signIn(hidden)
    await boss.request('addOrganisationMember', { organisationId, login: hidden.login, role: 'manager' })
    expect(await ui.request('listOrganisations')).toMatchObject({ total: 0 })
    const [mine] = await list(ui, 'listInvitations', 'invitations')
    expect(mine).toMatchObject({ organisationId, role: 'manager', invitedBy: owner.login, isRejected: false })
    expect(mine).not.toHaveProperty('addressee')
    const { invitationId } = mine ?? {}
    await using stranger = await signIn(await addUser(service.ctx))
    for (const method of ['acceptInvitation', 'rejectInvitation', 'withdrawInvitation'])
      expect(await refusal(stranger, method, { invitationId })).toEqual(
        await refusal(stranger, method, { invitationId: 2_000_000_000 }),
      )
    expect((await refusal(stranger, 'listInvitations', { organisationId })).code).toBe(1005)
    await ui.request('rejectInvitation', { invitationId })
    expect(await list(boss, 'listInvitations', 'invitations', { organisationId })).toMatchObject([{ isRejected: true }])
    await ui.request('acceptInvitation', { invitationId })
    expect(await ui.request('listOrganisations')).toMatchObject({ total: 1 })
    expect(await list(boss, 'listInvitations', 'invitations', { organisationId })).toEqual([])
    expect((await refusal(ui, 'acceptInvitation', { invitationId })).code).toBe(1005)
  })

  it('are listed in pages, searched and sorted, by place and by who made them, and taken back by him (P-22)', async () => {
    const { organisationId, boss } = await tenant()
    const other = await tenant()
    for (const name of ['ann', 'bea', '100%', 'cleo'])
      await boss.request('addOrganisationMember', { organisationId, login: `${name}@example.org`, role: 'viewer' })
    await other.boss.request('inviteMember', { to: { organisationId: other.organisationId, role: 'viewer' } })
    const names = async (params: object) =>
      (await list(boss, 'listInvitations', 'invitations', params)).map(
        ({ addressee }) => String(addressee).split('@')[0],
      )
    expect(await names({ sent: true })).toEqual(['100%', 'ann', 'bea', 'cleo'])
    expect(await names({ sent: true, descending: true, limit: 2 })).toEqual(['cleo', 'bea'])
    expect(await names({ organisationId, limit: 2, page: 1 })).toEqual(['bea', 'cleo'])
    expect(await names({ organisationId, query: '%' })).toEqual(['100%'])
    expect(await boss.request('listInvitations', { organisationId, query: 'EXAMPLE', limit: 1 })).toMatchObject({
      total: 4,
    })
    const [first] = await list(boss, 'listInvitations', 'invitations', { sent: true, sort: 'id' })
    await boss.request('withdrawInvitation', { invitationId: first?.['invitationId'] })
    expect(await names({ sent: true, sort: 'id' })).toEqual(['bea', '100%', 'cleo'])
    await using admin = await UiClient.signedIn(service)
    const email = `${fresh('stranger')}@example.org`
    await admin.request('createInvitation', { email })
    const [made] = await list(admin, 'listInvitations', 'invitations', { sent: true, query: email })
    expect(made).toMatchObject({ addressee: email, isVoucher: true, name: '' })
    expect((await refusal(boss, 'withdrawInvitation', { invitationId: made?.['invitationId'] })).code).toBe(1005)
    await admin.request('withdrawInvitation', { invitationId: made?.['invitationId'] })
    expect(await list(admin, 'listInvitations', 'invitations', { sent: true, query: email })).toEqual([])
  })

  it('convey no more than whoever invited holds then and now, and end when withdrawn (G-01, C-12)', async () => {
    const { organisationId, boss } = await tenant()
    const manager = await addUser(service.ctx, { shareable: true })
    await boss.request('addOrganisationMember', { organisationId, login: manager.login, role: 'manager' })
    await using handles = await signIn(manager)
    const [one, two] = [await addUser(service.ctx), await addUser(service.ctx)]
    const asOwner = { organisationId, login: one.login, role: 'owner' }
    expect((await refusal(handles, 'addOrganisationMember', asOwner)).message).toMatch(/pass on/)
    expect((await refusal(handles, 'inviteMember', { to: { organisationId, role: 'owner' } })).message).toMatch(
      /pass on/,
    )
    for (const { login } of [one, two])
      await handles.request('addOrganisationMember', { organisationId, login, role: 'viewer' })
    const [first, second] = await list(boss, 'listInvitations', 'invitations', { organisationId, sort: 'id' })
    await boss.request('withdrawInvitation', { invitationId: first?.['invitationId'] })
    await using ui = await signIn(one)
    expect((await refusal(ui, 'acceptInvitation', { invitationId: first?.['invitationId'] })).code).toBe(1005)
    await boss.request('removeOrganisationMember', { organisationId, login: manager.login })
    await using other = await signIn(two)
    expect((await refusal(other, 'acceptInvitation', { invitationId: second?.['invitationId'] })).message).toMatch(
      /not valid/,
    )
    expect(await other.request('listOrganisations')).toMatchObject({ total: 0 })
  })

  it('are vouchers for people without an account, who register with them, and for people with one (P-22)', async () => {
    const { organisationId, boss } = await tenant()
    const to = { organisationId, role: 'viewer' }
    const email = `${fresh('new')}@example.org`
    const { token } = await boss.request('inviteMember', { to, email })
    const { token: open } = await boss.request('inviteMember', { to })
    const person = {
      firstname: 'Ada',
      lastname: 'New',
      password: userPassword,
      address: { street: '', zip: '', city: '', country: '' },
    }
    await using ui = await UiClient.open(service)
    const wrong = { user: { ...person, email: 'other@example.org', invitation: token } }
    expect((await refusal(ui, 'registerUser', wrong)).message).toMatch(/not valid/)
    await ui.request('registerUser', { user: { ...person, email, invitation: token } })
    await ui.signIn(email)
    expect(await ui.request('listOrganisations')).toMatchObject({ total: 1 })
    await using second = await signIn(await addUser(service.ctx))
    expect((await refusal(second, 'acceptInvitation', { token })).code).toBe(1005)
    await second.request('acceptInvitation', { token: open })
    expect(await second.request('listOrganisations')).toMatchObject({ total: 1 })
    expect((await refusal(second, 'acceptInvitation', {})).code).toBe(-32602)
  })
})

describe('services in user groups', () => {
  it('hold what the group holds, for those who handle the service only (2.1, G-31)', async () => {
    const { organisationId, boss, groupId } = await tenant()
    const name = fresh('backend')
    const { token: _token, tokenId } = await admin.request('createServiceToken', { name })
    expect((await refusal(boss, 'addGroupMember', { groupId, member: { service: name } })).code).toBe(1005)
    expect(await refusal(boss, 'addGroupMember', { groupId, member: { service: name } })).toEqual(
      await refusal(boss, 'addGroupMember', { groupId, member: { service: 'no such service' } }),
    )
    expect(await admin.request('addGroupMember', { groupId, member: { service: name } })).toEqual({ state: 'active' })
    const edge = await addEdge(service.ctx, { organisationId })
    await boss.request('grantRole', { to: { userGroupId: groupId }, on: { edgeId: edge.id }, role: 'resource.detail' })
    const row = [...service.ctx.store.index.rows('service')].find((one) => one.name === name)
    const roleNow = () => service.ctx.store.index.edgeRole(row?.id ?? 0, edge.row.id, Date.now())
    expect(roleNow()).toBe('guest')
    expect(await list(boss, 'listGroupMembers', 'members', { groupId })).toMatchObject([
      { service: name, state: 'active' },
    ])
    await admin.request('removeGroupMember', { groupId, member: { service: name } })
    expect(roleNow()).toBeUndefined()
    await admin.request('endServiceToken', { tokenId })
    expect(await admin.request('listServiceTokens', { service: name })).toEqual({ tokens: [] })
    expect((await refusal(boss, 'endServiceToken', { tokenId })).code).toBe(1005)
  })
})

describe('the default edge group', () => {
  it('is there with the account; claimed edges start in it, and leave without loss of access (G-21, G-22, GD-05)', async () => {
    const user = await addUser(service.ctx)
    const edge = await addEdge(service.ctx)
    await letShare(user, edge)
    await using ui = await signIn(user)
    const groups = await list(ui, 'listEdgeGroups', 'groups')
    expect(groups).toMatchObject([{ name: `The edges of ${user.login}`, mayManage: true }])
    const groupId = Number(groups[0]?.['id'])
    await ui.request('addEdgeToUser', { setupPassword: edge.setupPassword })
    expect(await list(ui, 'listEdgeGroupContent', 'content', { groupId })).toMatchObject([{ edgeId: edge.id }])
    await ui.request('renameEdgeGroup', { groupId, name: 'My houses' })
    await ui.request('removeFromEdgeGroup', { groupId, content: { edgeId: edge.id } })
    expect(await list(ui, 'listEdgeGroupContent', 'content', { groupId })).toEqual([])
    expect(await ui.request('getEdge', { edgeId: edge.id })).toHaveProperty('edge.role', 'installer')
    await ui.request('deleteEdgeGroup', { groupId })
    const next = await addEdge(service.ctx)
    await ui.request('addEdgeToUser', { setupPassword: next.setupPassword })
    expect(await ui.request('getEdge', { edgeId: next.id })).toHaveProperty('edge.role', 'installer')
  })

  it('shows nobody an edge any more that is taken from him (G-08, G-11)', async () => {
    const [user, friend] = [await addUser(service.ctx), await addUser(service.ctx, { shareable: true })]
    const edge = await addEdge(service.ctx)
    await using ui = await signIn(user)
    await using other = await signIn(friend)
    await letShare(user, edge)
    await ui.request('addEdgeToUser', { setupPassword: edge.setupPassword })
    const [group] = await list(ui, 'listEdgeGroups', 'groups')
    const on = { edgeGroupId: group?.['id'] }
    await ui.request('grantRole', { to: { login: friend.login }, on, role: 'group.detail' })
    expect(await other.request('getEdge', { edgeId: edge.id })).toHaveProperty('edge.role', 'guest')
    await admin.request('revokeAccess', { login: user.login, on: { edgeId: edge.id } })
    for (const client of [ui, other]) expect((await refusal(client, 'getEdge', { edgeId: edge.id })).code).toBe(1005)
  })

  it('keeps the name its holder gave it, whatever becomes of his own name (G-23)', async () => {
    const user = await addUser(service.ctx)
    await using ui = await signIn(user)
    const [group] = await list(ui, 'listEdgeGroups', 'groups')
    await ui.request('renameEdgeGroup', { groupId: group?.['id'], name: 'My houses' })
    const address = { street: '', zip: '', city: '', country: '' }
    await ui.request('setUserInformation', { user: { firstname: 'New', lastname: 'Name', address } })
    expect(await list(ui, 'listEdgeGroups', 'groups')).toMatchObject([{ name: 'My houses' }])
  })

  it('takes in no edge that its holder may not share (G-30, T4)', async () => {
    const user = await addUser(service.ctx)
    const edge = await addEdge(service.ctx)
    await using ui = await signIn(user)
    await ui.request('addEdgeToUser', { setupPassword: edge.setupPassword })
    const [group] = await list(ui, 'listEdgeGroups', 'groups')
    expect(await list(ui, 'listEdgeGroupContent', 'content', { groupId: Number(group?.['id']) })).toEqual([])
    expect(await ui.request('getEdge', { edgeId: edge.id })).toHaveProperty('edge.role', 'installer')
  })
})

describe('members that a group looks after', () => {
  it('are created inside it by who handles the members of the organisation, and by nobody else (E-02, E-04)', async () => {
    const { boss, groupId } = await tenant()
    const login = fresh('made')
    await boss.request('createGroupMember', { groupId, login, name: 'Made Here', password: userPassword })
    expect(await list(boss, 'listGroupMembers', 'members', { groupId })).toMatchObject([
      { login, state: 'active', isManaged: true, consents: true },
    ])
    await using ui = await signIn({ login })
    expect(await list(ui, 'listUserGroups', 'groups')).toMatchObject([{ id: groupId, membership: 'active' }])
    const own = await ui.request('createUserGroup', { name: 'Mine' })
    const more = { groupId: Number(own['id']), login: fresh('more'), password: userPassword }
    expect((await refusal(ui, 'createGroupMember', more)).message).toMatch(/handle the members/)
    expect((await refusal(ui, 'createGroupMember', { ...more, groupId })).code).toBe(1005)
    expect((await refusal(boss, 'setPassword', { login, password: userPassword })).code).toBe(1005)
  })

  it('get a new password there until they set one themselves, and no existing account ever does (EC-08, EC-10)', async () => {
    const { boss, groupId } = await tenant()
    const login = fresh('made')
    await boss.request('createGroupMember', { groupId, login, password: userPassword })
    const set = (who: string) =>
      boss.call('setGroupMemberPassword', { groupId, login: who, password: 'set by the group' })
    expect((await set(login)).error).toBeUndefined()
    const existing = await addUser(service.ctx, { shareable: true })
    await boss.request('addGroupMember', { groupId, member: { login: existing.login } })
    const denied = (await set(existing.login)).error
    expect(denied).toMatchObject({ code: 1005 })
    expect((await set('nobody-there')).error).toEqual(denied)
    expect((await set('admin')).error).toEqual(denied)
    await using ui = await signIn({ login }, 'set by the group')
    await ui.request('changeOwnPassword', { oldPassword: 'set by the group', newPassword: 'now it is mine' })
    expect((await set(login)).error).toEqual(denied)
    expect(await list(boss, 'listGroupMembers', 'members', { groupId, query: login })).toMatchObject([
      { isManaged: false, consents: false },
    ])
  })

  it('are nobody’s way to rights that the administrator lacks (EC-08, G-01)', async () => {
    const { boss, groupId } = await tenant()
    const login = fresh('made')
    await boss.request('createGroupMember', { groupId, login, password: userPassword })
    const user = service.ctx.store.index.userByLogin(login)
    if (user === undefined) throw new Error('not created')
    await give(service.ctx, user, 'owner', await addEdge(service.ctx))
    const params = { groupId, login, password: 'set by the group' }
    expect((await refusal(boss, 'setGroupMemberPassword', params)).message).toMatch(/beyond the group/)
  })

  it('are acted as by the owner of the group, never as an administrator of the platform (E-06, EC-09)', async () => {
    const { boss, groupId, owner } = await tenant()
    const login = fresh('made')
    await boss.request('createGroupMember', { groupId, login, password: userPassword })
    expect(await boss.request('impersonate', { login })).toMatchObject({
      user: { id: login, impersonatedBy: { id: owner.login } },
    })
    await boss.request('endImpersonation')
    await boss.request('removeGroupMember', { groupId, member: { login } })
    expect((await refusal(boss, 'impersonate', { login })).code).toBe(1005)
    expect((await refusal(boss, 'impersonate', { login: 'admin' })).code).toBe(1005)
  })

  it('keep an administrator: the one who made the group cannot be put out of it (EC-07)', async () => {
    const { boss, groupId, owner } = await tenant()
    await using member = await signIn(await addUserWith(service.ctx, 'owner', await addEdge(service.ctx)))
    expect((await refusal(member, 'removeGroupMember', { groupId, member: { login: owner.login } })).code).toBe(1005)
    await boss.request('removeGroupMember', { groupId, member: { login: owner.login } }).catch(() => undefined)
    expect(await list(boss, 'listUserGroups', 'groups')).toMatchObject([{ id: groupId, isController: true }])
  })
})

it('the organisation of the demo has an owner (P-09)', async () => {
  await seedDemo(service.ctx)
  const company = [...service.ctx.store.index.rows('organisation')].find(({ name }) => name === 'Sunny Street Energy')
  const manager = service.ctx.store.index.userByLogin('manager')
  expect(service.ctx.store.index.ownersOf(company?.id ?? 0, Date.now())).toEqual([manager?.id])
})
