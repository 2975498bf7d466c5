import { once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { EdgeClient, ServiceClient, UiClient, userPassword } from '../harness/clients.ts'
import { recordingLog } from '../harness/log.ts'
import { addEdge, addUser, addUserWith } from '../harness/seed.ts'
import { startServiceOn, startTestService, type TestService } from '../harness/service.ts'

let service: TestService
beforeAll(async () => {
  service = await startTestService()
})
afterAll(() => service?.[Symbol.asyncDispose]())

describe('answers that the UI needs late (ui.md section 6)', () => {
  it('subscribeEdges: the effect at once, the answer later, the rest meanwhile', async () => {
    await using slow = await startServiceOn({ ...service.config, uiSubscribeAnswerMs: 300 })
    const edge = await addEdge(slow.ctx)
    await using device = await EdgeClient.open(slow, edge.apiKey)
    device.report({ soc: 1 })
    await device.settled()
    await using ui = await UiClient.signedIn(slow)
    const startedAt = performance.now()
    const answers = [1, 2, 3].map(() => ui.request('subscribeEdges', { edges: [edge.id] }))
    const config = await ui.edgeRpc(edge.id, 'getEdgeConfig')
    await ui.edgeRpc(edge.id, 'subscribeChannels', { count: 0, channels: ['soc'] })
    device.report({ soc: 2 })
    expect(await ui.data(({ soc }) => soc === 2)).toEqual({ soc: 2 })
    expect(config).toEqual({ components: {}, factories: {} })
    expect(performance.now() - startedAt).toBeLessThan(290)
    expect(await Promise.all(answers)).toEqual([{}, {}, {}])
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(295)
    // Refusals are not held back.
    const refusedAt = performance.now()
    expect((await ui.call('subscribeEdges', { edges: ['none'] })).error).toMatchObject({ code: 1005 })
    expect(performance.now() - refusedAt).toBeLessThan(290)
  })

  it('authenticateWithToken: later, and what was sent behind it after that: the overview of the UI empties else', async () => {
    await using slow = await startServiceOn({ ...service.config, uiTokenAnswerMs: 300 })
    const edge = await addEdge(slow.ctx)
    const user = await addUserWith(slow.ctx, 'guest', edge)
    await using first = await UiClient.signedIn(slow, user.login)
    await using ui = await UiClient.open(slow)
    const startedAt = performance.now()
    const answered: string[] = []
    const [signedIn, edges] = await Promise.all([
      ui.request('authenticateWithToken', { token: first.token }).finally(() => answered.push('token')),
      ui.request('getEdges', { page: 0, limit: 20, searchParams: {} }).finally(() => answered.push('edges')),
    ])
    expect(signedIn).toHaveProperty('user.id', user.login)
    expect(edges).toMatchObject({ edges: [{ id: edge.id }] })
    expect(answered).toEqual(['token', 'edges'])
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(295)
    // A stale token is refused at once, and so is what came behind it.
    const refusedAt = performance.now()
    await using stranger = await UiClient.open(slow)
    const refused = await Promise.all([
      stranger.call('authenticateWithToken', { token: 'stale' }),
      stranger.call('getEdges', { page: 0, limit: 20, searchParams: {} }),
    ])
    expect(refused.map(({ error }) => error?.code)).toEqual([1003, 1001])
    expect(performance.now() - refusedAt).toBeLessThan(290)
  })

  it('has them on by default for the UI and off for everybody else', async () => {
    const { settings } = await import('../../src/settings.ts')
    expect([settings.uiSubscribeAnswerMs.default, settings.uiTokenAnswerMs.default]).toEqual(['1000', '800'])
    await using slow = await startServiceOn({ ...service.config, uiSubscribeAnswerMs: 5000, uiTokenAnswerMs: 5000 })
    await using operator = await ServiceClient.local(slow)
    expect((await operator.call('subscribeEdges', { edges: [] })).error).toMatchObject({ code: 4001 })
    expect(await operator.request('getEdges')).toHaveProperty('edges')
  })
})

it('a client of a test does not wait for ever for a socket that is gone', async () => {
  await using ui = await UiClient.open(service)
  const waiting = ui.settled()
  ui.socket.terminate()
  await expect(waiting).rejects.toThrow('before it settled')
  await expect(ui.settled()).rejects.toThrow('before it settled')
})

describe('limits of a socket', () => {
  it('a reader that stands still loses frames and slows nobody', async () => {
    const edge = await addEdge(service.ctx)
    const user = await addUserWith(service.ctx, 'guest', edge)
    await using device = await EdgeClient.open(service, edge.apiKey)
    await using frozen = await UiClient.signedIn(service, user.login)
    await using reader = await UiClient.signedIn(service, user.login)
    const channels = ['text', ...Array.from({ length: 50 }, (_, index) => `c${index}/Value`)]
    await frozen.watch(edge.id, channels)
    await reader.watch(edge.id, channels)
    frozen.socket.pause()
    const dropped = async () =>
      Number(/^ems_dropped_pushes_total (\d+)/m.exec(await (await fetch(`${service.urls.http}/metrics`)).text())?.[1])
    const before = await dropped()
    for (let round = 0; round < 200; round++) {
      device.report({ text: `${round} ${'x'.repeat(60_000)}` })
      const startedAt = performance.now()
      const { text } = await reader.data(({ text }) => String(text).startsWith(`${round} `))
      expect(text).toHaveLength(`${round} `.length + 60_000)
      expect(performance.now() - startedAt).toBeLessThan(1000)
    }
    expect(await dropped()).toBeGreaterThan(before)
    expect(frozen.closing).toBeUndefined()
    frozen.socket.resume()
    device.report({ text: 'last' })
    await vi.waitFor(() => {
      device.report({ text: 'last' })
      expect(frozen.pushes.at(-1)).toMatchObject({ text: 'last' })
    })
    expect(frozen.pushes.length).toBeLessThan(200)
  })

  it('twenty requests a second, signing in and edgeRpc not counted', async () => {
    await using limited = await startServiceOn({ ...service.config, uiRequestsPerSecond: 20 })
    const edge = await addEdge(limited.ctx)
    await using ui = await UiClient.signedIn(limited)
    const answers = await Promise.all(Array.from({ length: 100 }, () => ui.call('getEdge', { edgeId: edge.id })))
    const refused = answers.filter(({ error }) => error !== undefined)
    expect(refused.length).toBeGreaterThan(40)
    expect(refused[0]?.error).toEqual({
      code: 4005,
      message: 'Too Many Requests! Request discarded by Rate-Limiter.',
      data: [],
    })
    for (let count = 0; count < 50; count++) await ui.edgeRpc(edge.id, 'getEdgeConfig')
    expect(await ui.request('logout')).toEqual({})
  })

  it('an edge that floods is cut off', async () => {
    await using limited = await startServiceOn({ ...service.config, edgeFramesPerSecond: 10 })
    const edge = await addEdge(limited.ctx)
    await using device = await EdgeClient.open(limited, edge.apiKey)
    for (let count = 0; count < 200; count++) device.notify('timestampedData', {})
    await device.closed
    expect(limited.ctx.hub.isConnected(edge.row.id)).toBe(false)
  })

  it('who has not signed in has little room and little time, and cannot ask for more of either', async () => {
    const { log, lines } = recordingLog()
    await using strict = await startServiceOn({ ...service.config, signInDeadlineMs: 400 }, { log })
    await using large = await UiClient.open(strict)
    large.send(`{"method":"logout","id":1,"params":{"x":"${'x'.repeat(70_000)}"}}`)
    expect(await large.closed).toEqual({ code: 1008, reason: 'bytes before log-in' })
    await using many = await UiClient.open(strict)
    for (let count = 0; count < 40 && !many.closing; count++)
      many.send(`{"method":"logout","id":1,"params":{"x":"${'x'.repeat(60_000)}"}}`)
    expect((await many.closed).code).toBe(1008)
    await using idle = await UiClient.open(strict)
    const startedAt = performance.now()
    while (!idle.closing && performance.now() - startedAt < 2000) {
      idle.send('{"method":"logout","id":1}')
      await Promise.race([idle.closed, pause(50)])
    }
    expect(performance.now() - startedAt).toBeLessThan(1000)
    expect(lines).toContainEqual(expect.objectContaining({ msg: 'disconnected for passing a limit' }))
  })

  it('a hundred frames that are none, then the end; nothing after it counts', async () => {
    await using ui = await UiClient.signedIn(service)
    for (let count = 0; count < 100; count++) ui.send('nonsense')
    ui.send({ method: 'getEdges', id: 'late' })
    expect(await ui.closed).toEqual({ code: 1008, reason: 'invalid frames' })
    expect(ui.frames.filter(({ id }) => id === 'late')).toEqual([])
  })

  it('so many connections of one address', async () => {
    await using strict = await startServiceOn({ ...service.config, maxConnectionsPerAddress: 3 })
    const open = await Promise.all([1, 2, 3].map(() => UiClient.open(strict)))
    await expect(UiClient.open(strict)).rejects.toThrow('refused with 429')
    await open[0]?.[Symbol.asyncDispose]()
    await vi.waitFor(async () => open.push(await UiClient.open(strict)))
    await Promise.all(open.map((client) => client[Symbol.asyncDispose]()))
  })

  it('origins, if they are limited', async () => {
    await using strict = await startServiceOn({ ...service.config, allowedOrigins: ['https://ui.example.org'] })
    await expect(UiClient.open(strict, { origin: 'https://evil.example.org' })).rejects.toThrow('refused with 403')
    await using _ui = await UiClient.open(strict, { origin: 'https://ui.example.org' })
  })
})

describe('a peer that goes while its password is checked', () => {
  it('leaves nothing behind', async () => {
    await using busy = await startServiceOn({ ...service.config, bcryptCost: 9 })
    const user = await addUser(busy.ctx)
    const { sockets } = busy.service.parts
    const clients = await Promise.all(Array.from({ length: 6 }, () => UiClient.open(busy)))
    for (const client of clients)
      client.send({
        method: 'authenticateWithPassword',
        id: 1,
        params: { username: user.login, password: userPassword },
      })
    await Promise.all(clients.map((client) => client.settled()))
    await Promise.all(clients.map((client) => client[Symbol.asyncDispose]()))
    await vi.waitFor(() => expect(sockets.size).toBe(0))
    const opened = () => busy.ctx.db.selectFrom('session').select('id').where('userId', '=', user.id).execute()
    await vi.waitFor(async () => expect(await opened()).toHaveLength(6), { timeout: 8000 })
    await pause(100)
    expect([sockets.strangers, sockets.ofPrincipal(user.id)]).toEqual([0, []])
  })
})

describe('who asks', () => {
  it('is the address a trusted proxy names, and nobody else’s word', async () => {
    const { log, lines } = recordingLog()
    await using proxied = await startServiceOn({ ...service.config, trustedProxies: ['127.0.0.0/8'] }, { log })
    const address = () => lines.findLast(({ msg }) => msg === 'connected')?.['clientAddress']
    const open = async (target: TestService, forwarded: string) => {
      await using _ui = await UiClient.open(target, { headers: { 'x-forwarded-for': forwarded } })
      return address()
    }
    expect(await open(proxied, '203.0.113.7')).toBe('203.0.113.7')
    expect(await open(proxied, '198.51.100.1, 203.0.113.7, 127.0.0.9')).toBe('203.0.113.7')
    expect(await open(proxied, 'nonsense')).toBe('127.0.0.1')
    await using direct = await startServiceOn(service.config, { log })
    expect(await open(direct, '203.0.113.7')).toBe('127.0.0.1')
  })
})

describe('HTTP', () => {
  it('tells health, readiness, keys and metrics, and nothing else', async () => {
    const get = async (path: string, init?: RequestInit) => await fetch(`${service.urls.http}${path}`, init)
    expect(await (await get('/healthz')).text()).toBe('ok\n')
    expect(await (await get('/readyz')).json()).toMatchObject({ ready: true, database: 'ok', index: 'ok' })
    const { keys } = (await (await get('/.well-known/jwks.json')).json()) as { keys: object[] }
    expect(keys[0]).toMatchObject({ kty: 'EC', alg: 'ES256' })
    expect(keys[0]).not.toHaveProperty('d')
    expect((await get('/x')).status).toBe(404)
    expect((await get('/metrics', { method: 'POST' })).status).toBe(405)
    expect(await (await get('/metrics')).text()).toMatch(/^openems_version\{version="\d/m)
  })

  it('keeps metrics for who has the token', async () => {
    await using closed = await startServiceOn({ ...service.config, metricsToken: 'a-token-for-metrics' })
    expect((await fetch(`${closed.urls.http}/metrics`)).status).toBe(401)
    const headers = { authorization: 'Bearer a-token-for-metrics' }
    expect((await fetch(`${closed.urls.http}/metrics`, { headers })).status).toBe(200)
  })

  it('takes every kind of socket by path on the one port', async () => {
    const byPath = (path: string) => ({
      ...service,
      urls: { ...service.urls, ui: `${service.urls.http.replace('http', 'ws')}${path}` },
    })
    await using ui = await UiClient.signedIn(byPath('/ui?x=1'))
    expect(await ui.request('getEdges')).toHaveProperty('edges')
    await expect(UiClient.open(byPath('/nothing'))).rejects.toThrow('refused with 404')
    await expect(UiClient.open(byPath('/edge'))).rejects.toThrow('refused with 401')
    await expect(ServiceClient.open(service, 'wrong')).rejects.toThrow('refused with 401')
  })

  it('says on the other ports what they are for', async () => {
    const response = await fetch(service.urls.ui.replace('ws', 'http'))
    expect([response.status, await response.text()]).toEqual([426, 'This port speaks WebSocket only.\n'])
  })
})

describe('the end of the service', () => {
  it('edges and services are told 1001, UI sockets are destroyed, running calls are finished', async () => {
    const ending = await startServiceOn(service.config)
    const edge = await addEdge(ending.ctx)
    const device = await EdgeClient.open(ending, edge.apiKey)
    const operator = await ServiceClient.local(ending)
    const ui = await UiClient.signedIn(ending)
    device.notify('timestampedData', {})
    const running = ui.edgeRpc(edge.id, 'slow')
    const request = await device.asked()
    const stopped = ending[Symbol.asyncDispose]()
    await vi.waitFor(() => expect(ending.service.parts.stopping).toBe(true), { interval: 5 })
    device.reply(request, { done: true })
    expect(await running).toEqual({ done: true })
    expect(await device.closed).toEqual({ code: 1001, reason: 'service is stopping' })
    expect((await operator.closed).code).toBe(1001)
    expect((await ui.closed).code).toBe(1006)
    await stopped
    const state = await service.ctx.db
      .selectFrom('edgeState')
      .select('online')
      .where('edgeId', '=', edge.row.id)
      .executeTakeFirst()
    expect(state).toEqual({ online: false })
  })

  it('ignores a peer that does not close', { timeout: 20_000 }, async () => {
    const ending = await startServiceOn(service.config)
    const edge = await addEdge(ending.ctx)
    const device = await EdgeClient.open(ending, edge.apiKey)
    device.socket.pause()
    const startedAt = performance.now()
    await ending[Symbol.asyncDispose]()
    expect(performance.now() - startedAt).toBeLessThan(3000)
    device.socket.resume()
    await Promise.race([device.closed, once(device.socket, 'close')])
  })
})
