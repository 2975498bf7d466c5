import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { UserRow } from '../../src/access/model.ts'
import { refusal, ServiceClient, UiClient, type WireClient } from '../harness/clients.ts'
import { addEdge, addUser, fresh, type SeededEdge } from '../harness/seed.ts'
import { startTestService, type TestService } from '../harness/service.ts'

let service: TestService
let admin: UiClient
let backend: ServiceClient
beforeAll(async () => {
  service = await startTestService()
  admin = await UiClient.signedIn(service)
  const { token } = await admin.request('createServiceToken', {
    name: 'backend',
    role: 'guest',
    scopes: ['read', 'authenticate'],
  })
  backend = await ServiceClient.open(service, String(token))
})
afterAll(async () => {
  await backend?.[Symbol.asyncDispose]()
  await admin?.[Symbol.asyncDispose]()
  await service?.[Symbol.asyncDispose]()
})

const day = (year: number) => `${year}-01-01T00:00:00.000Z`
const span = (from: number, to: number) => [day(from), day(to)]

async function person(shareable = true): Promise<{ user: UserRow; ui: UiClient }> {
  const user = await addUser(service.ctx, { shareable })
  return { user, ui: await UiClient.signedIn(service, user.login) }
}
const give = (to: UserRow, edge: SeededEdge, terms: object = {}) =>
  admin.request('grantRole', { to: { login: to.login }, on: { edgeId: edge.id }, role: 'resource.detail', ...terms })
const restrict = (user: UserRow, edge: SeededEdge, terms: object) =>
  admin.request('setRestriction', { login: user.login, edgeId: edge.id, ...terms })
const channels = ['meter0/ActivePower', 'ess0/Soc']
const question = (user: { login: string }, edge: { id: string }, more: object = {}) => ({
  userId: user.login,
  edgeId: edge.id,
  channels,
  from: day(2000),
  to: day(2030),
  ...more,
})
const denied = { allowed: [], channels: [], parts: [], reason: 'denied' }

describe('authorizeData', () => {
  it('D-14 D-15 T2 answers all of the range without windows, else the half-open parts of it', async () => {
    const { user } = await person()
    const [open, past] = [await addEdge(service.ctx), await addEdge(service.ctx)]
    await give(user, open)
    await give(user, past, { dataWindows: [span(2010, 2012), span(2014, 2016)] })
    expect(await backend.request('authorizeData', question(user, open))).toEqual({
      allowed: [span(2000, 2030)],
      channels,
      parts: [{ channels, allowed: [span(2000, 2030)] }],
      reason: 'all',
    })
    const { allowed, reason } = await backend.request('authorizeData', question(user, past, { from: day(2011) }))
    expect({ allowed, reason }).toEqual({ allowed: [span(2011, 2012), span(2014, 2016)], reason: 'part' })
    const beyond = question(user, past, { from: day(2012), to: day(2014) })
    expect(await backend.request('authorizeData', beyond)).toEqual({ ...denied, reason: 'none' })
  })

  it('D-23 D-25 joins the windows of grants and cuts them to the restriction, which touches no other edge', async () => {
    const { user } = await person()
    const [house, other] = [await addEdge(service.ctx), await addEdge(service.ctx)]
    await give(user, house, { dataWindows: [span(2010, 2012)] })
    await give(user, house, { dataWindows: [span(2011, 2014)] })
    await give(user, other)
    await restrict(user, house, { periods: [{ to: day(2013) }] })
    const ask = async (edge: SeededEdge) => (await backend.request('authorizeData', question(user, edge)))['allowed']
    expect(await ask(house)).toEqual([span(2010, 2013)])
    expect(await ask(other)).toEqual([span(2000, 2030)])
    // T3: cut to nothing is nothing, not everything.
    await restrict(user, house, { periods: [{ to: day(2005) }] })
    expect(await backend.request('authorizeData', question(user, house))).toEqual(denied)
  })

  it('cuts the channels to the components of each grant, and lends no window of one to another (T6)', async () => {
    const { user } = await person()
    const edge = await addEdge(service.ctx)
    await give(user, edge, { components: ['meter*'], dataWindows: [span(2010, 2020)] })
    const meters = { channels: ['meter0/ActivePower'], allowed: [span(2010, 2020)] }
    expect(await backend.request('authorizeData', question(user, edge))).toEqual({
      ...meters,
      parts: [meters],
      reason: 'part',
    })
    await give(user, edge, { components: ['ess0'], dataWindows: [span(2015, 2025)] })
    expect(await backend.request('authorizeData', question(user, edge))).toEqual({
      allowed: [span(2015, 2020)],
      channels,
      parts: [meters, { channels: ['ess0/Soc'], allowed: [span(2015, 2025)] }],
      reason: 'part',
    })
  })

  it('G-14 answers for what may not be seen as for what does not exist', async () => {
    const [{ user, ui }, stranger] = [await person(), await person()]
    const edge = await addEdge(service.ctx)
    await give(user, edge)
    const unknown = [
      question(stranger.user, edge),
      question({ login: 'nobody-at-all' }, edge),
      question(user, { id: 'no-such-edge' }),
    ]
    for (const params of unknown) expect(await backend.request('authorizeData', params)).toEqual(denied)
    expect(await stranger.ui.request('authorizeData', question(stranger.user, edge))).toEqual(denied)
    expect(await stranger.ui.request('authorizeData', question(stranger.user, { id: 'no-such-edge' }))).toEqual(denied)
    const refusals = await Promise.all(
      [question(user, edge), question({ login: 'nobody' }, edge), question(user, { id: 'no-such-edge' })].map(
        (params) => refusal(stranger.ui, 'authorizeData', params),
      ),
    )
    expect(new Set(refusals.map((error) => JSON.stringify(error))).size).toBe(1)
    expect(refusals[0]?.code).toBe(1005)
    expect(await ui.request('authorizeData', question(user, edge))).toMatchObject({ reason: 'all' })
    await using deaf = await UiClient.open(service)
    expect((await refusal(deaf, 'authorizeData', question(user, edge))).code).toBe(1001)
  })

  it('lets whoever could withdraw it ask about somebody, and a service without rights about nobody', async () => {
    const [{ user }, keeper] = [await person(), await person()]
    const edge = await addEdge(service.ctx)
    await give(user, edge)
    await give(keeper.user, edge, { role: 'resource.administration' })
    expect(await keeper.ui.request('authorizeData', question(user, edge))).toMatchObject({ reason: 'all' })
    expect((await refusal(keeper.ui, 'authorizeData', question({ login: 'admin' }, edge))).code).toBe(1005)
    const { token } = await admin.request('createServiceToken', { name: fresh('bare'), scopes: ['authenticate'] })
    await using bare = await ServiceClient.open(service, String(token))
    expect(await bare.request('authorizeData', question(user, edge))).toEqual(denied)
    expect(await bare.request('getUserEdges', { userId: user.login })).toEqual({ edges: [] })
  })

  it('ends with the grant, and with a claim of NONE (K8)', async () => {
    const { user } = await person()
    const edge = await addEdge(service.ctx)
    await give(user, edge, { validTo: day(2020) })
    expect(await backend.request('authorizeData', question(user, edge))).toEqual(denied)
    await give(user, edge)
    await admin.request('setClaim', { login: user.login, key: 'sensors', value: 'none' })
    expect(await backend.request('authorizeData', question(user, edge))).toEqual({ ...denied, reason: 'none' })
  })

  it('D-16 takes UTC, a range that is one, and addresses of channels', async () => {
    const { user } = await person()
    const edge = await addEdge(service.ctx)
    for (const wrong of [
      { from: '2020-01-01T00:00:00+02:00' },
      { from: '2020-01-01' },
      { channels: ['meter0'] },
      { x: 1 },
    ])
      expect((await refusal(backend, 'authorizeData', question(user, edge, wrong))).code).toBe(-32602)
    expect((await refusal(backend, 'authorizeData', question(user, edge, { to: day(2000) }))).message).toMatch(
      /end before/,
    )
  })
})

describe('getUserEdges', () => {
  it('lists for a service what the user himself is told, in pages', async () => {
    const { user, ui } = await person()
    const edges = [await addEdge(service.ctx), await addEdge(service.ctx), await addEdge(service.ctx)]
    for (const edge of edges) await give(user, edge)
    const own = await ui.request('getEdges')
    expect(own['edges']).toHaveLength(3)
    expect(await backend.request('getUserEdges', { userId: user.login })).toEqual(own)
    expect(await ui.request('getUserEdges', { userId: user.login })).toEqual(own)
    const pages = await Promise.all(
      [0, 1, 2].map((page) => backend.request('getUserEdges', { userId: user.login, page, limit: 2 })),
    )
    expect(pages.flatMap((page) => page['edges'])).toEqual(own['edges'])
    expect(await backend.request('getUserEdges', { userId: user.login, query: edges[1]?.id })).toMatchObject({
      edges: [{ id: edges[1]?.id, role: 'guest' }],
    })
  })

  it('K10 fills its pages with edges that carry a role, of which a member has few', async () => {
    const { user, ui } = await person()
    const { id: organisationId } = await admin.request('createOrganisation', { name: fresh('Big '), owner: 'admin' })
    const to = { login: user.login }
    await admin.request('grantRole', { to, on: { organisationId }, role: 'org.member' })
    const edges: SeededEdge[] = []
    for (let n = 0; n < 9; n++) edges.push(await addEdge(service.ctx, { organisationId: Number(organisationId) }))
    expect(await ui.request('getEdges')).toEqual({ edges: [] })
    const mine = edges.filter((_, n) => n % 3 === 2)
    for (const edge of mine) await give(user, edge)
    for (const method of ['getEdges', 'getUserEdges']) {
      const page = async (page: number) =>
        (await ui.request(method, { userId: user.login, page, limit: 2 }))['edges'] as { id: string }[]
      const pages = [await page(0), await page(1), await page(2)]
      expect(pages.map((edges) => edges.map(({ id }) => id))).toEqual(
        [mine.slice(0, 2), mine.slice(2), []].map((part) => part.map(({ id }) => id)),
      )
    }
    const hasMultiple = async () => {
      await using again = await UiClient.open(service)
      return (await again.signIn(user.login))['user']
    }
    expect(await hasMultiple()).toMatchObject({ hasMultipleEdges: true })
    for (const edge of mine.slice(1))
      await admin.request('revokeAccess', { login: user.login, on: { edgeId: edge.id } })
    expect(await ui.request('getEdges')).toMatchObject({ edges: [{ id: mine[0]?.id }] })
    expect(await hasMultiple()).toMatchObject({ hasMultipleEdges: false })
  })

  it('tells nothing of unknown users, nothing that the service cannot see, and persons nothing of others', async () => {
    const { user } = await person()
    const [seen, unseen] = [await addEdge(service.ctx), await addEdge(service.ctx)]
    for (const edge of [seen, unseen]) await give(user, edge)
    const name = fresh('partial')
    const { token } = await admin.request('createServiceToken', { name, scopes: ['authenticate'] })
    await admin.request('grantRole', { to: { service: name }, on: { edgeId: seen.id }, role: 'resource.detail' })
    await using partial = await ServiceClient.open(service, String(token))
    expect(await partial.request('getUserEdges', { userId: user.login })).toMatchObject({ edges: [{ id: seen.id }] })
    expect(await backend.request('getUserEdges', { userId: 'nobody-at-all' })).toEqual({ edges: [] })
    const { ui } = await person()
    expect(await refusal(ui, 'getUserEdges', { userId: user.login })).toEqual(
      await refusal(ui, 'getUserEdges', { userId: 'nobody-at-all' }),
    )
    expect(await admin.request('getUserEdges', { userId: user.login })).toMatchObject({ edges: [{}, {}] })
  })
})

describe('getEdgeUsers', () => {
  type Row = { login?: string; role: string | null; ways: { to: string; groupName?: string; on: string }[] }
  const users = async (client: WireClient, edge: SeededEdge, more: object = {}) =>
    (await client.request('getEdgeUsers', { edgeId: edge.id, ...more })) as unknown as {
      users: Row[]
      total: number
      hidden: number
      everybody: boolean
    }

  it('names who sees the edge, in which role, by which grants and for which times', async () => {
    const [keeper, friend, member] = [await person(), await person(), await person()]
    const edge = await addEdge(service.ctx)
    await give(keeper.user, edge, { role: 'resource.administration' })
    await give(friend.user, edge, { dataWindows: [span(2010, 2012)], components: ['meter*'] })
    const group = await keeper.ui.request('createUserGroup', { name: 'Friends' })
    await keeper.ui.request('addGroupMember', { groupId: group['id'], member: { login: member.user.login } })
    const { id: edgeGroup } = await keeper.ui.request('createEdgeGroup', { name: 'Mine' })
    await keeper.ui.request('addToEdgeGroup', { groupId: edgeGroup, content: { edgeId: edge.id } })
    await keeper.ui.request('grantRole', {
      to: { userGroupId: group['id'] },
      on: { edgeGroupId: edgeGroup },
      role: 'group.detail',
    })
    const answer = await users(keeper.ui, edge)
    const row = (login: string) => answer.users.find((one) => one.login === login)
    expect(row(friend.user.login)).toEqual({
      kind: 'user',
      login: friend.user.login,
      role: 'guest',
      windows: [span(2010, 2012)],
      historicOnly: true,
      components: ['meter*'],
      ways: [{ to: 'self', on: 'edge', onId: edge.row.id, onName: edge.id, role: 'resource.detail', validTo: null }],
    })
    expect(row(member.user.login)?.ways).toEqual([
      {
        to: 'userGroup',
        groupId: group['id'],
        groupName: 'Friends',
        on: 'edgeGroup',
        onId: edgeGroup,
        onName: 'Mine',
        role: 'group.detail',
        validTo: null,
      },
    ])
    expect(row(keeper.user.login)?.role).toBe('owner')
    expect(answer).toMatchObject({ total: answer.users.length, everybody: false })
  })

  it('is asked by those who grant there or audit it, or handle members; to others the edge does not exist (G-14, G-28)', async () => {
    const [friend, stranger, owner, manager] = [await person(), await person(), await person(), await person()]
    const { id } = await admin.request('createOrganisation', { name: fresh('Company '), owner: owner.user.login })
    await owner.ui.request('addOrganisationMember', { organisationId: id, login: manager.user.login, role: 'manager' })
    const edge = await addEdge(service.ctx, { organisationId: Number(id) })
    await give(friend.user, edge, { role: 'resource.control' })
    const missing = await refusal(stranger.ui, 'getEdgeUsers', { edgeId: 'no-such-edge' })
    expect(missing.code).toBe(1005)
    expect(await refusal(stranger.ui, 'getEdgeUsers', { edgeId: edge.id })).toEqual(missing)
    expect((await refusal(friend.ui, 'getEdgeUsers', { edgeId: edge.id })).code).toBe(1005)
    for (const client of [owner.ui, manager.ui, admin, backend]) {
      const isAllowed = client !== backend
      const { error } = await client.call('getEdgeUsers', { edgeId: edge.id, query: friend.user.login })
      expect(error === undefined).toBe(isAllowed)
    }
    await give(stranger.user, edge, { role: 'resource.administration', validTo: day(2020) })
    expect(await refusal(stranger.ui, 'getEdgeUsers', { edgeId: edge.id })).toEqual(missing)
  })

  it('G-17 G-32 GD-04 counts private accounts and does not name them, nor groups the asker cannot see', async () => {
    const [keeper, other, secret] = [await person(), await person(), await person(false)]
    const edge = await addEdge(service.ctx)
    for (const { user } of [keeper, other]) await give(user, edge, { role: 'resource.administration' })
    const group = await other.ui.request('createUserGroup', { name: 'Unseen' })
    await other.ui.request('addGroupMember', { groupId: group['id'], member: { login: secret.user.login } })
    await secret.ui.request('acceptInvitation', { groupId: group['id'] })
    await other.ui.request('grantRole', {
      to: { userGroupId: group['id'] },
      on: { edgeId: edge.id },
      role: 'resource.detail',
    })
    const answer = await users(keeper.ui, edge)
    expect(JSON.stringify(answer)).not.toMatch(new RegExp(`Unseen|${secret.user.login}"|Name of|@`))
    const unnamed = answer.users.filter(({ login }) => login === undefined)
    expect(unnamed).toHaveLength(answer.hidden)
    expect(unnamed.flatMap(({ ways }) => ways)).toContainEqual({
      to: 'userGroup',
      on: 'edge',
      onId: edge.row.id,
      onName: edge.id,
      role: 'resource.detail',
      validTo: null,
    })
    expect(await users(keeper.ui, edge, { query: secret.user.login })).toMatchObject({ total: 0, hidden: 0, users: [] })
    const told = await users(other.ui, edge, { query: secret.user.login })
    expect(told.users.map(({ login }) => login)).toEqual([secret.user.login])
  })

  it('is paged and sorted', async () => {
    const keeper = await person()
    const edge = await addEdge(service.ctx)
    await give(keeper.user, edge, { role: 'resource.administration' })
    const friends = [await person(), await person(), await person()]
    for (const { user } of friends) await give(user, edge)
    const whole = await users(keeper.ui, edge)
    const pages = await Promise.all([0, 1, 2, 3].map((page) => users(keeper.ui, edge, { page, limit: 2 })))
    expect(pages.flatMap((page) => page.users)).toEqual(whole.users)
    const back = await users(keeper.ui, edge, { descending: true, query: 'user' })
    const logins = [keeper, ...friends].map(({ user }) => user.login)
    expect(back.users.map(({ login }) => login)).toEqual(logins.reverse())
    for (const wrong of [{ limit: 0 }, { limit: 101 }, { page: -1 }, { sort: 'role' }])
      expect((await refusal(keeper.ui, 'getEdgeUsers', { edgeId: edge.id, ...wrong })).code).toBe(-32602)
  })
})
