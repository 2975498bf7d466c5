import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { openBackend } from '../harness/backend.ts'
import { type BackendClient, EdgeClient, UiClient } from '../harness/clients.ts'
import { testClock } from '../harness/clock.ts'
import { addEdge, type SeededEdge } from '../harness/seed.ts'
import { startTestService, type TestService } from '../harness/service.ts'

const clock = testClock()
let service: TestService
beforeAll(async () => {
  service = await startTestService({ clock: clock.now })
})
afterAll(() => service?.[Symbol.asyncDispose]())

const stateOf = (edge: SeededEdge) => service.ctx.hub.states.get(edge.row.id)
const report = (backend: BackendClient, edge: SeededEdge, said: object) =>
  backend.request('reportEdgeStates', { reports: [{ edgeId: edge.id, ...said }] })
const ignored = (edge: SeededEdge, reason: string) => ({ taken: 0, ignored: [{ edgeId: edge.id, reason }] })

describe('reportEdgeStates', () => {
  it('makes what a backend says the state of its edges, and writes it down', async () => {
    const edge = await addEdge(service.ctx)
    const quiet = await addEdge(service.ctx)
    await using backend = await openBackend(service)
    const lastMessage = clock.now().getTime()
    const config = { components: { ess0: {} }, factories: {} }
    const reports = [
      { edgeId: edge.id, online: true, lastMessage, version: '2026.4.0', sumState: 'WARNING', config },
      { edgeId: quiet.id, online: false },
      { edgeId: 'none', online: true },
    ]
    expect(await backend.request('reportEdgeStates', { reports })).toEqual({
      taken: 2,
      ignored: [{ edgeId: 'none', reason: 'unknown' }],
    })
    expect(stateOf(edge)).toEqual({
      online: true,
      lastMessageAt: lastMessage,
      version: '2026.4.0',
      sumState: 'WARNING',
    })
    expect(await service.ctx.configs.get(edge.row.id)).toEqual(config)
    await service.ctx.states.flush()
    const row = service.ctx.db.selectFrom('edgeState').select(['online', 'version', 'sumState'])
    expect(await row.where('edgeId', '=', edge.row.id).executeTakeFirst()).toEqual({
      online: true,
      version: '2026.4.0',
      sumState: 2,
    })
    // Members left out stay.
    await report(backend, edge, { sumState: 'OK' })
    expect(stateOf(edge)).toMatchObject({ online: true, version: '2026.4.0', sumState: 'OK' })
  })

  it('lets an edge that is connected here speak for itself, and counts again when it has gone', async () => {
    const edge = await addEdge(service.ctx)
    await using backend = await openBackend(service)
    const device = await EdgeClient.open(service, edge.apiKey)
    device.report({ '_sum/State': 0, '_meta/Version': '2026.5.0' })
    await device.settled()
    expect(await report(backend, edge, { online: true, sumState: 'FAULT' })).toEqual(ignored(edge, 'connected'))
    expect(stateOf(edge)).toMatchObject({ sumState: 'OK', version: '2026.5.0' })
    await device[Symbol.asyncDispose]()
    await vi.waitFor(() => expect(stateOf(edge)).toMatchObject({ online: true, sumState: 'FAULT' }))
  })

  it('takes the newest of two reports; with a reporter its reports end, and alone it leaves the edge offline', async () => {
    const edge = await addEdge(service.ctx)
    const one = await openBackend(service)
    const other = await openBackend(service)
    const at = clock.now().getTime()
    await report(one, edge, { online: true, sumState: 'OK', at: at - 1000 })
    expect(await report(other, edge, { online: true, sumState: 'FAULT', at: at - 2000 })).toEqual(
      ignored(edge, 'older'),
    )
    expect(stateOf(edge)).toMatchObject({ sumState: 'OK' })
    // A clock that runs ahead counts as now, so that the next report can be newer.
    await report(other, edge, { sumState: 'WARNING', at: at + 3_600_000 })
    expect(stateOf(edge)).toMatchObject({ sumState: 'WARNING' })
    clock.advance(1)
    await report(one, edge, { sumState: 'INFO' })
    expect(stateOf(edge)).toMatchObject({ sumState: 'INFO' })
    await one[Symbol.asyncDispose]()
    await vi.waitFor(() => expect(stateOf(edge)).toMatchObject({ online: true, sumState: 'WARNING' }))
    await other[Symbol.asyncDispose]()
    await vi.waitFor(() => expect(stateOf(edge).online).toBe(false))
  })

  it('is for services with the scope and the right; what is not theirs is as unknown as what is not there', async () => {
    const edge = await addEdge(service.ctx)
    await using guest = await openBackend(service, { role: 'guest' })
    await using reader = await openBackend(service, { scopes: ['read'] })
    await using former = await openBackend(service, { validTo: new Date(clock.now().getTime() + 1000) })
    await using ui = await UiClient.signedIn(service)
    clock.advance(1000)
    expect(await report(guest, edge, { online: true })).toEqual(ignored(edge, 'unknown'))
    expect(await report(former, edge, { online: true })).toEqual(ignored(edge, 'unknown'))
    const reports = [{ edgeId: edge.id, online: true }]
    expect((await reader.call('reportEdgeStates', { reports })).error?.code).toBe(1002)
    expect((await ui.call('reportEdgeStates', { reports })).error?.code).toBe(4001)
    expect(stateOf(edge).online).toBe(false)
    for (const wrong of [
      {},
      { reports: [] },
      { reports: [{ edgeId: edge.id, sumState: 4 }] },
      { reports: [{ edgeId: edge.id, version: 'ä' }] },
    ])
      expect((await guest.call('reportEdgeStates', wrong)).error?.code).toBe(-32602)
  })
})
