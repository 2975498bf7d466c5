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
const day = (year: number) => `${year}-01-01T00:00:00.000Z`
const roleOn = async (ui: UiClient, edge: SeededEdge) => {
  const { result } = await ui.call('getEdge', { edgeId: edge.id })
  return (result?.['edge'] as { role: string } | undefined)?.role
}

async function person(shareable = true): Promise<{ user: UserRow; ui: UiClient }> {
  const user = await addUser(service.ctx, { shareable })
  return { user, ui: await UiClient.signedIn(service, user.login) }
}

async function keeper(terms: object = {}) {
  const { user, ui } = await person()
  const edge = await addEdge(service.ctx)
  await admin.request('grantRole', {
    to: { login: user.login },
    on: { edgeId: edge.id },
    role: 'resource.administration',
    ...terms,
  })
  return { user, ui, edge }
}
const share = (user: UserRow, edge: SeededEdge, role = 'resource.detail') => ({
  to: { login: user.login },
  on: { edgeId: edge.id },
  role,
})

describe('grantRole', () => {
  it('G-09 G-10 G-33 gives each level, to a person and to a group', async () => {
    const { ui, edge } = await keeper()
    const friend = await person()
    expect(await roleOn(friend.ui, edge)).toBeUndefined()
    await ui.request('grantRole', share(friend.user, edge, 'resource.detail'))
    expect(await roleOn(friend.ui, edge)).toBe('guest')
    await ui.request('grantRole', share(friend.user, edge, 'resource.control'))
    expect(await roleOn(friend.ui, edge)).toBe('owner')
    const next = await person()
    expect((await refusal(friend.ui, 'grantRole', share(next.user, edge))).code).toBe(1005)
    await ui.request('grantRole', share(friend.user, edge, 'resource.administration'))
    await friend.ui.request('grantRole', share(next.user, edge))
    expect(await roleOn(next.ui, edge)).toBe('guest')
  })

  it('K10 an overview alone lists the edge and is no role', async () => {
    const { ui, edge } = await keeper()
    const friend = await person()
    await ui.request('grantRole', share(friend.user, edge, 'resource.overview'))
    expect(await roleOn(friend.ui, edge)).toBeUndefined()
  })

  it('G-01 conveys no permission, time, data or component that the actor does not hold', async () => {
    const friend = await person()
    const limits: [terms: object, narrower: object][] = [
      [{ validTo: day(2099) }, { validTo: day(2098) }],
      [{ dataWindows: [[day(2020), day(2099)]] }, { dataWindows: [[day(2021), day(2022)]] }],
      [{ components: ['meter*'] }, { components: ['meter0'] }],
    ]
    for (const [terms, narrower] of limits) {
      const { ui, edge } = await keeper(terms)
      expect((await refusal(ui, 'grantRole', share(friend.user, edge))).message).toMatch(/pass on/)
      await ui.request('grantRole', { ...share(friend.user, edge), ...narrower })
      expect(await roleOn(friend.ui, edge)).toBe('guest')
      expect(
        (await refusal(ui, 'grantRole', { ...share(friend.user, edge, 'openems.admin'), ...terms })).message,
      ).toMatch(/configRaw/)
      expect(await ui.request('listGrants', { on: { edgeId: edge.id } })).toMatchObject({ total: 2 })
    }
  })

  it('G-17 G-18 G-19 G-20 reaches only accounts available for sharing; what is granted stays', async () => {
    const { ui, edge } = await keeper()
    const friend = await person(false)
    const unseen = await refusal(ui, 'grantRole', share(friend.user, edge))
    expect(unseen).toEqual(
      await refusal(ui, 'grantRole', { ...share(friend.user, edge), to: { login: 'nobody-at-all' } }),
    )
    expect(unseen).toEqual(
      await refusal(ui, 'grantRole', { ...share(friend.user, edge), to: { userGroupId: unknownId } }),
    )
    expect(unseen.code).toBe(1005)
    await friend.ui.request('setShareable', { shareable: true })
    await ui.request('grantRole', share(friend.user, edge))
    await friend.ui.request('setShareable', { shareable: false })
    expect(await roleOn(friend.ui, edge)).toBe('guest')
    expect((await refusal(ui, 'grantRole', share(friend.user, edge, 'resource.control'))).code).toBe(1005)
  })

  it('G-14 answers for what may not be seen as for what does not exist', async () => {
    const { edge } = await keeper()
    const [stranger, friend] = [await person(), await person()]
    const missing = await refusal(stranger.ui, 'grantRole', { ...share(friend.user, edge), on: { edgeId: 'no-edge' } })
    expect(missing).toMatchObject({ code: 1005, data: ['no-edge', stranger.user.login] })
    expect(await refusal(stranger.ui, 'grantRole', share(friend.user, edge))).toEqual({
      ...missing,
      message: missing.message.replace('no-edge', edge.id),
      data: [edge.id, stranger.user.login],
    })
    const { id: hidden } = await admin.request('createOrganisation', { name: fresh('Hidden ') })
    const unseen = await refusal(stranger.ui, 'grantRole', {
      ...share(friend.user, edge),
      on: { organisationId: hidden },
    })
    const on = [{ siteId: unknownId }, { organisationId: unknownId }, { edgeGroupId: unknownId }, { platform: true }]
    for (const target of on)
      expect(await refusal(stranger.ui, 'grantRole', { ...share(friend.user, edge), on: target })).toEqual(unseen)
    expect(unseen.code).toBe(1005)
    expect(await refusal(stranger.ui, 'listGrants', { on: { edgeId: edge.id } })).toEqual(
      await refusal(stranger.ui, 'listGrants', { on: { edgeId: 'no-such-edge' } }),
    )
    expect(await refusal(stranger.ui, 'revokeGrant', { grantId: 1 })).toEqual(
      await refusal(stranger.ui, 'revokeGrant', { grantId: unknownId }),
    )
  })

  it('T1 T5 knows which role fits on what', async () => {
    const { ui, edge } = await keeper()
    const friend = await person()
    for (const role of ['org.owner', 'group.detail']) {
      expect((await refusal(ui, 'grantRole', share(friend.user, edge, role))).message).toMatch(/cannot be given/)
    }
    expect((await refusal(ui, 'grantRole', share(friend.user, edge, 'resource.king'))).message).toMatch(/no role/)
  })

  it('T2 D-14 D-15 gives a time to come in, and windows of data, which are different things', async () => {
    const { ui, edge } = await keeper()
    const [past, tenant] = [await person(), await person()]
    await ui.request('grantRole', { ...share(past.user, edge), validFrom: day(2020), validTo: day(2021) })
    expect(await roleOn(past.ui, edge)).toBeUndefined()
    await ui.request('grantRole', {
      ...share(tenant.user, edge, 'resource.control'),
      dataWindows: [[day(2020), day(2021)]],
    })
    expect(await roleOn(tenant.ui, edge)).toBe('guest')
    expect(await tenant.ui.request('listGrants')).toMatchObject({
      grants: [
        {
          on: { kind: 'edge', name: edge.id },
          role: 'resource.control',
          dataWindows: [[day(2020), day(2021)]],
          validFrom: null,
        },
      ],
    })
  })

  it('D-16 refuses inverted periods and windows, offsets, empty lists of components and strange members', async () => {
    const { ui, edge } = await keeper()
    const params = share((await person()).user, edge)
    const { revision } = service.ctx.store.index
    expect((await refusal(ui, 'grantRole', { ...params, validFrom: day(2021), validTo: day(2021) })).message).toMatch(
      /end before/,
    )
    expect((await refusal(ui, 'grantRole', { ...params, dataWindows: [[day(2021), day(2020)]] })).message).toMatch(
      /end before/,
    )
    for (const wrong of [
      { validFrom: '2021-01-01T00:00:00+02:00' },
      { validFrom: '2021-01-01' },
      { components: [] },
      { components: ['a b'] },
      { role: 'x'.repeat(100_000) },
      { on: { edgeId: edge.id, siteId: 1 } },
      { to: {} },
      { unknown: 1 },
    ]) {
      expect((await refusal(ui, 'grantRole', { ...params, ...wrong })).code, JSON.stringify(wrong).slice(0, 80)).toBe(
        -32602,
      )
    }
    expect(await ui.request('listGrants', { on: { edgeId: edge.id } })).toMatchObject({ total: 1 })
    expect(service.ctx.store.index.revision).toBe(revision)
  })

  it('is the same grant when given twice', async () => {
    const { ui, edge } = await keeper()
    const params = { ...share((await person()).user, edge), components: ['meter*'] }
    expect(await ui.request('grantRole', params)).toEqual(await ui.request('grantRole', params))
    expect(await ui.request('listGrants', { on: { edgeId: edge.id } })).toMatchObject({ total: 2 })
  })

  it('G-03 G-04 K7 gives everybody an overview, which works where the tenant allows it and shows no name', async () => {
    const [owner, stranger] = [await person(), await person()]
    const { id } = await admin.request('createOrganisation', { name: fresh('Company '), owner: owner.user.login })
    const site = await owner.ui.request('createSite', { organisationId: id, name: 'Secret house', location: 'Hill 1' })
    const everybody = { to: { everybody: true }, on: { siteId: site['id'] } }
    expect((await refusal(owner.ui, 'grantRole', { ...everybody, role: 'resource.detail' })).message).toMatch(
      /nothing more/,
    )
    await owner.ui.request('grantRole', { ...everybody, role: 'resource.overview' })
    expect(await stranger.ui.request('listSites')).toEqual({ sites: [], total: 0 })
    await owner.ui.request('setTenantPolicies', { organisationId: id, publicAccess: true })
    expect(await stranger.ui.request('listSites')).toEqual({
      sites: [{ id: site['id'], name: '', isVirtual: false }],
      total: 1,
    })
    expect(await stranger.ui.request('listSites', { query: 'secret' })).toMatchObject({ total: 0 })
  })
})

describe('revokeGrant', () => {
  it('G-11 withdraws a grant at once, and a second time there is none', async () => {
    const { ui, edge } = await keeper()
    const friend = await person()
    const { grantId } = await ui.request('grantRole', share(friend.user, edge))
    await ui.request('revokeGrant', { grantId })
    expect(await roleOn(friend.ui, edge)).toBeUndefined()
    expect((await refusal(ui, 'revokeGrant', { grantId })).code).toBe(1005)
  })

  it('lets everybody give up his own, and nobody another’s without the right to grant', async () => {
    const { ui, edge } = await keeper()
    const [friend, other] = [await person(), await person()]
    const { grantId } = await ui.request('grantRole', share(friend.user, edge))
    await ui.request('grantRole', share(other.user, edge, 'resource.control'))
    expect((await refusal(other.ui, 'revokeGrant', { grantId })).code).toBe(1005)
    await friend.ui.request('revokeGrant', { grantId })
    expect(await roleOn(friend.ui, edge)).toBeUndefined()
  })

  it('P-09 leaves the last owner of an organisation', async () => {
    const owner = await person()
    const { id } = await admin.request('createOrganisation', { name: fresh('Company '), owner: owner.user.login })
    const { grants } = await owner.ui.request('listGrants', { on: { organisationId: id } })
    const [{ id: grantId } = { id: 0 }] = grants as { id: number }[]
    for (const client of [owner.ui, admin])
      expect((await refusal(client, 'revokeGrant', { grantId })).message).toMatch(/owner/i)
  })
})

describe('listGrants', () => {
  it('G-28 shows who holds what only to those who may grant there, in pages', async () => {
    const { user, ui, edge } = await keeper()
    const friend = await person()
    await ui.request('grantRole', share(friend.user, edge))
    const result = await ui.request('listGrants', { on: { edgeId: edge.id }, limit: 1, query: friend.user.login })
    expect(result).toEqual({
      grants: [
        {
          id: expect.any(Number),
          to: { kind: 'user', name: friend.user.login },
          on: { kind: 'edge', id: edge.row.id, name: edge.id },
          role: 'resource.detail',
          validFrom: null,
          validTo: null,
          dataWindows: null,
          components: null,
          source: 'manual',
          grantedBy: user.login,
        },
      ],
      total: 1,
    })
    expect((await refusal(friend.ui, 'listGrants', { on: { edgeId: edge.id } })).code).toBe(1005)
  })

  it('GD-04 does not name a group that the asker cannot see', async () => {
    const { ui, edge } = await keeper()
    const other = await person()
    await ui.request('grantRole', share(other.user, edge, 'resource.administration'))
    const group = await other.ui.request('createUserGroup', { name: 'Unseen' })
    await other.ui.request('grantRole', {
      to: { userGroupId: group['id'] },
      on: { edgeId: edge.id },
      role: 'resource.detail',
    })
    const { grants } = await ui.request('listGrants', { on: { edgeId: edge.id } })
    expect((grants as { to: object }[]).map(({ to }) => to)).toContainEqual({ kind: 'userGroup' })
    expect(JSON.stringify(grants)).not.toContain('Unseen')
    expect(await ui.request('listGrants', { on: { edgeId: edge.id }, query: 'unseen' })).toMatchObject({ total: 0 })
  })
})
