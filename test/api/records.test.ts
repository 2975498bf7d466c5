import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { EdgeClient, type Json, refusal, ServiceClient, UiClient } from '../harness/clients.ts'
import { addEdge, addUser, addUserWith, fresh } from '../harness/seed.ts'
import { startTestService, type TestService } from '../harness/service.ts'

let service: TestService
let admin: UiClient
beforeAll(async () => {
  service = await startTestService({ config: { defaultEdgeGroup: true } })
  admin = await UiClient.signedIn(service)
})
afterAll(async () => {
  await admin?.[Symbol.asyncDispose]()
  await service?.[Symbol.asyncDispose]()
})

const signIn = (login: string) => UiClient.signedIn(service, login)

describe('an edge', () => {
  it('is called otherwise by who controls it; its type is for who installs it, its id stays (G-29, O-07, OC-19)', async () => {
    const edge = await addEdge(service.ctx, { comment: 'Before', producttype: 'Home 10' })
    const [owner, guest] = [
      await addUserWith(service.ctx, 'owner', edge),
      await addUserWith(service.ctx, 'guest', edge),
    ]
    const installer = await addUserWith(service.ctx, 'installer', edge)
    await using ui = await signIn(owner.login)
    await ui.request('renameEdge', { edgeId: edge.id, comment: 'Bakery' })
    expect(await ui.request('getEdge', { edgeId: edge.id })).toMatchObject({
      edge: { id: edge.id, comment: 'Bakery', producttype: 'Home 10' },
    })
    expect(await ui.request('getEdges', { query: 'bakery' })).toMatchObject({ edges: [{ id: edge.id }] })
    expect((await refusal(ui, 'renameEdge', { edgeId: edge.id, producttype: 'Home 20' })).code).toBe(1005)
    await using installs = await signIn(installer.login)
    await installs.request('renameEdge', { edgeId: edge.id, producttype: 'Home 20' })
    expect((await refusal(ui, 'renameEdge', { edgeId: edge.id, comment: 'two\nlines' })).message).toMatch(/control/)
    expect((await refusal(ui, 'renameEdge', { edgeId: edge.id, name: 'other' })).code).toBe(-32602)
    await using sees = await signIn(guest.login)
    const unseen = await refusal(sees, 'renameEdge', { edgeId: edge.id, comment: 'x' })
    expect(unseen.message.replace(edge.id, 'none')).toBe(
      (await refusal(sees, 'renameEdge', { edgeId: 'none', comment: 'x' })).message,
    )
    await ui.request('renameEdge', { edgeId: edge.id, comment: '', producttype: 'Home 20' })
    expect(await ui.request('getEdge', { edgeId: edge.id })).toMatchObject({ edge: { comment: '' } })
  })

  it('is made on a site that there is; whoever looks after all accounts is told what is missing (O-09)', async () => {
    const edgeId = fresh('placed')
    expect((await refusal(admin, 'createEdge', { edgeId, siteId: 2_000_000 })).message).toBe('There is no site 2000000')
    expect((await refusal(admin, 'createOrganisation', { name: 'A', owner: 'nobody' })).message).toBe(
      'There is no user nobody',
    )
    await using operator = await ServiceClient.local(service)
    expect((await refusal(operator, 'renameEdge', { edgeId, comment: 'x' })).message).toBe(`There is no edge ${edgeId}`)
  })

  it('is deleted by who may, with its keys, grants and its connection; its id may be taken again (G-08, G-11)', async () => {
    const edge = await addEdge(service.ctx)
    const owner = await addUser(service.ctx, { shareable: true })
    await admin.request('grantRole', {
      to: { login: owner.login },
      on: { edgeId: edge.id },
      role: 'resource.administration',
    })
    await admin.request('setRestriction', {
      login: owner.login,
      edgeId: edge.id,
      periods: [{ to: '2040-01-01T00:00:00Z' }],
    })
    const guest = await addUserWith(service.ctx, 'guest', edge)
    await using sees = await signIn(guest.login)
    expect((await refusal(sees, 'deleteEdge', { edgeId: edge.id })).code).toBe(1005)
    await using device = await EdgeClient.open(service, edge.apiKey)
    device.report({ '_sum/State': 0 })
    await device.settled()
    await using ui = await signIn(owner.login)
    await ui.request('deleteEdge', { edgeId: edge.id })
    await device.closed
    expect(await sees.request('getEdges')).toEqual({ edges: [] })
    expect((await refusal(ui, 'getEdge', { edgeId: edge.id })).code).toBe(1005)
    await service.ctx.states.flush()
    await admin.request('createEdge', { edgeId: edge.id })
    expect((await refusal(ui, 'getEdge', { edgeId: edge.id })).code).toBe(1005)
    const { changes } = await admin.request('listChanges', { login: owner.login, limit: 20 })
    expect((changes as Json[]).map(({ entity }) => entity)).toEqual(
      expect.arrayContaining(['edge', 'edgeKey', 'grant', 'restriction']),
    )
    expect(await (await ServiceClient.local(service)).request('verifyAudit')).toMatchObject({ ok: true })
  })

  it('is deleted by the platform alone while earlier owners keep their time (D-25)', async () => {
    const edge = await addEdge(service.ctx)
    const [seller, buyer] = [await addUser(service.ctx), await addUser(service.ctx, { shareable: true })]
    await admin.request('grantRole', {
      to: { login: seller.login },
      on: { edgeId: edge.id },
      role: 'resource.administration',
    })
    await using sells = await signIn(seller.login)
    await sells.request('handOver', { edgeId: edge.id, to: { login: buyer.login } })
    await using buys = await signIn(buyer.login)
    expect((await refusal(buys, 'deleteEdge', { edgeId: edge.id })).message).toMatch(/1 earlier owner/)
    await admin.request('deleteEdge', { edgeId: edge.id })
    expect(await sells.request('getEdges')).toEqual({ edges: [] })
  })
})

describe('accounts', () => {
  it('are listed in pages, searched by login, name and address, for who looks after them (O-02, G-32)', async () => {
    const mark = fresh('Mark')
    const logins = [fresh('zz'), fresh('yy'), fresh('xx')]
    for (const login of logins) await admin.request('createUser', { login, name: `${mark}_% ${login}` })
    const names = async (params: object) =>
      ((await admin.request('listUsers', params))['users'] as Json[]).map(({ login }) => login)
    expect(await names({ query: mark.toUpperCase() })).toEqual([...logins].reverse())
    expect(await names({ query: mark, sort: 'id', limit: 2 })).toEqual(logins.slice(0, 2))
    expect(await names({ query: mark, descending: true, limit: 1, page: 1 })).toEqual([logins[1]])
    expect(await names({ query: `${mark}__` })).toEqual([])
    expect(await admin.request('listUsers', { query: `${mark}_%`, limit: 1 })).toMatchObject({ total: 3 })
    await using stranger = await signIn((await addUser(service.ctx)).login)
    expect((await refusal(stranger, 'listUsers', {})).code).toBe(1005)
    expect((await refusal(stranger, 'renameUser', { login: 'admin', newLogin: 'x' })).code).toBe(1005)
  })

  it('are renamed and stay signed in; the default group follows unless it has a name of its own (G-23)', async () => {
    const [one, two] = [await addUser(service.ctx), await addUser(service.ctx)]
    await using first = await signIn(one.login)
    await using second = await signIn(two.login)
    const groups = async (ui: UiClient) => (await ui.request('listEdgeGroups'))['groups'] as Json[]
    await second.request('renameEdgeGroup', { groupId: (await groups(second))[0]?.['id'], name: 'My houses' })
    for (const { login } of [one, two])
      await admin.request('renameUser', { login, newLogin: `New.${login}`, email: `${login}@example.org` })
    expect(await groups(first)).toMatchObject([{ name: `The edges of new.${one.login}` }])
    expect(await groups(second)).toMatchObject([{ name: 'My houses' }])
    expect((await refusal(admin, 'showUser', { login: one.login })).message).toMatch(/no user/)
    expect(await admin.request('showUser', { login: `new.${one.login}` })).toMatchObject({
      email: `${one.login}@example.org`,
    })
    await using again = await signIn(`new.${one.login}`)
    await again.request('getEdges')
    expect((await refusal(admin, 'renameUser', { login: `new.${one.login}`, newLogin: 'admin' })).message).toMatch(
      /taken/,
    )
    expect((await refusal(admin, 'renameUser', { login: 'nobody', newLogin: 'x' })).message).toMatch(/no user/)
    await admin.request('renameUser', { login: `new.${one.login}`, email: '' })
    expect(await admin.request('showUser', { login: `new.${one.login}` })).toMatchObject({ email: null })
  })
})

describe('services', () => {
  it('are listed, renamed and deleted with their tokens, sockets and grants (2.1)', async () => {
    const name = fresh('backend ')
    const { token } = await admin.request('createServiceToken', { name, role: 'guest' })
    await using backend = await ServiceClient.open(service, String(token))
    const newName = fresh('renamed ')
    await admin.request('renameService', { name, newName })
    expect(await admin.request('listServices', { query: newName })).toEqual({
      services: [{ name: newName, disabled: false }],
      total: 1,
    })
    await backend.request('getEdges')
    expect((await refusal(admin, 'renameService', { name, newName: 'x' })).message).toMatch(/no service/)
    expect((await refusal(admin, 'renameService', { name: newName, newName: 'a:b' })).message).toMatch(/colon/)
    await admin.request('deleteService', { name: newName })
    await backend.closed
    expect(await admin.request('listServices', { query: newName })).toMatchObject({ total: 0 })
    await expect(ServiceClient.open(service, String(token))).rejects.toThrow()
    await using stranger = await signIn((await addUser(service.ctx)).login)
    for (const [method, params] of [
      ['listServices', {}],
      ['renameService', { name: 'a', newName: 'b' }],
      ['deleteService', { name: 'a' }],
    ] as const)
      expect((await refusal(stranger, method, params)).code).toBe(1005)
  })
})
