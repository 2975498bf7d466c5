import { once } from 'node:events'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { simulateCommand } from '../../src/cli/simulate.ts'
import type { Condition } from '../../src/simulator/fleet.ts'
import { Scene, START } from '../unit/simulator/scene.ts'

const liveView = [
  ...['State', 'EssSoc', 'EssActivePower', 'EssMinDischargePower', 'EssMaxDischargePower', 'GridActivePower'],
  ...['GridMinActivePower', 'GridMaxActivePower', 'GridMode', 'ProductionActivePower', 'ProductionDcActualPower'],
  ...['ProductionAcActivePower', 'ProductionMaxActivePower', 'ConsumptionActivePower', 'ConsumptionMaxActivePower'],
].map((id) => `_sum/${id}`)

afterEach(() => {
  vi.restoreAllMocks()
})

describe('a simulated edge', () => {
  it('offers its API key and nothing else', async () => {
    await using scene = await Scene.open({ perMessageDeflate: true })
    scene.start({ first: 41 })
    const { request } = await scene.connection()
    const { 'sec-websocket-key': _key, host: _host, ...headers } = request.headers
    expect(headers).toEqual({
      connection: 'Upgrade',
      upgrade: 'websocket',
      'sec-websocket-version': '13',
      apikey: 'edge41',
    })
  })

  it('sends its configuration, a second later everything, then changes only', async () => {
    await using scene = await Scene.open()
    scene.start()
    const edge = await scene.opened()
    expect(edge.config?.method).toBe('edgeConfig')
    expect(Object.keys(edge.config?.params.components ?? {})).toEqual([
      ...['_sum', '_meta', '_host', '_appManager', 'ess0', 'meter0', 'meter1', 'ctrlDebugLog0', 'ctrlBackend0'],
    ])
    scene.pass(1000)
    const first = await edge.next()
    expect(first.method).toBe('timestampedData')
    expect(Object.keys(first.params)).toEqual([String(START + 1000)])
    const seen: Record<string, unknown> = { ...first.params[String(START + 1000)] }
    expect(Object.keys(seen)).toEqual(expect.arrayContaining([...liveView, 'ess0/Soc', 'ess0/ActivePower']))
    expect(seen).toMatchObject({ '_sum/State': 0, '_meta/Version': '2026.4.0', '_sum/GridMode': 1, 'meter1/State': 0 })
    for (let second = 0; second < 20; second++) {
      scene.pass(1000)
      const changes = await edge.data()
      expect(Object.keys(changes).length).toBeLessThan(Object.keys(seen).length)
      for (const [key, value] of Object.entries(changes)) expect(value).not.toEqual(seen[key])
      Object.assign(seen, changes)
    }
    scene.pass(300_000)
    expect(Object.keys(await edge.data()).sort()).toEqual(Object.keys(seen).sort())
  })

  it('beats with empty params when nothing changed', async () => {
    await using scene = await Scene.open()
    scene.start({ profile: { channels: 30, changesPerSecond: 0 } })
    const edge = await scene.opened()
    scene.pass(1000)
    expect(Object.keys(await edge.data())).toHaveLength(30)
    scene.pass(1000)
    expect(await edge.next()).toEqual({ jsonrpc: '2.0', method: 'timestampedData', params: {} })
  })

  it('aggregates each five-minute window once, after a delay', async () => {
    await using scene = await Scene.open()
    scene.start({ profile: { channels: 30, changesPerSecond: 1 } })
    const edge = await scene.opened()
    for (const ms of [1000, 299_000, 269_000, 5000, 26_000, 269_000, 5000]) scene.pass(ms)
    const first = await edge.nextOf('aggregatedData')
    expect(Object.keys(first.params)).toEqual([String(START)])
    expect(Object.values(first.params)[0]).toHaveProperty(['_sum/State'])
    const second = await edge.nextOf('aggregatedData')
    expect(Object.keys(second.params)).toEqual([String(START + 300_000)])
  })

  it('refuses by role, answers the rest, and stays calm about nonsense', async () => {
    await using scene = await Scene.open()
    const fleet = scene.start()
    const edge = await scene.opened()
    expect((await edge.call('guest', 'setChannelValue', {})).error).toEqual({
      code: 1002,
      message: 'Access to this resource [setChannelValue] is denied for User with Role [GUEST]',
      data: ['setChannelValue', 'GUEST'],
    })
    const uuid = '6f9619ff-8b86-d011-b42d-00cf4fc964ff'
    const silent = ['', 'x', '[]', 'null', '{}', '{"id":1,"method":"a","params":{}}', `{"id":"${uuid}","method":"a"}`]
    for (const frame of [...silent, { jsonrpc: '2.0', id: uuid, result: {} }, { method: 'welcome', params: {} }]) {
      edge.send(frame)
    }
    edge.socket.send(Buffer.from([0, 255, 1]))
    edge.send({ method: 'getEdgeConfig', params: {}, id: uuid })
    expect((await edge.next()).error).toMatchObject({ code: 4001, data: ['getEdgeConfig'] })
    expect((await edge.call('guest', 'getEdgeConfig', {})).result).toHaveProperty('payload.result.components.ess0')
    expect(fleet.status()).toMatchObject({ connected: 1, requestsAnswered: 3 })
  })

  it('sends its log only while somebody listens', async () => {
    await using scene = await Scene.open()
    scene.start({ condition: () => 'warning' })
    const edge = await scene.opened()
    scene.pass(1000)
    scene.pass(1000)
    expect([(await edge.next()).method, (await edge.next()).method]).toEqual(['timestampedData', 'timestampedData'])
    await edge.call('owner', 'subscribeSystemLog', { subscribe: true })
    scene.pass(8000)
    const line = (await edge.nextOf('systemLog')).params.line
    expect(line).toMatchObject({ time: '2026-04-04T12:00:10.000+02:00', level: 'INFO' })
    expect(line?.message).toMatch(/^\[ctrlDebugLog0\] _sum\[State:Warning Ess SoC:\d+ %\|L:-?\d+ W Grid:/)
    expect((await edge.next()).params.line).toMatchObject({ level: 'WARN', source: 'meter0' })
    await edge.call('owner', 'subscribeSystemLog', { subscribe: false })
    scene.pass(1000)
    scene.pass(1000)
    expect([(await edge.next()).method, (await edge.next()).method]).toEqual(['timestampedData', 'timestampedData'])
  })

  it('applies a configuration and tells everybody: edgeConfig, then a full snapshot', async () => {
    await using scene = await Scene.open()
    scene.start()
    const edge = await scene.opened()
    scene.pass(1000)
    const before = Object.keys(await edge.data())
    const properties = [{ name: 'id', value: 'ctrlFix0' }]
    await edge.call('installer', 'createComponentConfig', { factoryPid: 'Controller.Ess.FixActivePower', properties })
    const config = await edge.next()
    expect(config.method).toBe('edgeConfig')
    expect(config.params.components).toHaveProperty('ctrlFix0')
    scene.pass(1000)
    expect(Object.keys(await edge.data()).sort()).toEqual([...before, 'ctrlFix0/State'].sort())
    await edge.call('owner', 'updateComponentConfig', {
      componentId: 'meter1',
      properties: [{ name: 'enabled', value: false }],
    })
    expect((await edge.next()).params.components).toHaveProperty('meter1.properties.enabled', false)
    scene.pass(1000)
    expect(Object.keys(await edge.data()).filter((key) => key.startsWith('meter1'))).toEqual([])
  })

  it('lets an administrator set the battery', async () => {
    await using scene = await Scene.open()
    scene.start()
    const edge = await scene.opened()
    scene.pass(1000)
    await edge.data()
    await edge.call('admin', 'setChannelValue', { componentId: 'ess0', channelId: 'SetActivePowerEquals', value: -123 })
    scene.pass(1000)
    expect(await edge.data()).toMatchObject({ 'ess0/DebugSetActivePower': -123, 'ess0/ActivePower': -123 })
    scene.pass(61_000)
    expect(await edge.data()).toMatchObject({ 'ess0/DebugSetActivePower': null })
  })

  it('comes back no sooner than its waiting time after the start of the last attempt', async () => {
    await using scene = await Scene.open()
    const fleet = scene.start()
    const first = await scene.opened()
    first.socket.terminate()
    await vi.waitFor(() => expect(fleet.status().connected).toBe(0))
    scene.pass(9000)
    expect(fleet.status()).toMatchObject({ connecting: 0 })
    scene.pass(1000)
    const second = await scene.opened()
    expect(second.config?.method).toBe('edgeConfig')
    scene.pass(60_000)
    second.socket.terminate()
    await vi.waitFor(() => expect(fleet.status().connected).toBe(0))
    scene.pass(1000)
    const third = await scene.opened()
    scene.pass(1000)
    expect(Object.keys(await third.data())).toEqual(expect.arrayContaining(liveView))
  })

  it('pings every 100 s and gives up on a server that does not answer', async () => {
    await using scene = await Scene.open({ autoPong: false })
    const fleet = scene.start()
    const edge = await scene.opened()
    scene.pass(99_000)
    const pinged = once(edge.socket, 'ping')
    scene.pass(1000)
    await pinged
    const closed = once(edge.socket, 'close')
    for (let second = 0; second < 49; second++) scene.pass(1000)
    expect((await edge.call('guest', 'routes', {})).error).toBeUndefined()
    expect(fleet.status().connected).toBe(1)
    scene.pass(1000)
    expect((await closed)[0]).toBe(1006)
  })

  it('counts refusals and says why', async () => {
    await using scene = await Scene.open({ verifyClient: (_info, done) => done(false, 401) })
    const fleet = scene.start()
    await vi.waitFor(() => expect(fleet.status()).toMatchObject({ refused: 1, connecting: 0, connected: 0 }))
    expect(fleet.status().lastRefusal).toContain('401')
    scene.pass(10_000)
    await vi.waitFor(() => expect(fleet.status().refused).toBe(2))
  })

  it('survives an API key that no header can carry', async () => {
    await using scene = await Scene.open()
    const fleet = scene.start({ apiKey: () => 'a\nb' })
    expect(fleet.status()).toMatchObject({ refused: 1, connecting: 0 })
  })
})

describe('a fleet', () => {
  it('reports each condition, follows changes, and never connects what is offline', async () => {
    await using scene = await Scene.open()
    const conditions: Condition[] = ['ok', 'info', 'warning', 'fault', 'offline']
    const fleet = scene.start({ edges: 5, condition: (index) => conditions[index] ?? 'ok' })
    const edges = [
      await scene.connection(),
      await scene.connection(),
      await scene.connection(),
      await scene.connection(),
    ]
    await vi.waitFor(() => expect(fleet.status().connected).toBe(4))
    scene.pass(1000)
    for (const edge of edges) {
      const index = Number(String(edge.request.headers.apikey).slice('edge'.length))
      expect((await edge.data())['_sum/State']).toBe(index)
    }
    conditions[0] = 'offline'
    conditions[4] = 'ok'
    scene.pass(1000)
    expect((await scene.connection()).request.headers.apikey).toBe('edge4')
    await vi.waitFor(() => expect(fleet.status()).toMatchObject({ connected: 4, refused: 0 }))
  })

  it('keeps to its ramp and uses its source addresses in turn', async () => {
    await using scene = await Scene.open()
    const fleet = scene.start({
      edges: 100,
      connectPerSecond: 80,
      localAddresses: ['127.0.0.2', '127.0.0.3'],
      profile: { channels: 10, changesPerSecond: 2 },
    })
    expect(fleet.status().connecting).toBe(20)
    for (const expected of [40, 60, 80, 100]) {
      await vi.waitFor(() => expect(fleet.status().connecting).toBe(0))
      scene.pass(1000)
      expect(fleet.status().connected + fleet.status().connecting).toBe(expected)
    }
    const addresses = new Set<string | undefined>()
    for (let index = 0; index < 100; index++) addresses.add((await scene.connection()).request.socket.remoteAddress)
    expect(addresses).toEqual(new Set(['127.0.0.2', '127.0.0.3']))
    await vi.waitFor(() => expect(fleet.status()).toMatchObject({ connected: 100, connecting: 0 }))
    await fleet[Symbol.asyncDispose]()
    expect(fleet.status()).toMatchObject({ connected: 0, connecting: 0, refused: 0 })
  })
})

describe('ems-metadata simulate', () => {
  async function run(...args: string[]): Promise<{ lines: string[]; exitCode: unknown; failure: string | undefined }> {
    const lines: string[] = []
    vi.spyOn(process.stdout, 'write').mockImplementation((text) => lines.push(String(text)) > 0)
    const before = process.exitCode
    process.exitCode = undefined
    const failure = await simulateCommand()
      .parseAsync(args, { from: 'user' })
      .then(() => undefined, String)
    const { exitCode } = process
    process.exitCode = before
    return { lines, exitCode, failure }
  }

  it('runs for its duration and prints what happened', async () => {
    await using scene = await Scene.open()
    const { lines, exitCode, failure } = await run('--url', scene.url, '--edges', '3', '--duration', '0.2', '--json')
    expect([exitCode, failure]).toEqual([undefined, undefined])
    expect(JSON.parse(lines.at(-1) ?? '')).toMatchObject({ connected: 3, refused: 0 })
  })

  it('fails when not a single edge could connect', async () => {
    await using scene = await Scene.open({ verifyClient: () => false })
    const { lines, failure } = await run('--url', scene.url, '--profile', 'lean', '--duration', '0.2')
    expect(failure).toMatch(/0 of 1 edge\(s\) were connected at the end: .*401/)
    expect(lines.at(-1)).toContain('connected 0/1, connecting 0, refused 1')
  })

  it('fails when another took over the connections, and says so', async () => {
    await using scene = await Scene.open()
    const running = run('--url', scene.url, '--duration', '0.3')
    const { socket } = await scene.connection()
    socket.close(4000, 'a newer connection took over')
    const { lines, failure } = await running
    expect(failure).toMatch(
      /0 of 1 edge\(s\) were connected at the end: closed with 4000: a newer connection took over/,
    )
    expect(lines.at(-1)).toContain('lost 1 (closed with 4000')
  })
})
