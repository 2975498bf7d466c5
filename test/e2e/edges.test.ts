import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { EdgeClient, UiClient } from '../harness/clients.ts'
import { recordingLog } from '../harness/log.ts'
import { addEdge, addUserWith, type SeededEdge } from '../harness/seed.ts'
import { startServiceOn, startTestService, type TestService } from '../harness/service.ts'

const { log, lines } = recordingLog()
let service: TestService
beforeAll(async () => {
  service = await startTestService({ log })
})
afterAll(() => service?.[Symbol.asyncDispose]())

const isOnline = (edge: SeededEdge) => service.ctx.hub.states.isOnline(edge.row.id)
const stateOf = (edge: SeededEdge) => service.ctx.hub.states.get(edge.row.id)

describe('the handshake of an edge', () => {
  it.each([
    ['a wrong key', { apikey: 'a-wrong-key-0123456789' }],
    ['no key', {}],
    ['an empty key', { apikey: '' }],
    ['a key that is far too long', { apikey: 'x'.repeat(2000) }],
  ])('%s is refused before the upgrade, without a reason, the connection closed', async (_what, headers) => {
    const upgrade = { Connection: 'Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Version': '13' }
    const all = { Host: 'x', ...upgrade, 'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==', ...headers }
    const socket = connect(Number(new URL(service.urls.edge).port), '127.0.0.1')
    socket.write(
      `GET / HTTP/1.1\r\n${Object.entries(all)
        .map(([name, value]) => `${name}: ${value}\r\n`)
        .join('')}\r\n`,
    )
    let answer = ''
    // Not ended by this side: the service must not wait for that.
    for await (const chunk of socket) answer += chunk
    expect(answer).toBe('HTTP/1.1 401 Unauthorized\r\nConnection: close\r\nContent-Length: 0\r\n\r\n')
  })

  it('leaves no key in any log line or metric', async () => {
    const edge = await addEdge(service.ctx)
    await using _edge = await EdgeClient.open(service, edge.apiKey)
    await expect(EdgeClient.open(service, 'a-wrong-key-0123456789')).rejects.toThrow('refused with 401')
    const metrics = await (await fetch(`${service.urls.http}/metrics`)).text()
    for (const text of [JSON.stringify(lines), metrics]) {
      expect(text).not.toContain('a-wrong-key')
      expect(text).not.toContain(edge.apiKey)
      expect(text).not.toContain(service.ctx.credentials.hash(edge.apiKey))
    }
    expect(metrics).toMatch(/ems_refused_connections_total\{component="edge",reason="key"\} [1-9]/)
    expect(lines).toContainEqual(
      expect.objectContaining({ msg: 'connection refused', clientKind: 'edge', reason: 'key' }),
    )
  })

  it('compresses only when it may, and never keeps the context', async () => {
    const edge = await addEdge(service.ctx)
    await using plain = await EdgeClient.open(service, edge.apiKey, { perMessageDeflate: true })
    expect(plain.handshake).not.toHaveProperty('sec-websocket-extensions')
    await using other = await startServiceOn({ ...service.config, compression: true })
    const offer = { serverNoContextTakeover: true, clientNoContextTakeover: true }
    await using packed = await EdgeClient.open(other, edge.apiKey, { perMessageDeflate: offer })
    expect(packed.handshake).toMatchObject({
      'sec-websocket-extensions': 'permessage-deflate; server_no_context_takeover; client_no_context_takeover',
    })
    packed.report({ '_sum/EssSoc': 5, text: 'x'.repeat(5000) })
    await packed.settled()
    expect(other.ctx.hub.find(edge.row.id)?.cache.get('_sum/EssSoc')).toBe(5)
  })
})

describe('an edge is online', () => {
  it('from its first frame, not from the handshake or a request; offline at once on close', async () => {
    const edge = await addEdge(service.ctx)
    const client = await EdgeClient.open(service, edge.apiKey)
    expect((await client.call('checkSetupPassword', { setupPassword: 'x' })).error).toMatchObject({ code: 1003 })
    expect(isOnline(edge)).toBe(false)
    client.notify('timestampedData', {})
    await client.settled()
    expect(isOnline(edge)).toBe(true)
    expect(stateOf(edge).lastMessageAt).toBe(Math.floor(service.ctx.clock().getTime() / 60_000) * 60_000)
    await client[Symbol.asyncDispose]()
    await vi.waitFor(() => expect(isOnline(edge)).toBe(false), { interval: 5 })
    expect(stateOf(edge)).toMatchObject({ version: '0.0.0', sumState: null })
  })

  it('until it is silent for two pings', async () => {
    await using quick = await startServiceOn({ ...service.config, pingIntervalMs: 100 })
    const edge = await addEdge(quick.ctx)
    await using dead = await EdgeClient.open(quick, edge.apiKey, { autoPong: false })
    await using ui = await UiClient.open(quick)
    dead.notify('timestampedData', {})
    await dead.settled()
    expect((await dead.closed).code).toBe(1006)
    await vi.waitFor(() => expect(quick.ctx.hub.states.isOnline(edge.row.id)).toBe(false), { interval: 5 })
    expect(ui.closing).toBeUndefined()
  })

  it('on its newest connection; the end of an older one changes nothing', async () => {
    const edge = await addEdge(service.ctx)
    await using old = await EdgeClient.open(service, edge.apiKey)
    old.report({ '_sum/EssSoc': 1 })
    await old.settled()
    let flapped = false
    const spy = vi.spyOn(service.ctx.states, 'stateChanged').mockImplementation(() => {
      flapped ||= !isOnline(edge)
    })
    await using newer = await EdgeClient.open(service, edge.apiKey)
    expect(await old.closed).toEqual({ code: 4000, reason: 'a newer connection took over' })
    newer.report({ '_sum/EssSoc': 2 })
    await newer.settled()
    spy.mockRestore()
    expect([isOnline(edge), flapped]).toEqual([true, false])
    expect(service.ctx.hub.find(edge.row.id)?.cache.get('_sum/EssSoc')).toBe(2)
  })

  it('and what it says on a connection that was replaced does not count', async () => {
    const edge = await addEdge(service.ctx)
    await using old = await EdgeClient.open(service, edge.apiKey)
    await using _newer = await EdgeClient.open(service, edge.apiKey)
    old.report({ '_sum/EssSoc': 99 })
    await old.closed
    expect(service.ctx.hub.find(edge.row.id)?.cache.get('_sum/EssSoc')).toBeNull()
  })
})

describe('live values', () => {
  it('the first snapshot reaches a UI that subscribed before the edge came', async () => {
    const edge = await addEdge(service.ctx)
    const user = await addUserWith(service.ctx, 'guest', edge)
    await using ui = await UiClient.signedIn(service, user.login)
    await ui.watch(edge.id, ['_sum/EssSoc', '_sum/GridMode', 'nothing/There'])
    expect(await ui.data()).toEqual({ '_sum/EssSoc': null, '_sum/GridMode': null, 'nothing/There': null })
    await using device = await EdgeClient.open(service, edge.apiKey)
    device.notify('edgeConfig', {
      components: { _sum: { alias: '', factoryId: 'Core.Sum', properties: {} } },
      factories: {},
    })
    device.report({ '_sum/EssSoc': 57, '_sum/GridMode': 1, '_sum/State': 2, '_meta/Version': '2026.5.0' })
    expect(await ui.push('edgeConfig')).toMatchObject({
      edgeId: edge.id,
      params: { components: { _sum: { alias: '' } } },
    })
    expect(await ui.data()).toEqual({ '_sum/EssSoc': 57, '_sum/GridMode': 1, 'nothing/There': null })
    // A change carries all channels again (ui.md section 0, rule 8).
    device.report({ '_sum/EssSoc': 58 })
    expect(await ui.data()).toEqual({ '_sum/EssSoc': 58, '_sum/GridMode': 1, 'nothing/There': null })
    expect(await ui.request('getEdge', { edgeId: edge.id })).toMatchObject({
      edge: { isOnline: true, sumState: 'WARNING', version: '2026.5.0', role: 'guest' },
    })
  })

  it('golden: the bytes of currentData', async () => {
    const edge = await addEdge(service.ctx, { edgeId: 'golden0' })
    const user = await addUserWith(service.ctx, 'owner', edge)
    await using ui = await UiClient.signedIn(service, user.login)
    await using device = await EdgeClient.open(service, edge.apiKey)
    device.send(
      '{"jsonrpc":"2.0","method":"timestampedData","params":{"1775300000000":{"_sum/EssSoc":57,"a/Text":"x","a/Bool":true,"a/Null":null}}}',
    )
    await device.settled()
    await ui.watch(edge.id, ['_sum/EssSoc', 'a/Text', 'a/Bool', 'a/Null'])
    await ui.data()
    expect(ui.texts).toContain(
      '{"jsonrpc":"2.0","method":"edgeRpc","params":{"edgeId":"golden0","payload":{"jsonrpc":"2.0","method":"currentData","params":{"_sum/EssSoc":57,"a/Text":"x","a/Bool":true,"a/Null":null}}}}',
    )
  })

  it('an old aggregate never overwrites what is newer, but fills what nothing newer told', async () => {
    const edge = await addEdge(service.ctx)
    const user = await addUserWith(service.ctx, 'guest', edge)
    await using ui = await UiClient.signedIn(service, user.login)
    await using device = await EdgeClient.open(service, edge.apiKey)
    const now = Date.now()
    device.report({ '_sum/State': 0, '_sum/EssSoc': 50, '_meta/Version': '2026.5.0' }, now)
    device.notify('aggregatedData', {
      [now - 600_000]: { '_sum/State': 3, '_sum/EssSoc': 10, '_meta/Version': '2025.1.0', 'a/Energy': 7 },
    })
    await device.settled()
    expect(stateOf(edge)).toMatchObject({ sumState: 'OK', version: '2026.5.0' })
    await ui.watch(edge.id, ['_sum/EssSoc', 'a/Energy'])
    expect(await ui.data()).toEqual({ '_sum/EssSoc': 50, 'a/Energy': 7 })
    device.report({ '_sum/EssSoc': 1, '_sum/State': 2 }, now - 1)
    device.notify('resendData', { [now + 1]: { '_sum/EssSoc': 2, '_sum/State': 3 } })
    await device.settled()
    expect(service.ctx.hub.find(edge.row.id)?.cache.get('_sum/EssSoc')).toBe(50)
    expect(stateOf(edge).sumState).toBe('OK')
  })

  it('go on when a clock that ran ahead is put right', async () => {
    const edge = await addEdge(service.ctx)
    await using device = await EdgeClient.open(service, edge.apiKey)
    const cache = () => service.ctx.hub.find(edge.row.id)?.cache
    const now = Date.now()
    device.report({ a: 1, b: 1, '_sum/State': 1 }, now + 3_600_000)
    device.report({ a: 2 }, now + 3_601_000)
    await device.settled()
    expect([cache()?.get('a'), cache()?.get('b')]).toEqual([2, 1])
    device.report({ a: 3, '_sum/State': 3 }, Date.now() + 1)
    await device.settled()
    expect([cache()?.get('a'), cache()?.get('b'), stateOf(edge).sumState]).toEqual([3, 1, 'FAULT'])
  })

  it('a state that cannot be read is FAULT', async () => {
    const edge = await addEdge(service.ctx)
    await using device = await EdgeClient.open(service, edge.apiKey)
    for (const [value, level] of [
      ['2', 'WARNING'],
      ['', 'FAULT'],
      [1, 'INFO'],
      [9, 'FAULT'],
      [0, 'OK'],
      [true, 'FAULT'],
    ] as const) {
      device.report({ '_sum/State': value })
      await device.settled()
      expect(stateOf(edge).sumState).toBe(level)
    }
  })
})

describe('configuration', () => {
  const config = (alias: string) => ({
    components: { ctrl0: { alias, factoryId: 'C', properties: { enabled: true } } },
    factories: { C: { natureIds: [] } },
  })

  it('O-04 is kept, with who changed what, and answered while the edge is offline', async () => {
    const edge = await addEdge(service.ctx)
    const user = await addUserWith(service.ctx, 'owner', edge)
    await using ui = await UiClient.signedIn(service, user.login)
    expect(await ui.edgeRpc(edge.id, 'getEdgeConfig')).toEqual({ components: {}, factories: {} })
    const device = await EdgeClient.open(service, edge.apiKey)
    device.answerWith = () => ({})
    device.notify('edgeConfig', config('first'))
    await device.settled()
    expect(await ui.edgeRpc(edge.id, 'getEdgeConfig')).toEqual(config('first'))
    await service.ctx.configs.flush()
    device.notify('edgeConfig', config('on the edge'))
    await device.settled()
    await service.ctx.configs.flush()
    await ui.edgeRpc(edge.id, 'updateComponentConfig', { componentId: 'ctrl0', properties: [] })
    device.notify('edgeConfig', config('by the owner'))
    await device.settled()
    await device[Symbol.asyncDispose]()
    await service.ctx.configs.flush()
    expect(await ui.edgeRpc(edge.id, 'getEdgeConfig')).toEqual(config('by the owner'))
    const { entries } = await ui.request('getEdgeConfigHistory', { edgeId: edge.id })
    expect(entries).toMatchObject([
      {
        actor: user.login,
        summary: 'ctrl0 updated',
        changes: [{ component: 'ctrl0', kind: 'updated', properties: { alias: ['on the edge', 'by the owner'] } }],
      },
      { actor: null, changes: [{ properties: { alias: ['first', 'on the edge'] } }] },
    ])
  })
})

describe('configurations written behind', () => {
  it('O-04 are in the history once, however many flushes run at a time', async () => {
    const edge = await addEdge(service.ctx)
    const { configs } = service.ctx
    const history = () => configs.history(edge.row.id, { limit: 10 })
    const config = (alias: string) => ({ components: { c0: { alias } }, factories: {} })
    configs.received(edge.row.id, config('0'), null)
    await configs.flush()
    for (let turn = 1; turn <= 5; turn++) {
      configs.received(edge.row.id, config(String(turn)), null)
      await Promise.all([configs.flush(), configs.flush(), configs.flush()])
      expect(await history()).toHaveLength(turn)
    }
  })

  it('that the database refuses are left out, logged and counted; the others are written', async () => {
    const { log, lines } = recordingLog()
    await using other = await startTestService({ log, config: { stateFlushMs: 60_000 } })
    const edges = await Promise.all(Array.from({ length: 7 }, () => addEdge(other.ctx)))
    const { configs, db } = other.ctx
    for (const [n, edge] of edges.entries()) {
      const alias = n === 2 || n === 6 ? `not text \u0000 ${n}` : `text ${n}`
      configs.received(edge.row.id, { components: { c0: { alias } }, factories: {} }, null)
    }
    await configs.flush()
    const written = await db.selectFrom('edgeConfig').select('edgeId').orderBy('edgeId').execute()
    const wanted = edges.filter((_, n) => n !== 2 && n !== 6).map(({ row }) => row.id)
    expect(written.map(({ edgeId }) => edgeId)).toEqual(wanted.sort((a, b) => a - b))
    expect(configs.refused).toBe(2)
    expect(lines.filter(({ level, msg }) => level === 50 && /configuration refused/.test(String(msg)))).toHaveLength(2)
    configs.received(edges[2]?.row.id ?? 0, { components: {}, factories: {} }, null)
    await configs.flush()
    expect(await db.selectFrom('edgeConfig').select('edgeId').execute()).toHaveLength(6)
    expect(await (await fetch(`${other.urls.http}/metrics`)).text()).toContain('ems_edge_configs_refused 2')
  })
})

describe('the system log', () => {
  const line = { line: { time: '2026-04-04T12:00:00.000+02:00', level: 'INFO', source: 's', message: 'm' } }

  it('is asked for once somebody reads it, comes back after a reconnect, and ends with the last reader', async () => {
    const edge = await addEdge(service.ctx)
    const user = await addUserWith(service.ctx, 'owner', edge)
    await using one = await UiClient.signedIn(service, user.login)
    await using two = await UiClient.signedIn(service, user.login)
    const first = await EdgeClient.open(service, edge.apiKey)
    first.answerWith = (request) => (request.payload.params['subscribe'] === true ? {} : undefined)
    await one.edgeRpc(edge.id, 'subscribeSystemLog', { subscribe: true })
    await two.edgeRpc(edge.id, 'subscribeSystemLog', { subscribe: true })
    first.notify('systemLog', line)
    expect(await one.push('systemLog')).toEqual({ edgeId: edge.id, params: line })
    expect(await two.push('systemLog')).toEqual({ edgeId: edge.id, params: line })
    await first[Symbol.asyncDispose]()

    await using again = await EdgeClient.open(service, edge.apiKey)
    again.notify('timestampedData', {})
    const resumed = await again.asked('subscribeSystemLog')
    expect(resumed).toMatchObject({ user: { id: 'internal', role: 'owner' }, payload: { params: { subscribe: true } } })
    again.reply(resumed)
    // The first of two leaves: the edge is not told. The second goes without a word: it is.
    expect(await one.edgeRpc(edge.id, 'subscribeSystemLog', { subscribe: false })).toEqual({})
    expect(again.requests).toEqual([])
    await two[Symbol.asyncDispose]()
    const ended = await again.asked('subscribeSystemLog')
    expect(ended).toMatchObject({
      user: { id: 'internal', name: 'internal', role: 'guest' },
      payload: { params: { subscribe: false } },
    })
    again.reply(ended)
    again.notify('systemLog', line)
    expect((await again.asked('subscribeSystemLog')).payload.params).toEqual({ subscribe: false })
  })

  it('is for owners', async () => {
    const edge = await addEdge(service.ctx)
    const guest = await addUserWith(service.ctx, 'guest', edge)
    await using ui = await UiClient.signedIn(service, guest.login)
    await expect(ui.edgeRpc(edge.id, 'subscribeSystemLog', { subscribe: true })).rejects.toMatchObject({
      code: 1002,
      data: ['subscribeSystemLog', 'GUEST'],
    })
  })
})

describe('a rotated key', () => {
  it('cuts the edge off at once without overlap; the new one lets it in', async () => {
    const edge = await addEdge(service.ctx)
    await using device = await EdgeClient.open(service, edge.apiKey)
    device.notify('timestampedData', {})
    await using admin = await UiClient.signedIn(service)
    const { apiKey } = await admin.request('rotateEdgeKey', { edgeId: edge.id, overlapHours: 0 })
    expect(await device.closed).toEqual({ code: 1008, reason: 'the key is no longer valid' })
    await vi.waitFor(() => expect(isOnline(edge)).toBe(false), { interval: 5 })
    await expect(EdgeClient.open(service, edge.apiKey)).rejects.toThrow('refused with 401')
    await using back = await EdgeClient.open(service, String(apiKey))
    back.notify('timestampedData', {})
    await back.settled()
    expect(isOnline(edge)).toBe(true)
  })

  it('lets the old one live for the overlap', async () => {
    const edge = await addEdge(service.ctx)
    await using device = await EdgeClient.open(service, edge.apiKey)
    await using admin = await UiClient.signedIn(service)
    await admin.request('rotateEdgeKey', { edgeId: edge.id, overlapHours: 0.0003 })
    await using second = await EdgeClient.open(service, edge.apiKey)
    expect((await device.closed).code).toBe(4000)
    expect((await second.closed).code).toBe(1008)
    await expect(EdgeClient.open(service, edge.apiKey)).rejects.toThrow('refused with 401')
  })
})
