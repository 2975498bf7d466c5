import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { effectOf as workOut } from '../../src/access/change-service.ts'
import type { Change, UserRow } from '../../src/access/model.ts'
import { type Refused, UiClient } from '../harness/clients.ts'
import { addEdge, addUser, fresh, give, type SeededEdge } from '../harness/seed.ts'
import { startTestService, type TestService } from '../harness/service.ts'

interface Effect {
  changes: {
    principal: { kind: string; name: string }
    resource: { name: string }
    gained: string[]
    lost: string[]
    roleBefore: string | null
    roleAfter: string | null
  }[]
  total: number
  complete: boolean
}

describe.each(['postgres', 'embedded'] as const)('explainChange (%s)', (engine) => {
  let service: TestService
  let admin: UiClient
  beforeAll(async () => {
    service = await startTestService({ engine })
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
    await admin.request('grantRole', grantOf(user, edge, 'resource.administration').params)
    return { user, ui, edge }
  }

  const grantOf = (user: UserRow, edge: SeededEdge, role = 'resource.detail') => ({
    method: 'grantRole',
    params: { to: { login: user.login }, on: { edgeId: edge.id }, role },
  })
  const effectOf = async (by: UiClient, ...operations: object[]) =>
    (await by.request('explainChange', { operations })) as unknown as Effect
  const mayOpen = async (ui: UiClient, edge: SeededEdge) =>
    (await ui.call('getEdge', { edgeId: edge.id })).error === undefined
  const rowsOf = async () => {
    const { db } = service.ctx
    const count = (table: 'change' | 'accessGrant' | 'membership' | 'containment') =>
      db
        .selectFrom(table)
        .select((is) => is.fn.countAll<string>().as('count'))
        .executeTakeFirstOrThrow()
    const tables = [
      await count('change'),
      await count('accessGrant'),
      await count('membership'),
      await count('containment'),
    ]
    return [...tables.map(({ count }) => Number(count)), service.ctx.store.revision, service.ctx.store.index.revision]
  }

  it('tells what a grant would do, and does nothing', async () => {
    const { ui, edge } = await keeper()
    const friend = await person()
    const [before, frames] = [await rowsOf(), friend.ui.frames.length]
    expect(await effectOf(ui, grantOf(friend.user, edge))).toMatchObject({
      changes: [
        {
          principal: { kind: 'user', name: friend.user.login },
          resource: { kind: 'edge', name: edge.id },
          gained: ['discover', 'overview', 'live', 'history', 'detail'],
          lost: [],
          roleBefore: null,
          roleAfter: 'guest',
        },
      ],
      total: 1,
      principals: [{ principal: { kind: 'user', name: friend.user.login }, gains: 1, loses: 0 }],
      complete: true,
    })
    expect(await rowsOf()).toEqual(before)
    expect(await mayOpen(friend.ui, edge)).toBe(false)
    expect(friend.ui.frames.length).toBe(frames + 1)
    await ui.request('grantRole', grantOf(friend.user, edge).params)
    expect(await effectOf(ui, grantOf(friend.user, edge))).toMatchObject({ changes: [], total: 0 })
  })

  it('lets each call see what those before it did: a group is filled, given an edge, nested, all at once', async () => {
    const { ui, edge } = await keeper()
    const [friend, other] = [await person(), await person()]
    const people = Number((await ui.request('createUserGroup', { name: fresh('People') }))['id'])
    const inner = Number((await ui.request('createUserGroup', { name: fresh('Inner') }))['id'])
    const edges = Number((await ui.request('createEdgeGroup', { name: fresh('Edges') }))['id'])
    const before = await rowsOf()
    const effect = await effectOf(
      ui,
      { method: 'addGroupMember', params: { groupId: people, member: { login: friend.user.login } } },
      { method: 'addGroupMember', params: { groupId: people, member: { userGroupId: inner } } },
      { method: 'addGroupMember', params: { groupId: inner, member: { login: other.user.login } } },
      {
        method: 'grantRole',
        params: { to: { userGroupId: people }, on: { edgeGroupId: edges }, role: 'group.detail' },
      },
      { method: 'addToEdgeGroup', params: { groupId: edges, content: { edgeId: edge.id } } },
    )
    const gaining = effect.changes.filter(({ resource, gained }) => resource.name === edge.id && gained.length > 0)
    expect(gaining.map(({ principal }) => principal.name).sort()).toEqual([friend.user.login, other.user.login].sort())
    const circle = ui.request('explainChange', {
      operations: [
        { method: 'addGroupMember', params: { groupId: people, member: { userGroupId: inner } } },
        { method: 'addGroupMember', params: { groupId: inner, member: { userGroupId: people } } },
      ],
    })
    await expect(circle).rejects.toThrow('A group cannot contain itself')
    expect(await rowsOf()).toEqual(before)
  })

  it('tells what a revocation would take away, with what stays by other ways', async () => {
    const { ui, edge } = await keeper()
    const friend = await person()
    const { grantId } = await ui.request('grantRole', grantOf(friend.user, edge, 'resource.control').params)
    await ui.request('grantRole', grantOf(friend.user, edge, 'resource.detail').params)
    const effect = await effectOf(ui, { method: 'revokeGrant', params: { grantId } })
    expect(effect.changes).toMatchObject([
      { lost: ['control', 'alertsOwn'], gained: [], roleBefore: 'owner', roleAfter: 'guest' },
    ])
    expect(await ui.request('listGrants', { on: { edgeId: edge.id } })).toMatchObject({ total: 3 })
  })

  it('tells of a group that would go to whoever has it by having everything', async () => {
    const { ui } = await keeper()
    const groupId = Number((await ui.request('createEdgeGroup', { name: fresh('Edges') }))['id'])
    const effect = await effectOf(admin, { method: 'deleteEdgeGroup', params: { groupId } })
    expect(effect.changes.find(({ principal }) => principal.name === 'admin')?.lost).toContain('manageGroup')
  })

  it('needs the rights for the calls themselves, and answers as they would (G-01, G-14)', async () => {
    const { edge } = await keeper()
    const [stranger, friend] = [await person(), await person()]
    const tried = (by: UiClient, one: object) =>
      effectOf(by, one).catch((error: Refused) => [error.code, error.message])
    const direct = await stranger.ui.call('grantRole', grantOf(friend.user, edge).params)
    expect(await tried(stranger.ui, grantOf(friend.user, edge))).toEqual([direct.error?.code, direct.error?.message])
    expect(await tried(stranger.ui, { method: 'setTenantPolicies', params: { organisationId: 4711 } })).toMatchObject([
      1005,
      {},
    ])
    expect(await tried(stranger.ui, { method: 'deleteUser', params: { login: 'admin' } })).toMatchObject([-32602, {}])
    expect(await tried(stranger.ui, { method: 'grantRole', params: {} })).toMatchObject([-32602, {}])
  })

  it('names nobody and nothing the caller may not know of (invariant 8)', async () => {
    const { ui, edge } = await keeper()
    const hermit = await person(false)
    const outer = Number((await ui.request('createEdgeGroup', { name: fresh('Own') }))['id'])
    const hidden = Number((await admin.request('createEdgeGroup', { name: fresh('Hidden farms') }))['id'])
    await admin.request('addToEdgeGroup', { groupId: hidden, content: { edgeGroupId: outer } })
    for (const edgeGroupId of [outer, hidden]) {
      await admin.request('grantRole', { to: { login: hermit.user.login }, on: { edgeGroupId }, role: 'group.detail' })
    }
    const next = await keeper()
    await admin.request('grantRole', grantOf(next.user, edge, 'resource.administration').params)
    await admin.request('grantRole', {
      to: { login: next.user.login },
      on: { edgeGroupId: outer },
      role: 'group.administration',
    })
    const effect = await effectOf(next.ui, {
      method: 'addToEdgeGroup',
      params: { groupId: outer, content: { edgeId: next.edge.id } },
    })
    expect(effect.changes.map(({ principal }) => principal)).toContainEqual({
      kind: 'hidden',
      name: 'accounts you cannot see',
    })
    expect(JSON.stringify(effect)).not.toMatch(new RegExp(`Hidden farms|"${hermit.user.login}"`))
  })

  it('names nobody on a thing that others administer, however much of the change is the caller’s to decide (G-28)', async () => {
    const { ui, user, edge } = await keeper()
    const [boss, friend] = [await person(), await person()]
    const groupId = Number((await boss.ui.request('createUserGroup', { name: fresh('Crew ') }))['id'])
    for (const login of [friend.user.login, boss.user.login])
      await boss.ui.request('addGroupMember', { groupId, member: { login } })
    await ui.request('grantRole', { ...grantOf(boss.user, edge).params, role: 'resource.overview' })
    await admin.request('grantRole', {
      to: { userGroupId: groupId },
      on: { edgeId: edge.id },
      role: 'resource.detail',
    })
    const remove = { method: 'deleteUserGroup', params: { groupId } }
    const effect = await effectOf(boss.ui, remove)
    expect(effect.changes.map(({ principal }) => principal)).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ kind: 'user', name: boss.user.login }),
        { kind: 'hidden', name: 'accounts you cannot see' },
      ]),
    )
    expect(JSON.stringify(effect)).not.toContain(`"${friend.user.login}"`)
    const told = await effectOf(ui, {
      method: 'grantRole',
      params: grantOf(friend.user, edge, 'resource.control').params,
    })
    expect(told.changes.map(({ principal }) => principal.name)).toEqual([friend.user.login])
    expect(user.login).not.toBe(friend.user.login)
  })

  it('does not disturb answers meanwhile, nor the writes that follow', async () => {
    const { ui, edge } = await keeper()
    const friend = await person()
    const tries = Array.from({ length: 5 }, () => effectOf(ui, grantOf(friend.user, edge)))
    const looks = Array.from({ length: 20 }, () => mayOpen(friend.ui, edge))
    const other = await person()
    await ui.request('grantRole', grantOf(other.user, edge).params)
    expect((await Promise.all(tries)).map(({ total }) => total)).toEqual([1, 1, 1, 1, 1])
    expect(await Promise.all(looks)).not.toContain(true)
    expect(await mayOpen(other.ui, edge)).toBe(true)
  })

  it('lets others write while it is worked out what comes of a change, of one change at a time', async () => {
    const { ctx } = service
    const { edge } = await keeper()
    const friend = await addUser(ctx)
    const steps: string[] = []
    const firstBegan = Promise.withResolvers<void>()
    const firstMayEnd = Promise.withResolvers<void>()
    const trial = (name: string, meanwhile: () => Promise<unknown>) =>
      ctx.trial(
        async ({ changes }) => changes(),
        async () => {
          steps.push(`${name} begins`)
          await meanwhile()
          steps.push(`${name} ends`)
        },
      )
    const first = trial('first', () => {
      firstBegan.resolve()
      return firstMayEnd.promise
    })
    await firstBegan.promise
    const second = trial('second', async () => undefined)
    await give(ctx, friend, 'guest', edge)
    steps.push('written')
    firstMayEnd.resolve()
    await Promise.all([first, second])
    expect(steps).toEqual(['first begins', 'written', 'first ends', 'second begins', 'second ends'])
  })

  it('says so where a change is too large to be tried', async () => {
    const { index } = service.ctx.store
    const { edge } = await keeper()
    const row = index.edge(edge.row.id) ?? null
    const changes = Array.from({ length: 101 }, (_, revision): Change => {
      return { revision, entity: 'edge', id: edge.row.id, before: row, after: null }
    })
    const look = { index, askerId: null, at: Date.now() }
    await expect(workOut(changes, look, new Set())).rejects.toThrow('or 100 places of things, at once')
    expect(index.edge(edge.row.id)).toEqual(row)
  })
})
