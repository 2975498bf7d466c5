import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { EdgeClient, UiClient } from '../harness/clients.ts'
import { EdgeApp } from '../harness/edge-app.ts'
import { addEdge, addUserWith, type SeededEdge } from '../harness/seed.ts'
import { startServiceOn, startTestService, type TestService } from '../harness/service.ts'

const secret = 'the secret of the edge apps, long enough'
const options = { edgeKeySeals: ['the seal of the test, long enough to be one'], edgeManagerSecrets: [secret] }
const id = (name = 'edges0') => ({ id: `${name}:${secret}` })
const config = { components: {}, factories: {} }

let service: TestService
beforeAll(async () => {
  service = await startTestService({ config: options })
})
afterAll(() => service?.[Symbol.asyncDispose]())

const isOnline = (edge: SeededEdge) => service.ctx.hub.states.isOnline(edge.row.id)

/** Every moment an edge went offline, from now on. */
function offlineMoments(edge: SeededEdge): number {
  return wentOffline.filter((edgeId) => edgeId === edge.row.id).length
}
const wentOffline: number[] = []
beforeAll(() => {
  const { states } = service.ctx.hub
  const setOnline = states.setOnline.bind(states)
  vi.spyOn(states, 'setOnline').mockImplementation((edgeId, online) => {
    if (!online) wentOffline.push(edgeId)
    return setOnline(edgeId, online)
  })
})

/** An edge behind an app that knows its key, as it is a moment after it connected. */
async function behind(app: EdgeApp, edge: SeededEdge): Promise<EdgeClient> {
  await app.told((keys) => edge.apiKey in keys)
  const device = await EdgeClient.open(app.forEdges, edge.apiKey)
  device.notify('edgeConfig', config)
  return device
}

/** Resolves when everything that the app sent so far is handled. */
async function settled(device: EdgeClient, app: EdgeApp): Promise<void> {
  await device.settled()
  await app.settled()
}

describe('a Backend.Edge.App', () => {
  it.each([
    ['without an id', { id: '', headers: {} }],
    ['with an id alone', { id: 'edges0' }],
    ['with a wrong secret', { id: 'edges0:the secret of somebody else, long enough' }],
    ['with a wrong bearer', { id: 'edges0', headers: { authorization: 'Bearer wrong' } }],
    ['with a secret and no name', { id: `:${secret}` }],
    ['with a name that is none', { id: `"\\:${secret}` }],
  ])('OC-07: %s is refused before the upgrade, on its port and by path', async (_what, given) => {
    await expect(EdgeApp.open(service, given)).rejects.toThrow('refused with 401')
    const url = `${service.urls.http.replace('http', 'ws')}/edge-manager`
    await expect(EdgeApp.open(service, { ...given, url })).rejects.toThrow('refused with 401')
  })

  it('with the secret, in its id or from a proxy as bearer, is told the keys at once', async () => {
    const edge = await addEdge(service.ctx)
    const url = `${service.urls.http.replace('http', 'ws')}/edge-manager`
    const bearer = { headers: { authorization: `Bearer ${secret}` } }
    for (const given of [id(), { ...id(), url }, bearer, { ...bearer, url }]) {
      await using app = await EdgeApp.serving(service, given)
      await app.told((keys) => edge.apiKey in keys)
      expect(app.frames.at(-1)).toEqual({
        jsonrpc: '2.0',
        method: 'updateMetadataCache',
        params: { apikeysToEdgeIds: expect.objectContaining({ [edge.apiKey]: edge.id }) },
      })
    }
  })

  it('needs no secret on loopback, but never gets in by path then; without seals there is no port for it', async () => {
    await using open = await startServiceOn({ ...service.config, edgeManagerSecrets: [] })
    await using app = await EdgeApp.serving(open)
    expect(app.keys.size).toBeGreaterThan(0)
    const url = `${open.urls.http.replace('http', 'ws')}/edge-manager`
    await expect(EdgeApp.open(open, { url })).rejects.toThrow('refused with 404')
    await using closed = await startServiceOn({ ...service.config, edgeKeySeals: [] })
    expect(closed.service.ports.edgeManager).toBeUndefined()
    const closedUrl = `${closed.urls.http.replace('http', 'ws')}/edge-manager`
    await expect(EdgeApp.open(closed, { ...id(), url: closedUrl })).rejects.toThrow('refused with 404')
  })
})

describe('an edge behind an app', () => {
  it('is there with its first frame: nothing of the first snapshot is lost, and who watches sees it', async () => {
    const edge = await addEdge(service.ctx)
    const user = await addUserWith(service.ctx, 'owner', edge)
    await using ui = await UiClient.signedIn(service, user.login)
    await ui.watch(edge.id, ['_sum/EssSoc', 'ctrl0/Text'])
    await using app = await EdgeApp.serving(service, id())
    await app.told((keys) => edge.apiKey in keys)
    await using device = await EdgeClient.open(app.forEdges, edge.apiKey)
    device.notify('edgeConfig', { components: { ctrl0: {} }, factories: {} })
    device.report({ '_sum/EssSoc': 57, '_sum/State': 2, '_meta/Version': '2026.4.0', 'ctrl0/Text': 'on' })
    expect(await ui.push('edgeConfig')).toEqual({
      edgeId: edge.id,
      params: { components: { ctrl0: {} }, factories: {} },
    })
    expect(await ui.data((values) => values['_sum/EssSoc'] === 57)).toEqual({ '_sum/EssSoc': 57, 'ctrl0/Text': 'on' })
    device.notify('aggregatedData', { [Date.now() - 300_000]: { 'meter0/Energy': 9, '_sum/State': 0 } })
    device.notify('resendData', { [Date.now() - 3_600_000]: { '_sum/EssSoc': 1 } })
    device.notify('timestampedData', {})
    device.report({ '_sum/EssSoc': 58 })
    expect(await ui.data()).toEqual({ '_sum/EssSoc': 58, 'ctrl0/Text': 'on' })
    const asked = { ids: [edge.id], channels: ['meter0/Energy'] }
    expect(await ui.request('getEdgesChannelsValues', asked)).toEqual({ [edge.id]: { 'meter0/Energy': 9 } })
    expect(await ui.request('getEdge', { edgeId: edge.id })).toMatchObject({
      edge: { isOnline: true, sumState: 'WARNING', version: '2026.4.0' },
    })
  })

  it('is asked as protocol B.4 says, and its answers and errors come back; 3000 once it is gone', async () => {
    const edge = await addEdge(service.ctx)
    const user = await addUserWith(service.ctx, 'owner', edge)
    await using ui = await UiClient.signedIn(service, user.login)
    await using app = await EdgeApp.serving(service, id())
    const device = await behind(app, edge)
    await settled(device, app)
    const answer = ui.edgeRpc(edge.id, 'updateComponentConfig', { componentId: 'ctrl0', properties: [] })
    const request = await device.asked('updateComponentConfig')
    const uuid = expect.stringMatching(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
    const sent = app.frames.findLast(({ method }) => method === 'edgeRpc')
    expect(sent).toEqual({
      jsonrpc: '2.0',
      id: uuid,
      method: 'edgeRpc',
      params: {
        edgeId: edge.id,
        payload: {
          jsonrpc: '2.0',
          id: uuid,
          method: 'authenticatedRpc',
          params: {
            user: { id: user.login, name: user.name, language: 'EN', role: 'owner' },
            payload: {
              jsonrpc: '2.0',
              id: uuid,
              method: 'updateComponentConfig',
              params: { componentId: 'ctrl0', properties: [] },
            },
          },
        },
      },
    })
    expect(new Set([sent?.id, request.id, request.payload.id]).size).toBe(3)
    device.reply(request, { done: true })
    expect(await answer).toEqual({ done: true })

    const refused = ui.edgeRpc(edge.id, 'setChannelValue')
    const asked = await device.asked()
    device.send({ jsonrpc: '2.0', id: asked.id, error: { code: 1002, message: 'denied', data: ['x', 'GUEST'] } })
    await expect(refused).rejects.toMatchObject({ code: 1002, data: ['x', 'GUEST'] })

    const pending = ui.edgeRpc(edge.id, 'routes')
    await device.asked()
    await device[Symbol.asyncDispose]()
    await expect(pending).rejects.toMatchObject({ code: 3000, data: [edge.id] })
    // The app has not listed anew: it says itself that it cannot send.
    await expect(ui.edgeRpc(edge.id, 'routes')).rejects.toMatchObject({ code: 3000, data: [edge.id] })
  })

  it('that does not answer costs the asker the time-out and nobody else anything', async () => {
    await using quick = await startServiceOn({ ...service.config, edgeRequestTimeoutMs: 100 })
    const [silent, lively] = [await addEdge(quick.ctx), await addEdge(quick.ctx)]
    const user = await addUserWith(quick.ctx, 'owner', silent)
    await using ui = await UiClient.signedIn(quick, user.login)
    await using other = await UiClient.signedIn(quick, (await addUserWith(quick.ctx, 'owner', lively)).login)
    await using app = await EdgeApp.serving(quick, id())
    await using first = await behind(app, silent)
    await using second = await behind(app, lively)
    second.answerWith = () => ({ quick: true })
    await settled(first, app)
    await settled(second, app)
    const late = expect(ui.edgeRpc(silent.id, 'routes')).rejects.toMatchObject({
      code: 1,
      message: `Edge [${silent.id}] did not answer within 0.1 seconds`,
    })
    expect(await other.edgeRpc(lively.id, 'routes')).toEqual({ quick: true })
    await late
    const request = await first.asked()
    first.reply(request)
    await settled(first, app)
    expect(app.closing).toBeUndefined()
  })

  it('asks the service itself, with its own ids', async () => {
    const [edge, other] = [await addEdge(service.ctx), await addEdge(service.ctx)]
    await using app = await EdgeApp.serving(service, id())
    await using device = await behind(app, edge)
    expect(await device.request('checkSetupPassword', { setupPassword: edge.setupPassword })).toEqual({})
    expect((await device.call('checkSetupPassword', { setupPassword: other.setupPassword })).error).toEqual({
      code: 1003,
      message: 'Authentication failed',
      data: ['checkSetupPassword'],
    })
    expect(await device.request('appCenter', { payload: { method: 'getInstalledApps', params: {} } })).toEqual({
      installedApps: [],
    })
    expect((await device.call('nothing')).error).toMatchObject({ code: 4001, data: ['nothing'] })
    expect(app.frames.filter(({ method }) => method === undefined)[0]).toEqual({
      jsonrpc: '2.0',
      id: expect.any(String),
      result: { payload: { jsonrpc: '2.0', id: expect.any(String), result: {} } },
    })
  })

  it('writes its system log to who reads it, also after it came back', async () => {
    const edge = await addEdge(service.ctx)
    const user = await addUserWith(service.ctx, 'owner', edge)
    await using ui = await UiClient.signedIn(service, user.login)
    await using app = await EdgeApp.serving(service, id())
    const device = await behind(app, edge)
    device.answerWith = () => ({})
    await settled(device, app)
    await ui.edgeRpc(edge.id, 'subscribeSystemLog', { subscribe: true })
    device.notify('systemLog', { line: { message: 'm' } })
    expect(await ui.push('systemLog')).toEqual({ edgeId: edge.id, params: { line: { message: 'm' } } })
    await device[Symbol.asyncDispose]()
    await using again = await behind(app, edge)
    expect((await again.asked('subscribeSystemLog')).payload.params).toEqual({ subscribe: true })
  })

  it('that an app has no business with is not spoken for', async () => {
    const edge = await addEdge(service.ctx)
    await using app = await EdgeApp.serving(service, id())
    const speakFor = (edgeId: unknown, payload: object) =>
      app.send({ jsonrpc: '2.0', method: 'edgeRpc', params: { edgeId, payload } })
    speakFor('no-such-edge', { method: 'timestampedData', params: {} })
    speakFor(7, { method: 'timestampedData', params: {} })
    speakFor(edge.id, { id: 'x', method: 'timestampedData', params: {} })
    app.send({ jsonrpc: '2.0', method: 'connectedEdges', params: { edgeIds: 'all' } })
    app.send({ jsonrpc: '2.0', method: 'connectedEdges', params: { edgeIds: ['no-such-edge', 7, null] } })
    app.send({ jsonrpc: '2.0', method: 'somethingElse', params: {} })
    app.send('nonsense')
    app.send(Buffer.from([1, 2, 3]))
    expect((await app.call('edgeRpc', { edgeId: 'no-such-edge', payload: { id: 'x', method: 'y' } })).error).toEqual({
      code: 3000,
      message: 'Edge [no-such-edge] is not connected',
      data: ['no-such-edge'],
    })
    expect((await app.call('edgeRpc', { edgeId: edge.id, payload: {} })).error).toMatchObject({ code: -32602 })
    expect((await app.call('getEdges')).error).toMatchObject({ code: 4001 })
    expect([isOnline(edge), app.closing]).toEqual([false, undefined])
  })
})

describe('an edge that moves', () => {
  it('from one app to another stays online throughout, whatever the old one still says', async () => {
    const edge = await addEdge(service.ctx)
    await using a = await EdgeApp.serving(service, id('a'))
    await using b = await EdgeApp.serving(service, id('b'))
    const old = await behind(a, edge)
    old.report({ soc: 1 })
    await settled(old, a)
    a.list()
    await old[Symbol.asyncDispose]()
    await using device = await behind(b, edge)
    device.answerWith = () => ({ via: 'b' })
    device.report({ soc: 2 })
    await settled(device, b)
    // A straggler of the old connection, its list that is late, and the one that knows.
    a.send({
      jsonrpc: '2.0',
      method: 'edgeRpc',
      params: { edgeId: edge.id, payload: { method: 'timestampedData', params: { [Date.now() + 1]: { soc: 1 } } } },
    })
    a.list([edge.id])
    a.list([])
    await a.settled()
    b.list()
    await b.settled()
    expect([isOnline(edge), offlineMoments(edge)]).toEqual([true, 0])
    expect(service.ctx.hub.find(edge.row.id)?.cache.get('soc')).toBe(2)
    const user = await addUserWith(service.ctx, 'owner', edge)
    await using ui = await UiClient.signedIn(service, user.login)
    expect(await ui.edgeRpc(edge.id, 'routes')).toEqual({ via: 'b' })
  })

  it('and back again at once is where it was, although the first app never listed it as gone', async () => {
    const edge = await addEdge(service.ctx)
    await using a = await EdgeApp.serving(service, id('a'))
    await using b = await EdgeApp.serving(service, id('b'))
    for (const app of [a, b, a, b]) {
      await using device = await behind(app, edge)
      device.report({ soc: app === a ? 1 : 2 })
      await settled(device, app)
      app.list()
      expect(service.ctx.hub.find(edge.row.id)?.cache.get('soc')).toBe(app === a ? 1 : 2)
    }
    expect([isOnline(edge), offlineMoments(edge)]).toEqual([true, 0])
  })

  it('between an app and a connection of its own: the newest wins, the other takes over when it is gone', async () => {
    const edge = await addEdge(service.ctx)
    await using app = await EdgeApp.serving(service, id())
    await using proxied = await behind(app, edge)
    await settled(proxied, app)
    const direct = await EdgeClient.open(service, edge.apiKey)
    direct.report({ soc: 1 })
    await direct.settled()
    proxied.report({ soc: 2 })
    await settled(proxied, app)
    const soc = () => service.ctx.hub.find(edge.row.id)?.cache.get('soc')
    expect(soc()).toBe(1)
    await direct[Symbol.asyncDispose]()
    await vi.waitFor(() => expect(service.ctx.hub.find(edge.row.id)?.link?.keyHash).toBeUndefined())
    proxied.report({ soc: 3 })
    await settled(proxied, app)
    expect([soc(), isOnline(edge), offlineMoments(edge)]).toEqual([3, true, 0])
    await using second = await EdgeClient.open(service, edge.apiKey)
    await using newest = await behind(app, edge)
    expect(await second.closed).toMatchObject({ code: 4000 })
    await settled(newest, app)
    expect([isOnline(edge), offlineMoments(edge)]).toEqual([true, 0])
  })

  it('away is offline with the next list, and a straggler does not bring it back', async () => {
    const [edge, other] = [await addEdge(service.ctx), await addEdge(service.ctx)]
    let now = performance.now()
    const clock = vi.spyOn(performance, 'now').mockImplementation(() => now)
    try {
      await using app = await EdgeApp.serving(service, id())
      const device = await behind(app, edge)
      await using kept = await behind(app, other)
      await settled(device, app)
      // A list made before the edges connected arrives after their first frames.
      app.list([])
      await app.settled()
      expect([isOnline(edge), isOnline(other)]).toEqual([true, true])
      now += 5000
      app.list()
      app.heldBack = []
      device.report({ soc: 1 })
      await device.settled()
      await device[Symbol.asyncDispose]()
      app.list([other.id])
      app.release()
      await settled(kept, app)
      expect([isOnline(edge), isOnline(other), offlineMoments(edge)]).toEqual([false, true, 1])
      now += 1000
      await using again = await behind(app, edge)
      again.report({ soc: 2 })
      await settled(again, app)
      expect(isOnline(edge)).toBe(true)
    } finally {
      clock.mockRestore()
    }
  })
})

describe('a thousand edges behind two apps', () => {
  it('are offline at once when their app dies, except those that are elsewhere, and come back with it', async () => {
    const edges: SeededEdge[] = []
    for (let index = 0; index < 1000; index++) edges.push(await addEdge(service.ctx))
    await using a = await EdgeApp.serving(service, id('a'))
    await using b = await EdgeApp.serving(service, id('b'))
    const devices = await Promise.all(edges.map((edge, index) => behind(index % 2 ? b : a, edge)))
    const twice = edges.filter((_edge, index) => index % 2 === 0).slice(0, 10)
    const also = await Promise.all(twice.map((edge) => behind(b, edge)))
    for (const device of [...devices, ...also]) device.report({ '_sum/State': 0, soc: 50 })
    await Promise.all([...devices, ...also].map((device) => device.settled()))
    a.list()
    b.list()
    await a.settled()
    await b.settled()
    const online = () => edges.filter(isOnline).length
    expect([online(), a.edgeIds.length, b.edgeIds.length]).toEqual([1000, 500, 510])
    wentOffline.length = 0
    await a[Symbol.asyncDispose]()
    await vi.waitFor(() => expect(wentOffline).toHaveLength(490))
    expect(online()).toBe(510)
    expect(twice.every(isOnline)).toBe(true)
    const metrics = await (await fetch(`${service.urls.http}/metrics`)).text()
    expect(metrics).toContain('ems_edge_app{app="b",metric="Edges"} 510')
    expect(metrics).toContain('ems_edge_app{app="b",metric="Connections"} 510')
    await using back = await EdgeApp.serving(service, id('a'))
    const returned = await Promise.all(edges.filter((edge) => !isOnline(edge)).map((edge) => behind(back, edge)))
    await Promise.all(returned.map((device) => device.settled()))
    await back.settled()
    expect([online(), wentOffline.length]).toEqual([1000, 490])
    for (const device of [...devices, ...also, ...returned]) device.socket.terminate()
  })
})
