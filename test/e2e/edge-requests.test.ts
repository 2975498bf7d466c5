import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { EdgeClient, UiClient } from '../harness/clients.ts'
import { addEdge, addUserWith, type SeededEdge } from '../harness/seed.ts'
import { startServiceOn, startTestService, type TestService } from '../harness/service.ts'

let service: TestService
beforeAll(async () => {
  service = await startTestService()
})
afterAll(() => service?.[Symbol.asyncDispose]())

describe('requests to an edge', () => {
  async function pair(role: 'owner' | 'guest' | 'admin' = 'owner') {
    const edge = await addEdge(service.ctx)
    const user = await addUserWith(service.ctx, role, edge)
    const ui = await UiClient.signedIn(service, user.login)
    const device = await EdgeClient.open(service, edge.apiKey)
    const all = new AsyncDisposableStack()
    all.use(ui)
    all.use(device)
    return { edge, user, ui, device, [Symbol.asyncDispose]: () => all.disposeAsync() }
  }

  it('carry the role, a UUID and nothing of the UI', async () => {
    await using scene = await pair()
    const { ui, device, edge, user } = scene
    const answer = ui.edgeRpc(edge.id, 'updateComponentConfig', { componentId: 'ctrl0', properties: [] })
    const request = await device.asked()
    expect(device.frames.at(-1)).toEqual({
      jsonrpc: '2.0',
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      method: 'authenticatedRpc',
      params: {
        user: { id: user.login, name: user.name, language: 'EN', role: 'owner' },
        payload: {
          jsonrpc: '2.0',
          method: 'updateComponentConfig',
          params: { componentId: 'ctrl0', properties: [] },
          id: expect.stringMatching(/^[0-9a-f-]{36}$/),
        },
      },
    })
    device.reply(request, { done: true })
    expect(await answer).toEqual({ done: true })
  })

  it('hand the error of the edge on, except the one that would end the session', async () => {
    await using scene = await pair('guest')
    const { ui, device, edge } = scene
    for (const [given, passed] of [
      [
        { code: 1002, message: 'denied', data: ['x', 'GUEST'] },
        { code: 1002, message: 'denied', data: ['x', 'GUEST'] },
      ],
      [
        { code: 2000, message: 'none', data: [] },
        { code: 2000, message: 'none', data: [] },
      ],
      [
        { code: 1003, message: 'Authentication failed', data: [] },
        { code: 1, message: 'Authentication failed', data: ['Authentication failed'] },
      ],
    ]) {
      const answer = ui.call('edgeRpc', {
        edgeId: edge.id,
        payload: { method: 'setChannelValue', params: {}, id: 'x' },
      })
      const request = await device.asked()
      device.send({ jsonrpc: '2.0', id: request.id, error: given })
      expect((await answer).error).toEqual(passed)
    }
  })

  it('end with code 1 and a clear text when it does not answer', async () => {
    await using quick = await startServiceOn({ ...service.config, edgeRequestTimeoutMs: 100 })
    const edge = await addEdge(quick.ctx)
    const user = await addUserWith(quick.ctx, 'owner', edge)
    await using ui = await UiClient.signedIn(quick, user.login)
    await using device = await EdgeClient.open(quick, edge.apiKey)
    await expect(ui.edgeRpc(edge.id, 'routes')).rejects.toMatchObject({
      code: 1,
      message: `Edge [${edge.id}] did not answer within 0.1 seconds`,
    })
    // Its answer comes too late, and twice: nothing happens.
    const request = await device.asked()
    device.reply(request)
    device.reply(request)
    await device.settled()
    const next = ui.edgeRpc(edge.id, 'routes')
    device.reply(await device.asked(), { endpoints: [] })
    expect(await next).toEqual({ endpoints: [] })
  })

  it('are 3000 when it is not connected, and at once when it goes meanwhile', async () => {
    await using scene = await pair()
    const { ui, device, edge } = scene
    const pending = [ui.call('edgeRpc', rpc(edge)), ui.call('edgeRpc', rpc(edge))]
    await device.asked()
    await device[Symbol.asyncDispose]()
    const gone = { code: 3000, message: `Edge [${edge.id}] is not connected`, data: [edge.id] }
    for (const answer of pending) expect((await answer).error).toEqual(gone)
    expect((await ui.call('edgeRpc', rpc(edge))).error).toEqual(gone)
  })

  it('are 3000 too when a newer connection takes over', async () => {
    await using scene = await pair()
    const { ui, device, edge } = scene
    const pending = ui.call('edgeRpc', rpc(edge))
    await device.asked()
    await using newer = await EdgeClient.open(service, edge.apiKey)
    expect((await pending).error).toMatchObject({ code: 3000 })
    newer.answerWith = () => ({ fresh: true })
    expect(await ui.edgeRpc(edge.id, 'routes')).toEqual({ fresh: true })
  })

  it('are answered once: a second answer, and one that nobody asked for, change nothing', async () => {
    await using scene = await pair()
    const { ui, device, edge } = scene
    device.send({ jsonrpc: '2.0', id: '0a517f4d-f2a6-4b0d-a2a1-9e93a9b41275', result: {} })
    const first = ui.edgeRpc(edge.id, 'routes')
    const request = await device.asked()
    device.reply(request, { n: 1 })
    device.reply(request, { n: 2 })
    expect(await first).toEqual({ n: 1 })
    await device.settled()
    expect(device.closing).toBeUndefined()
    const metrics = await (await fetch(`${service.urls.http}/metrics`)).text()
    expect(metrics).toMatch(/ems_invalid_frames_total\{component="edge",reason="answer without request"\} [1-9]/)
  })

  it('do not hold up others: a slow one, then a quick one', async () => {
    await using scene = await pair()
    const { ui, device, edge } = scene
    const slow = ui.edgeRpc(edge.id, 'slow')
    const request = await device.asked('slow')
    const quick = ui.edgeRpc(edge.id, 'quick')
    device.reply(await device.asked('quick'), { quick: true })
    expect(await quick).toEqual({ quick: true })
    expect(await ui.request('getEdge', { edgeId: edge.id })).toHaveProperty('edge.id', edge.id)
    device.reply(request, { slow: true })
    expect(await slow).toEqual({ slow: true })
  })
})

function rpc(edge: SeededEdge) {
  return {
    edgeId: edge.id,
    payload: { jsonrpc: '2.0', method: 'routes', params: {}, id: '0a517f4d-f2a6-4b0d-a2a1-9e93a9b41275' },
  }
}
