import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { UserRow } from '../../src/access/model.ts'
import { refusal, UiClient } from '../harness/clients.ts'
import { company, memberOf, newSite, newSub } from '../harness/organisations.ts'
import { addEdge, addUser } from '../harness/seed.ts'
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
const signIn = (user: UserRow) => UiClient.signedIn(service, user.login)

const sitesOf = async (ui: UiClient, organisationId?: number) => {
  const { sites } = await ui.request('listSites', { limit: 100, ...(organisationId ? { organisationId } : {}) })
  return (sites as { id: number }[]).map(({ id }) => id)
}

describe('organisations', () => {
  it('P-02 P-03 a main one is made by the platform only, a sub-organisation by its owner', async () => {
    const { id, boss } = await company(service, admin)
    expect((await refusal(boss, 'createOrganisation', { name: 'Mine' })).code).toBe(1005)
    const below = await newSub(boss, id)
    const { organisations } = await boss.request('listOrganisations')
    expect(organisations).toEqual([
      expect.objectContaining({
        id: below,
        isMain: false,
        parentId: id,
        canEditSites: false,
        canCreateSuborganisations: false,
      }),
      expect.objectContaining({ id, isMain: true, canEditSites: true }),
    ])
  })

  it('P-06 P-07 a sub-organisation makes further ones only with that gate open, which is for the one above', async () => {
    const { id, boss } = await company(service, admin)
    const below = await newSub(boss, id)
    const { ui } = await memberOf(service, boss, below, 'owner')
    expect(await refusal(ui, 'createSuborganisation', { parentId: below, name: 'Deep' })).toMatchObject({
      code: 1,
      message: /permitted/,
    })
    expect(
      (await refusal(ui, 'setOrganisationGates', { organisationId: below, canCreateSuborganisations: true })).code,
    ).toBe(1005)
    await boss.request('setOrganisationGates', { organisationId: below, canCreateSuborganisations: true })
    const deep = await newSub(ui, below)
    expect((await refusal(ui, 'setOrganisationGates', { organisationId: deep, canEditSites: true })).code).toBe(1005)
  })

  it('P-08 an owner manages everything below at any depth; P-17 nobody else of the main organisation does', async () => {
    const { id, boss } = await company(service, admin)
    const { ui: manager } = await memberOf(service, boss, id, 'manager')
    const below = await newSub(boss, id)
    await boss.request('setOrganisationGates', { organisationId: below, canCreateSuborganisations: true })
    const branch = await memberOf(service, boss, below, 'owner')
    const deep = await newSub(branch.ui, below)
    await boss.request('renameOrganisation', { organisationId: deep, name: 'Renamed from above' })
    const unseen = await refusal(manager, 'renameOrganisation', { organisationId: below, name: 'X' })
    expect(unseen).toEqual(await refusal(manager, 'renameOrganisation', { organisationId: unknownId, name: 'X' }))
    expect(await manager.request('listOrganisations')).toMatchObject({ total: 1 })
    await boss.request('addOrganisationMember', {
      organisationId: below,
      login: (await addUser(service.ctx, { shareable: true })).login,
      role: 'viewer',
    })
  })

  it('nest at most ten deep', async () => {
    const { id, boss } = await company(service, admin)
    let at = id
    for (let depth = 2; depth <= 10; depth++) {
      at = await newSub(boss, at)
      await boss.request('setOrganisationGates', { organisationId: at, canCreateSuborganisations: true })
    }
    expect(await refusal(boss, 'createSuborganisation', { parentId: at, name: 'Eleventh' })).toMatchObject({
      code: 1,
      message: /10 deep/,
    })
  })

  it('are deleted when empty, and say what stops it otherwise', async () => {
    const { id, boss } = await company(service, admin)
    const below = await newSub(boss, id)
    const site = await newSite(boss, id)
    expect((await refusal(boss, 'deleteOrganisation', { organisationId: id })).code).toBe(1005)
    expect((await refusal(admin, 'deleteOrganisation', { organisationId: id })).message).toBe(
      'The organisation still has 1 sub-organisation, 1 site: move or delete them first',
    )
    await boss.request('shareSite', { siteId: site, organisationId: below })
    await boss.request('deleteOrganisation', { organisationId: below })
    expect(await sitesOf(boss)).toEqual([site])
    await boss.request('deleteSite', { siteId: site })
    await admin.request('deleteOrganisation', { organisationId: id })
    expect(await boss.request('listOrganisations')).toEqual({ organisations: [], total: 0 })
  })

  it('refuse names that are none, and 100,000 characters', async () => {
    const { id, boss } = await company(service, admin)
    for (const name of ['', '   ', 'x'.repeat(100_000)]) {
      expect((await refusal(boss, 'renameOrganisation', { organisationId: id, name })).code).toBe(-32602)
    }
    expect((await refusal(boss, 'renameOrganisation', { organisationId: id, name: 'a\nb' })).message).toMatch(/control/)
    expect((await refusal(boss, 'renameOrganisation', { organisationId: id, name: 'x', more: 1 })).code).toBe(-32602)
  })

  it('list in pages, searched and sorted, and of others not even the number', async () => {
    const { id, boss } = await company(service, admin)
    for (const name of ['Branch 10', 'Branch 9', 'Outpost'])
      await boss.request('createSuborganisation', { parentId: id, name })
    const names = async (query: object) =>
      (
        (await boss.request('listOrganisations', { parentId: id, ...query }))['organisations'] as { name: string }[]
      ).map(({ name }) => name)
    expect(await names({})).toEqual(['Branch 9', 'Branch 10', 'Outpost'])
    expect(await names({ query: 'bRAnch', descending: true })).toEqual(['Branch 10', 'Branch 9'])
    expect(await names({ limit: 2, page: 1 })).toEqual(['Outpost'])
    expect(await boss.request('listOrganisations', { limit: 1 })).toMatchObject({ total: 4 })
    await using stranger = await signIn(await addUser(service.ctx))
    expect(await stranger.request('listOrganisations', { parentId: id })).toEqual({ organisations: [], total: 0 })
  })
})

describe('members of organisations', () => {
  it('P-09 the last owner cannot be removed, demoted, or leave', async () => {
    const { id, owner, boss } = await company(service, admin)
    const { ui: manager } = await memberOf(service, boss, id, 'manager')
    for (const client of [boss, admin]) {
      expect(
        (await refusal(client, 'removeOrganisationMember', { organisationId: id, login: owner.login })).message,
      ).toMatch(/owner/i)
      expect(
        (await refusal(client, 'setOrganisationRole', { organisationId: id, login: owner.login, role: 'viewer' }))
          .message,
      ).toMatch(/owner/i)
    }
    const second = await memberOf(service, boss, id, 'owner')
    await boss.request('setOrganisationRole', { organisationId: id, login: owner.login, role: 'viewer' })
    expect(
      (await refusal(second.ui, 'removeOrganisationMember', { organisationId: id, login: second.user.login })).message,
    ).toMatch(/owner/i)
    expect(
      (await refusal(manager, 'removeOrganisationMember', { organisationId: id, login: second.user.login })).code,
    ).toBe(1)
  })

  it('P-10 C-12 a manager handles members up to his own role and no owner', async () => {
    const { id, owner, boss } = await company(service, admin)
    const { ui: manager } = await memberOf(service, boss, id, 'manager')
    const other = await memberOf(service, manager, id, 'manager')
    const added = { organisationId: id, login: (await addUser(service.ctx, { shareable: true })).login, role: 'owner' }
    expect((await refusal(manager, 'addOrganisationMember', added)).message).toMatch(/pass on/)
    const promoted = { organisationId: id, login: other.user.login, role: 'owner' }
    expect((await refusal(manager, 'setOrganisationRole', promoted)).message).toMatch(/pass on/)
    await memberOf(service, boss, id, 'owner')
    expect(
      (await refusal(manager, 'setOrganisationRole', { organisationId: id, login: owner.login, role: 'member' }))
        .message,
    ).toMatch(/owners only/)
    await manager.request('setOrganisationRole', { organisationId: id, login: other.user.login, role: 'member' })
    const { members } = await manager.request('listOrganisationMembers', { organisationId: id })
    expect((members as { role: string }[]).map(({ role }) => role).sort()).toEqual([
      'manager',
      'member',
      'owner',
      'owner',
    ])
    await manager.request('removeOrganisationMember', { organisationId: id, login: other.user.login })
    expect(await other.ui.request('listOrganisations')).toMatchObject({ total: 0 })
  })

  it('P-11 P-12 P-14 a viewer sees all and changes nothing, a member sees overviews only', async () => {
    const { id, boss } = await company(service, admin)
    const site = await newSite(boss, id)
    await boss.request('renameSite', { siteId: site, location: 'Sunny Street 1', labels: ['roof'] })
    const edge = await addEdge(service.ctx, { siteId: site })
    const viewer = await memberOf(service, boss, id, 'viewer')
    const member = await memberOf(service, boss, id, 'member')
    expect(await viewer.ui.request('listSites')).toMatchObject({
      sites: [{ id: site, location: 'Sunny Street 1', labels: ['roof'] }],
    })
    expect(await viewer.ui.request('getEdge', { edgeId: edge.id })).toMatchObject({ edge: { role: 'guest' } })
    expect(await viewer.ui.request('listSiteContent', { siteId: site })).toEqual({
      content: [{ edgeId: edge.id, name: edge.row.comment }],
      total: 1,
    })
    const overview = await member.ui.request('listSiteContent', { siteId: site })
    expect(overview).toEqual({ content: [{ edgeId: edge.id, name: '' }], total: 1 })
    const { sites } = await member.ui.request('listSites')
    expect(sites).toEqual([{ id: site, name: expect.any(String), isVirtual: false, organisationId: id }])
    expect((await refusal(member.ui, 'getEdge', { edgeId: edge.id })).code).toBe(1005)
    expect((await refusal(viewer.ui, 'renameSite', { siteId: site, name: 'X' })).code).toBe(1005)
    expect((await refusal(viewer.ui, 'listOrganisationMembers', { organisationId: id })).code).toBe(1005)
    await viewer.ui.request('removeOrganisationMember', { organisationId: id, login: viewer.user.login })
    expect(await sitesOf(viewer.ui)).toEqual([])
  })

  it('P-16 one person has different roles in different organisations', async () => {
    const [one, two] = [await company(service, admin), await company(service, admin)]
    const { user, ui } = await memberOf(service, one.boss, one.id, 'manager')
    await two.boss.request('addOrganisationMember', { organisationId: two.id, login: user.login, role: 'viewer' })
    expect(await ui.request('listOrganisations')).toMatchObject({ total: 2 })
    await newSite(ui, one.id)
    expect((await refusal(ui, 'createSite', { organisationId: two.id, name: 'X' })).code).toBe(1005)
    const again = { organisationId: two.id, login: user.login, role: 'manager' }
    expect((await refusal(two.boss, 'addOrganisationMember', again)).message).toMatch(/already/)
  })

  it('G-17 G-18 P-22 a private account is only invited, and answered for like one that does not exist', async () => {
    const { id, boss } = await company(service, admin)
    const hidden = await addUser(service.ctx)
    const params = (login: string) => ({ organisationId: id, login, role: 'viewer' })
    for (const login of [hidden.login, 'nobody-at-all'])
      expect(await boss.request('addOrganisationMember', params(login))).toEqual({ state: 'invited' })
    expect(await boss.request('listOrganisationMembers', { organisationId: id })).toMatchObject({ total: 1 })
  })

  it('refuse inverted periods and let a membership end by itself', async () => {
    const { id, boss } = await company(service, admin)
    const user = await addUser(service.ctx, { shareable: true })
    const params = { organisationId: id, login: user.login, role: 'viewer' }
    const [early, late] = ['2020-01-01T00:00:00.000Z', '2021-01-01T00:00:00.000Z']
    expect(
      (await refusal(boss, 'addOrganisationMember', { ...params, validFrom: late, validTo: early })).message,
    ).toMatch(/end before/)
    await boss.request('addOrganisationMember', { ...params, validFrom: early, validTo: late })
    await using ui = await signIn(user)
    expect(await ui.request('listOrganisations')).toMatchObject({ total: 0 })
  })
})

describe('sites', () => {
  it('P-04 are made in the main organisation, in a sub-organisation by nobody', async () => {
    const { id, boss } = await company(service, admin)
    const below = await newSub(boss, id)
    await boss.request('setOrganisationGates', { organisationId: below, canEditSites: true })
    for (const client of [boss, admin]) {
      expect(await refusal(client, 'createSite', { organisationId: below, name: 'X' })).toMatchObject({
        code: 1,
        message: /main organisation/,
      })
    }
    expect((await refusal(boss, 'createSite', { organisationId: unknownId, name: 'X' })).code).toBe(1005)
    await using stranger = await signIn(await addUser(service.ctx))
    expect((await refusal(stranger, 'createSite', { organisationId: below, name: 'X' })).code).toBe(1005)
  })

  it('P-15 P-21 P-05 P-13 are shared with a sub-organisation, edited there with the gate open, and taken back', async () => {
    const { id, boss } = await company(service, admin)
    const below = await newSub(boss, id)
    const { ui: manager } = await memberOf(service, boss, below, 'manager')
    const [shared, kept] = [await newSite(boss, id), await newSite(boss, id)]
    expect(await sitesOf(manager)).toEqual([])
    await boss.request('shareSite', { siteId: shared, organisationId: below })
    expect(await sitesOf(manager)).toEqual([shared])
    expect(await sitesOf(boss, below)).toEqual([shared])
    expect((await refusal(manager, 'renameSite', { siteId: shared, name: 'Mine' })).code).toBe(1005)
    await boss.request('setOrganisationGates', { organisationId: below, canEditSites: true })
    await manager.request('renameSite', { siteId: shared, name: 'Edited below' })
    const unseen = await refusal(manager, 'renameSite', { siteId: kept, name: 'X' })
    expect(unseen).toEqual(await refusal(manager, 'renameSite', { siteId: unknownId, name: 'X' }))
    expect((await refusal(boss, 'shareSite', { siteId: shared, organisationId: below })).message).toMatch(/already/)
    await boss.request('unshareSite', { siteId: shared, organisationId: below })
    expect(await sitesOf(manager)).toEqual([])
    expect(await sitesOf(boss)).toEqual(expect.arrayContaining([shared, kept]))
  })

  it('P-18 are never shared with another tree, and with no main organisation', async () => {
    const [one, two] = [await company(service, admin), await company(service, admin)]
    const foreign = await newSub(two.boss, two.id)
    const site = await newSite(one.boss, one.id)
    expect((await refusal(one.boss, 'shareSite', { siteId: site, organisationId: foreign })).code).toBe(1005)
    expect((await refusal(admin, 'shareSite', { siteId: site, organisationId: foreign })).message).toMatch(
      /own organisation/,
    )
    expect((await refusal(one.boss, 'shareSite', { siteId: site, organisationId: one.id })).message).toMatch(
      /sub-organisations/,
    )
  })

  it('P-06 are shared on by a sub-organisation only with the gate open', async () => {
    const { id, boss } = await company(service, admin)
    const below = await newSub(boss, id)
    await boss.request('setOrganisationGates', { organisationId: below, canCreateSuborganisations: true })
    const { ui } = await memberOf(service, boss, below, 'owner')
    const deep = await newSub(ui, below)
    const site = await newSite(boss, id)
    await boss.request('shareSite', { siteId: site, organisationId: below })
    expect((await refusal(ui, 'shareSite', { siteId: site, organisationId: deep })).code).toBe(1005)
    await boss.request('setOrganisationGates', { organisationId: below, canEditSites: true })
    await ui.request('shareSite', { siteId: site, organisationId: deep })
    expect(await sitesOf(ui, deep)).toEqual([site])
  })

  it('are handed to another main organisation by who holds both, when nothing ties them', async () => {
    const [one, two] = [await company(service, admin), await company(service, admin)]
    const site = await newSite(one.boss, one.id)
    const below = await newSub(one.boss, one.id)
    const handOver = { siteId: site, to: { organisationId: two.id }, showPast: true }
    expect((await refusal(one.boss, 'handOver', handOver)).code).toBe(1005)
    await one.boss.request('shareSite', { siteId: site, organisationId: below })
    await admin.request('handOver', handOver)
    expect(await sitesOf(one.boss)).toEqual([])
    expect(await sitesOf(two.boss)).toEqual([site])
  })

  it('P-19 hold edges, which come and go inside their organisation only', async () => {
    const [one, two] = [await company(service, admin), await company(service, admin)]
    const [site, foreign] = [await newSite(one.boss, one.id), await newSite(two.boss, two.id)]
    const edge = await addEdge(service.ctx, { siteId: site })
    expect(await one.boss.request('getEdge', { edgeId: edge.id })).toMatchObject({ edge: { role: 'installer' } })
    expect((await refusal(admin, 'moveEdge', { edgeId: edge.id, siteId: foreign })).message).toMatch(
      /another organisation.*handOver/,
    )
    const unseen = await refusal(two.boss, 'moveEdge', { edgeId: edge.id, siteId: foreign })
    const missing = await refusal(two.boss, 'moveEdge', { edgeId: 'no-such-edge', siteId: foreign })
    expect(JSON.stringify(unseen).replaceAll(edge.id, 'no-such-edge')).toBe(JSON.stringify(missing))
    expect((await refusal(one.boss, 'deleteSite', { siteId: site })).message).toMatch(/1 edge/)
    await one.boss.request('moveEdge', { edgeId: edge.id, siteId: null })
    await one.boss.request('deleteSite', { siteId: site })
    expect(await one.boss.request('getEdge', { edgeId: edge.id })).toMatchObject({ edge: { role: 'installer' } })
  })

  it('P-24 are found by label', async () => {
    const { id, boss } = await company(service, admin)
    await boss.request('createSite', { organisationId: id, name: 'A', labels: ['roof', 'roof'] })
    await newSite(boss, id)
    expect(await boss.request('listSites', { label: 'roof' })).toMatchObject({
      sites: [{ name: 'A', labels: ['roof'] }],
      total: 1,
    })
  })
})
