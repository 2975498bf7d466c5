/** The apps of a simulated edge: what `_appManager` answers. Installed ones stand in its configuration, as on an edge. */
import { randomUUID } from 'node:crypto'
import type { EdgeControls, Endpoint } from './component-api.ts'
import { getComponent, updateComponent } from './edge-config.ts'
import { EdgeFault } from './edge-fault.ts'
import { type JsonObject, objectMember, stringMember } from './members.ts'

interface App {
  readonly appId: string
  readonly name: string
  readonly category: { readonly name: string; readonly readableName: string }
  readonly cardinality: 'SINGLE' | 'MULTIPLE'
  readonly fields: readonly { key: string; type: string; defaultValue: unknown; props: object }[]
}
interface Instance {
  readonly appId: string
  readonly alias: string
  readonly instanceId: string
  readonly properties: JsonObject
  readonly dependencies: readonly never[]
}

const apps: readonly App[] = [
  {
    appId: 'App.Api.ModbusTcp.ReadOnly',
    name: 'Modbus/TCP Api, reading',
    category: { name: 'API', readableName: 'API' },
    cardinality: 'SINGLE',
    fields: [
      { key: 'PORT', type: 'input', defaultValue: 502, props: { type: 'number', label: 'Port', required: true } },
    ],
  },
  {
    appId: 'App.Evcs.Keba',
    name: 'KEBA charging station',
    category: { name: 'EVCS', readableName: 'Charging stations' },
    cardinality: 'MULTIPLE',
    fields: [
      { key: 'IP', type: 'input', defaultValue: '192.168.25.11', props: { label: 'IP address', required: true } },
    ],
  },
]

/** Methods of `_appManager`, as the App Center of the UI asks them. */
export const appEndpoints = {
  getApps: { answer: (edge) => ({ apps: apps.map((app) => described(edge, app)) }) },
  getApp: { answer: (edge, params) => ({ app: described(edge, appOf(params)) }) },
  getAppDescriptor: { answer: (_edge, params) => ({ appId: appOf(params).appId }) },
  getAppAssistant: {
    answer: (_edge, params) => {
      const { name, fields } = appOf(params)
      return { name, alias: name, fields }
    },
  },
  getAppInstances: {
    answer: (edge, params) => {
      const { appId } = appOf(params)
      return { instances: installed(edge).filter((instance) => instance.appId === appId) }
    },
  },
  addAppInstance: {
    role: 'owner',
    answer: (edge, params) => {
      const app = appOf(params)
      const before = installed(edge)
      if (app.cardinality === 'SINGLE' && before.some(({ appId }) => appId === app.appId))
        throw new EdgeFault('generic', `App [${app.appId}] can be installed only once`)
      const instance = { appId: app.appId, instanceId: randomUUID(), dependencies: [], ...named(params) }
      install(edge, [...before, instance])
      return { instance, warnings: [] }
    },
  },
  updateAppInstance: {
    role: 'owner',
    answer: (edge, params) => {
      const instance = { ...instanceOf(edge, params), ...named(params) }
      install(edge, [...without(edge, instance.instanceId), instance])
      return { instance, warnings: [] }
    },
  },
  deleteAppInstance: {
    role: 'owner',
    answer: (edge, params) => {
      install(edge, without(edge, instanceOf(edge, params).instanceId))
      return { warnings: [] }
    },
  },
} as const satisfies Readonly<Record<string, Endpoint>>

function described(edge: EdgeControls, { appId, name, category, cardinality }: App): object {
  const instances = installed(edge).filter((instance) => instance.appId === appId)
  return {
    ...{ appId, name, shortName: name, cardinality, categorys: [category], image: '', flags: [] },
    status: { name: 'INSTALLABLE', errorCompatibleMessages: [], errorInstallableMessages: [] },
    instanceIds: instances.map(({ instanceId }) => instanceId),
  }
}

function appOf(params: JsonObject): App {
  const appId = stringMember(params, 'appId')
  const found = apps.find((app) => app.appId === appId)
  if (!found) throw new EdgeFault('generic', `Unable to find app with id [${appId}]`)
  return found
}

function instanceOf(edge: EdgeControls, params: JsonObject): Instance {
  const instanceId = stringMember(params, 'instanceId')
  const found = installed(edge).find((instance) => instance.instanceId === instanceId)
  if (!found) throw new EdgeFault('generic', `App-Instance-ID [${instanceId}] is unknown.`)
  return found
}

const named = (params: JsonObject) => ({
  alias: stringMember(params, 'alias'),
  properties: objectMember(params, 'properties'),
})

function installed(edge: EdgeControls): readonly Instance[] {
  const { apps: text } = getComponent(edge.config, '_appManager').properties
  return JSON.parse(typeof text === 'string' ? text : '[]') as Instance[]
}

function without(edge: EdgeControls, instanceId: string): readonly Instance[] {
  return installed(edge).filter((instance) => instance.instanceId !== instanceId)
}

function install(edge: EdgeControls, instances: readonly Instance[]): void {
  const value = JSON.stringify(instances)
  edge.applyConfig(updateComponent(edge.config, '_appManager', [{ name: 'apps', value }]))
}
