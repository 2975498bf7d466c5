/** What a simulated edge answers per component: `componentJsonApi` (protocol B.3, openems-ui.md section 4). */
import { type OpenemsRole, openemsRoles } from '../access/model.ts'
import { appEndpoints } from './apps.ts'
import { type ChannelRecord, SIMULATED_VERSION } from './channels.ts'
import { createComponent, deleteComponent, type EdgeConfig, getComponent, updateComponent } from './edge-config.ts'
import { EdgeFault } from './edge-fault.ts'
import { anyMember, booleanMember, type JsonObject, propertiesMember, stringMember } from './members.ts'
import { networkConfig, networkInfo, setNetworkConfig } from './network.ts'

/** Who asks: the edge believes what the server says (protocol B.3). */
export interface EdgeUser {
  readonly id: string
  readonly name: string
  readonly role: OpenemsRole
}

/** The edge as its request handlers see it. */
export interface EdgeControls {
  readonly config: EdgeConfig
  /** Takes effect after the answer: `edgeConfig` and a full snapshot follow. */
  applyConfig(next: EdgeConfig): void
  channelsOf(componentId: string): readonly ChannelRecord[]
  /** Sets a writable channel. */
  write(address: string, value: unknown): void
  subscribeSystemLog(subscribe: boolean): void
  /** ISO time on the edge's wall clock, without an offset. */
  localTime(): string
}

export interface Endpoint {
  /** Weakest role that may call; none means any. */
  readonly role?: OpenemsRole
  /** What error 1002 names; the method if missing. */
  readonly resource?: string
  readonly answer: (edge: EdgeControls, params: JsonObject, user: EdgeUser) => object
}
export type Endpoints = ReadonlyMap<string, Endpoint>

/** Runs an endpoint after its guard. */
export function call(
  endpoints: Endpoints,
  edge: EdgeControls,
  request: { method: string; params: JsonObject },
  user: EdgeUser,
): object {
  const endpoint = endpoints.get(request.method)
  if (!endpoint) throw new EdgeFault('unknownMethod', request.method)
  if (endpoint.role && openemsRoles.indexOf(user.role) < openemsRoles.indexOf(endpoint.role)) {
    throw new EdgeFault('roleDenied', endpoint.resource ?? request.method, user.role.toUpperCase())
  }
  return endpoint.answer(edge, request.params, user)
}

/** The methods on the configuration, which the component manager owns. */
export const configEndpoints: Readonly<Record<string, Endpoint>> = {
  getEdgeConfig: { role: 'guest', answer: (edge) => edge.config },
  createComponentConfig: {
    role: 'installer',
    answer: (edge, params, user) => {
      const properties = signed(edge, params, user)
      edge.applyConfig(createComponent(edge.config, stringMember(params, 'factoryPid'), properties))
      return {}
    },
  },
  updateComponentConfig: {
    role: 'owner',
    answer: (edge, params, user) => {
      const properties = signed(edge, params, user)
      edge.applyConfig(updateComponent(edge.config, stringMember(params, 'componentId'), properties))
      return {}
    },
  },
  deleteComponentConfig: {
    role: 'installer',
    answer: (edge, params) => {
      edge.applyConfig(deleteComponent(edge.config, stringMember(params, 'componentId')))
      return {}
    },
  },
}

const notSimulated: Endpoint['answer'] = () => {
  throw new EdgeFault('generic', 'Not available on a simulated edge')
}
const ownersOnly = { role: 'owner', answer: notSimulated } as const

/** Component -> method -> guard and answer. */
export const componentApis: ReadonlyMap<string, Endpoints> = new Map(
  Object.entries({
    _componentManager: {
      ...configEndpoints,
      getChannel: { answer: (edge, params) => ({ channel: channelOf(edge, params) }) },
      getChannelsOfComponent: { answer: (edge, params) => ({ channels: channelsOf(edge, params) }) },
      getStateChannelsOfComponent: {
        answer: (edge, params) => ({
          channels: channelsOf(edge, params).filter(({ category }) => category === 'STATE'),
        }),
      },
      getDigitalInputChannelsOfComponents: { answer: () => ({ channelsPerComponent: [] }) },
      getChannelCount: {
        role: 'admin',
        answer: (edge) => ({
          numberOfChannels: Object.keys(edge.config.components).flatMap((id) => edge.channelsOf(id)).length,
        }),
      },
      getAllComponentFactories: { role: 'admin', answer: (edge) => ({ factories: edge.config.factories }) },
      getPropertiesOfFactory: { role: 'admin', answer: propertiesOfFactory },
      channelExportXlsx: { role: 'admin', answer: notSimulated },
    },
    _host: {
      getNetworkConfig: { role: 'owner', answer: networkConfig },
      setNetworkConfig: { role: 'owner', answer: setNetworkConfig },
      getNetworkInfo: { role: 'owner', answer: networkInfo },
      getSystemUpdateState: {
        role: 'owner',
        resource: 'handleGetSystemUpdateStateRequest',
        answer: () => ({ updated: { version: SIMULATED_VERSION } }),
      },
      executeSystemUpdate: { ...ownersOnly, resource: 'handleSystemUpdateRequest' },
      executeSystemCommand: { role: 'admin', resource: 'handleExecuteCommandRequest', answer: notSimulated },
      executeSystemRestart: { ...ownersOnly, resource: 'handleExecuteSystemRestartRequest' },
    },
    _meta: { geocode: { role: 'owner', answer: () => ({ geocodingResults: [] }) } },
    _updateManager: { getUpdateables: { role: 'admin', answer: () => ({ updateables: [] }) } },
    _appManager: { ...appEndpoints, updateAppConfig: ownersOnly, queryAppInstancesByFilter: ownersOnly },
  } satisfies Record<string, Readonly<Record<string, Endpoint>>>).map(([id, endpoints]) => [
    id,
    new Map(Object.entries(endpoints)),
  ]),
)

/** `setChannelValue`: only channels that can be written take a value. */
export function setChannelValue(edge: EdgeControls, params: JsonObject): object {
  const value = anyMember(params, 'value')
  const channel = channelOf(edge, params)
  const address = `${stringMember(params, 'componentId')}/${channel.id}`
  if (channel.accessMode === 'RO') throw new EdgeFault('generic', `[${address}] is not a Write Channel`)
  edge.write(address, value)
  return {}
}

/** The properties of a request together with who changed them and when, as the edge notes it. */
function signed(edge: EdgeControls, params: JsonObject, user: EdgeUser) {
  return [
    ...propertiesMember(params, 'properties'),
    { name: '_lastChangeBy', value: `${user.id}: ${user.name}` },
    { name: '_lastChangeAt', value: edge.localTime() },
  ]
}

function channelsOf(edge: EdgeControls, params: JsonObject): readonly ChannelRecord[] {
  const componentId = stringMember(params, 'componentId')
  const { properties } = getComponent(edge.config, componentId)
  const needsEnabled = Object.hasOwn(params, 'requireEnabled') && booleanMember(params, 'requireEnabled')
  if (needsEnabled && properties.enabled === false) throw new EdgeFault('noComponent', componentId)
  return edge.channelsOf(componentId)
}

function channelOf(edge: EdgeControls, params: JsonObject): ChannelRecord {
  const id = stringMember(params, 'channelId')
  const found = channelsOf(edge, params).find((channel) => channel.id === id)
  if (found) return found
  const componentId = stringMember(params, 'componentId')
  throw new EdgeFault('generic', `Channel [${id}] is not defined for ID [${componentId}].`)
}

function propertiesOfFactory(edge: EdgeControls, params: JsonObject): object {
  const id = stringMember(params, 'factoryId')
  const { factories } = edge.config
  if (!Object.hasOwn(factories, id)) throw new EdgeFault('generic', `Factory with id ${id} could not be found.`)
  const property = (name: string, defaultValue: unknown) => ({
    id: name,
    name,
    description: '',
    isRequired: true,
    isPassword: false,
    defaultValue,
    schema: { type: typeof defaultValue === 'boolean' ? 'checkbox' : 'input' },
  })
  return { factory: factories[id], properties: [property('id', ''), property('alias', ''), property('enabled', true)] }
}
