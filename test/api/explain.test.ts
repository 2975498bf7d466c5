import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { UserRow } from '../../src/access/model.ts'
import { ServiceClient, UiClient } from '../harness/clients.ts'
import { testClock } from '../harness/clock.ts'
import { addEdge, addUser, fresh, type SeededEdge } from '../harness/seed.ts'
import { startTestService, type TestService } from '../harness/service.ts'

const clock = testClock(new Date())
let service: TestService
let admin: UiClient
beforeAll(async () => {
  service = await startTestService({ clock: clock.now })
  admin = await UiClient.signedIn(service)
})
afterAll(async () => {
  await admin?.[Symbol.asyncDispose]()
  await service?.[Symbol.asyncDispose]()
})

interface Told {
  allowed: boolean
  code: string
  sentence: string
  role: string | null
  paths: { principals: { name: string }[]; resources: { name: string }[]; role: string; grantedBy: string | null }[]
  morePaths: number
  nearMisses: { code: string; reason: string }[]
  fix: { code: string; sentence: string } | null
}

async function person(shareable = true): Promise<{ user: UserRow; ui: UiClient }> {
  const user = await addUser(service.ctx, { shareable })
  return { user, ui: await UiClient.signedIn(service, user.login) }
}

async function keeper() {
  const { user, ui } = await person()
  const edge = await addEdge(service.ctx)
  await grant(admin, user, edge, 'resource.administration')
  return { user, ui, edge }
}

const grant = (by: UiClient, user: UserRow, edge: SeededEdge, role = 'resource.detail', terms: object = {}) =>
  by.request('grantRole', { to: { login: user.login }, on: { edgeId: edge.id }, role, ...terms })
const explain = async (by: UiClient, params: object) => (await by.request('explainAccess', params)) as unknown as Told
const history = async (by: UiClient, params: object) =>
  (await by.request('accessHistory', params)) as unknown as {
    known: boolean
    entries: { kind: string; action: string | null; by: string | null; at: string }[]
  }

describe('explainAccess', () => {
  it('O-08 tells the keeper of an edge which link is missing, and the change he can make', async () => {
    const { ui, edge } = await keeper()
    const friend = await person()
    const told = await explain(ui, { userId: friend.user.login, edgeId: edge.id })
    expect(told).toMatchObject({
      allowed: false,
      code: 'denied',
      sentence: `${friend.user.login} may not see ${edge.id}: nothing that includes it is granted on ${edge.id}`,
      fix: { code: 'noGrant', sentence: `Grant a role on ${edge.id}` },
    })
    await grant(ui, friend.user, edge)
    expect(await explain(ui, { userId: friend.user.login, edgeId: edge.id, permission: 'history' })).toMatchObject({
      allowed: true,
      code: 'allowed',
      role: 'guest',
      paths: [{ principals: [{ kind: 'user', name: friend.user.login }], role: 'resource.detail' }],
      nearMisses: [],
    })
  })

  it('O-09 G-14 answers the same for unknown and unseen things, but tells who looks after all accounts apart', async () => {
    const { user, edge } = await keeper()
    const stranger = await person()
    const unseen = await explain(stranger.ui, { edgeId: edge.id })
    expect(unseen).toMatchObject({ allowed: false, code: 'notFound', paths: [], nearMisses: [], fix: null })
    expect(await explain(stranger.ui, { edgeId: 'no-such-edge' })).toEqual(unseen)
    expect(await explain(stranger.ui, { userId: user.login, edgeId: edge.id })).toEqual(unseen)
    expect(await explain(stranger.ui, { userId: 'nobody-at-all', edgeId: edge.id })).toEqual(unseen)
    expect(await explain(stranger.ui, { edgeId: edge.id, at: '2020-01-01T00:00:00.000Z' })).toEqual(unseen)
    expect(await explain(admin, { userId: user.login, edgeId: 'no-such-edge' })).toMatchObject({
      code: 'unknownResource',
    })
    expect(await explain(admin, { userId: 'nobody-at-all', edgeId: edge.id })).toMatchObject({
      code: 'unknownPrincipal',
    })
    expect(await explain(admin, { userId: stranger.user.login, edgeId: edge.id })).toMatchObject({ code: 'denied' })
  })

  it('O-09 tells who looks after all accounts that a node has not loaded something yet; others as if it were not there', async () => {
    const { ui } = await keeper()
    const { db } = service.ctx
    const edgeId = fresh('late')
    // In the database and not in the log: as it is for a node that the log has not reached yet.
    const { id } = await db.insertInto('resource').values({ kind: 'edge' }).returning('id').executeTakeFirstOrThrow()
    await db.insertInto('edge').values({ id, edgeId, comment: '', producttype: '', createdAt: new Date() }).execute()
    expect(await explain(admin, { edgeId })).toMatchObject({
      allowed: false,
      code: 'notLoaded',
      sentence: 'It is in the database, but this node has not loaded it yet',
    })
    expect(await explain(ui, { edgeId })).toEqual(await explain(ui, { edgeId: 'no-such-edge' }))
    await db.deleteFrom('edge').where('id', '=', id).execute()
    await db.deleteFrom('resource').where('id', '=', id).execute()
    expect(await explain(admin, { edgeId })).toMatchObject({ code: 'unknownResource' })
  })

  it('G-17 does not betray private accounts to those who grant', async () => {
    const { ui, edge } = await keeper()
    const hermit = await person(false)
    const unknown = await explain(ui, { userId: 'nobody-at-all', edgeId: edge.id })
    expect(await explain(ui, { userId: hermit.user.login, edgeId: edge.id })).toEqual(unknown)
    await grant(admin, hermit.user, edge)
    expect(await explain(ui, { userId: hermit.user.login, edgeId: edge.id })).toMatchObject({ allowed: true })
  })

  it('GD-04 tells somebody about himself the role and the sharer, not the groups of others', async () => {
    const { user, ui, edge } = await keeper()
    const friend = await person()
    const outer = Number((await ui.request('createUserGroup', { name: fresh('Outer secret') }))['id'])
    const inner = Number((await ui.request('createUserGroup', { name: fresh('Inner') }))['id'])
    await ui.request('addGroupMember', { groupId: outer, member: { userGroupId: inner } })
    await ui.request('addGroupMember', { groupId: inner, member: { login: friend.user.login } })
    await ui.request('grantRole', { to: { userGroupId: outer }, on: { edgeId: edge.id }, role: 'resource.detail' })
    const told = await explain(friend.ui, { edgeId: edge.id })
    expect(told.paths).toMatchObject([{ role: 'resource.detail', grantedBy: user.login }])
    expect(told.paths[0]?.principals.at(-1)).toEqual({ kind: 'hidden', name: 'a group you cannot see' })
    expect(JSON.stringify(told)).not.toContain('Outer secret')
    const whole = await explain(ui, { userId: friend.user.login, edgeId: edge.id })
    expect(whole.paths[0]?.principals).toHaveLength(3)
    await ui.request('removeGroupMember', { groupId: inner, member: { login: friend.user.login } })
    const missing = await explain(ui, { userId: friend.user.login, edgeId: edge.id })
    expect(missing.fix).toMatchObject({ code: 'notMember' })
  })

  it('GD-04 tells nobody by a number how many groups he cannot see give him something', async () => {
    const { ui, edge } = await keeper()
    const friend = await person()
    const inner = Number((await ui.request('createUserGroup', { name: fresh('Inner') }))['id'])
    await ui.request('addGroupMember', { groupId: inner, member: { login: friend.user.login } })
    for (let count = 0; count < 25; count++) {
      const groupId = Number((await ui.request('createUserGroup', { name: fresh('Outer') }))['id'])
      await ui.request('addGroupMember', { groupId, member: { userGroupId: inner } })
      await ui.request('grantRole', { to: { userGroupId: groupId }, on: { edgeId: edge.id }, role: 'resource.detail' })
    }
    const told = await explain(friend.ui, { edgeId: edge.id })
    expect([told.paths.length, told.morePaths]).toEqual([1, 0])
    const whole = await explain(ui, { userId: friend.user.login, edgeId: edge.id })
    expect([whole.paths.length, whole.morePaths]).toEqual([20, 5])
  })

  it('wants one resource and one principal at most', async () => {
    const refused = async (params: object) => (await admin.call('explainAccess', params)).error?.code
    expect(await refused({})).toBe(-32602)
    expect(await refused({ edgeId: 'edge0', resource: { platform: true } })).toBe(-32602)
    expect(await refused({ edgeId: 'edge0', userId: 'a', principal: { login: 'b' } })).toBe(-32602)
  })

  it('looks at the past and ahead', async () => {
    const { ui, edge } = await keeper()
    const friend = await person()
    const about = { userId: friend.user.login, edgeId: edge.id }
    const before = clock.now()
    clock.advance(60_000)
    const validTo = new Date(clock.now().getTime() + 3_600_000).toISOString()
    await grant(ui, friend.user, edge, 'resource.detail', { validTo })
    clock.advance(60_000)
    const during = clock.now()
    clock.advance(60_000)
    const { grants } = (await ui.request('listGrants', { on: { edgeId: edge.id } })) as {
      grants: { id: number; to: object }[]
    }
    const made = grants.find(({ to }) => JSON.stringify(to).includes(friend.user.login))
    expect(await explain(ui, { ...about, at: validTo })).toMatchObject({
      allowed: false,
      nearMisses: [{ code: 'grantEnded' }, {}],
    })
    await ui.request('revokeGrant', { grantId: made?.id })
    clock.advance(60_000)
    expect(await explain(ui, { ...about, at: before.toISOString() })).toMatchObject({
      allowed: false,
      nearMisses: [{ code: 'noGrant' }],
      fix: null,
    })
    expect(await explain(ui, { ...about, at: during.toISOString() })).toMatchObject({ allowed: true, role: 'guest' })
    expect(await explain(ui, about)).toMatchObject({ allowed: false })
  })
})

describe('explainAccess of the past', () => {
  it('names the groups somebody was not in then, also those that are gone, to who may know of them (O-08, G-14)', async () => {
    const { ui, edge } = await keeper()
    const friend = await person()
    const about = { userId: friend.user.login, edgeId: edge.id }
    const name = fresh('Team')
    const group = Number((await ui.request('createUserGroup', { name }))['id'])
    await ui.request('grantRole', { to: { userGroupId: group }, on: { edgeId: edge.id }, role: 'resource.detail' })
    clock.advance(1000)
    const outside = clock.now().toISOString()
    clock.advance(1000)
    await ui.request('addGroupMember', { groupId: group, member: { login: friend.user.login } })
    clock.advance(1000)
    const missed = [{ code: 'notMember', node: { kind: 'group', name } }, { code: 'noGrant' }]
    expect(await explain(ui, { ...about, at: outside })).toMatchObject({
      allowed: false,
      nearMisses: missed,
      fix: null,
    })
    await ui.request('deleteUserGroup', { groupId: group })
    clock.advance(1000)
    expect(await explain(admin, { ...about, at: outside })).toMatchObject({ nearMisses: missed, fix: null })
    expect(await explain(ui, { ...about, at: outside })).toMatchObject({ nearMisses: missed })
    const other = await person()
    await grant(admin, other.user, edge, 'resource.administration')
    const known = await explain(other.ui, { ...about, at: outside })
    expect(known.nearMisses.map(({ code }) => code)).toEqual(['noGrant'])
    expect(JSON.stringify(known)).not.toContain(name)
  })
})

describe('the past of what is gone', () => {
  it('is told to who looks after all accounts: people deleted, edges made anew, names that others have now (D-25, O-09)', async () => {
    const { user: keeps, ui, edge } = await keeper()
    const { user } = await person()
    await grant(ui, user, edge)
    clock.advance(1000)
    const then = clock.now().toISOString()
    clock.advance(1000)
    const about = { userId: user.login, edgeId: edge.id }
    await admin.request('deleteUser', { login: user.login })
    clock.advance(1000)
    const without = clock.now().toISOString()
    clock.advance(1000)
    const seen = { allowed: true, role: 'guest', paths: [{ principals: [{ kind: 'user', name: user.login }] }] }
    expect(await explain(admin, { ...about, at: then })).toMatchObject(seen)
    expect(await explain(admin, about)).toMatchObject({ code: 'unknownPrincipal' })
    expect(await history(admin, about)).toMatchObject({ entries: [{ kind: 'began' }, { kind: 'ended' }] })
    // Somebody else is called so now, and what is said about then is not about him.
    await admin.request('createUser', { login: user.login, password: 'a password of theirs' })
    expect(await explain(admin, { ...about, at: then })).toMatchObject(seen)
    expect(await explain(admin, { ...about, at: without })).toMatchObject({ allowed: false })
    expect(await explain(ui, { ...about, at: then })).toMatchObject({ code: 'notFound' })
    await admin.request('deleteEdge', { edgeId: edge.id })
    await admin.request('createEdge', { edgeId: edge.id })
    clock.advance(1000)
    expect(await explain(admin, { ...about, at: then })).toMatchObject(seen)
    expect(await explain(admin, { userId: keeps.login, edgeId: edge.id })).toMatchObject({ allowed: false })
    expect(await explain(ui, { edgeId: edge.id, at: then })).toMatchObject({ code: 'notFound' })
  })

  it('goes by the login of then, and by numbers of groups and sites that are gone', async () => {
    const { ui, edge } = await keeper()
    const { user } = await person()
    const groupId = Number((await ui.request('createEdgeGroup', { name: fresh('Gone') }))['id'])
    const team = Number((await ui.request('createUserGroup', { name: fresh('Gone team') }))['id'])
    await ui.request('grantRole', { to: { userGroupId: team }, on: { edgeGroupId: groupId }, role: 'group.detail' })
    await grant(ui, user, edge)
    clock.advance(1000)
    const then = clock.now().toISOString()
    clock.advance(1000)
    const newLogin = fresh('renamed')
    await admin.request('renameUser', { login: user.login, newLogin })
    await ui.request('deleteEdgeGroup', { groupId })
    await ui.request('deleteUserGroup', { groupId: team })
    clock.advance(1000)
    for (const userId of [user.login, newLogin]) {
      expect(await explain(admin, { userId, edgeId: edge.id, at: then })).toMatchObject({ allowed: true })
    }
    const groups = { principal: { userGroupId: team }, resource: { edgeGroupId: groupId } }
    expect(await explain(admin, { ...groups, at: then })).toMatchObject({ allowed: true })
    expect(await explain(admin, groups)).toMatchObject({ code: 'unknownPrincipal' })
    expect(await explain(ui, { ...groups, at: then })).toMatchObject({ code: 'notFound' })
  })
})

describe('accessHistory', () => {
  it('names services, too, that gave and took it, to who may know of them (G-35)', async () => {
    const { edge } = await keeper()
    const friend = await person()
    const name = fresh('service')
    await using operator = await ServiceClient.local(service)
    const { token } = await operator.request('createServiceToken', { name, role: 'admin', scopes: ['manage'] })
    await using client = await ServiceClient.open(service, String(token))
    clock.advance(1000)
    await client.request('grantRole', {
      to: { login: friend.user.login },
      on: { edgeId: edge.id },
      role: 'resource.detail',
    })
    const about = { userId: friend.user.login, edgeId: edge.id }
    expect(await history(admin, about)).toMatchObject({ entries: [{ kind: 'began', by: name }] })
    expect(await history(friend.ui, { edgeId: edge.id })).toMatchObject({ entries: [{ kind: 'began', by: null }] })
  })

  it('lists when access began, changed and ended, by whom, and ends that came by themselves (D-25)', async () => {
    const { user, ui, edge } = await keeper()
    const friend = await person()
    const about = { userId: friend.user.login, edgeId: edge.id }
    clock.advance(1000)
    const validTo = new Date(clock.now().getTime() + 10_000).toISOString()
    await grant(ui, friend.user, edge, 'resource.detail', { validTo })
    clock.advance(5000)
    await grant(ui, friend.user, edge, 'resource.control', { validTo })
    clock.advance(60_000)
    const told = await history(ui, about)
    expect(told.entries).toMatchObject([
      { kind: 'began', action: 'grant.created', by: user.login },
      { kind: 'changed', action: 'grant.created', by: user.login },
      { kind: 'ended', action: null, by: null, at: validTo },
    ])
    const unknown = { known: false, entries: [], more: 0 }
    expect(await history(friend.ui, { edgeId: edge.id })).toEqual(unknown)
    expect(await history(friend.ui, { edgeId: 'no-such-edge' })).toEqual(unknown)
  })
})
