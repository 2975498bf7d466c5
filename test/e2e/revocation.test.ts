import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { EdgeClient, UiClient, userPassword } from '../harness/clients.ts'
import { openOperator } from '../harness/operator.ts'
import { addEdge, addUser, addUserWith, give } from '../harness/seed.ts'
import { startServiceOn, startTestService, type TestService } from '../harness/service.ts'

const WITHIN_MS = 1000

let here: TestService
let there: TestService
beforeAll(async () => {
  here = await startTestService()
  there = await startServiceOn({ ...here.config, dataDir: `${here.config.dataDir}/second` })
})
afterAll(async () => {
  await there?.[Symbol.asyncDispose]()
  await here?.[Symbol.asyncDispose]()
})

/** Runs what takes the right away and checks that its effect was there soon enough. */
async function soon(action: () => Promise<unknown>, effect: () => Promise<unknown>): Promise<void> {
  await action()
  const startedAt = performance.now()
  await effect()
  expect(performance.now() - startedAt).toBeLessThan(WITHIN_MS)
}

/** An edge that reports all the time, and somebody who watches it: the same service for both, or two on one database. */
async function scene(operated: TestService) {
  await using stack = new AsyncDisposableStack()
  const edge = await addEdge(operated.ctx)
  const user = await addUserWith(operated.ctx, 'owner', edge)
  await here.ctx.store.reach(operated.ctx.store.revision)
  const device = stack.use(await EdgeClient.open(here, edge.apiKey))
  device.answerWith = () => ({})
  device.report({ soc: 0 })
  const ui = stack.use(await UiClient.signedIn(here, user.login))
  const operator = stack.use(await openOperator(operated))
  await ui.watch(edge.id, ['soc'])
  await ui.edgeRpc(edge.id, 'subscribeSystemLog', { subscribe: true })
  let soc = 0
  const reporting = setInterval(() => {
    soc += 1
    device.report({ soc })
    device.notify('systemLog', { line: { message: String(soc) } })
  }, 10)
  stack.defer(() => clearInterval(reporting))
  await ui.data(({ soc }) => Number(soc) > 1)
  const resources = stack.move()
  return { edge, user, device, ui, operator, [Symbol.asyncDispose]: () => resources.disposeAsync() }
}

describe.each([
  ['on the same service', () => here],
  ['from another service on the same database', () => there],
] as const)('what is withdrawn %s', (_where, operated) => {
  it('stops pushes and calls of an open socket, which stays', async () => {
    await using all = await scene(operated())
    const { ui, operator, user, edge, device } = all
    await soon(
      () => operator.call('revokeAccess', { login: user.login, on: { edgeId: edge.id } }),
      () =>
        vi.waitFor(
          async () =>
            expect((await ui.call('getEdge', { edgeId: edge.id })).error).toMatchObject({
              code: 1005,
              data: [edge.id, user.login],
            }),
          { interval: 20 },
        ),
    )
    for (const [method, params] of [
      ['subscribeEdges', { edges: [edge.id] }],
      ['edgeRpc', { edgeId: edge.id, payload: { method: 'getEdgeConfig', id: 'x' } }],
      ['getEdgesChannelsValues', { ids: [edge.id], channels: ['soc'] }],
    ] as const) {
      expect((await ui.call(method, params)).error).toMatchObject({ code: 1005 })
    }
    expect(await ui.request('getEdges')).toEqual({ edges: [] })
    // The page that is open shows no old values as if they were live.
    expect(await ui.data(({ soc }) => soc === null)).toEqual({ soc: null })
    const before = ui.frames.length
    for (let frame = 0; frame < 5; frame++) {
      device.report({ soc: -frame })
      await device.settled()
    }
    await ui.settled()
    expect(ui.frames).toHaveLength(before)
    expect(ui.closing).toBeUndefined()
  })

  it.each([
    ['an account that is disabled', 'setUserDisabled', { disabled: true }],
    ['a password that is set', 'setPassword', { password: 'another password' }],
    ['an account that is deleted', 'deleteUser', {}],
  ])('%s destroys its sockets without a close handshake', async (_what, method, params) => {
    await using all = await scene(operated())
    const { ui, operator, user } = all
    const { token } = ui
    await soon(
      () => operator.request(method, { login: user.login, ...params }),
      async () => expect((await ui.closed).code).toBe(1006),
    )
    await using next = await UiClient.open(here)
    expect((await next.call('authenticateWithToken', { token })).error).toMatchObject({ code: 1003 })
    expect(
      (await next.call('authenticateWithPassword', { username: user.login, password: userPassword })).error,
    ).toMatchObject({ code: 1003 })
  })

  it('a logout ends the other sockets of the same session, and no other session', async () => {
    const user = await addUser(operated().ctx)
    await here.ctx.store.reach(operated().ctx.store.revision)
    await using first = await UiClient.signedIn(operated(), user.login)
    await using tab = await UiClient.open(here)
    await tab.request('authenticateWithToken', { token: first.token })
    await using other = await UiClient.signedIn(here, user.login)
    await soon(
      () => first.request('logout'),
      async () => expect((await tab.closed).code).toBe(1006),
    )
    expect(await other.request('getEdges')).toEqual({ edges: [] })
    expect(first.closing).toBeUndefined()
  })

  it('one’s own change of password ends the others and keeps this one', async () => {
    const user = await addUser(operated().ctx)
    await here.ctx.store.reach(operated().ctx.store.revision)
    await using mine = await UiClient.signedIn(operated(), user.login)
    await using other = await UiClient.signedIn(here, user.login)
    await soon(
      () => mine.request('changeOwnPassword', { oldPassword: userPassword, newPassword: 'another password' }),
      async () => expect((await other.closed).code).toBe(1006),
    )
    expect(await mine.request('getEdges')).toEqual({ edges: [] })
  })

  it('a key without overlap ends the connection of its edge', async () => {
    await using all = await scene(operated())
    await soon(
      () => all.operator.call('rotateEdgeKey', { edgeId: all.edge.id, overlapHours: 0 }),
      async () => expect((await all.device.closed).code).toBe(1008),
    )
  })
})

describe('what is given', () => {
  it('counts at once on the socket that asks, and ends by itself at its time', async () => {
    const edge = await addEdge(here.ctx)
    const user = await addUser(here.ctx)
    await using ui = await UiClient.signedIn(here, user.login)
    expect((await ui.call('getEdge', { edgeId: edge.id })).error).toMatchObject({ code: 1005 })
    await give(here.ctx, user, 'owner', edge, { validTo: new Date(Date.now() + 500) })
    expect(await ui.request('getEdge', { edgeId: edge.id })).toMatchObject({ edge: { role: 'owner' } })
    await ui.watch(edge.id, ['soc'])
    await vi.waitFor(
      async () => expect((await ui.call('getEdge', { edgeId: edge.id })).error).toMatchObject({ code: 1005 }),
      { interval: 20 },
    )
    await using device = await EdgeClient.open(here, edge.apiKey)
    const before = ui.pushes.length
    for (const soc of [1, 2]) {
      device.report({ soc })
      await device.settled()
    }
    await ui.settled()
    expect(ui.pushes.slice(before)).toEqual([{ soc: null }])
  })
})
