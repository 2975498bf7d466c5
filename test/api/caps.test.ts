import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { reservedClaims } from '../../src/access/claims.ts'
import type { UserRow } from '../../src/access/model.ts'
import { refusal, UiClient, userPassword, type WireClient } from '../harness/clients.ts'
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

const at = (date: string) => `${date}T00:00:00.000Z`
const day = (year: number) => at(`${year}-01-01`)

async function person(shareable = true): Promise<{ user: UserRow; ui: UiClient }> {
  const user = await addUser(service.ctx, { shareable })
  return { user, ui: await UiClient.signedIn(service, user.login) }
}
const give = (to: UserRow, edge: SeededEdge, role = 'resource.detail', terms: object = {}) =>
  admin.request('grantRole', { to: { login: to.login }, on: { edgeId: edge.id }, role, ...terms })

/** Somebody who administers an edge, and somebody else who sees it. */
async function scene(terms: object = {}) {
  const [keeper, friend] = [await person(), await person()]
  const edge = await addEdge(service.ctx)
  await give(keeper.user, edge, 'resource.administration', terms)
  await give(friend.user, edge)
  const restrict = (more: object, client: WireClient = keeper.ui) =>
    client.request('setRestriction', { login: friend.user.login, edgeId: edge.id, ...more })
  const refused = (more: object, client: WireClient = keeper.ui) =>
    refusal(client, 'setRestriction', { login: friend.user.login, edgeId: edge.id, ...more })
  return { keeper, friend, edge, restrict, refused }
}
const one = {
  periods: [
    { from: at('2006-01-01'), to: at('2017-12-31') },
    { from: at('2019-01-01'), to: at('2020-03-31') },
  ],
}
const oneWindows = one.periods.map(({ from, to }) => [from, to])

describe('setRestriction', () => {
  it('V1 V3 V5 V8 V9 V10 D-19..24 merges, cuts and sets periods', async () => {
    const { restrict } = await scene()
    expect(await restrict(one)).toEqual({ windows: oneWindows })
    expect(await restrict({ periods: [{ to: at('2021-06-01') }] })).toEqual({ windows: oneWindows })
    expect(await restrict({ periods: [{ from: at('2017-06-01'), to: at('2019-06-01') }] })).toEqual({
      windows: [[at('2006-01-01'), at('2020-03-31')]],
    })
    expect(await restrict({ mode: 'set', periods: [{ from: day(2023), to: day(2024) }] })).toEqual({
      windows: [[day(2023), day(2024)]],
    })
    expect(await restrict({ periods: [{ from: day(2024), to: day(2025) }] })).toEqual({
      windows: [[day(2023), day(2025)]],
    })
    expect(await restrict({})).toEqual({ windows: [[day(2023), day(2025)]] })
  })

  it('V6 V11 V12 V13 T3 leaves nothing rather than everything, and shows it at once', async () => {
    const { restrict, friend, edge } = await scene()
    expect(await restrict({ periods: [{ from: day(2019), to: day(2020) }] })).toEqual({
      windows: [[day(2019), day(2020)]],
    })
    expect(await friend.ui.request('getEdge', { edgeId: edge.id })).toMatchObject({ edge: { role: 'guest' } })
    expect(await restrict({ periods: [{ to: day(2018) }] })).toEqual({ windows: [] })
    expect((await refusal(friend.ui, 'getEdge', { edgeId: edge.id })).code).toBe(1005)
    expect(await friend.ui.request('getEdges')).toEqual({ edges: [] })
    expect(await restrict({ unrestricted: true })).toEqual({ windows: null })
    expect(await friend.ui.request('getEdge', { edgeId: edge.id })).toMatchObject({ edge: { role: 'guest' } })
    expect(await restrict({ periods: [{ to: day(2021) }] })).toEqual({ windows: [[null, day(2021)]] })
    expect(await restrict({ mode: 'set', periods: [{ from: day(2021) }] })).toEqual({ windows: [[day(2021), null]] })
    expect(await restrict({ mode: 'set', periods: [{ from: day(2021), to: day(2021) }] })).toEqual({ windows: [] })
  })

  it('V7 V17 D-16 D-22 rejects what is ambiguous, whole, and changes nothing', async () => {
    const { restrict, refused } = await scene()
    await restrict(one)
    const { revision } = service.ctx.store.index
    expect((await refused({ periods: [{ to: day(2018) }, { from: day(2000), to: day(2001) }] })).message).toMatch(
      /end alone/,
    )
    expect((await refused({ mode: 'set' })).message).toMatch(/unrestricted/)
    expect((await refused({ periods: [{}] })).message).toMatch(/a start or an end/)
    expect((await refused({ periods: [{ from: day(2020), to: day(2019) }] })).message).toMatch(/end before/)
    for (const wrong of [
      { unrestricted: false },
      { unrestricted: true, periods: [{ from: day(2020) }] },
      { periods: [{ from: '2020-01-01T00:00:00+02:00' }] },
      { mode: 'add' },
    ])
      expect((await refused(wrong)).code).toBe(-32602)
    expect(service.ctx.store.index.revision).toBe(revision)
    expect(await restrict({})).toEqual({ windows: oneWindows })
  })

  it('G-01 is for whoever could withdraw the access, and opens no time he may not read himself', async () => {
    const { keeper, friend, restrict, refused, edge } = await scene({ dataWindows: [[day(2020), day(2099)]] })
    await restrict({ mode: 'set', periods: [{ from: day(2021), to: day(2022) }] })
    expect((await refused({ unrestricted: true })).message).toMatch(/may not read yourself/)
    expect((await refused({ periods: [{ from: day(2019), to: day(2020) }] })).message).toMatch(/may not read yourself/)
    await restrict({ periods: [{ from: day(2020), to: day(2023) }] })
    expect((await refused({}, friend.ui)).code).toBe(1005)
    const own = { login: keeper.user.login, edgeId: edge.id, periods: [{ to: day(2000) }] }
    expect((await refusal(keeper.ui, 'setRestriction', own)).message).toMatch(/himself/)
    await admin.request('grantRole', {
      to: { login: friend.user.login },
      on: { platform: true },
      role: 'openems.guest',
    })
    expect((await refused({ periods: [{ to: day(2000) }] })).message).toMatch(/could not withdraw/)
    await admin.request('setRestriction', { login: friend.user.login, edgeId: edge.id, unrestricted: true })
  })

  it('G-14 G-17 answers for unknown and unseen edges and accounts alike', async () => {
    const { keeper, friend, edge } = await scene()
    const secret = await person(false)
    const stranger = await person()
    const missing = await refusal(stranger.ui, 'setRestriction', { login: friend.user.login, edgeId: 'no-such-edge' })
    expect(missing.code).toBe(1005)
    expect(await refusal(stranger.ui, 'setRestriction', { login: friend.user.login, edgeId: edge.id })).toEqual({
      ...missing,
      message: missing.message.replace('no-such-edge', edge.id),
      data: [edge.id, stranger.user.login],
    })
    const nobody = await refusal(keeper.ui, 'setRestriction', { login: 'nobody-at-all', edgeId: edge.id })
    expect(await refusal(keeper.ui, 'setRestriction', { login: secret.user.login, edgeId: edge.id })).toEqual(nobody)
    await give(secret.user, edge)
    await keeper.ui.request('setRestriction', {
      login: secret.user.login,
      edgeId: edge.id,
      periods: [{ to: day(2020) }],
    })
  })
})

describe('listRestrictions', () => {
  it('shows those on an edge to whoever may grant there, and everybody his own', async () => {
    const { keeper, friend, edge, restrict } = await scene()
    await restrict(one)
    const row = { login: friend.user.login, edgeId: edge.id, windows: oneWindows }
    const only = { restrictions: [row], total: 1 }
    expect(await keeper.ui.request('listRestrictions', { edgeId: edge.id })).toEqual(only)
    expect(await keeper.ui.request('listRestrictions', { login: friend.user.login })).toEqual(only)
    expect(await friend.ui.request('listRestrictions')).toEqual(only)
    expect(await keeper.ui.request('listRestrictions')).toEqual({ restrictions: [], total: 0 })
    const stranger = await person()
    expect(await stranger.ui.request('listRestrictions', { login: friend.user.login })).toEqual({
      restrictions: [],
      total: 0,
    })
    expect(await refusal(stranger.ui, 'listRestrictions', { edgeId: edge.id })).toEqual(
      await refusal(stranger.ui, 'listRestrictions', { edgeId: 'no-such-edge' }),
    )
    await restrict({ mode: 'set', periods: [{ from: day(2020), to: day(2020) }] })
    // T3: of an edge that he may not see any more he learns nothing.
    expect(await friend.ui.request('listRestrictions')).toEqual({ restrictions: [], total: 0 })
  })
})

describe('claims', () => {
  it('D-06 D-07 D-08 K8 cap every grant with NONE and are passed to the UI', async () => {
    const { friend, edge } = await scene()
    await give(friend.user, edge, 'resource.control')
    const { login } = friend.user
    await admin.request('setClaim', { login, key: 'Control', value: 'none' })
    await admin.request('setClaim', { login, key: 'myFeature', value: 'Anything at all' })
    await admin.request('setClaim', { login, key: 'reports', value: 'READ' })
    expect(await friend.ui.request('getEdge', { edgeId: edge.id })).toMatchObject({ edge: { role: 'guest' } })
    const claims = { control: 'NONE', myFeature: 'Anything at all', reports: 'READ' }
    expect(await friend.ui.request('listClaims')).toEqual({
      claims: Object.entries(claims).map(([key, value]) => ({ key, value })),
      total: 3,
    })
    await friend.ui.request('updateUserSettings', { settings: { claims: { control: 'ADMIN' }, theme: 'dark' } })
    await using again = await UiClient.open(service)
    expect(await again.signIn(login, userPassword)).toMatchObject({ user: { settings: { claims, theme: 'dark' } } })
    await admin.request('setClaim', { login, key: 'control', value: 'WRITE' })
    expect(await friend.ui.request('getEdge', { edgeId: edge.id })).toMatchObject({ edge: { role: 'owner' } })
  })

  it('D-07 take the values of reserved keys only, and no strange text', async () => {
    const { user } = await person()
    for (const key of reservedClaims) {
      expect((await refusal(admin, 'setClaim', { login: user.login, key, value: 'MUCH' })).message).toMatch(
        /one of NONE/,
      )
      await admin.request('setClaim', { login: user.login, key, value: 'admin' })
    }
    for (const [key, value] of [
      ['', 'x'],
      ['a\nb', 'x'],
      ['a', 'x\u0007y'],
    ])
      expect((await refusal(admin, 'setClaim', { login: user.login, key, value })).code).toBe(1)
    expect((await refusal(admin, 'setClaim', { login: user.login, key: 'x'.repeat(101), value: '' })).code).toBe(-32602)
    expect(await admin.request('listClaims', { login: user.login, query: 'REP', limit: 1 })).toEqual({
      claims: [{ key: 'reports', value: 'ADMIN' }],
      total: 1,
    })
  })

  it('G-01 are set by whoever handles all that the user has, and by nobody for himself', async () => {
    const [owner, member, stranger] = [await person(), await person(), await person()]
    const { id } = await admin.request('createOrganisation', { name: fresh('Company '), owner: owner.user.login })
    await owner.ui.request('addOrganisationMember', { organisationId: id, login: member.user.login, role: 'viewer' })
    const given = { login: member.user.login, key: 'sensors', value: 'NONE' }
    await owner.ui.request('setClaim', given)
    expect(await owner.ui.request('listClaims', { login: member.user.login })).toMatchObject({ total: 1 })
    const missing = await refusal(stranger.ui, 'setClaim', { ...given, login: 'nobody-at-all' })
    expect(missing.code).toBe(1005)
    expect(await refusal(stranger.ui, 'setClaim', given)).toEqual(missing)
    expect((await refusal(member.ui, 'setClaim', { ...given, value: 'ADMIN' })).code).toBe(1005)
    expect((await refusal(stranger.ui, 'listClaims', { login: member.user.login })).code).toBe(1005)
    await admin.request('setClaim', { login: owner.user.login, key: 'sensors', value: 'NONE' })
    expect((await refusal(owner.ui, 'setClaim', { ...given, value: 'READ' })).message).toMatch(/taken from you/)
    await give(member.user, await addEdge(service.ctx))
    expect((await refusal(owner.ui, 'setClaim', { ...given, key: 'reports' })).code).toBe(1005)
  })
})
