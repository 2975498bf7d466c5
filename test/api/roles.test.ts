import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { UserRow } from '../../src/access/model.ts'
import { refusal, UiClient } from '../harness/clients.ts'
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

const signIn = (user: UserRow) => UiClient.signedIn(service, user.login)

/** A tenant with a person as owner, a site with an edge, and somebody who is nothing there yet. */
async function tenant() {
  const [owner, other] = [
    await addUser(service.ctx, { shareable: true }),
    await addUser(service.ctx, { shareable: true }),
  ]
  const { id } = await admin.request('createOrganisation', { name: fresh('Company '), owner: owner.login })
  const organisationId = Number(id)
  const boss = await signIn(owner)
  const site = await boss.request('createSite', { organisationId, name: fresh('Site ') })
  const edge = await addEdge(service.ctx, { siteId: Number(site['id']) })
  return { organisationId, siteId: Number(site['id']), edge, owner, boss, other, ui: await signIn(other) }
}

const technician = {
  name: 'acme.technician',
  self: ['discover', 'overview', 'live', 'detail', 'control', 'install'],
  content: ['discover', 'overview', 'live', 'detail', 'control', 'install'],
  openemsRole: 'installer',
}

describe('roles of a tenant', () => {
  it('say four values, are listed beside the built-in ones, and work as granted (2.3)', async () => {
    const { organisationId, siteId, edge, boss, ui, other } = await tenant()
    const { id } = await boss.request('createRole', { organisationId, ...technician })
    const { roles } = await boss.request('listRoles', { organisationId, query: 'acme' })
    expect(roles).toEqual([{ id, ...technician, suborganisations: [] }])
    expect(await ui.request('listRoles', { query: 'acme' })).toEqual({ roles: [], total: 0 })
    expect(await ui.request('listRoles', { query: 'org.' })).toMatchObject({ total: 4 })
    await boss.request('grantRole', { to: { login: other.login }, on: { siteId }, role: 'acme.technician' })
    expect(await ui.request('getEdge', { edgeId: edge.id })).toHaveProperty('edge.role', 'installer')
    await boss.request('updateRole', { roleId: id, content: ['discover', 'overview', 'live', 'detail'] })
    expect(await ui.request('getEdge', { edgeId: edge.id })).toHaveProperty('edge.role', 'guest')
    await boss.request('updateRole', { roleId: id, content: [] })
    expect((await refusal(ui, 'getEdge', { edgeId: edge.id })).code).toBe(1005)
  })

  it('may show summaries of what a group holds and no detail of anybody (E-12)', async () => {
    const { organisationId, siteId, edge, boss, ui, other } = await tenant()
    await boss.request('createRole', { organisationId, name: 'acme.summary', content: ['discover', 'overview'] })
    const { id } = await boss.request('createUserGroup', { name: fresh('Study'), organisationId })
    await boss.request('grantRole', { to: { userGroupId: id }, on: { siteId }, role: 'acme.summary' })
    await boss.request('addGroupMember', { groupId: id, member: { login: other.login } })
    const about = { userId: other.login, edgeId: edge.id }
    expect(await boss.request('explainAccess', { ...about, permission: 'overview' })).toMatchObject({
      allowed: true,
      permissions: expect.arrayContaining(['discover', 'overview']),
      role: null,
    })
    const denied = { allowed: [], channels: [], reason: 'none' }
    const data = { channels: ['_sum/EssSoc'], from: '2026-01-01T00:00:00Z', to: '2026-01-02T00:00:00Z' }
    expect(await ui.request('authorizeData', { userId: other.login, edgeId: edge.id, ...data })).toMatchObject(denied)
    expect((await refusal(ui, 'subscribeEdges', { edges: [edge.id] })).code).toBe(1005)
    expect(await ui.request('getEdges')).toEqual({ edges: [] })
  })

  it('convey nobody what he who grants or edits does not hold himself (G-01, 2.3)', async () => {
    const { organisationId, siteId, edge, boss, owner, other } = await tenant()
    const { id } = await boss.request('createRole', { organisationId, name: 'acme.raw', self: ['configRaw'] })
    const grant = { to: { login: other.login }, on: { siteId }, role: 'acme.raw' }
    expect((await refusal(boss, 'grantRole', grant)).message).toMatch(/pass on.*configRaw/)
    await boss.request('updateRole', { roleId: id, self: ['discover'] })
    await boss.request('grantRole', grant)
    await boss.request('grantRole', { ...grant, to: { login: owner.login } })
    for (const edit of [{ self: ['configRaw'] }, { content: ['manageUser'] }, { self: ['impersonate'] }])
      expect((await refusal(boss, 'updateRole', { roleId: id, ...edit })).message).toMatch(/pass on/)
    // Where it is granted by somebody else on what the editor may not share, he changes nothing either.
    const foreign = await addEdge(service.ctx)
    await boss.request('updateRole', { roleId: id, self: ['discover', 'overview'] })
    const role = [...service.ctx.store.index.rows('role')].find((row) => row.id === id)
    expect(role).toMatchObject({ organisationId })
    expect((await refusal(admin, 'grantRole', { ...grant, on: { edgeId: foreign.id } })).message).toMatch(/no role/)
    expect(edge.row.siteId).toBe(siteId)
  })

  it('are for those who decide about the main organisation; for others they do not exist (G-14)', async () => {
    const { organisationId, boss, ui, other } = await tenant()
    const { id } = await boss.request('createRole', { organisationId, ...technician })
    const unknown = 2_000_000_000
    for (const [method, params] of [
      ['updateRole', { self: [] }],
      ['deleteRole', {}],
    ] as const) {
      const denied = await refusal(ui, method, { roleId: id, ...params })
      expect(denied).toEqual(await refusal(ui, method, { roleId: unknown, ...params }))
      expect(denied.code).toBe(1005)
      expect((await refusal(admin, method, { roleId: 1, ...params })).code).toBe(1005)
    }
    expect((await refusal(ui, 'createRole', { organisationId, ...technician })).code).toBe(1005)
    expect((await refusal(ui, 'listRoles', { organisationId })).code).toBe(1005)
    await boss.request('addOrganisationMember', { organisationId, login: other.login, role: 'manager' })
    expect((await refusal(ui, 'createRole', { organisationId, ...technician })).code).toBe(1005)
    const below = await boss.request('createSuborganisation', { parentId: organisationId, name: 'Branch' })
    const inBranch = { organisationId: Number(below['id']), ...technician }
    expect((await refusal(boss, 'createRole', inBranch)).message).toMatch(/main organisation/)
  })

  it('have names of their own, never a built-in one, and no projection above what the platform allows (T1, 2.4)', async () => {
    const { organisationId, boss } = await tenant()
    const make = (params: object) => boss.call('createRole', { organisationId, ...technician, ...params })
    for (const name of ['org.owner', 'openems.admin', 'resource.x', 'group.x', 'plain', 'Acme.x', 'a..b'])
      expect((await make({ name })).error).toMatchObject({ code: 1 })
    await admin.request('setTenantPolicies', { organisationId, maxOpenemsRole: 'owner' })
    expect((await make({})).error?.message).toMatch(/stronger than owner/)
    expect((await make({ openemsRole: 'owner' })).error).toBeUndefined()
    expect((await make({ openemsRole: 'owner' })).error?.message).toMatch(/exists already/)
    expect((await make({ name: 'acme.b', self: ['fly'] })).error?.code).toBe(-32602)
    const other = await tenant()
    await other.boss.request('createRole', { organisationId: other.organisationId, ...technician })
  })

  it('are deleted when nobody has them, and say what stops it otherwise', async () => {
    const { organisationId, siteId, edge, boss, other } = await tenant()
    const { id } = await boss.request('createRole', { organisationId, ...technician })
    const { grantId } = await boss.request('grantRole', {
      to: { login: other.login },
      on: { edgeId: edge.id },
      role: 'acme.technician',
    })
    expect((await refusal(boss, 'deleteRole', { roleId: id })).message).toBe(
      `The role is still granted once (on ${edge.id}): withdraw that first`,
    )
    await boss.request('revokeGrant', { grantId })
    await boss.request('deleteRole', { roleId: id })
    const gone = { to: { login: other.login }, on: { siteId }, role: 'acme.technician' }
    expect((await refusal(boss, 'grantRole', gone)).message).toMatch(/no role/)
  })
})
