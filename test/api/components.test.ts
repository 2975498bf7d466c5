import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import type { OpenemsRole } from '../../src/access/model.ts'
import { BackendClient, EdgeClient, type Json, UiClient, userPassword } from '../harness/clients.ts'
import { openOperator } from '../harness/operator.ts'
import { addEdge, addUser, give } from '../harness/seed.ts'
import { startTestService, type TestService } from '../harness/service.ts'

/** A grant for some components gives these and nothing else, live as in the past (domain rules 2.2, 2.5, G-33). */

const channels = ['meter0/ActivePower', 'meter1/ActivePower', 'ess0/Soc', '_sum/EssSoc', 'meter', 'unknown/X']
const reported = { 'meter0/ActivePower': 1, 'meter1/ActivePower': 2, 'ess0/Soc': 3, '_sum/EssSoc': 4, meter: 5 }
const everything = { ...reported, 'unknown/X': null }
const meters = { ...everything, 'ess0/Soc': null, '_sum/EssSoc': null, meter: null }
const component = (factoryId: string) => ({ alias: '', factoryId, properties: { enabled: true } })
const config = {
  components: { meter0: component('Meter'), ess0: component('Ess'), _sum: component('Core.Sum') },
  factories: { Meter: { name: 'A meter' }, Ess: { name: 'A battery' }, 'Core.Sum': {} },
}
const metersOnly = { components: { meter0: config.components.meter0 }, factories: { Meter: { name: 'A meter' } } }

let service: TestService
beforeAll(async () => {
  service = await startTestService()
})
afterAll(() => service?.[Symbol.asyncDispose]())

/** An edge with values and a configuration, and somebody with a role for its meters only. */
async function scene(role: OpenemsRole = 'owner') {
  await using stack = new AsyncDisposableStack()
  const edge = await addEdge(service.ctx)
  const user = await addUser(service.ctx)
  const grantId = await give(service.ctx, user, role, edge, { components: ['meter*'] })
  const device = stack.use(await EdgeClient.open(service, edge.apiKey))
  device.answerWith = ({ user, payload }) => ({ role: String(user['role']), asked: payload.method })
  device.notify('edgeConfig', config)
  device.report(reported)
  await device.settled()
  const ui = stack.use(await UiClient.signedIn(service, user.login))
  const operator = stack.use(await openOperator(service))
  const resources = stack.move()
  return { edge, user, device, ui, operator, grantId, [Symbol.asyncDispose]: () => resources.disposeAsync() }
}
type Scene = Awaited<ReturnType<typeof scene>>

const refusal = (method: string, role = 'OWNER OF SOME COMPONENTS') => ({ code: 1002, data: [method, role] })

describe('whoever has a right to some components', () => {
  it('gets values of those; the others look like unknown ones (G-33)', async () => {
    await using all = await scene()
    const { ui, edge, device } = all
    await ui.watch(edge.id, channels)
    expect(ui.pushes.at(-1)).toEqual(meters)
    device.report({ 'meter0/ActivePower': 10, 'ess0/Soc': 30 })
    expect(await ui.data((values) => values['meter0/ActivePower'] !== 1)).toEqual({
      ...meters,
      'meter0/ActivePower': 10,
    })
    const { meter: _notAnAddress, ...addresses } = { ...meters, 'meter0/ActivePower': 10 }
    const asked = await ui.request('getEdgesChannelsValues', { ids: [edge.id], channels: Object.keys(addresses) })
    expect(asked).toEqual({ [edge.id]: addresses })
  })

  it('gets the same in tables of another backend (G-33)', async () => {
    await using all = await scene()
    const basic = Buffer.from(`${all.user.login}:${userPassword}`).toString('base64')
    await using backend = await BackendClient.open(service, `Basic ${basic}`)
    await backend.request('subscribeEdgesChannels', { count: 1, ids: [all.edge.id], channels: channels.slice(0, 4) })
    const table = await backend.next((frame) => frame.method === 'edgesCurrentData')
    const { meter: _meter, 'unknown/X': _unknown, ...shown } = meters
    expect(table.params).toEqual({ [all.edge.id]: shown })
  })

  it('gets their part of the configuration, asked for and pushed (G-33)', async () => {
    await using all = await scene()
    const { ui, edge, device } = all
    expect(await ui.edgeRpc(edge.id, 'getEdgeConfig')).toEqual(metersOnly)
    await ui.watch(edge.id, channels)
    device.notify('edgeConfig', { ...config, factories: { Meter: { name: 'New' } } })
    const { params } = await ui.push('edgeConfig')
    expect(params).toEqual({ ...metersOnly, factories: { Meter: { name: 'New' } } })
    expect(ui.texts.join()).not.toContain('ess0":{')
  })

  it('asks those of the edge and no others, nor the edge as a whole (G-33)', async () => {
    await using all = await scene()
    const { ui, edge, device } = all
    const properties = [{ name: 'enabled', value: false }]
    for (const [method, params] of [
      ['updateComponentConfig', { componentId: 'meter0', properties }],
      ['componentJsonApi', { componentId: 'meter1', payload: { method: 'x', params: {} } }],
      ['setChannelValue', { componentId: 'meter1', channelId: 'X', value: 1 }],
    ] as const) {
      expect(await ui.edgeRpc(edge.id, method, params)).toEqual({ role: 'owner', asked: method })
    }
    for (const [method, params] of [
      ['updateComponentConfig', { componentId: 'ess0', properties }],
      ['updateComponentConfig', { componentId: ['meter0'], properties }],
      ['updateComponentConfig', { properties }],
      ['updateComponentConfig', { componentId: 'meter0', properties: [null, { name: 'id', value: 'ess0' }] }],
      ['componentJsonApi', { componentId: '_host', payload: { method: 'executeSystemCommand' } }],
      ['componentJsonApi', { componentId: '_componentManager', payload: { method: 'getChannelsOfComponent' } }],
      ['createComponentConfig', { factoryPid: 'Meter', properties: [{ name: 'id', value: 'meter7' }] }],
      ['deleteComponentConfig', { componentId: '*' }],
      ['routes', {}],
      ['somethingNew', { componentId: 'meter0' }],
      ['subscribeSystemLog', { subscribe: true }],
      ['subscribeSystemLog', { subscribe: false }],
    ] as const) {
      await expect(ui.edgeRpc(edge.id, method, params), JSON.stringify(params)).rejects.toMatchObject(refusal(method))
    }
    expect(device.requests).toEqual([])
    expect((await ui.call('getEdgeConfigHistory', { edgeId: edge.id })).error).toMatchObject(
      refusal('getEdgeConfigHistory'),
    )
    await device.settled()
    device.notify('systemLog', { line: { message: 'secret' } })
    await device.settled()
    await ui.settled()
    expect(ui.texts.join()).not.toContain('secret')
  })

  it('has no schedule set as admin of other components (G-33)', async () => {
    await using all = await scene('admin')
    const schedule = [{ startTimestamp: 1775300000, duration: 900, activePowerSetPoint: -1000 }]
    expect((await all.ui.call('setGridConnSchedule', { id: all.edge.id, schedule })).error).toMatchObject(
      refusal('setGridConnSchedule', 'ADMIN OF SOME COMPONENTS'),
    )
  })

  it('reads stored values of the same components as live ones (2.5, D-14)', async () => {
    await using all = await scene()
    const asked = channels.filter((channel) => channel.includes('/'))
    const range = { from: '2026-01-01T00:00:00Z', to: '2026-01-02T00:00:00Z' }
    const read = async () =>
      (
        await all.ui.request('authorizeData', {
          userId: all.user.login,
          edgeId: all.edge.id,
          channels: asked,
          ...range,
        })
      )['channels']
    await all.ui.watch(all.edge.id, asked)
    const isReported = (channel: unknown) => Object.hasOwn(reported, String(channel))
    const shown = (values: Json) => Object.keys(values).filter((channel) => values[channel] !== null)
    expect((await read()) as unknown[]).toEqual(shown(all.ui.pushes.at(-1) ?? {}))
    await give(service.ctx, all.user, 'guest', all.edge, { components: ['ess0'] })
    all.device.report({ 'ess0/Soc': 7 })
    const values = await all.ui.data((values) => values['ess0/Soc'] === 7)
    expect(((await read()) as unknown[]).filter(isReported)).toEqual(shown(values))
  })
})

describe('several grants on one edge', () => {
  it('add up: all to see, the meters to control (2.3)', async () => {
    await using all = await scene()
    const { ui, edge, user, device } = all
    await give(service.ctx, user, 'guest', edge)
    await ui.watch(edge.id, channels)
    expect(ui.pushes.at(-1)).toEqual(everything)
    expect(await ui.edgeRpc(edge.id, 'getEdgeConfig')).toEqual(config)
    const asked = async (componentId: string) =>
      (await ui.edgeRpc(edge.id, 'updateComponentConfig', { componentId, properties: [] }))['role']
    expect([await asked('meter0'), await asked('ess0'), await asked('_host')]).toEqual(['owner', 'guest', 'guest'])
    expect((await ui.edgeRpc(edge.id, 'routes'))['role']).toBe('guest')
    await expect(ui.edgeRpc(edge.id, 'subscribeSystemLog', { subscribe: true })).rejects.toMatchObject({ code: 1002 })
    await give(service.ctx, user, 'owner', edge)
    await ui.edgeRpc(edge.id, 'subscribeSystemLog', { subscribe: true })
    device.notify('systemLog', { line: { message: 'hello' } })
    expect((await ui.push('systemLog')).params).toEqual({ line: { message: 'hello' } })
  })

  it('are looked at anew for each push: withdrawn, and over by time (invariant 11)', async () => {
    await using all = await scene()
    const { ui, edge, user, device, operator } = all
    await give(service.ctx, user, 'owner', edge, { validTo: new Date(Date.now() + 1000) })
    await ui.watch(edge.id, channels)
    await ui.edgeRpc(edge.id, 'subscribeSystemLog', { subscribe: true })
    expect(ui.pushes.at(-1)).toEqual(everything)
    await until(all, (values) => values['ess0/Soc'] === null)
    device.notify('systemLog', { line: { message: 'secret' } })
    await device.settled()
    await ui.settled()
    expect(ui.texts.join()).not.toContain('secret')
    await operator.call('revokeGrant', { grantId: all.grantId })
    await vi.waitFor(
      async () => expect((await ui.call('getEdge', { edgeId: edge.id })).error).toMatchObject({ code: 1005 }),
      { interval: 20 },
    )
    const before = ui.pushes.length
    for (let frame = 0; frame < 2; frame++) {
      device.report(reported)
      await device.settled()
    }
    await ui.settled()
    expect(ui.pushes.slice(before)).toEqual([Object.fromEntries(channels.map((channel) => [channel, null]))])
  })
})

/** Reports until a push fits. */
async function until({ ui, device }: Scene, fits: (values: Json) => boolean): Promise<void> {
  await vi.waitFor(
    async () => {
      device.report(reported)
      await device.settled()
      await ui.settled()
      expect(fits(ui.pushes.at(-1) ?? {})).toBe(true)
    },
    { interval: 20, timeout: 5000 },
  )
}
