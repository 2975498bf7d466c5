import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { UserRow } from '../../src/access/model.ts'
import { EdgeClient, type Json, UiClient } from '../harness/clients.ts'
import { addEdge, addUser, fresh, give, type SeededEdge } from '../harness/seed.ts'
import { startTestService, type TestService } from '../harness/service.ts'

let service: TestService
let admin: UiClient
beforeAll(async () => {
  service = await startTestService()
  admin = await UiClient.signedIn(service)
})
afterAll(async () => {
  await admin?.[Symbol.asyncDispose]()
  await service?.[Symbol.asyncDispose]()
})

const power = '_sum/GridActivePower'
const channels = [power, 'meter0/ActivePower', '_sum/Text']

/** A group with so many edges, which report 1, 2, 3 ..., and somebody with an overview of what it holds. */
async function study(size: number) {
  await using stack = new AsyncDisposableStack()
  const { id: organisationId } = await admin.request('createOrganisation', { name: fresh('Study '), owner: 'admin' })
  const role = 'study.glimpse'
  await admin.request('createRole', {
    organisationId,
    name: role,
    self: ['discover', 'overview'],
    content: ['discover', 'overview'],
  })
  const { id } = await admin.request('createEdgeGroup', { name: fresh('Street '), organisationId })
  const groupId = Number(id)
  const edges: SeededEdge[] = []
  const devices: EdgeClient[] = []
  for (let at = 0; at < size; at++) {
    const edge = await addEdge(service.ctx, { organisationId: Number(organisationId) })
    await admin.request('addToEdgeGroup', { groupId, content: { edgeId: edge.id } })
    const device = stack.use(await EdgeClient.open(service, edge.apiKey))
    device.report({ [power]: at + 1, 'meter0/ActivePower': 10, '_sum/Text': 'on', '_sum/State': at === 0 ? 3 : 0 })
    await device.settled()
    edges.push(edge)
    devices.push(device)
  }
  const user = await addUser(service.ctx)
  await admin.request('grantRole', { to: { login: user.login }, on: { edgeGroupId: groupId }, role })
  const ui = stack.use(await UiClient.signedIn(service, user.login))
  const resources = stack.move()
  const ask = (client: UiClient = ui) =>
    client.request('getSummary', { of: { edgeGroupId: groupId }, channels }) as Promise<Json>
  return { groupId, role, edges, devices, user, ui, ask, [Symbol.asyncDispose]: () => resources.disposeAsync() }
}

const sumOf = (summary: Json, channel = power) =>
  (summary['sums'] as { channel: string; sum: number | null; count: number | null }[]).find(
    (one) => one.channel === channel,
  )

describe('getSummary', () => {
  it('counts and adds up what a group holds, for whoever sees no edge of it (E-08, E-12)', async () => {
    await using all = await study(5)
    const { ask, ui, edges } = all
    expect(await ask()).toEqual({
      edges: 5,
      states: { online: 5, ok: 4, info: 0, warning: 0, fault: 1 },
      sums: [
        { channel: power, sum: 15, count: 5 },
        { channel: 'meter0/ActivePower', sum: 50, count: 5 },
        { channel: '_sum/Text', sum: 0, count: 0 },
      ],
    })
    expect(await ui.request('getEdges')).toEqual({ edges: [] })
    const { error } = await ui.call('getEdgesChannelsValues', { ids: [edges[0]?.id], channels })
    expect(error?.code).toBe(1005)
  })

  it('tells of five or more only, or of what the caller sees by itself (E-12)', async () => {
    await using all = await study(6)
    const { ask, user, edges } = all
    const see = (edge: SeededEdge | undefined, who: UserRow = user) =>
      edge ? give(service.ctx, who, 'owner', edge) : expect.unreachable('no edge')
    await see(edges[0])
    expect(sumOf(await ask())).toEqual({ channel: power, sum: 21, count: 6 })
    await see(edges[1])
    const few = await ask()
    expect(few).toMatchObject({ edges: 6, states: null })
    expect(sumOf(few)).toEqual({ channel: power, sum: null, count: null })
    for (const edge of edges.slice(2)) await see(edge)
    expect(await ask()).toMatchObject({ states: { online: 6 } })
    expect(sumOf(await ask())).toEqual({ channel: power, sum: 21, count: 6 })
  })

  it('leaves out what is older than a minute, and edges of which only the past may be seen (E-12, T3)', async () => {
    await using all = await study(6)
    const { ask, groupId, edges } = all
    const old = await addEdge(service.ctx)
    await admin.request('addToEdgeGroup', { groupId, content: { edgeId: old.id } })
    await using device = await EdgeClient.open(service, old.apiKey)
    device.report({ [power]: 1000 }, Date.now() - 120_000)
    await device.settled()
    expect(await ask()).toMatchObject({ edges: 7, states: { online: 7 } })
    expect(sumOf(await ask())).toEqual({ channel: power, sum: 21, count: 6 })
    const former = await addUser(service.ctx)
    for (const edge of edges) await give(service.ctx, former, 'owner', edge, { dataWindows: [[0, 1000]] })
    await using ui = await UiClient.signedIn(service, former.login)
    const summary = await ui.request('getSummary', { of: { edgeId: edges[0]?.id }, channels })
    expect(summary).toMatchObject({ edges: 0, states: { online: 0 } })
    expect(sumOf(summary as Json)).toEqual({ channel: power, sum: 0, count: 0 })
  })

  it('adds up the components that are shown only (G-33)', async () => {
    await using all = await study(5)
    const { edges, groupId } = all
    const user = await addUser(service.ctx)
    for (const edge of edges) await give(service.ctx, user, 'owner', edge, { components: ['meter*'] })
    await using ui = await UiClient.signedIn(service, user.login)
    for (const of of [{ edgeId: edges[0]?.id }, { edgeId: edges[1]?.id }]) {
      const summary = (await ui.request('getSummary', { of, channels })) as Json
      expect(summary).toMatchObject({ edges: 1, states: { online: 0 } })
      expect(sumOf(summary)).toEqual({ channel: power, sum: 0, count: 0 })
      expect(sumOf(summary, 'meter0/ActivePower')).toEqual({ channel: 'meter0/ActivePower', sum: 10, count: 1 })
    }
    const unknown = await ui.call('getSummary', { of: { edgeGroupId: 2_000_000_000 } })
    expect((await ui.call('getSummary', { of: { edgeGroupId: groupId } })).error).toEqual(unknown.error)
    expect(unknown.error?.code).toBe(1005)
  })
})
