import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { UserRow } from '../../src/access/model.ts'
import { refusal, UiClient } from '../harness/clients.ts'
import { addEdge, addUser, fresh, type SeededEdge } from '../harness/seed.ts'
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

const unknownId = 2_000_000_000
const newGroup = async (ui: UiClient, kind: 'User' | 'Edge') =>
  Number((await ui.request(`create${kind}Group`, { name: fresh(`${kind} group `) }))['id'])
const sees = async (ui: UiClient, edge: SeededEdge) =>
  (await ui.call('getEdge', { edgeId: edge.id })).error === undefined

async function person(shareable = true): Promise<{ user: UserRow; ui: UiClient }> {
  const user = await addUser(service.ctx, { shareable })
  return { user, ui: await UiClient.signedIn(service, user.login) }
}

/** Somebody with an edge that he administers. */
async function keeper() {
  const { user, ui } = await person()
  const edge = await addEdge(service.ctx)
  await admin.request('grantRole', {
    to: { login: user.login },
    on: { edgeId: edge.id },
    role: 'resource.administration',
  })
  return { user, ui, edge }
}
const grant = (ui: UiClient, userGroupId: number, edge: SeededEdge, role = 'resource.detail') =>
  ui.request('grantRole', { to: { userGroupId }, on: { edgeId: edge.id }, role })

describe('user groups', () => {
  it('E-01 E-02 E-13 GD-03 belong to who creates them: nobody else renames, fills or deletes them', async () => {
    const [one, two] = [await person(), await person()]
    const groupId = await newGroup(one.ui, 'User')
    await one.ui.request('renameUserGroup', {
      groupId,
      name: 'Heat pumps',
      purpose: 'research',
      description: 'Project',
    })
    expect(await one.ui.request('listUserGroups')).toEqual({
      groups: [{ id: groupId, name: 'Heat pumps', purpose: 'research', description: 'Project', isController: true }],
      total: 1,
    })
    const member = { login: two.user.login }
    for (const [method, params] of [
      ['renameUserGroup', { name: 'X' }],
      ['deleteUserGroup', {}],
      ['addGroupMember', { member }],
      ['removeGroupMember', { member: { login: one.user.login } }],
      ['listGroupMembers', {}],
    ] as const) {
      const unseen = await refusal(two.ui, method, { groupId, ...params })
      expect(unseen, method).toEqual(await refusal(two.ui, method, { groupId: unknownId, ...params }))
      expect(unseen.code).toBe(1005)
    }
  })

  it('G-05 G-06 G-07 G-08 rights add up over groups, reach every depth and every parent, and end at once', async () => {
    const { ui, edge } = await keeper()
    const { user, ui: reader } = await person()
    const [outer, other, inner] = [await newGroup(ui, 'User'), await newGroup(ui, 'User'), await newGroup(ui, 'User')]
    for (const groupId of [outer, other])
      await ui.request('addGroupMember', { groupId, member: { userGroupId: inner } })
    await ui.request('addGroupMember', { groupId: inner, member: { login: user.login } })
    expect(await sees(reader, edge)).toBe(false)
    await grant(ui, outer, edge)
    expect(await reader.request('getEdge', { edgeId: edge.id })).toMatchObject({ edge: { role: 'guest' } })
    await grant(ui, other, edge, 'resource.control')
    expect(await reader.request('getEdge', { edgeId: edge.id })).toMatchObject({ edge: { role: 'owner' } })
    await ui.request('removeGroupMember', { groupId: other, member: { userGroupId: inner } })
    expect(await reader.request('getEdge', { edgeId: edge.id })).toMatchObject({ edge: { role: 'guest' } })
    await ui.request('deleteUserGroup', { groupId: outer })
    expect(await sees(reader, edge)).toBe(false)
  })

  it('G-34 never contain themselves, and nest at most ten deep', async () => {
    const { ui } = await person()
    const groups: number[] = []
    for (let depth = 0; depth < 11; depth++) groups.push(await newGroup(ui, 'User'))
    const put = (groupId: number | undefined, userGroupId: number | undefined) => ({ groupId, member: { userGroupId } })
    for (let depth = 1; depth < 10; depth++) await ui.request('addGroupMember', put(groups[depth - 1], groups[depth]))
    expect((await refusal(ui, 'addGroupMember', put(groups[9], groups[0]))).message).toMatch(/itself/)
    expect((await refusal(ui, 'addGroupMember', put(groups[0], groups[0]))).message).toMatch(/itself/)
    expect((await refusal(ui, 'addGroupMember', put(groups[9], groups[10]))).message).toMatch(/deep/)
    expect(await ui.request('listGroupMembers', { groupId: groups[9] })).toMatchObject({ total: 0 })
  })

  it('G-17 G-18 P-22 K5 a private account is invited, and whether there is one is not told', async () => {
    const { ui, edge } = await keeper()
    const guest = await person(false)
    const groupId = await newGroup(ui, 'User')
    await grant(ui, groupId, edge)
    expect(await ui.request('addGroupMember', { groupId, member: { login: guest.user.login } })).toEqual({
      state: 'invited',
    })
    expect(await ui.request('addGroupMember', { groupId, member: { login: 'nobody-at-all' } })).toEqual({
      state: 'invited',
    })
    expect(await ui.request('addGroupMember', { groupId, member: { login: guest.user.login } })).toEqual({
      state: 'invited',
    })
    const addressed = await addUser(service.ctx, { email: `${fresh('mail')}@example.com` })
    const byAddress = { groupId, member: { login: addressed.email?.toUpperCase() } }
    expect(await ui.request('addGroupMember', byAddress)).toEqual({ state: 'invited' })
    await using reached = await UiClient.signedIn(service, addressed.login)
    await reached.request('acceptInvitation', { groupId })
    // Who of the members has the address is not told either.
    expect(await ui.request('addGroupMember', byAddress)).toEqual({ state: 'invited' })
    await ui.request('removeGroupMember', byAddress)
    const member = { login: addressed.login, state: 'active' }
    expect(await ui.request('listGroupMembers', { groupId })).toMatchObject({ members: [member], total: 1 })
    await ui.request('removeGroupMember', { groupId, member: { login: addressed.login } })
    // Nor of an account that others may know: by its name it is a member at once, by its address it is invited unseen.
    const open = await addUser(service.ctx, { email: `${fresh('mail')}@example.com`, shareable: true })
    expect(await ui.request('addGroupMember', { groupId, member: { login: open.email } })).toEqual({ state: 'invited' })
    expect(await ui.request('listGroupMembers', { groupId })).toEqual({ members: [], total: 0 })
    expect(await sees(guest.ui, edge)).toBe(false)
    expect(await guest.ui.request('listUserGroups')).toMatchObject({
      groups: [{ id: groupId, membership: 'invited', isController: false }],
    })
    await guest.ui.request('rejectInvitation', { groupId })
    expect(await sees(guest.ui, edge)).toBe(false)
    await guest.ui.request('acceptInvitation', { groupId })
    expect(await sees(guest.ui, edge)).toBe(true)
    expect(await ui.request('listGroupMembers', { groupId })).toMatchObject({
      members: [{ login: guest.user.login, state: 'active' }],
    })
    await guest.ui.request('removeGroupMember', { groupId, member: { login: guest.user.login } })
    expect(await sees(guest.ui, edge)).toBe(false)
    const unseen = await refusal(guest.ui, 'acceptInvitation', { groupId })
    expect(unseen).toEqual(await refusal(guest.ui, 'acceptInvitation', { groupId: unknownId }))
    expect(await ui.request('removeGroupMember', { groupId, member: { login: 'nobody-at-all' } })).toEqual({})
  })

  it('G-31 take only groups the actor may know of', async () => {
    const [one, two] = [await person(), await person()]
    const [mine, foreign] = [await newGroup(one.ui, 'User'), await newGroup(two.ui, 'User')]
    const unseen = await refusal(one.ui, 'addGroupMember', { groupId: mine, member: { userGroupId: foreign } })
    expect(unseen).toEqual(
      await refusal(one.ui, 'addGroupMember', { groupId: mine, member: { userGroupId: unknownId } }),
    )
    await two.ui.request('addGroupMember', { groupId: foreign, member: { login: one.user.login } })
    await one.ui.request('addGroupMember', { groupId: mine, member: { userGroupId: foreign } })
  })

  it('G-01 nobody passes on by a membership what he could not grant', async () => {
    const { ui, edge } = await keeper()
    const [other, friend] = [await person(), await person()]
    const groupId = await newGroup(other.ui, 'User')
    await other.ui.request('addGroupMember', { groupId, member: { login: (await keeper()).user.login } })
    await admin.request('grantRole', { to: { userGroupId: groupId }, on: { edgeId: edge.id }, role: 'resource.detail' })
    expect(
      (await refusal(other.ui, 'addGroupMember', { groupId, member: { login: friend.user.login } })).message,
    ).toMatch(/denied|pass on/)
    expect(await refusal(other.ui, 'addGroupMember', { groupId, member: { login: 'nobody-at-all' } })).toEqual(
      await refusal(other.ui, 'addGroupMember', { groupId, member: { login: (await person(false)).user.login } }),
    )
    expect(await sees(friend.ui, edge)).toBe(false)
    expect(await sees(ui, edge)).toBe(true)
  })

  it('GD-04 a member learns of the group and of nobody else in it', async () => {
    const [owner, member] = [await person(), await person()]
    const groupId = await newGroup(owner.ui, 'User')
    await owner.ui.request('addGroupMember', {
      groupId,
      member: { login: member.user.login },
      validTo: '2999-01-01T00:00:00.000Z',
    })
    expect(await member.ui.request('listUserGroups')).toMatchObject({
      groups: [{ id: groupId, membership: 'active' }],
      total: 1,
    })
    expect((await refusal(member.ui, 'listGroupMembers', { groupId })).code).toBe(1005)
    const inverted = { validFrom: '2030-01-01T00:00:00.000Z', validTo: '2029-01-01T00:00:00.000Z' }
    const params = { groupId, member: { login: (await person()).user.login }, ...inverted }
    expect((await refusal(owner.ui, 'addGroupMember', params)).message).toMatch(/end before/)
    expect(
      (await refusal(owner.ui, 'addGroupMember', { groupId, member: { login: member.user.login } })).message,
    ).toMatch(/already/)
  })

  it('of an organisation are run by those who handle its members', async () => {
    const [owner, stranger] = [await person(), await person()]
    const { id } = await admin.request('createOrganisation', { name: fresh('Company '), owner: owner.user.login })
    const params = { name: 'Team', organisationId: id }
    expect((await refusal(stranger.ui, 'createUserGroup', params)).code).toBe(1005)
    const group = await admin.request('createUserGroup', params)
    await owner.ui.request('renameUserGroup', { groupId: group['id'], name: 'Renamed' })
    expect((await refusal(admin, 'deleteOrganisation', { organisationId: id })).message).toMatch(/1 user group/)
  })
})

describe('a user group that owns an organisation', () => {
  it('P-09 EC-07 keeps its last member, its grant and itself', async () => {
    const owner = await person()
    const { login } = owner.user
    const { id } = await admin.request('createOrganisation', { name: fresh('Company '), owner: login })
    const groupId = await newGroup(owner.ui, 'User')
    await owner.ui.request('addGroupMember', { groupId, member: { login } })
    await owner.ui.request('grantRole', { to: { userGroupId: groupId }, on: { organisationId: id }, role: 'org.owner' })
    await owner.ui.request('removeOrganisationMember', { organisationId: id, login })
    expect(await owner.ui.request('listOrganisations')).toMatchObject({ total: 1 })
    const { revision } = service.ctx.store.index
    expect((await refusal(owner.ui, 'removeGroupMember', { groupId, member: { login } })).message).toMatch(/owner/)
    expect((await refusal(owner.ui, 'deleteUserGroup', { groupId })).message).toMatch(/owner/)
    expect(service.ctx.store.index.revision).toBe(revision)
    await owner.ui.request('addOrganisationMember', { organisationId: id, login, role: 'owner' })
    await owner.ui.request('deleteUserGroup', { groupId })
  })
})

describe('edge groups', () => {
  it('G-02 GD-01 belong to who creates them; G-14 to others they do not exist', async () => {
    const [one, two] = [await person(), await person()]
    const groupId = await newGroup(one.ui, 'Edge')
    await one.ui.request('renameEdgeGroup', { groupId, name: 'Roofs' })
    expect(await one.ui.request('listEdgeGroups')).toMatchObject({
      groups: [{ id: groupId, name: 'Roofs', mayManage: true }],
      total: 1,
    })
    expect(await two.ui.request('listEdgeGroups', { query: 'Roofs' })).toEqual({ groups: [], total: 0 })
    for (const [method, params] of [
      ['renameEdgeGroup', { name: 'X' }],
      ['deleteEdgeGroup', {}],
      ['addToEdgeGroup', { content: { edgeId: 'edge0' } }],
      ['removeFromEdgeGroup', { content: { edgeId: 'edge0' } }],
      ['listEdgeGroupContent', {}],
    ] as const) {
      const unseen = await refusal(two.ui, method, { groupId, ...params })
      expect(unseen, method).toEqual(await refusal(two.ui, method, { groupId: unknownId, ...params }))
    }
  })

  it('T4 G-26 G-30 take an edge only from who may grant on it: knowing its number is not a right', async () => {
    const { ui, edge } = await keeper()
    const other = await person()
    const groupId = await newGroup(other.ui, 'Edge')
    const unseen = await refusal(other.ui, 'addToEdgeGroup', { groupId, content: { edgeId: edge.id } })
    expect(unseen).toEqual(await refusal(other.ui, 'addToEdgeGroup', { groupId, content: { edgeId: 'no-such-edge' } }))
    await ui.request('grantRole', {
      to: { login: other.user.login },
      on: { edgeId: edge.id },
      role: 'resource.control',
    })
    expect((await refusal(other.ui, 'addToEdgeGroup', { groupId, content: { edgeId: edge.id } })).code).toBe(1005)
    const own = await newGroup(ui, 'Edge')
    await ui.request('addToEdgeGroup', { groupId: own, content: { edgeId: edge.id } })
    expect((await refusal(ui, 'addToEdgeGroup', { groupId: own, content: { edgeId: edge.id } })).message).toMatch(
      /already/,
    )
  })

  it('T5 G-12 G-15 administration of a group shows what it holds and changes none of it', async () => {
    const { ui, edge } = await keeper()
    const helper = await person()
    const [groupId, inner] = [await newGroup(ui, 'Edge'), await newGroup(ui, 'Edge')]
    await ui.request('addToEdgeGroup', { groupId, content: { edgeId: edge.id } })
    await ui.request('addToEdgeGroup', { groupId, content: { edgeGroupId: inner } })
    await ui.request('grantRole', {
      to: { login: helper.user.login },
      on: { edgeGroupId: groupId },
      role: 'group.administration',
    })
    expect(await helper.ui.request('getEdge', { edgeId: edge.id })).toMatchObject({ edge: { role: 'guest' } })
    const onwards = { to: { login: (await person()).user.login }, on: { edgeId: edge.id }, role: 'resource.detail' }
    expect((await refusal(helper.ui, 'grantRole', onwards)).code).toBe(1005)
    expect((await refusal(helper.ui, 'renameEdgeGroup', { groupId: inner, name: 'X' })).code).toBe(1005)
    await helper.ui.request('renameEdgeGroup', { groupId, name: 'Run by two' })
  })

  it('G-13 detail on a group shows everything within, at any depth, and the groups in lists', async () => {
    const { ui, edge } = await keeper()
    const reader = await person()
    const [outer, middle, inner] = [await newGroup(ui, 'Edge'), await newGroup(ui, 'Edge'), await newGroup(ui, 'Edge')]
    await ui.request('addToEdgeGroup', { groupId: inner, content: { edgeId: edge.id } })
    await ui.request('addToEdgeGroup', { groupId: middle, content: { edgeGroupId: inner } })
    await ui.request('addToEdgeGroup', { groupId: outer, content: { edgeGroupId: middle } })
    await ui.request('grantRole', {
      to: { login: reader.user.login },
      on: { edgeGroupId: outer },
      role: 'group.detail',
    })
    expect(await sees(reader.ui, edge)).toBe(true)
    expect(await reader.ui.request('listEdgeGroups')).toMatchObject({ total: 3 })
    expect(await reader.ui.request('listEdgeGroups', { parentId: middle })).toMatchObject({
      groups: [{ id: inner, mayManage: false }],
      total: 1,
    })
    expect(await reader.ui.request('listEdgeGroupContent', { groupId: inner })).toMatchObject({
      content: [{ edgeId: edge.id }],
      total: 1,
    })
    await ui.request('removeFromEdgeGroup', { groupId: middle, content: { edgeGroupId: inner } })
    expect(await sees(reader.ui, edge)).toBe(false)
    expect(await reader.ui.request('listEdgeGroups', { parentId: inner })).toEqual({ groups: [], total: 0 })
    expect(await sees(ui, edge)).toBe(true) // G-22
  })

  it('G-25 GD-05 an edge is in none, one or several; deleting a group leaves it', async () => {
    const { ui, edge } = await keeper()
    const [one, two] = [await newGroup(ui, 'Edge'), await newGroup(ui, 'Edge')]
    for (const groupId of [one, two]) await ui.request('addToEdgeGroup', { groupId, content: { edgeId: edge.id } })
    await ui.request('deleteEdgeGroup', { groupId: one })
    await ui.request('removeFromEdgeGroup', { groupId: two, content: { edgeId: edge.id } })
    expect((await refusal(ui, 'removeFromEdgeGroup', { groupId: two, content: { edgeId: edge.id } })).message).toMatch(
      /not in/,
    )
    expect(await sees(ui, edge)).toBe(true)
  })

  it('G-34 never contain themselves, and nest at most ten deep', async () => {
    const { ui } = await person()
    const groups: number[] = []
    for (let depth = 0; depth < 11; depth++) groups.push(await newGroup(ui, 'Edge'))
    const put = (groupId: number | undefined, edgeGroupId: number | undefined) => ({
      groupId,
      content: { edgeGroupId },
    })
    for (let depth = 1; depth < 10; depth++) await ui.request('addToEdgeGroup', put(groups[depth - 1], groups[depth]))
    expect((await refusal(ui, 'addToEdgeGroup', put(groups[9], groups[0]))).message).toMatch(/itself/)
    expect((await refusal(ui, 'addToEdgeGroup', put(groups[0], groups[0]))).message).toMatch(/itself/)
    expect((await refusal(ui, 'addToEdgeGroup', put(groups[9], groups[10]))).message).toMatch(/deep/)
  })

  it('of an organisation take nothing of another tenant', async () => {
    const [one, two] = [await person(), await person()]
    const company = async (login: string) =>
      Number((await admin.request('createOrganisation', { name: 'C', owner: login }))['id'])
    const [own, foreign] = [await company(one.user.login), await company(two.user.login)]
    const site = await two.ui.request('createSite', { organisationId: foreign, name: 'S' })
    const group = await one.ui.request('createEdgeGroup', { name: 'G', organisationId: own })
    const params = { groupId: group['id'], content: { siteId: site['id'] } }
    expect((await refusal(one.ui, 'addToEdgeGroup', params)).code).toBe(1005)
    expect((await refusal(admin, 'addToEdgeGroup', params)).message).toMatch(/another organisation/)
  })
})

describe('two writers at once', () => {
  it('nest two groups into each other only one way round (G-34)', async () => {
    const { ui, user } = await person()
    await using second = await UiClient.signedIn(service, user.login)
    const [one, two] = [await newGroup(ui, 'User'), await newGroup(ui, 'User')]
    const answers = await Promise.all([
      ui.call('addGroupMember', { groupId: one, member: { userGroupId: two } }),
      second.call('addGroupMember', { groupId: two, member: { userGroupId: one } }),
    ])
    expect(answers.filter(({ error }) => error === undefined)).toHaveLength(1)
    expect(answers.find(({ error }) => error)?.error?.message).toMatch(/itself/)
  })
})
