import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { UserRow } from '../../src/access/model.ts'
import { UiClient } from '../harness/clients.ts'
import { company, newSite } from '../harness/organisations.ts'
import { addEdge, addUser, fresh, give } from '../harness/seed.ts'
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

async function person(shareable = true): Promise<{ user: UserRow; ui: UiClient }> {
  const user = await addUser(service.ctx, { shareable })
  return { user, ui: await UiClient.signedIn(service, user.login) }
}

async function keeper() {
  const { user, ui } = await person()
  const edge = await addEdge(service.ctx)
  const administration = { to: { login: user.login }, on: { edgeId: edge.id }, role: 'resource.administration' }
  const { grantId } = await admin.request('grantRole', administration)
  return { user, ui, edge, grantId }
}

const explain = async (by: UiClient, params: object) =>
  (await by.request('explainAccess', params)) as unknown as {
    allowed: boolean
    nearMisses: { code: string }[]
    caps: { code: string }[]
    fix: { code: string } | null
  }
const fixOf = async (by: UiClient, params: object) => (await explain(by, params)).fix?.code ?? null
const hour = 3_600_000
const inHours = (hours: number) => new Date(Date.now() + hours * hour).toISOString()

describe('the fix that explainAccess names', () => {
  it('is a grant only where there is a role that would do and that the asker may pass on (G-01, O-08)', async () => {
    const { id: organisationId, boss } = await company(service, admin)
    const siteId = await newSite(boss, organisationId)
    const [sharer, friend] = [await person(), await person()]
    const role = { organisationId, name: fresh('acme.sharer'), self: ['discover', 'share', 'live'] }
    await boss.request('createRole', role)
    await boss.request('grantRole', { to: { login: sharer.user.login }, on: { siteId }, role: role.name })
    const asked = { userId: friend.user.login, resource: { siteId }, permission: 'live' }
    expect(await fixOf(sharer.ui, asked)).toBe('noGrant')
    await sharer.ui.request('grantRole', { to: { login: friend.user.login }, on: { siteId }, role: role.name })
    expect(await explain(sharer.ui, asked)).toMatchObject({ allowed: true, fix: null })
    // Whoever may create sites there has no role to give that says so on a site and no more than he has himself.
    const other = { organisationId, name: fresh('acme.other'), self: ['discover', 'share', 'history'] }
    await boss.request('createRole', other)
    const [limited, guest] = [await person(), await person()]
    await boss.request('grantRole', { to: { login: limited.user.login }, on: { siteId }, role: 'resource.overview' })
    await boss.request('grantRole', {
      to: { login: limited.user.login },
      on: { siteId },
      role: other.name,
      components: ['meter0'],
    })
    const history = { userId: guest.user.login, resource: { siteId }, permission: 'history' }
    const refused = ['resource.detail', 'openems.guest', other.name].map((name) =>
      limited.ui.call('grantRole', { to: { login: guest.user.login }, on: { siteId }, role: name }),
    )
    for (const { error } of await Promise.all(refused)) expect(error).toMatchObject({ code: 1 })
    expect(await explain(limited.ui, history)).toMatchObject({ nearMisses: [{ code: 'noGrant' }], fix: null })
  })

  it('is a renewal for as long as the asker has it himself, who may have it for a while only (G-01)', async () => {
    const edge = await addEdge(service.ctx)
    const [tenant, guest] = [await person(), await person()]
    const on = { edgeId: edge.id }
    const to = { login: tenant.user.login }
    await admin.request('grantRole', { to, on, role: 'resource.administration', validTo: inHours(2) })
    const ended = { validFrom: inHours(-2), validTo: inHours(-1) }
    await admin.request('grantRole', { to: { login: guest.user.login }, on, role: 'resource.detail', ...ended })
    expect(await fixOf(tenant.ui, { userId: guest.user.login, ...on })).toBe('grantEnded')
    const renewed = { to: { login: guest.user.login }, on, role: 'resource.detail', validTo: inHours(1) }
    await tenant.ui.request('grantRole', renewed)
    expect(await explain(tenant.ui, { userId: guest.user.login, ...on })).toMatchObject({ allowed: true })
  })

  it('is to widen a restriction for whoever may do that without looking after accounts (D-24)', async () => {
    const { ui, edge } = await keeper()
    const { user } = await person()
    await give(service.ctx, user, 'guest', edge)
    const about = { login: user.login, edgeId: edge.id }
    await ui.request('setRestriction', { ...about, mode: 'set', periods: [{ to: inHours(-1) }] })
    const asked = { userId: user.login, edgeId: edge.id, permission: 'live' }
    expect(await fixOf(ui, asked)).toBe('restriction')
    await ui.request('setRestriction', { ...about, mode: 'set', unrestricted: true })
    expect(await explain(ui, asked)).toMatchObject({ allowed: true })
    await ui.request('setRestriction', { ...about, mode: 'set', periods: [{ to: inHours(-1) }] })
    // Not for somebody from whom the same time is kept.
    const other = await person()
    await admin.request('grantRole', {
      to: { login: other.user.login },
      on: { edgeId: edge.id },
      role: 'resource.administration',
      dataWindows: [
        [null, inHours(-3)],
        [inHours(-2), null],
      ],
    })
    expect(await fixOf(other.ui, asked)).toBe('restriction')
    await admin.request('setRestriction', {
      login: other.user.login,
      edgeId: edge.id,
      mode: 'set',
      periods: [{ to: inHours(-1) }],
    })
    expect(await fixOf(other.ui, asked)).not.toBe('restriction')
  })

  it('is to set a claim for whoever decides about the claims of that account; others learn of an account’s limit (K8, G-32)', async () => {
    const { id: organisationId, boss } = await company(service, admin)
    const siteId = await newSite(boss, organisationId)
    const { user } = await person()
    await boss.request('grantRole', { to: { login: user.login }, on: { siteId }, role: 'resource.detail' })
    await boss.request('setClaim', { login: user.login, key: 'sensors', value: 'NONE' })
    const asked = { userId: user.login, resource: { siteId }, permission: 'history' }
    expect(await explain(boss, asked)).toMatchObject({ fix: { code: 'claimNone' }, caps: [{ code: 'claimNone' }] })
    const sharer = await person()
    await boss.request('grantRole', {
      to: { login: sharer.user.login },
      on: { siteId },
      role: 'resource.administration',
    })
    const told = await explain(sharer.ui, asked)
    expect(told).toMatchObject({ caps: [{ code: 'account' }], fix: null })
    expect(JSON.stringify(told)).not.toContain('sensors')
  })

  it('is not to accept an invitation whose time is over, which would not be enough (P-22)', async () => {
    const { ui, edge } = await keeper()
    const guest = await person(false)
    const groupId = Number((await ui.request('createUserGroup', { name: fresh('Guests') }))['id'])
    await ui.request('grantRole', { to: { userGroupId: groupId }, on: { edgeId: edge.id }, role: 'resource.control' })
    await admin.request('grantRole', {
      to: { login: guest.user.login },
      on: { edgeId: edge.id },
      role: 'resource.detail',
    })
    const member = { login: guest.user.login }
    await ui.request('addGroupMember', { groupId, member, validFrom: inHours(-2), validTo: inHours(-1) })
    const asked = { edgeId: edge.id, permission: 'control' }
    expect((await explain(guest.ui, asked)).nearMisses.map(({ code }) => code)).not.toContain('membershipInvited')
    await ui.request('removeGroupMember', { groupId, member })
    await ui.request('addGroupMember', { groupId, member })
    expect(await fixOf(guest.ui, asked)).toBe('membershipInvited')
    await guest.ui.request('acceptInvitation', { groupId })
    expect(await explain(guest.ui, asked)).toMatchObject({ allowed: true })
  })

  it('is a role in an organisation for a member whom its owner knows, however private he is (G-18, P-10)', async () => {
    const { id: organisationId, boss } = await company(service, admin)
    const { user } = await person(false)
    await admin.request('addOrganisationMember', { organisationId, login: user.login, role: 'viewer' })
    const asked = { userId: user.login, resource: { organisationId }, permission: 'createSite' }
    expect(await fixOf(boss, asked)).toBe('roleLacks')
    await boss.request('setOrganisationRole', { organisationId, login: user.login, role: 'manager' })
    expect(await explain(boss, asked)).toMatchObject({ allowed: true })
  })
})
