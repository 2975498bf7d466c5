import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { refusal, UiClient } from '../harness/clients.ts'
import { company, memberOf, newSite, newSub } from '../harness/organisations.ts'
import { addEdge } from '../harness/seed.ts'
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

describe('sub-organisations', () => {
  it('P-07 P-08 K2 are moved below another with all that lies below them: who is above gains and loses them at once', async () => {
    const { id, boss, owner } = await company(service, admin)
    const [north, south] = [await newSub(boss, id), await newSub(boss, id)]
    await boss.request('setOrganisationGates', { organisationId: north, canCreateSuborganisations: true })
    const team = await newSub(boss, north)
    await boss.request('setOrganisationGates', { organisationId: team, canCreateSuborganisations: true })
    const below = await newSub(boss, team)
    const siteId = await newSite(boss, id)
    const edge = await addEdge(service.ctx, { siteId })
    await boss.request('shareSite', { siteId, organisationId: below })
    const [ofNorth, ofSouth] = [
      await memberOf(service, boss, north, 'owner'),
      await memberOf(service, boss, south, 'owner'),
    ]
    const viewer = await memberOf(service, boss, south, 'viewer')
    const move = { organisationId: team, parentId: south }
    const sees = async (ui: UiClient) => (await ui.call('getEdge', { edgeId: edge.id })).error === undefined
    expect([await sees(ofNorth.ui), await sees(ofSouth.ui), await sees(viewer.ui)]).toEqual([true, false, false])
    expect((await refusal(boss, 'moveOrganisation', move)).message).toMatch(/not permitted to create further/)
    await boss.request('setOrganisationGates', { organisationId: south, canCreateSuborganisations: true })
    const told = await boss.request('explainChange', { operations: [{ method: 'moveOrganisation', params: move }] })
    const names = new Set((told['changes'] as { principal: { name: string } }[]).map(({ principal }) => principal.name))
    expect([...names].sort()).toEqual([ofNorth.user.login, ofSouth.user.login].sort())
    await boss.request('moveOrganisation', move)
    expect([await sees(ofNorth.ui), await sees(ofSouth.ui), await sees(viewer.ui)]).toEqual([false, true, false])
    const { organisations } = await ofSouth.ui.request('listOrganisations')
    expect((organisations as { id: number; parentId?: number }[]).find((one) => one.id === team)?.parentId).toBe(south)
    expect((await refusal(ofNorth.ui, 'renameOrganisation', { organisationId: team, name: 'Ours' })).code).toBe(1005)
    // What it is already, it may become again; the log says who did it.
    await boss.request('moveOrganisation', move)
    const { changes } = await admin.request('listChanges', { entity: 'organisation', entityId: String(team), limit: 1 })
    expect(changes).toMatchObject([
      { action: 'organisation.moved', actor: owner.login, before: { parentId: north }, after: { parentId: south } },
    ])
  })

  it('P-18 G-34 G-01 are moved inside their own tree only, not below themselves, by who decides about both places', async () => {
    const [{ id, boss }, other] = [await company(service, admin), await company(service, admin)]
    const [north, south] = [await newSub(boss, id), await newSub(boss, id)]
    for (const organisationId of [north, south]) {
      await boss.request('setOrganisationGates', { organisationId, canCreateSuborganisations: true })
    }
    const team = await newSub(boss, north)
    await boss.request('setOrganisationGates', { organisationId: team, canCreateSuborganisations: true })
    const moving = (by: UiClient, organisationId: number, parentId: number) =>
      refusal(by, 'moveOrganisation', { organisationId, parentId })
    const [ofNorth, ofTeam] = [
      await memberOf(service, boss, north, 'owner'),
      await memberOf(service, boss, team, 'owner'),
    ]
    const unseen = await moving(ofNorth.ui, team, other.id)
    expect(unseen.code).toBe(1005)
    expect(unseen).toEqual(await moving(ofNorth.ui, team, unknownId))
    expect(await moving(ofNorth.ui, team, south)).toEqual(unseen)
    expect((await moving(other.boss, team, other.id)).code).toBe(1005)
    expect((await moving(admin, team, other.id)).message).toMatch(/inside its own main organisation/)
    expect((await moving(boss, id, north)).message).toMatch(/main organisation lies below no other/)
    expect((await moving(boss, north, team)).message).toBe('An organisation cannot lie below itself')
    expect((await moving(boss, north, north)).message).toBe('An organisation cannot lie below itself')
    // Its own owner does not decide where it lies, not even below what he owns, too.
    await boss.request('addOrganisationMember', { organisationId: south, login: ofTeam.user.login, role: 'owner' })
    expect((await moving(ofTeam.ui, team, south)).code).toBe(1005)
    // A gate stays open below those only who may open it: an owner of both who cannot, cannot move it either.
    await boss.request('setOrganisationGates', { organisationId: team, canEditSites: true })
    await boss.request('addOrganisationMember', { organisationId: south, login: ofNorth.user.login, role: 'owner' })
    expect((await moving(ofNorth.ui, team, south)).code).toBe(1005)
    await boss.request('setOrganisationGates', { organisationId: team, canEditSites: false })
    await ofNorth.ui.request('moveOrganisation', { organisationId: team, parentId: south })
    await boss.request('moveOrganisation', { organisationId: team, parentId: id })
    expect((await refusal(boss, 'moveOrganisation', { organisationId: team })).code).toBe(-32602)
  })

  it('are moved no deeper than ten', async () => {
    const { id, boss } = await company(service, admin)
    let deepest = id
    for (let depth = 2; depth <= 9; depth++) {
      deepest = await newSub(boss, deepest)
      await boss.request('setOrganisationGates', { organisationId: deepest, canCreateSuborganisations: true })
    }
    const top = await newSub(boss, id)
    await boss.request('setOrganisationGates', { organisationId: top, canCreateSuborganisations: true })
    const leaf = await newSub(boss, top)
    expect((await refusal(boss, 'moveOrganisation', { organisationId: top, parentId: deepest })).message).toMatch(/10/)
    await boss.request('moveOrganisation', { organisationId: leaf, parentId: deepest })
  })
})
