import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { edgeMetadata } from '../../src/api/shapes.ts'
import { EdgeClient, type Json, UiClient } from '../harness/clients.ts'
import { addEdge, addUser, addUserWith, give, type SeededEdge } from '../harness/seed.ts'
import { startTestService, type TestService } from '../harness/service.ts'

let service: TestService
beforeAll(async () => {
  service = await startTestService()
})
afterAll(() => service?.[Symbol.asyncDispose]())

const forbidden = (edgeId: string, login: string) => ({
  code: 1005,
  message: `Access to this resource [${edgeId}] is denied. Role for User [${login}] is not defined`,
  data: [edgeId, login],
})

describe('getEdge', () => {
  it('has every member the UI reads, and no state that nobody told', async () => {
    const edge = await addEdge(service.ctx, { comment: 'Bakery', producttype: 'Home 10' })
    const user = await addUserWith(service.ctx, 'installer', edge)
    await using ui = await UiClient.signedIn(service, user.login)
    expect(await ui.request('getEdge', { edgeId: edge.id })).toEqual({
      edge: {
        id: edge.id,
        comment: 'Bakery',
        producttype: 'Home 10',
        version: '0.0.0',
        role: 'installer',
        isOnline: false,
        settings: {},
      },
    })
  })

  it('gives a version the UI can read, whatever the edge says', async () => {
    const edge = await addEdge(service.ctx)
    await using ui = await UiClient.signedIn(service)
    await using device = await EdgeClient.open(service, edge.apiKey)
    for (const [told, shown] of [
      ['garbage', '0.0.0'],
      ['', '0.0.0'],
      ['2026.5.0-SNAPSHOT', '2026.5.0-SNAPSHOT'],
    ]) {
      device.report({ '_meta/Version': told })
      await device.settled()
      expect(await ui.request('getEdge', { edgeId: edge.id })).toHaveProperty('edge.version', shown)
    }
  })

  it('answers the same for what is not there and what may not be seen, also after the grant expired', async () => {
    const edge = await addEdge(service.ctx)
    const user = await addUser(service.ctx)
    await give(service.ctx, user, 'admin', edge, { validTo: new Date(Date.now() - 1000) })
    await give(service.ctx, user, 'admin', edge, { validFrom: new Date(Date.now() + 60_000) })
    await using ui = await UiClient.signedIn(service, user.login)
    expect((await ui.call('getEdge', { edgeId: edge.id })).error).toEqual(forbidden(edge.id, user.login))
    expect((await ui.call('getEdge', { edgeId: 'none' })).error).toEqual(forbidden('none', user.login))
  })

  it('refuses strangers, edges and bad params', async () => {
    await using ui = await UiClient.open(service)
    expect((await ui.call('getEdge', { edgeId: 'x' })).error).toEqual({
      code: 1001,
      message: 'User is not authenticated. [user]',
      data: ['user'],
    })
    const edge = await addEdge(service.ctx)
    await using device = await EdgeClient.open(service, edge.apiKey)
    expect((await device.call('getEdge', { edgeId: edge.id })).error).toEqual({
      code: 4001,
      message: 'Unhandled JSON-RPC method [getEdge]',
      data: ['getEdge'],
    })
    await using admin = await UiClient.signedIn(service)
    for (const params of [{}, { edgeId: 1 }, { edgeId: '' }, { edgeId: ['x'] }, undefined]) {
      expect((await admin.call('getEdge', params)).error?.code).toBe(-32602)
    }
  })
})

describe('getEdges', () => {
  let own: TestService
  let ui: UiClient
  const edges: SeededEdge[] = []
  beforeAll(async () => {
    own = await startTestService()
    const user = await addUser(own.ctx)
    for (let index = 0; index < 45; index++) {
      const edge = await addEdge(own.ctx, {
        edgeId: `edge${index}`,
        comment: index === 7 ? 'Bäckerei SOMMER' : `Site ${String.fromCharCode(65 + (index % 26))}`,
        producttype: index % 2 === 0 ? 'Home 10' : 'Commercial 30',
      })
      edges.push(edge)
      await give(own.ctx, user, 'owner', edge)
      // Four states, each on both products; the last ones never told any.
      if (index < 40) own.ctx.hub.states.setSumState(edge.row.id, index % 4)
      own.ctx.hub.states.setOnline(edge.row.id, index % 3 === 0)
    }
    await addEdge(own.ctx, { edgeId: 'edge-of-another', comment: 'Sommer' })
    ui = await UiClient.signedIn(own, user.login)
  })
  afterAll(async () => {
    await ui?.[Symbol.asyncDispose]()
    await own?.[Symbol.asyncDispose]()
  })

  const list = async (params: object = {}) => (await ui.request('getEdges', params))['edges'] as Json[]
  const ids = async (searchParams: object = {}, more: object = {}) =>
    (await list({ page: 0, limit: 100, searchParams, ...more })).map(({ id }) => id)
  const numbered = (numbers: number[]) => numbers.map((number) => `edge${number}`)
  const all = Array.from({ length: 45 }, (_, index) => index)

  it('pages by 20, in the order of the numbers, a shorter page is the last', async () => {
    const pages = await Promise.all([0, 1, 2, 3].map((page) => list({ page, limit: 20, searchParams: {} })))
    expect(pages.map(({ length }) => length)).toEqual([20, 20, 5, 0])
    expect(pages.flat().map(({ id }) => id)).toEqual(numbered(all))
    expect((await list()).map(({ id }) => id)).toEqual(numbered(all.slice(0, 20)))
    // Numbers as text, as Java reads them (protocol A.1 rule 7).
    expect((await list({ page: '1', limit: '2' })).map(({ id }) => id)).toEqual(['edge2', 'edge3'])
  })

  it('shows each edge as getEdge does, in the shape of the API document, right after any change of it', async () => {
    const edge = edges[3] as SeededEdge
    const describe = (change: Partial<SeededEdge['row']>) =>
      own.ctx.write({ actorId: null }, async (write) => {
        const before = own.ctx.store.index.edge(edge.row.id) as SeededEdge['row']
        const { comment, settings } = { ...before, ...change }
        await write.tx.updateTable('edge').set({ comment }).where('id', '=', before.id).execute()
        write.updated('edge.described', 'edge', before, { ...before, comment, settings })
      })
    const { states } = own.ctx.hub
    const steps: (() => unknown)[] = [
      () => undefined,
      () => states.setSumState(edge.row.id, 2),
      () => states.setOnline(edge.row.id, false),
      () => states.setLastMessage(edge.row.id, Date.UTC(2026, 2, 3, 10, 20)),
      () => states.setVersion(edge.row.id, '2026.5.1'),
      () => describe({ comment: 'A "quoted" name, \\ and\nlines: Ünïcödé \u2028 🏠' }),
      () => describe({ settings: { role: 'admin', nested: { list: [1, null] } } }),
      () => states.setSumState(edge.row.id, 3),
      () => states.setOnline(edge.row.id, true),
      () => describe({ comment: 'Site D', settings: {} }),
    ]
    for (const step of steps) {
      await step()
      const shown = await list({ limit: 10 })
      const alone = await Promise.all(
        shown.map(async ({ id }) => (await ui.request('getEdge', { edgeId: id }))['edge']),
      )
      expect(shown).toEqual(alone)
      expect(z.array(edgeMetadata.strict()).parse(shown)).toEqual(shown)
    }
  })

  it('searches id, comment and producttype without regard to case', async () => {
    expect(await ids({}, { query: 'sommer' })).toEqual(['edge7'])
    expect(await ids({}, { query: 'BÄCKEREI' })).toEqual(['edge7'])
    expect(await ids({}, { query: ' EDGE44 ' })).toEqual(['edge44'])
    expect(await ids({}, { query: 'edge4' })).toEqual(numbered([4, 40, 41, 42, 43, 44]))
    expect(await ids({}, { query: 'commercial' })).toHaveLength(22)
    expect(await ids({}, { query: '%' })).toEqual([])
    expect(await ids({}, { query: '' })).toHaveLength(45)
  })

  it('filters, each with the others: state, connection and what is installed (E-11, E-15)', async () => {
    expect(await ids({ producttype: ['Home 10'] })).toHaveLength(23)
    expect(await ids({ producttype: ['Home 10', 'Commercial 30'] })).toHaveLength(45)
    expect(await ids({ isOnline: true })).toEqual(numbered(all.filter((number) => number % 3 === 0)))
    expect(await ids({ isOnline: false })).toHaveLength(30)
    expect(await ids({ sumState: ['Fault'] })).toEqual(
      numbered(all.filter((number) => number < 40 && number % 4 === 3)),
    )
    expect(await ids({ sumState: ['Warning', 'INFO'] })).toHaveLength(20)
    // Who never told a state counts as OK.
    expect(await ids({ sumState: ['ok'] })).toHaveLength(15)
    expect(await ids({ sumState: ['ok'], isOnline: true, producttype: ['Home 10'] }, { query: 'edge1' })).toEqual([
      'edge12',
    ])
    expect(await ids({ sumState: [], producttype: [] })).toHaveLength(45)
  })

  it('sorts both ways: fault to OK is ASC (ui.md section 3)', async () => {
    const order = (field: string, sortOrder: string) => ids({ orderState: [{ field, sortOrder }] })
    expect(await order('id', 'ASC')).toEqual(numbered(all))
    expect(await order('id', 'DESC')).toEqual(numbered(all.toReversed()))
    const states = async (sortOrder: string) =>
      (await list({ page: 0, limit: 100, searchParams: { orderState: [{ field: 'sumState', sortOrder }] } })).map(
        ({ sumState }) => sumState ?? 'OK',
      )
    expect([...new Set(await states('ASC'))]).toEqual(['FAULT', 'WARNING', 'INFO', 'OK'])
    expect([...new Set(await states('DESC'))]).toEqual(['OK', 'INFO', 'WARNING', 'FAULT'])
    const comments = (
      await list({ limit: 100, searchParams: { orderState: [{ field: 'comment', sortOrder: 'ASC' }] } })
    ).map(({ comment }) => String(comment))
    expect(comments[0]).toBe('Bäckerei SOMMER')
    expect(comments.slice(1)).toEqual(comments.slice(1).toSorted())
    expect(await order('nothing', 'ASC')).toEqual(numbered(all))
  })

  it('refuses what is out of range, with the text of OpenEMS', async () => {
    for (const limit of [0, 101, -1]) {
      expect((await ui.call('getEdges', { page: 0, limit })).error).toMatchObject({
        code: -32602,
        message: 'Invalid params: limit: Limit is not in range [1:100]',
      })
    }
    for (const params of [
      { page: -1 },
      { page: 0.5 },
      { searchParams: { sumState: ['purple'] } },
      { searchParams: [] },
      { query: 1 },
    ]) {
      expect((await ui.call('getEdges', params)).error?.code).toBe(-32602)
    }
  })

  it('shows only what the caller may see', async () => {
    await using stranger = await UiClient.signedIn(own, (await addUser(own.ctx)).login)
    expect(await stranger.request('getEdges', { query: 'edge0' })).toEqual({ edges: [] })
    await using admin = await UiClient.signedIn(own)
    expect((await admin.request('getEdges', { limit: 100 }))['edges']).toHaveLength(46)
  })
})

describe('addEdgeToUser', () => {
  it('gives the configured role for the password of an edge, once more changes nothing, and is in the log', async () => {
    const edge = await addEdge(service.ctx, { comment: 'Bakery' })
    const user = await addUser(service.ctx)
    await using ui = await UiClient.signedIn(service, user.login)
    const asTyped = ` ${edge.setupPassword.toLowerCase()} `
    const added = {
      edge: {
        id: edge.id,
        comment: 'Bakery',
        version: '0.0.0',
        producttype: '',
        online: false,
        sumState: null,
        settings: {},
      },
    }
    expect(await ui.request('addEdgeToUser', { setupPassword: asTyped })).toEqual(added)
    expect(await ui.request('addEdgeToUser', { setupPassword: edge.setupPassword })).toEqual(added)
    expect(await ui.request('getEdge', { edgeId: edge.id })).toHaveProperty('edge.role', 'installer')
    await using admin = await UiClient.signedIn(service)
    const { changes } = await admin.request('listChanges', { login: user.login })
    expect(changes).toMatchObject([{ action: 'edge.addedBySetupPassword', actor: user.login, entity: 'grant' }])
  })

  it('never takes a right away', async () => {
    const edge = await addEdge(service.ctx)
    const user = await addUserWith(service.ctx, 'admin', edge)
    await using ui = await UiClient.signedIn(service, user.login)
    await ui.request('addEdgeToUser', { setupPassword: edge.setupPassword })
    expect(await ui.request('getEdge', { edgeId: edge.id })).toHaveProperty('edge.role', 'admin')
  })

  it('is 1003 for a wrong password and stops after ten', async () => {
    await using guessed = await startTestService()
    const edge = await addEdge(guessed.ctx)
    const user = await addUser(guessed.ctx)
    await using ui = await UiClient.signedIn(guessed, user.login)
    const codes: unknown[] = []
    for (let attempt = 0; attempt < 12; attempt++) {
      codes.push((await ui.call('addEdgeToUser', { setupPassword: `guess-${attempt}` })).error?.code)
    }
    expect(codes.slice(0, 10)).toEqual(Array(10).fill(1003))
    expect(codes.at(-1)).toBe(4005)
    expect((await ui.call('addEdgeToUser', { setupPassword: edge.setupPassword })).error?.code).toBe(4005)
    expect((await ui.call('addEdgeToUser', {})).error?.code).toBe(-32602)
  })
})

describe('the lists of a dashboard', () => {
  it('E-08 E-14 getEdgesStatus and getEdgesChannelsValues answer for edges one may see, all or nothing', async () => {
    const [one, two, other] = [await addEdge(service.ctx), await addEdge(service.ctx), await addEdge(service.ctx)]
    const user = await addUserWith(service.ctx, 'guest', one)
    await give(service.ctx, user, 'guest', two)
    await using ui = await UiClient.signedIn(service, user.login)
    await using device = await EdgeClient.open(service, one.apiKey)
    device.report({ '_sum/EssSoc': 3, 'a/Text': 'x' })
    await device.settled()
    expect(await ui.request('getEdgesStatus', { edgeIds: [one.id, two.id] })).toEqual({
      [one.id]: { online: true },
      [two.id]: { online: false },
    })
    expect(
      await ui.request('getEdgesChannelsValues', { ids: [one.id, two.id], channels: ['_sum/EssSoc', 'a/Text'] }),
    ).toEqual({
      [one.id]: { '_sum/EssSoc': 3, 'a/Text': 'x' },
      [two.id]: { '_sum/EssSoc': null, 'a/Text': null },
    })
    for (const [method, params] of [
      ['getEdgesStatus', { edgeIds: [one.id, other.id] }],
      ['getEdgesChannelsValues', { ids: [other.id], channels: [] }],
      ['subscribeEdges', { edges: [one.id, other.id] }],
      ['getEmsType', { edgeId: other.id }],
    ] as const) {
      expect((await ui.call(method, params)).error).toEqual(forbidden(other.id, user.login))
    }
    expect((await ui.call('getEdgesStatus', { edgeIds: 'x' })).error?.code).toBe(-32602)
    const many = Array.from({ length: 1000 }, () => one.id)
    expect((await ui.call('getEdgesChannelsValues', { ids: many, channels: many.slice(0, 51) })).error?.code).toBe(
      -32602,
    )
  })

  it('getEmsType is empty where nothing is known', async () => {
    const edge = await addEdge(service.ctx)
    await using ui = await UiClient.signedIn(service)
    expect(await ui.request('getEmsType', { edgeId: edge.id })).toEqual({})
    await service.ctx.db.updateTable('edge').set({ emsType: 'Pro' }).where('id', '=', edge.row.id).execute()
    expect(await ui.request('getEmsType', { edgeId: edge.id })).toEqual({ emsType: 'Pro' })
    expect((await ui.call('getEmsType', {})).error?.code).toBe(-32602)
  })

  it('subscribeEdges replaces the set', async () => {
    const [one, two] = [await addEdge(service.ctx), await addEdge(service.ctx)]
    await using ui = await UiClient.signedIn(service)
    await using first = await EdgeClient.open(service, one.apiKey)
    await using second = await EdgeClient.open(service, two.apiKey)
    await ui.watch(one.id, ['a'])
    await ui.watch(two.id, ['a'], 1)
    const before = ui.frames.length
    first.report({ a: 1 })
    await first.settled()
    second.report({ a: 2 })
    expect(await ui.data(({ a }) => a !== null)).toEqual({ a: 2 })
    expect(ui.frames).toHaveLength(before + 1)
    expect((await ui.call('subscribeEdges', { edges: one.id })).error?.code).toBe(-32602)
  })
})
