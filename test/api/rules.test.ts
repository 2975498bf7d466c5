import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { allMethods } from '../../src/api/index.ts'
import { refusal, UiClient } from '../harness/clients.ts'
import { addEdge, addUser, addUserWith, fresh, give } from '../harness/seed.ts'
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

async function person(more: object = {}) {
  const user = await addUser(service.ctx, { shareable: true, ...more })
  return { user, login: user.login, ui: await UiClient.signedIn(service, user.login) }
}

async function company(name = fresh('Company ')) {
  const owner = await person()
  const { id } = await admin.request('createOrganisation', { name, owner: owner.login })
  return { ...owner, id: Number(id) }
}
const idOf = async (answer: Promise<Record<string, unknown>>) => Number((await answer)['id'])

describe('strangers', () => {
  it('O-01 are answered by no method but those for signing in', async () => {
    await using stranger = await UiClient.open(service)
    for (const { name, access, clients } of allMethods) {
      if (access === 'public' || !clients.includes('ui')) continue
      expect((await refusal(stranger, name, {})).code, name).toBe(1001)
    }
  })
})

/** Everything about these resources and this user group. */
function possessions(resourceIds: number[], userGroupId: number) {
  const { index } = service.ctx.store
  const isOurs = (...ids: number[]) => ids.some((id) => resourceIds.includes(id))
  return {
    rows: (['organisation', 'site', 'edge', 'edgeGroup'] as const).map((entity) =>
      resourceIds.map((id) => index.row(entity, id)),
    ),
    grants: [...index.rows('grant')].filter((row) => isOurs(row.resourceId)),
    links: [...index.rows('containment')].filter((row) => isOurs(row.parentId, row.childId)),
    group: index.row('userGroup', userGroupId),
    members: [...index.rows('membership')].filter((row) => row.groupId === userGroupId),
  }
}

describe('customers', () => {
  it('O-02 see and change what is theirs; no answer to one names anything of another (invariant 8)', async () => {
    const one = await company('Hidden Ltd')
    const two = await company('Other Ltd')
    const site = await idOf(
      one.ui.request('createSite', { organisationId: one.id, name: 'hidden house', labels: ['hidden'] }),
    )
    const edge = await addEdge(service.ctx, { edgeId: fresh('hidden'), siteId: site, comment: 'hidden comment' })
    const userGroup = await idOf(one.ui.request('createUserGroup', { name: 'hidden people' }))
    const edgeGroup = await idOf(one.ui.request('createEdgeGroup', { name: 'hidden edges' }))
    await one.ui.request('grantRole', {
      to: { userGroupId: userGroup },
      on: { edgeId: edge.id },
      role: 'resource.detail',
    })
    const aims = {
      edgeId: edge.id,
      edges: [edge.id],
      organisationId: one.id,
      parentId: one.id,
      siteId: site,
      groupId: 0,
      query: 'hidden',
      content: { edgeId: edge.id },
      member: { login: two.login },
      login: one.login,
      on: { edgeId: edge.id },
      to: { login: two.login },
      role: 'viewer',
      grantId: 1,
      name: 'Mine now',
      payload: { jsonrpc: '2.0', id: 'x', method: 'getEdgeConfig', params: {} },
    }
    const before = possessions([one.id, site, edge.row.id, edgeGroup], userGroup)
    const signingIn = new Set(['authenticateWithPassword', 'authenticateWithToken', 'logout', 'registerUser'])
    const own = new Set(['createUserGroup', 'createEdgeGroup', 'setShareable'])
    for (const { name, clients, params } of allMethods) {
      if (!clients.includes('ui') || signingIn.has(name) || own.has(name)) continue
      for (const groupId of [userGroup, edgeGroup]) {
        const given = { ...aims, groupId }
        // Only what the method takes, so that it comes to the question of rights.
        const kept = Object.entries(given).filter(([key]) => {
          const trial = params.safeParse({ [key]: given[key as keyof typeof given] })
          return (
            trial.success ||
            !trial.error.issues.some(({ code, path }) => code === 'unrecognized_keys' || path[0] === key)
          )
        })
        const answer = JSON.stringify(await two.ui.call(name, Object.fromEntries(kept)))
        expect(answer, name).not.toMatch(/hidden (?:house|comment|people|edges)|Hidden Ltd/)
      }
    }
    expect(possessions([one.id, site, edge.row.id, edgeGroup], userGroup)).toEqual(before)
    expect(await one.ui.request('getEdge', { edgeId: edge.id })).toMatchObject({ edge: { comment: 'hidden comment' } })
  })

  it('G-32 keep their personal data to themselves: others who may share with them learn the name', async () => {
    const one = await person({ email: `${fresh('private')}@example.org` })
    const two = await person()
    const groupId = await idOf(two.ui.request('createUserGroup', { name: 'Friends' }))
    await two.ui.request('addGroupMember', { groupId, member: { login: one.login } })
    const list = JSON.stringify(await two.ui.request('listGroupMembers', { groupId }))
    expect(list).toContain(one.login)
    expect(list).not.toContain('@example.org')
    expect(JSON.stringify(await two.ui.request('getUserInformation'))).not.toContain('@example.org')
  })

  it('P-01 K3 have organisations in one tree, sites in them, edges in those', async () => {
    const { id, ui } = await company()
    const below = await idOf(ui.request('createSuborganisation', { parentId: id, name: 'Branch' }))
    const site = await idOf(ui.request('createSite', { organisationId: id, name: 'House' }))
    const edge = await addEdge(service.ctx, { siteId: site })
    await ui.request('shareSite', { siteId: site, organisationId: below })
    expect(await ui.request('listOrganisations')).toMatchObject({
      organisations: [{ id: below, parentId: id }, { id }],
    })
    expect(await ui.request('listSites', { organisationId: below })).toMatchObject({ sites: [{ id: site }] })
    expect(await ui.request('getEdge', { edgeId: edge.id })).toMatchObject({ edge: { role: 'installer' } })
  })
})

describe('installers', () => {
  it('E-10 K9 see hundreds of edges of many sites with one account, page by page', async () => {
    const { id, ui } = await company()
    const installer = await person()
    await ui.request('addOrganisationMember', { organisationId: id, login: installer.login, role: 'manager' })
    const names: string[] = []
    for (let house = 0; house < 11; house++) {
      const siteId = await idOf(ui.request('createSite', { organisationId: id, name: `House ${house}` }))
      for (let n = 0; n < 10; n++) names.push((await addEdge(service.ctx, { siteId })).id)
    }
    const seen: string[] = []
    for (const page of [0, 1, 2]) {
      const { edges } = await installer.ui.request('getEdges', { page, limit: 50 })
      seen.push(...(edges as { id: string }[]).map((edge) => edge.id))
    }
    expect(seen.sort()).toEqual(names.sort())
  })

  it('E-09 belong to several groups of different purposes at once', async () => {
    const [keeper, installer] = [await person(), await person()]
    for (const purpose of ['heat pumps', 'research project', 'neighbours']) {
      const groupId = await idOf(keeper.ui.request('createUserGroup', { name: fresh('Group '), purpose }))
      await keeper.ui.request('addGroupMember', { groupId, member: { login: installer.login } })
    }
    const { groups, total } = await installer.ui.request('listUserGroups')
    expect(total).toBe(3)
    expect((groups as { purpose: string }[]).map(({ purpose }) => purpose).sort()).toEqual([
      'heat pumps',
      'neighbours',
      'research project',
    ])
  })
})

describe('edges', () => {
  it('O-07 with nothing but an id break no list', async () => {
    const edgeId = fresh('bare')
    await admin.request('createEdge', { edgeId })
    const bare = { id: edgeId, comment: '', producttype: '', version: '0.0.0', isOnline: false }
    expect(await admin.request('getEdge', { edgeId })).toMatchObject({ edge: bare })
    expect(await admin.request('getEdges', { page: 0, limit: 20, query: edgeId })).toMatchObject({ edges: [bare] })
    expect(await admin.request('getEdgesStatus', { edgeIds: [edgeId] })).toBeDefined()
  })

  it('G-24 have an id that nobody else has, and a comment if one likes', async () => {
    const edgeId = fresh('serial')
    await admin.request('createEdge', { edgeId, comment: 'Roof' })
    const { revision } = service.ctx.store.index
    expect((await refusal(admin, 'createEdge', { edgeId })).message).toMatch(/already/)
    expect(service.ctx.store.index.revision).toBe(revision)
    expect(await admin.request('getEdge', { edgeId })).toMatchObject({ edge: { comment: 'Roof' } })
  })

  it('G-29 show name and place only with detail, and let their settings be changed with control', async () => {
    const { id, ui } = await company()
    const [site, viewer] = [
      await idOf(ui.request('createSite', { organisationId: id, name: 'House', location: 'Hill 1' })),
      await person(),
    ]
    const edge = await addEdge(service.ctx, { siteId: site })
    const give = (role: string) => ui.request('grantRole', { to: { login: viewer.login }, on: { siteId: site }, role })
    await give('resource.overview')
    expect((await viewer.ui.request('listSites'))['sites']).toEqual([{ id: site, name: 'House', isVirtual: false }])
    expect((await refusal(viewer.ui, 'getEdge', { edgeId: edge.id })).code).toBe(1005)
    expect(await viewer.ui.request('getEdges', { page: 0, limit: 20 })).toEqual({ edges: [] })
    await give('resource.detail')
    expect(await viewer.ui.request('listSites')).toMatchObject({ sites: [{ name: 'House', location: 'Hill 1' }] })
    expect(await viewer.ui.request('getEdge', { edgeId: edge.id })).toMatchObject({ edge: { role: 'guest' } })
    await give('resource.control')
    expect(await viewer.ui.request('getEdge', { edgeId: edge.id })).toMatchObject({ edge: { role: 'owner' } })
  })

  it('K11 T6 are seen by the strongest of all grants: a weaker one beside it takes nothing', async () => {
    const edge = await addEdge(service.ctx)
    const user = await addUserWith(service.ctx, 'installer', edge)
    await using ui = await UiClient.signedIn(service, user.login)
    await give(service.ctx, user, 'guest', edge)
    expect(await ui.request('getEdge', { edgeId: edge.id })).toMatchObject({ edge: { role: 'installer' } })
  })

  it('G-16 in a group are not controlled through it: there is no such role', async () => {
    const keeper = await person()
    const friend = await person()
    const groupId = await idOf(keeper.ui.request('createEdgeGroup', { name: 'Roofs' }))
    const grant = { to: { login: friend.login }, on: { edgeGroupId: groupId } }
    expect((await refusal(keeper.ui, 'grantRole', { ...grant, role: 'group.control' })).message).toMatch(/no role/)
    expect((await refusal(keeper.ui, 'grantRole', { ...grant, role: 'resource.control' })).message).toMatch(
      /cannot be given/,
    )
  })
})

describe('the log', () => {
  it('G-35 names who gave and who took a right', async () => {
    const [keeper, friend] = [await person(), await person()]
    const edge = await addEdge(service.ctx)
    await give(service.ctx, keeper.user, 'admin', edge)
    const grant = { to: { login: friend.login }, on: { edgeId: edge.id }, role: 'resource.detail' }
    const { grantId } = await keeper.ui.request('grantRole', grant)
    await keeper.ui.request('revokeGrant', { grantId })
    const { changes } = await admin.request('listChanges', { entity: 'grant', entityId: String(grantId) })
    expect(changes).toMatchObject([
      { action: 'grant.revoked', actor: keeper.login, after: null },
      { action: 'grant.created', actor: keeper.login, before: null },
    ])
  })
})

describe('errors', () => {
  it('OC-02 say in their code what is missing: sign-in, a role, a stronger one, the edge, the method', async () => {
    const edge = await addEdge(service.ctx)
    const guest = await addUserWith(service.ctx, 'guest', edge)
    await using ui = await UiClient.signedIn(service, guest.login)
    await using stranger = await UiClient.open(service)
    const other = await addEdge(service.ctx)
    const inner = (method: string) => ({ method, params: {}, id: '00000000-0000-4000-8000-000000000000' })
    const refusals: [UiClient, string, object, number][] = [
      [stranger, 'getEdges', {}, 1001],
      [stranger, 'authenticateWithPassword', { username: guest.login, password: 'not his' }, 1003],
      [stranger, 'authenticateWithToken', { token: 'none' }, 1003],
      [ui, 'getEdge', { edgeId: other.id }, 1005],
      [ui, 'getEdgeConfigHistory', { edgeId: edge.id }, 1002],
      [ui, 'edgeRpc', { edgeId: edge.id, payload: inner('routes') }, 3000],
      [ui, 'noSuchMethod', {}, 4001],
      [ui, 'grantRole', { to: 'somebody' }, -32602],
    ]
    for (const [client, method, params, code] of refusals) {
      expect((await refusal(client, method, params)).code, method).toBe(code)
    }
  })
})

describe('people and their groups', () => {
  it('EC-17 outlive each other: a group that goes leaves its people, somebody who goes leaves all groups', async () => {
    const [keeper, friend] = [await person(), await person()]
    const made = (name: string) => idOf(keeper.ui.request('createUserGroup', { name: fresh(name) }))
    const [stays, goes] = [await made('Stays'), await made('Goes')]
    for (const groupId of [stays, goes]) {
      await keeper.ui.request('addGroupMember', { groupId, member: { login: friend.login } })
    }
    await keeper.ui.request('deleteUserGroup', { groupId: goes })
    await using again = await UiClient.signedIn(service, friend.login)
    expect(await again.request('getEdges')).toEqual({ edges: [] })
    expect(await keeper.ui.request('listGroupMembers', { groupId: stays })).toMatchObject({ total: 1 })
    await admin.request('deleteUser', { login: friend.login })
    expect(await keeper.ui.request('listGroupMembers', { groupId: stays })).toEqual({ members: [], total: 0 })
  })
})
