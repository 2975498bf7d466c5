import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { OpenemsRole } from '../../src/access/model.ts'
import { EdgeClient, type Json, ServiceClient, UiClient } from '../harness/clients.ts'
import { addEdge, addUser, addUserWith } from '../harness/seed.ts'
import { startTestService, type TestService } from '../harness/service.ts'

const uuid = '0a517f4d-f2a6-4b0d-a2a1-9e93a9b41275'

let service: TestService
beforeAll(async () => {
  service = await startTestService()
})
afterAll(() => service?.[Symbol.asyncDispose]())

async function scene(role: OpenemsRole = 'owner') {
  await using stack = new AsyncDisposableStack()
  const edge = await addEdge(service.ctx)
  const user = await addUserWith(service.ctx, role, edge)
  const device = stack.use(await EdgeClient.open(service, edge.apiKey))
  const ui = stack.use(await UiClient.signedIn(service, user.login))
  const resources = stack.move()
  return { edge, user, device, ui, [Symbol.asyncDispose]: () => resources.disposeAsync() }
}

describe('edgeRpc', () => {
  it.each(['admin', 'installer', 'owner', 'guest'] as const)(
    'asks the edge as %s for whoever has this role on it (OC-05)',
    async (role) => {
      await using all = await scene(role)
      const answer = all.ui.edgeRpc(all.edge.id, 'routes')
      const request = await all.device.asked()
      expect(request.user).toMatchObject({ id: all.user.login, role })
      all.device.reply(request, { endpoints: [] })
      expect(await answer).toEqual({ endpoints: [] })
    },
  )

  it('answers with the inner id as it came, and sends the edge a UUID', async () => {
    await using all = await scene()
    all.device.answerWith = (request) => ({ id: request.payload.id })
    for (const id of [uuid, 'x', 7]) {
      const { result } = await all.ui.call('edgeRpc', {
        edgeId: all.edge.id,
        payload: { method: 'routes', params: {}, id, requiredState: 9 },
      })
      const payload = result?.['payload'] as { jsonrpc: string; id: unknown; result: { id: string } }
      expect(payload).toMatchObject({ jsonrpc: '2.0', id })
      expect(payload.result.id).toMatch(/^[0-9a-f-]{36}$/)
      if (id === uuid) expect(payload.result.id).toBe(uuid)
    }
  })

  it('golden: bytes of an answer and of a refusal', async () => {
    const edge = await addEdge(service.ctx, { edgeId: 'golden1' })
    const user = await addUserWith(service.ctx, 'owner', edge)
    await using ui = await UiClient.signedIn(service, user.login)
    ui.send(
      `{"jsonrpc":"2.0","method":"edgeRpc","params":{"edgeId":"golden1","payload":{"jsonrpc":"2.0","method":"subscribeChannels","params":{"count":0,"channels":[]},"requiredState":10,"id":"U5"}},"requiredState":10,"id":"U4"}`,
    )
    await ui.answer('U4')
    ui.send(
      `{"jsonrpc":"2.0","method":"edgeRpc","params":{"edgeId":"golden1","payload":{"jsonrpc":"2.0","method":"routes","params":{},"id":"U7"}},"id":"U6"}`,
    )
    await ui.answer('U6')
    expect(ui.texts.slice(-2)).toEqual([
      '{"jsonrpc":"2.0","id":"U4","result":{"payload":{"jsonrpc":"2.0","id":"U5","result":{}}}}',
      '{"jsonrpc":"2.0","id":"U6","error":{"code":3000,"message":"Edge [golden1] is not connected","data":["golden1"]}}',
    ])
  })

  it('is refused without a right, without a complete payload, and to strangers', async () => {
    await using all = await scene()
    const { ui, edge } = all
    for (const payload of [undefined, {}, [], 'x', { id: uuid }, { method: 'routes', params: [], id: uuid }]) {
      expect((await ui.call('edgeRpc', { edgeId: edge.id, payload })).error?.code).toBe(-32602)
    }
    expect((await ui.call('edgeRpc', { payload: { method: 'routes', id: uuid } })).error?.code).toBe(-32602)
    await using stranger = await UiClient.signedIn(service, (await addUser(service.ctx)).login)
    await expect(stranger.edgeRpc(edge.id, 'getEdgeConfig')).rejects.toMatchObject({ code: 1005 })
    await using nobody = await UiClient.open(service)
    await expect(nobody.edgeRpc(edge.id, 'getEdgeConfig')).rejects.toMatchObject({ code: 1001 })
    expect(all.device.requests).toEqual([])
  })

  it('does not take a name from a prototype for a method', async () => {
    await using all = await scene()
    all.device.answerWith = ({ payload }) => ({ forwarded: payload.method })
    for (const name of ['toString', 'constructor', '__proto__', 'hasOwnProperty']) {
      expect(await all.ui.edgeRpc(all.edge.id, name)).toEqual({ forwarded: name })
    }
  })
})

describe('subscribeChannels', () => {
  it('pushes before it answers, replaces, and ends with an empty list', async () => {
    await using all = await scene('guest')
    const { ui, device, edge } = all
    device.report({ a: 1, b: 2 })
    await device.settled()
    await ui.watch(edge.id, ['a'])
    expect(ui.frames.slice(-2).map((frame) => frame.method ?? 'answer')).toEqual(['edgeRpc', 'answer'])
    await ui.edgeRpc(edge.id, 'subscribeChannels', { count: 1, channels: ['b', 'c'] })
    expect(ui.pushes.at(-1)).toEqual({ b: 2, c: null })
    // An older list that came late (ui.md section 4).
    expect(await ui.edgeRpc(edge.id, 'subscribeChannels', { count: 0, channels: ['a'] })).toEqual({})
    device.report({ a: 3 })
    expect(await ui.data(() => ui.pushes.length >= 3)).toEqual({ b: 2, c: null })
    await ui.edgeRpc(edge.id, 'subscribeChannels', { count: 2, channels: [] })
    const before = ui.pushes.length
    device.report({ b: 4 })
    await device.settled()
    await ui.settled()
    expect(ui.pushes).toHaveLength(before)
  })

  it('is for sockets of the UI, with channels that are text', async () => {
    await using all = await scene()
    await expect(all.ui.edgeRpc(all.edge.id, 'subscribeChannels', { count: 0, channels: [1] })).rejects.toMatchObject({
      code: -32602,
    })
    await expect(all.ui.edgeRpc(all.edge.id, 'subscribeChannels', {})).rejects.toMatchObject({ code: -32602 })
    await using operator = await ServiceClient.local(service)
    const payload = { method: 'subscribeChannels', params: { count: 0, channels: ['a'] }, id: uuid }
    expect((await operator.call('edgeRpc', { edgeId: all.edge.id, payload })).error).toMatchObject({ code: 4001 })
  })
})

describe('history', () => {
  it('is empty, in the shapes the UI draws, also of an edge that is offline', async () => {
    const edge = await addEdge(service.ctx)
    const user = await addUserWith(service.ctx, 'guest', edge)
    await using ui = await UiClient.signedIn(service, user.login)
    const query = {
      timezone: 'Europe/Berlin',
      fromDate: '2026-04-04',
      toDate: '2026-04-04',
      channels: ['_sum/EssSoc', '_sum/GridActivePower'],
      resolution: { value: 5, unit: 'Minutes' },
    }
    const series = { timestamps: [], data: { '_sum/EssSoc': [], '_sum/GridActivePower': [] } }
    expect(await ui.edgeRpc(edge.id, 'queryHistoricTimeseriesData', query)).toEqual(series)
    expect(await ui.edgeRpc(edge.id, 'queryHistoricTimeseriesEnergyPerPeriod', query)).toEqual(series)
    expect(await ui.edgeRpc(edge.id, 'queryHistoricTimeseriesEnergy', query)).toEqual({ data: {} })
    await expect(ui.edgeRpc(edge.id, 'queryHistoricTimeseriesExportXlxs', query)).rejects.toMatchObject({ code: 1 })
    await expect(ui.edgeRpc(edge.id, 'queryHistoricTimeseriesData', {})).rejects.toMatchObject({ code: -32602 })
  })

  it('has no simulation, and says so as OpenEMS does', async () => {
    await using all = await scene('admin')
    await expect(all.ui.edgeRpc(all.edge.id, 'simulation')).rejects.toMatchObject({
      code: 1,
      message: 'simulation unavailable',
    })
  })
})

describe('appCenter', () => {
  const uninstalled = { appId: 'App.Api.ModbusTcp.ReadOnly', alias: 'Modbus', properties: {} }
  const addApp = (params: object) => ({
    method: 'componentJsonApi',
    params: { componentId: '_appManager', payload: { method: 'addAppInstance', params } },
  })
  const asked = (method: string, params: object = {}) => ({ payload: { jsonrpc: '2.0', id: uuid, method, params } })

  it('knows no licence keys: every app is free', async () => {
    await using all = await scene('owner')
    const ask = (method: string, params?: object) => all.ui.edgeRpc(all.edge.id, 'appCenter', asked(method, params))
    expect(await ask('isAppFree', { appId: 'App.Any' })).toEqual({ isAppFree: true })
    expect(await ask('getRegisteredKeys', { appId: 'App.Any' })).toEqual({ keys: [] })
    expect(await ask('getPossibleApps', { key: 'AAAA-BBBB-CCCC-DDDD' })).toEqual({ bundles: [] })
    expect(await ask('isKeyApplicable', { key: 'AAAA-BBBB-CCCC-DDDD' })).toEqual({
      isKeyApplicable: false,
      additionalInfo: { keyId: 'AAAA-BBBB-CCCC-DDDD', bundles: [], registrations: [], usages: [] },
    })
    await expect(ask('addRegisterKeyHistory', { key: 'AAAA-BBBB-CCCC-DDDD' })).rejects.toMatchObject({
      code: 1,
      message: 'There are no licence keys here: install the app without one',
    })
    await expect(ask('getInstalledApps')).rejects.toMatchObject({ code: 4001 })
    await expect(ask('isKeyApplicable')).rejects.toMatchObject({ code: -32602 })
    await expect(all.ui.edgeRpc(all.edge.id, 'appCenter', { payload: {} })).rejects.toMatchObject({ code: -32602 })
  })

  it('installs an app at the edge, as who asks, with a key that stands for none (OC-05)', async () => {
    await using all = await scene('owner')
    const answer = all.ui.edgeRpc(
      all.edge.id,
      'appCenter',
      asked('installAppWithSuppliedKey', { installRequest: addApp(uninstalled) }),
    )
    const request = await all.device.asked('componentJsonApi')
    expect(request.user).toMatchObject({ id: all.user.login, role: 'owner' })
    expect(request.payload.params).toMatchObject({
      componentId: '_appManager',
      payload: { method: 'addAppInstance', params: { ...uninstalled, key: '0000-0000-0000-0000' } },
    })
    // An edge asks this before it installs, and would refuse without the answer.
    const told = { appId: uninstalled.appId, key: '0000-0000-0000-0000', instanceId: uuid, userId: all.user.login }
    expect(await all.device.request('appCenter', asked('addInstallInstanceHistory', told))).toEqual({})
    const result = { instance: { ...uninstalled, instanceId: uuid }, warnings: [] }
    all.device.reply(request, result)
    expect(await answer).toEqual(result)
  })

  it('hands on the key it is given, and nothing but the installation of an app', async () => {
    await using all = await scene('owner')
    const install = (installRequest: object) =>
      all.ui.edgeRpc(all.edge.id, 'appCenter', asked('installAppWithSuppliedKey', { installRequest }))
    const answer = install(addApp({ ...uninstalled, key: 'AAAA-BBBB-CCCC-DDDD' }))
    const request = await all.device.asked('componentJsonApi')
    expect(request.payload.params).toMatchObject({ payload: { params: { key: 'AAAA-BBBB-CCCC-DDDD' } } })
    all.device.reply(request, {})
    await answer
    const { params } = addApp(uninstalled)
    for (const other of [
      { method: 'createComponentConfig', params },
      { method: 'componentJsonApi', params: { ...params, componentId: '_host' } },
      { method: 'componentJsonApi', params: { ...params, payload: { method: 'deleteAppInstance', params: {} } } },
    ]) {
      await expect(install(other)).rejects.toMatchObject({ code: -32602 })
    }
  })

  it('answers nobody who may not see the edge', async () => {
    await using all = await scene('owner')
    const other = await addEdge(service.ctx)
    await expect(all.ui.edgeRpc(other.id, 'appCenter', asked('isAppFree', { appId: 'x' }))).rejects.toMatchObject({
      code: 1005,
    })
  })
})

describe('setGridConnSchedule', () => {
  const schedule = [{ startTimestamp: 1775300000, duration: 900, activePowerSetPoint: -1000 }]

  it('goes to its component with the role admin, and answers with the inner envelope', async () => {
    await using all = await scene('admin')
    const answer = all.ui.request('setGridConnSchedule', { id: all.edge.id, schedule })
    const request = await all.device.asked('componentJsonApi')
    expect(request.payload.params).toMatchObject({
      componentId: 'ctrlBalancingSchedule0',
      payload: { jsonrpc: '2.0', method: 'setGridConnSchedule', params: { id: all.edge.id, schedule } },
    })
    all.device.reply(request, {})
    expect(await answer).toEqual({ jsonrpc: '2.0', id: request.payload.id, result: {} })
  })

  it('is for admins of the edge', async () => {
    await using all = await scene('installer')
    expect((await all.ui.call('setGridConnSchedule', { id: all.edge.id, schedule })).error).toEqual({
      code: 1002,
      message: 'Access to this resource [setGridConnSchedule] is denied for User with Role [INSTALLER]',
      data: ['setGridConnSchedule', 'INSTALLER'],
    })
    expect((await all.ui.call('setGridConnSchedule', { id: all.edge.id, schedule: [{}] })).error?.code).toBe(-32602)
  })
})

describe('commands to the system of an edge', () => {
  it('are in the log before they are forwarded, without their password (OC-20)', async () => {
    await using all = await scene('admin')
    all.device.answerWith = () => ({ stdout: [] })
    const inner = {
      method: 'executeSystemCommand',
      params: { command: 'ls', sudo: true, password: 'hush-hush', runInBackground: false },
      id: uuid,
    }
    await all.ui.edgeRpc(all.edge.id, 'componentJsonApi', { componentId: '_host', payload: inner })
    await using admin = await UiClient.signedIn(service)
    const { changes } = (await admin.request('listChanges', { login: all.user.login })) as { changes: Json[] }
    expect(changes.filter(({ entity }) => entity === 'edge')).toMatchObject([
      {
        action: 'edge.executeSystemCommand',
        after: { edgeId: all.edge.id, command: 'ls', sudo: true, password: '[SET]', username: null },
      },
    ])
    expect(JSON.stringify(changes)).not.toContain('hush-hush')
  })
})
