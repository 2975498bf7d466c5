import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { UserRow } from '../../src/access/model.ts'
import { insertGrantRow } from '../../src/access/resource-queries.ts'
import {
  BackendClient,
  EdgeClient,
  type Json,
  refusal,
  ServiceClient,
  UiClient,
  userPassword,
} from '../harness/clients.ts'
import { basic, restCall } from '../harness/rest.ts'
import { addEdge, addUser, addUserWith, fresh } from '../harness/seed.ts'
import { startTestService, type TestService } from '../harness/service.ts'

let service: TestService
let admin: UiClient
let operator: ServiceClient
beforeAll(async () => {
  service = await startTestService()
  admin = await UiClient.signedIn(service)
  operator = await ServiceClient.local(service)
})
afterAll(async () => {
  await operator?.[Symbol.asyncDispose]()
  await admin?.[Symbol.asyncDispose]()
  await service?.[Symbol.asyncDispose]()
})

const signIn = (user: Pick<UserRow, 'login'>, password?: string) => UiClient.signedIn(service, user.login, password)
const groupOf = async (ui: UiClient, more: object = {}) =>
  Number((await ui.request('createUserGroup', { name: fresh('Group '), ...more }))['id'])

/** An installer acts as a member of his group, who consented. */
async function acting() {
  const [installer, edge] = [await addUser(service.ctx, { shareable: true }), await addEdge(service.ctx)]
  const member = await addUserWith(service.ctx, 'owner', edge)
  const [helper, ui] = [await signIn(installer), await signIn(member)]
  const groupId = await groupOf(helper)
  await helper.request('addGroupMember', { groupId, member: { login: member.login } })
  await ui.request('acceptInvitation', { groupId })
  await ui.request('setImpersonationConsent', { groupId, consents: true })
  const begin = () => helper.request('impersonate', { login: member.login })
  return { installer, member, helper, ui, groupId, edge, begin }
}

describe('whoever acts as another', () => {
  it('is not taken for him by a backend, which knows no limits of it (K4)', async () => {
    const { member, begin, ui } = await acting()
    const { token } = await begin()
    const { token: backendToken } = await operator.request('createServiceToken', {
      name: fresh('backend'),
      role: 'admin',
      scopes: ['authenticate'],
    })
    await using backend = await ServiceClient.open(service, String(backendToken))
    expect((await refusal(backend, 'authenticateUserWithToken', { token })).code).toBe(1003)
    const own = await backend.request('authenticateUserWithToken', { token: ui.token })
    expect(own['login']).toBe(member.login)
  })

  it('does not decide about the groups that the other owns (K4)', async () => {
    const { installer, helper, ui, begin } = await acting()
    const theirs = await groupOf(ui)
    const friend = await addUser(service.ctx, { shareable: true })
    await ui.request('addGroupMember', { groupId: theirs, member: { login: friend.login } })
    await begin()
    const calls: [string, object][] = [
      ['addGroupMember', { groupId: theirs, member: { login: installer.login } }],
      ['removeGroupMember', { groupId: theirs, member: { login: friend.login } }],
      ['renameUserGroup', { groupId: theirs, name: 'Mine' }],
      ['deleteUserGroup', { groupId: theirs }],
    ]
    for (const [method, params] of calls) expect((await refusal(helper, method, params)).code, method).toBe(1005)
    expect((await ui.request('listGroupMembers', { groupId: theirs }))['members']).toHaveLength(1)
    await helper.request('endImpersonation')
    await ui.request('addGroupMember', { groupId: theirs, member: { login: installer.login } })
  })

  it('does not give up what the other holds (K4)', async () => {
    const { helper, ui, member, groupId, edge, begin } = await acting()
    const { grants } = await ui.request('listGrants')
    const grantId = (grants as Json[])[0]?.['id']
    await begin()
    expect((await refusal(helper, 'revokeGrant', { grantId })).code).toBe(1005)
    expect((await refusal(helper, 'removeGroupMember', { groupId, member: { login: member.login } })).code).toBe(1005)
    await ui.request('getEdge', { edgeId: edge.id })
    await ui.request('revokeGrant', { grantId })
    expect((await refusal(ui, 'getEdge', { edgeId: edge.id })).code).toBe(1005)
  })
})

describe('an account that a group looks after', () => {
  /** A tenant with an edge, a manager in it, and an account in a group of it. */
  async function managed() {
    const owner = await addUser(service.ctx, { shareable: true })
    const { id } = await admin.request('createOrganisation', { name: fresh('Company '), owner: owner.login })
    const organisationId = Number(id)
    const boss = await signIn(owner)
    const manager = await addUser(service.ctx, { shareable: true })
    await boss.request('addOrganisationMember', { organisationId, login: manager.login, role: 'manager' })
    const handles = await signIn(manager)
    const groupId = await groupOf(handles, { organisationId })
    const login = fresh('managed')
    await handles.request('createGroupMember', { groupId, login })
    const edge = await addEdge(service.ctx, { organisationId })
    return { organisationId, owner, boss, handles, groupId, login, edge }
  }

  it('is not taken over by its password for what only its group came to hold (EC-10, G-31)', async () => {
    const { boss, handles, groupId, login, organisationId } = await managed()
    await handles.request('setGroupMemberPassword', { groupId, login, password: 'a password of hers' })
    await boss.request('grantRole', { to: { userGroupId: groupId }, on: { organisationId }, role: 'org.owner' })
    expect((await refusal(handles, 'addGroupMember', { groupId, member: { login: fresh('x') } })).code).toBeDefined()
    expect(
      (await refusal(handles, 'setGroupMemberPassword', { groupId, login, password: 'another one of hers' })).message,
    ).toMatch(/rights beyond/)
  })

  it('is not taken over by its password for what it is invited to (EC-10, P-22)', async () => {
    const { handles, groupId, login } = await managed()
    const other = await managed()
    const { organisationId } = other
    await other.boss.request('addOrganisationMember', { organisationId, login, role: 'owner' })
    expect(
      (await refusal(handles, 'setGroupMemberPassword', { groupId, login, password: 'a password of hers' })).message,
    ).toMatch(/rights beyond/)
  })
})

describe('a service token', () => {
  it('does not make or renew one that is good for more than itself', async () => {
    const make = async (scopes: string[], name = fresh('service')) =>
      operator.request('createServiceToken', { name, role: 'admin', scopes })
    await using manager = await ServiceClient.open(service, String((await make(['manage']))['token']))
    const name = fresh('service')
    expect((await refusal(manager, 'createServiceToken', { name, scopes: ['manage', 'write'] })).code).toBe(1002)
    const { tokenId } = await make(['authenticate'])
    expect((await refusal(manager, 'rotateServiceToken', { tokenId })).code).toBe(1002)
    const { tokenId: own } = await manager.request('createServiceToken', { name, scopes: ['manage'] })
    await manager.request('rotateServiceToken', { tokenId: own })
  })
})

describe('explainChange', () => {
  it('tries nothing after a call that changes very much: each look at the graph would take too long', async () => {
    await using ui = await signIn(await addUser(service.ctx))
    const [many, one] = [await groupOf(ui), await groupOf(ui)]
    const edge = await addEdge(service.ctx)
    await service.ctx.write({ actorId: null }, async (w) => {
      const { id: roleId = 0 } = [...w.index.rows('role')].find(({ name }) => name === 'resource.overview') ?? {}
      const grant = { principalId: many, resourceId: edge.row.id, roleId, components: null, dataWindows: null }
      for (let validFrom = 1; validFrom <= 201; validFrom++) {
        const period = { validFrom, validTo: null, source: 'manual', grantedBy: null }
        w.inserted('grant.created', 'grant', await insertGrantRow(w.tx, { ...grant, ...period }))
      }
    })
    const deletion = (groupId: number) => ({ method: 'deleteUserGroup', params: { groupId } })
    const tried = (...operations: object[]) => ui.request('explainChange', { operations })
    await expect(tried(deletion(many), deletion(one))).rejects.toThrow(/try it last/)
    expect(await tried(deletion(one), deletion(many))).toMatchObject({ complete: true })
  })
})

describe('an account that is disabled as one of several changes in a row of the log', () => {
  it('is refused at once with the password that was right a moment ago', async () => {
    const user = await addUser(service.ctx)
    await using socket = await BackendClient.open(service, basic(user.login, userPassword))
    const status = async () =>
      (
        await restCall(service, {
          authorization: basic(user.login, userPassword),
          body: { method: 'getEdgesStatus', params: { edgeIds: [] } },
        })
      ).status
    expect(await status()).toBe(200)
    await service.ctx.write({ actorId: null }, async (w) => {
      await w.tx.updateTable('userAccount').set({ disabledAt: w.now }).where('id', '=', user.id).execute()
      const after = { ...user, disabledAt: w.now.getTime() }
      w.changed('user.imported', user.id, [{ entity: 'user', id: user.id, before: user, after }])
    })
    await socket.closed
    expect(await status()).toBe(401)
  })
})

describe('a new key', () => {
  it('ends the old ones of its edge and of no other', async () => {
    const [edge, other] = [await addEdge(service.ctx), await addEdge(service.ctx)]
    const { apiKey } = await admin.request('rotateEdgeKey', { edgeId: edge.id, overlapHours: 0 })
    await using _new = await EdgeClient.open(service, String(apiKey))
    await using _other = await EdgeClient.open(service, other.apiKey)
    await expect(EdgeClient.open(service, edge.apiKey)).rejects.toThrow()
  })
})
