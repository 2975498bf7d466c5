import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { EdgeControls } from '../../../src/simulator/component-api.ts'
import { createComponent, defaultConfig, type EdgeConfig } from '../../../src/simulator/edge-config.ts'
import { answerFrame } from '../../../src/simulator/edge-requests.ts'
import { HomeMeasurements } from '../../../src/simulator/measurements.ts'
import { localTimestamp } from '../../../src/simulator/wall-clock.ts'

const OUTER = '00000000-0000-4000-8000-000000000001'
const INNER = '00000000-0000-4000-8000-000000000002'
const roles = ['guest', 'owner', 'installer', 'admin']

interface Reply {
  id: string
  result?: { payload: { id: string; result: Record<string, unknown> } }
  error?: { code: number; message: string; data: string[] }
}

class FakeEdge implements EdgeControls {
  config: EdgeConfig = defaultConfig(10_000)
  logging = false
  readonly written: [string, unknown][] = []
  readonly #measurements = new HomeMeasurements(1)
  applyConfig(next: EdgeConfig) {
    this.config = next
  }
  channelsOf(componentId: string) {
    return this.#measurements.channelsOf(componentId)
  }
  write(address: string, value: unknown) {
    this.written.push([address, value])
  }
  subscribeSystemLog(subscribe: boolean) {
    this.logging = subscribe
  }
  localTime() {
    return '2026-04-04T12:00:00'
  }
}

function frame(role: string, method: string, params: object): string {
  const payload = { jsonrpc: '2.0', method, params, id: INNER }
  return JSON.stringify({
    jsonrpc: '2.0',
    method: 'authenticatedRpc',
    params: { user: { id: 'a@b.c', name: 'A', language: 'DE', role }, payload },
    id: OUTER,
  })
}

function ask(role: string, method: string, params: object, edge: EdgeControls = new FakeEdge()): Reply {
  return JSON.parse(answerFrame(edge, frame(role, method, params)) ?? '{}') as Reply
}

const component = (componentId: string, method: string, params: object = {}) =>
  ['componentJsonApi', { componentId, payload: { method, params } }] as const

const ess0 = { componentId: 'ess0' }
const alias = [{ name: 'alias', value: 'Cellar' }]
const newApp = { appId: 'App.Evcs.Keba', alias: 'Garage', properties: { IP: '10.0.0.1' } }
const newController = { factoryPid: 'Controller.Ess.FixActivePower', properties: [{ name: 'id', value: 'ctrlFix0' }] }

describe('roles (protocol B.3)', () => {
  it.each([
    ['getEdgeConfig', {}, 'guest', 'getEdgeConfig'],
    ['updateComponentConfig', { ...ess0, properties: alias }, 'owner', 'updateComponentConfig'],
    ['createComponentConfig', newController, 'installer', 'createComponentConfig'],
    ['deleteComponentConfig', ess0, 'installer', 'deleteComponentConfig'],
    ['setChannelValue', { ...ess0, channelId: 'SetActivePowerEquals', value: 5 }, 'admin', 'setChannelValue'],
    ['routes', {}, 'guest', 'routes'],
    ['subscribeSystemLog', { subscribe: true }, 'guest', 'subscribeSystemLog'],
    [...component('_componentManager', 'getChannelsOfComponent', ess0), 'guest', ''],
    [...component('_componentManager', 'getChannel', { ...ess0, channelId: 'Soc' }), 'guest', ''],
    [...component('_componentManager', 'getStateChannelsOfComponent', ess0), 'guest', ''],
    [...component('_componentManager', 'getChannelCount'), 'admin', 'getChannelCount'],
    [...component('_componentManager', 'getAllComponentFactories'), 'admin', 'getAllComponentFactories'],
    [
      ...component('_componentManager', 'getPropertiesOfFactory', { factoryId: 'Core.Sum' }),
      'admin',
      'getPropertiesOfFactory',
    ],
    [...component('_componentManager', 'deleteComponentConfig', ess0), 'installer', 'deleteComponentConfig'],
    [...component('_host', 'getNetworkConfig'), 'owner', 'getNetworkConfig'],
    [...component('_host', 'setNetworkConfig', { interfaces: {} }), 'owner', 'setNetworkConfig'],
    [...component('_host', 'getNetworkInfo'), 'owner', 'getNetworkInfo'],
    [...component('_updateManager', 'getUpdateables'), 'admin', 'getUpdateables'],
    [...component('_appManager', 'getApps'), 'guest', ''],
    [...component('_appManager', 'addAppInstance', newApp), 'owner', 'addAppInstance'],
    [...component('_meta', 'geocode', { query: 'x' }), 'owner', 'geocode'],
  ])('%s %j needs %s', (method, params, needed, resource) => {
    for (const [rank, role] of roles.entries()) {
      const reply = ask(role, method, params)
      expect(reply.id).toBe(OUTER)
      if (rank >= roles.indexOf(needed)) {
        expect(reply.error).toBeUndefined()
        expect(reply.result?.payload.id).toBe(INNER)
        continue
      }
      const named = role.toUpperCase()
      expect(reply.error).toEqual({
        code: 1002,
        message: `Access to this resource [${resource}] is denied for User with Role [${named}]`,
        data: [resource, named],
      })
    }
  })

  it('takes an unknown role for guest', () => {
    expect(ask('root', 'updateComponentConfig', { ...ess0, properties: alias }).error?.data).toEqual([
      'updateComponentConfig',
      'GUEST',
    ])
  })
})

describe('errors (protocol A.4)', () => {
  it.each([
    ['no such component', 'updateComponentConfig', { componentId: 'nope0', properties: [] }, 2000, ['nope0']],
    ['inherited names', 'deleteComponentConfig', { componentId: 'constructor' }, 2000, ['constructor']],
    ['missing member', 'deleteComponentConfig', {}, 5010, ['componentId', '{}']],
    ['no list', 'updateComponentConfig', { ...ess0, properties: {} }, 5007, undefined],
    ['unknown method', 'toString', {}, 4001, ['toString']],
    ['unknown inner method', ...component('_componentManager', 'fly'), 4001, ['fly']],
    ['no such component API', ...component('ess0', 'x'), 1, ["Component with id 'ess0' was not found"]],
    [
      'taken id',
      'createComponentConfig',
      { factoryPid: 'X', properties: [{ name: 'id', value: 'ess0' }] },
      1,
      undefined,
    ],
    ['no id', 'createComponentConfig', { factoryPid: 'X', properties: [] }, 2003, ['X', 'Property [id] is missing']],
    ['read-only channel', 'setChannelValue', { ...ess0, channelId: 'Soc', value: 5 }, 1, undefined],
    ['no value', 'setChannelValue', { ...ess0, channelId: 'SetActivePowerEquals' }, 5000, undefined],
  ])('%s', (_what, method, params, code, data) => {
    const { id, error } = ask('admin', method, params)
    expect(id).toBe(OUTER)
    expect(error?.code).toBe(code)
    expect(Array.isArray(error?.data)).toBe(true)
    if (data) expect(error?.data).toEqual(data)
  })

  it('answers 4001 to everything that is not authenticatedRpc', () => {
    const raw = { jsonrpc: '2.0', method: 'getEdgeConfig', params: {}, id: OUTER }
    expect(JSON.parse(answerFrame(new FakeEdge(), JSON.stringify(raw)) ?? '')).toEqual({
      jsonrpc: '2.0',
      id: OUTER,
      error: { code: 4001, message: 'Unhandled JSON-RPC method [getEdgeConfig]', data: ['getEdgeConfig'] },
    })
  })

  it('refuses a wrapper without user or with a payload without an id of its own', () => {
    const wrapped = (params: object) =>
      JSON.parse(
        answerFrame(new FakeEdge(), JSON.stringify({ method: 'authenticatedRpc', params, id: OUTER })) ?? '',
      ) as Reply
    const user = { id: 'a', name: 'A', role: 'admin' }
    expect(wrapped({}).error).toMatchObject({ code: 5003, data: ['user', '{}'] })
    expect(wrapped({ user }).error?.code).toBe(5003)
    expect(wrapped({ user, payload: { method: 'getEdgeConfig', params: {}, id: 7 } }).error?.code).toBe(5033)
    expect(wrapped({ user, payload: { method: 'getEdgeConfig', id: INNER } }).error?.code).toBe(5003)
  })

  it('never throws, whatever comes in', () => {
    const anything = fc.oneof(
      fc.string(),
      fc.json(),
      fc.jsonValue().map((value) => frame('admin', 'x', { value })),
    )
    fc.assert(
      fc.property(anything, (text) => {
        answerFrame(new FakeEdge(), text)
      }),
    )
    const method = fc.constantFrom(
      'updateComponentConfig',
      'createComponentConfig',
      'componentJsonApi',
      'setChannelValue',
    )
    fc.assert(
      fc.property(method, fc.dictionary(fc.string(), fc.jsonValue()), (name, params) => {
        expect(ask('admin', name, params).id).toBe(OUTER)
      }),
    )
  })
})

describe('answers', () => {
  it('wraps subscribeSystemLog twice', () => {
    const edge = new FakeEdge()
    const wrap = (result: object) => ({ payload: { jsonrpc: '2.0', id: INNER, result } })
    expect(ask('owner', 'subscribeSystemLog', { subscribe: true }, edge).result).toEqual(wrap(wrap({})))
    expect(edge.logging).toBe(true)
  })

  it('really changes the configuration', () => {
    const edge = new FakeEdge()
    const properties = [...alias, { name: 'capacity', value: null }, { name: 'adminPassword', value: 'secret' }]
    ask('owner', 'updateComponentConfig', { ...ess0, properties }, edge)
    expect(edge.config.components.ess0).toEqual({
      alias: 'Cellar',
      factoryId: 'Simulator.EssSymmetric.Reacting',
      properties: {
        alias: 'Cellar',
        enabled: true,
        adminPassword: 'xxx',
        _lastChangeBy: 'a@b.c: A',
        _lastChangeAt: '2026-04-04T12:00:00',
      },
    })
    ask('installer', 'createComponentConfig', newController, edge)
    expect(edge.config.components.ctrlFix0?.properties).toMatchObject({ enabled: true })
    expect(edge.config.factories).toHaveProperty(['Controller.Ess.FixActivePower', 'natureIds'])
    ask('installer', 'deleteComponentConfig', { componentId: 'ctrlFix0' }, edge)
    expect(edge.config.components).not.toHaveProperty('ctrlFix0')
    expect(edge.config.factories).not.toHaveProperty(['Controller.Ess.FixActivePower'])
    expect(ask('guest', 'getEdgeConfig', {}, edge).result?.payload.result).toEqual(edge.config)
  })

  it('says the alias among the properties, too, where the form of the UI takes it from', () => {
    const edge = new FakeEdge()
    ask('installer', 'createComponentConfig', newController, edge)
    for (const component of Object.values(edge.config.components)) {
      expect(component.properties).toMatchObject({ alias: component.alias })
    }
  })

  it('gives every factory its natures, known or not', () => {
    const config = createComponent(defaultConfig(1), 'Evcs.Unheard.Of', [{ name: 'id', value: 'evcs0' }])
    for (const factory of Object.values(config.factories)) expect(factory.natureIds.length).toBeGreaterThan(0)
    for (const { factoryId } of Object.values(config.components)) expect(config.factories).toHaveProperty([factoryId])
  })

  it('describes channels', () => {
    const [method, params] = component('_componentManager', 'getChannel', { ...ess0, channelId: 'Soc' })
    expect(ask('guest', method, params).result?.payload.result).toEqual({
      channel: {
        id: 'Soc',
        accessMode: 'RO',
        persistencePriority: 'HIGH',
        text: '',
        type: 'INTEGER',
        unit: '%',
        category: 'OPENEMS_TYPE',
      },
    })
    const states = ask('guest', ...component('_componentManager', 'getStateChannelsOfComponent', ess0))
    expect(states.result?.payload.result).toMatchObject({ channels: [{ id: 'BatteryFault', level: 'FAULT' }] })
  })

  it('writes channels', () => {
    const edge = new FakeEdge()
    ask('admin', 'setChannelValue', { ...ess0, channelId: 'SetActivePowerEquals', value: -500 }, edge)
    expect(edge.written).toEqual([['ess0/SetActivePowerEquals', -500]])
  })
})

describe('wall clock', () => {
  it('shows three digits and the offset of the season', () => {
    expect(localTimestamp(Date.UTC(2026, 3, 4, 10))).toBe('2026-04-04T12:00:00.000+02:00')
    expect(localTimestamp(Date.UTC(2026, 0, 1, 23, 30, 0, 7))).toBe('2026-01-02T00:30:00.007+01:00')
  })
})

describe('pages of the UI', () => {
  const tell = (edge: FakeEdge, [method, params]: readonly [string, object]) => {
    const { result, error } = ask('owner', method, params, edge)
    return error ?? result?.payload.result
  }

  it('App Center: an app is installed, changed and removed, and stands in the configuration meanwhile', () => {
    const edge = new FakeEdge()
    const app = (method: string, params: object = {}) => tell(edge, component('_appManager', method, params))
    const { appId } = newApp
    expect(app('getApp', { appId })).toMatchObject({ app: { appId, instanceIds: [], status: { name: 'INSTALLABLE' } } })
    expect(app('getAppAssistant', { appId })).toMatchObject({ name: expect.any(String), fields: [{ key: 'IP' }] })
    const { instance } = app('addAppInstance', newApp) as { instance: { instanceId: string } }
    expect(instance).toEqual({ ...newApp, instanceId: expect.any(String), dependencies: [] })
    expect(app('getAppInstances', { appId })).toEqual({ instances: [instance] })
    expect(edge.config.components['_appManager']?.properties).toMatchObject({ apps: JSON.stringify([instance]) })
    const { instanceId } = instance
    const changes = { instanceId, alias: 'Yard', properties: { IP: '10.0.0.2' } }
    expect(app('updateAppInstance', changes)).toEqual({ instance: { ...instance, ...changes }, warnings: [] })
    expect(app('getApps')).toMatchObject({ apps: [{ instanceIds: [] }, { appId, instanceIds: [instanceId] }] })
    expect(app('deleteAppInstance', { instanceId })).toEqual({ warnings: [] })
    expect(app('getAppInstances', { appId })).toEqual({ instances: [] })
    expect(app('deleteAppInstance', { instanceId })).toMatchObject({ code: 1 })
    expect(app('getApp', { appId: 'constructor' })).toMatchObject({ code: 1 })
  })

  it('App Center: what is there once cannot be installed twice', () => {
    const edge = new FakeEdge()
    const again = component('_appManager', 'addAppInstance', { ...newApp, appId: 'App.Api.ModbusTcp.ReadOnly' })
    expect(tell(edge, again)).toMatchObject({ warnings: [] })
    expect(tell(edge, again)).toMatchObject({ code: 1, message: expect.stringContaining('only once') })
  })

  it('network: what was saved is read again', () => {
    const edge = new FakeEdge()
    const host = (method: string, params: object = {}) => tell(edge, component('_host', method, params))
    expect(host('getNetworkConfig')).toMatchObject({ interfaces: { eth0: { dhcp: true, addresses: [] } } })
    expect(host('getNetworkInfo')).toMatchObject({
      networkInterfaces: [{ hardwareInterface: 'eth0', ips: [{ dynamic: true }] }],
    })
    const eth0 = { dhcp: false, gateway: '10.0.0.1', addresses: [{ label: 'static', address: '10.0.0.2' }] }
    expect(host('setNetworkConfig', { interfaces: { eth0: { ...eth0, advancedMode: true } } })).toEqual({})
    expect(host('getNetworkConfig')).toEqual({
      interfaces: { eth0: { ...eth0, linkLocalAddressing: true, dns: null, metric: 1024 } },
    })
    expect(host('getNetworkInfo')).toMatchObject({ networkInterfaces: [{ ips: [] }] })
    expect(host('setNetworkConfig', { interfaces: { wlan7: eth0 } })).toMatchObject({ code: 1 })
  })

  it('system: the newest version is installed', () => {
    expect(tell(new FakeEdge(), component('_host', 'getSystemUpdateState'))).toEqual({
      updated: { version: '2026.4.0' },
    })
  })
})
