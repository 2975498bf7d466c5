import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { EdgeClient, UiClient } from '../harness/clients.ts'
import { testClock } from '../harness/clock.ts'
import { addEdge, addUser, give } from '../harness/seed.ts'
import { startTestService, type TestService } from '../harness/service.ts'

const start = '2026-03-01T12:00:00.000Z'
const clock = testClock(start)
const later = (ms: number) => new Date(Date.parse(start) + ms)

let service: TestService
beforeAll(async () => {
  service = await startTestService({ clock: clock.now })
})
afterAll(async () => {
  await service?.[Symbol.asyncDispose]()
})
beforeEach(() => clock.set(start))

/** An edge that is connected, and somebody signed in who holds something from and to those instants. */
async function scene(validity: { validFrom?: Date; validTo?: Date }) {
  await using stack = new AsyncDisposableStack()
  const edge = await addEdge(service.ctx)
  const user = await addUser(service.ctx)
  await give(service.ctx, user, 'owner', edge, validity)
  const device = stack.use(await EdgeClient.open(service, edge.apiKey))
  device.answerWith = () => ({})
  const ui = stack.use(await UiClient.signedIn(service, user.login))
  const resources = stack.move()
  return { edge, user, device, ui, [Symbol.asyncDispose]: () => resources.disposeAsync() }
}

describe('rights that begin and end by time', () => {
  it('a watched edge stops sending at the very instant, and the next call is refused, without a write (C-10)', async () => {
    await using all = await scene({ validTo: later(60_000) })
    const { edge, device, ui } = all
    await ui.watch(edge.id, ['soc'])
    await ui.edgeRpc(edge.id, 'subscribeSystemLog', { subscribe: true })
    device.report({ soc: 1 })
    await ui.data(({ soc }) => soc === 1)
    const { revision } = service.ctx.store
    clock.set(later(59_999))
    device.report({ soc: 2 })
    await ui.data(({ soc }) => soc === 2)
    expect(await ui.request('getEdges')).toMatchObject({ edges: [{ id: edge.id }] })
    clock.set(later(60_000))
    const before = ui.frames.length
    for (const soc of [3, 4]) {
      device.report({ soc })
      device.notify('systemLog', { line: { message: 'x' } })
      await device.settled()
    }
    await ui.settled()
    // Once, that nothing is to be seen any more: the open page shows no old values as if they were live.
    expect(ui.frames).toHaveLength(before + 1)
    expect(ui.pushes.at(-1)).toEqual({ soc: null })
    for (const [method, params] of [
      ['getEdge', { edgeId: edge.id }],
      ['subscribeEdges', { edges: [edge.id] }],
      ['getEdgesStatus', { edgeIds: [edge.id] }],
      ['edgeRpc', { edgeId: edge.id, payload: { method: 'getEdgeConfig', id: 'x' } }],
    ] as const)
      expect((await ui.call(method, params)).error).toMatchObject({ code: 1005 })
    expect(await ui.request('getEdges')).toEqual({ edges: [] })
    expect(service.ctx.store.revision).toBe(revision)
    expect(ui.closing).toBeUndefined()
  })

  it('what starts later works from the very instant on the socket that is open, without a write', async () => {
    await using all = await scene({ validFrom: later(60_000) })
    const { edge, device, ui } = all
    const { revision } = service.ctx.store
    clock.set(later(59_999))
    expect((await ui.call('getEdge', { edgeId: edge.id })).error).toMatchObject({ code: 1005 })
    expect(await ui.request('getEdges')).toEqual({ edges: [] })
    clock.set(later(60_000))
    expect(await ui.request('getEdges')).toMatchObject({ edges: [{ id: edge.id, role: 'owner' }] })
    await ui.watch(edge.id, ['soc'])
    device.report({ soc: 5 })
    await ui.data(({ soc }) => soc === 5)
    expect(service.ctx.store.revision).toBe(revision)
  })

  it('a membership that ends takes with it what the group holds, and a data window leaves the past (T2)', async () => {
    await using admin = await UiClient.signedIn(service)
    await using all = await scene({ validTo: later(-1) })
    const { edge, user, ui } = all
    const { id: groupId } = await admin.request('createUserGroup', { name: 'Guests' })
    const period = { validTo: later(60_000).toISOString() }
    await admin.request('addGroupMember', { groupId, member: { login: user.login }, ...period })
    await admin.request('grantRole', { to: { userGroupId: groupId }, on: { edgeId: edge.id }, role: 'openems.owner' })
    expect(await ui.request('getEdge', { edgeId: edge.id })).toMatchObject({ edge: { role: 'owner' } })
    clock.set(later(60_000))
    expect((await ui.call('getEdge', { edgeId: edge.id })).error).toMatchObject({ code: 1005 })
    await admin.request('grantRole', {
      to: { login: user.login },
      on: { edgeId: edge.id },
      role: 'openems.owner',
      dataWindows: [[null, later(120_000).toISOString()]],
    })
    expect(await ui.request('getEdge', { edgeId: edge.id })).toMatchObject({ edge: { role: 'owner' } })
    clock.set(later(120_000))
    expect(await ui.request('getEdge', { edgeId: edge.id })).toMatchObject({ edge: { role: 'guest' } })
    const values = await ui.call('getEdgesChannelsValues', { ids: [edge.id], channels: ['ess0/Soc'] })
    expect(values.error).toMatchObject({ code: 1005 })
  })
})
