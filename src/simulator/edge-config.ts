/** The configuration of a simulated edge and what the three config methods do to it. Pure: every change is a copy. */
import { EdgeFault } from './edge-fault.ts'

export interface ComponentConfig {
  readonly alias: string
  readonly factoryId: string
  readonly properties: Readonly<Record<string, unknown>>
}

export interface FactoryConfig {
  readonly name: string
  readonly description: string
  readonly natureIds: readonly string[]
}

export interface EdgeConfig {
  readonly components: Readonly<Record<string, ComponentConfig>>
  /** Only the factories that are in use (protocol B.2). */
  readonly factories: Readonly<Record<string, FactoryConfig>>
}

export interface Property {
  readonly name: string
  readonly value: unknown
}

/** Properties that identify a configuration and cannot be changed. */
const fixedProperties = new Set(['id', 'service.pid', 'service.factoryPid', 'component.id', 'component.name'])

const EDGE = 'io.openems.edge'
const factories: Readonly<Record<string, FactoryConfig>> = {
  'Core.Sum': factory('Core Sum', 'common.sum.Sum'),
  'Core.Meta': factory('Core Meta', 'common.meta.Meta'),
  'Core.Host': factory('Core Host', 'common.host.Host'),
  'Core.AppManager': factory('Core App-Manager'),
  'Simulator.EssSymmetric.Reacting': factory(
    'Simulator ESS Symmetric Reacting',
    'ess.api.SymmetricEss',
    'ess.api.ManagedSymmetricEss',
  ),
  'Simulator.GridMeter.Acting': factory('Simulator GridMeter Acting', 'meter.api.ElectricityMeter'),
  'Simulator.ProductionMeter.Acting': factory('Simulator ProductionMeter Acting', 'meter.api.ElectricityMeter'),
  'Controller.Debug.Log': factory('Controller Debug Log', 'controller.api.Controller'),
  'Controller.Api.Backend': factory('Controller Api Backend', 'controller.api.Controller'),
  'Controller.Ess.FixActivePower': factory('Controller Ess Fix Active Power', 'controller.api.Controller'),
  'Controller.Ess.LimitTotalDischarge': factory('Controller Ess Limit Total Discharge', 'controller.api.Controller'),
  'Controller.Symmetric.Balancing': factory('Controller Ess Balancing', 'controller.api.Controller'),
}

/** What every simulated edge starts with. */
export function defaultConfig(capacityWh: number): EdgeConfig {
  return withFactories({
    _sum: component('Core.Sum', 'Core.Sum'),
    _meta: component('Core.Meta', 'Core.Meta', { currency: 'EUR' }),
    _host: component('Core.Host', 'Core.Host'),
    _appManager: component('Core.AppManager', 'Core.AppManager'),
    ess0: component('Battery', 'Simulator.EssSymmetric.Reacting', { capacity: capacityWh }),
    meter0: component('Grid meter', 'Simulator.GridMeter.Acting'),
    meter1: component('PV meter', 'Simulator.ProductionMeter.Acting'),
    ctrlDebugLog0: component('Debug log', 'Controller.Debug.Log', { condensedOutput: true }),
    ctrlBackend0: component('Backend', 'Controller.Api.Backend', { apikey: 'xxx', persistencePriority: 'HIGH' }),
  })
}

/** Whether a component exists and is switched on. */
export function isEnabled(config: EdgeConfig, componentId: string): boolean {
  const found = find(config, componentId)
  return found !== undefined && found.properties.enabled !== false
}

/** The component, or error 2000. */
export function getComponent(config: EdgeConfig, componentId: string): ComponentConfig {
  const found = find(config, componentId)
  if (!found) throw new EdgeFault('noComponent', componentId)
  return found
}

/** `createComponentConfig`: the property `id` names the new component. */
export function createComponent(config: EdgeConfig, factoryPid: string, properties: readonly Property[]): EdgeConfig {
  const id = properties.find(({ name }) => name === 'id')?.value
  if (typeof id !== 'string' || id === '') throw new EdgeFault('notCreated', factoryPid, 'Property [id] is missing')
  if (find(config, id)) throw new EdgeFault('generic', `A Component with id [${id}] is already existing!`)
  const empty = component(id, factoryPid)
  return withFactories({ ...config.components, [id]: changed(empty, properties) })
}

/** `updateComponentConfig`: a null removes the property. */
export function updateComponent(config: EdgeConfig, componentId: string, properties: readonly Property[]): EdgeConfig {
  const before = getComponent(config, componentId)
  return withFactories({ ...config.components, [componentId]: changed(before, properties) })
}

/** `deleteComponentConfig`. */
export function deleteComponent(config: EdgeConfig, componentId: string): EdgeConfig {
  getComponent(config, componentId)
  const { [componentId]: _gone, ...rest } = config.components
  return withFactories(rest)
}

/** @NOTE own members only: ids come from the wire, and `constructor` is no component. */
function find(config: EdgeConfig, componentId: string): ComponentConfig | undefined {
  return Object.hasOwn(config.components, componentId) ? config.components[componentId] : undefined
}

/** @NOTE the alias stands among the properties, too: the form of the UI takes it from there. */
function changed(before: ComponentConfig, changes: readonly Property[]): ComponentConfig {
  const properties = new Map(Object.entries(before.properties))
  let alias = before.alias
  for (const { name, value } of changes) {
    if (fixedProperties.has(name)) continue
    if (name === 'alias') alias = typeof value === 'string' ? value : ''
    else if (value === null || value === undefined) properties.delete(name)
    else properties.set(name, /password|apikey/i.test(name) ? 'xxx' : value)
  }
  return { ...before, alias, properties: { ...Object.fromEntries(properties), alias } }
}

function withFactories(components: Readonly<Record<string, ComponentConfig>>): EdgeConfig {
  const used = new Set(Object.values(components).map(({ factoryId }) => factoryId))
  const entries = [...used].map((id) => [id, Object.hasOwn(factories, id) ? factories[id] : factory(id)])
  return { components, factories: Object.fromEntries(entries) }
}

function component(alias: string, factoryId: string, properties: Record<string, unknown> = {}): ComponentConfig {
  return { alias, factoryId, properties: { alias, enabled: true, ...properties } }
}

function factory(name: string, ...natures: string[]): FactoryConfig {
  const natureIds = [...natures, 'common.component.OpenemsComponent'].map((nature) => `${EDGE}.${nature}`)
  return { name, description: '', natureIds }
}
