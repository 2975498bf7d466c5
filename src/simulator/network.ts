/** The network of a simulated edge; how it is set up stands in the configuration of `_host`, as on an edge. */
import type { EdgeControls } from './component-api.ts'
import { getComponent, updateComponent } from './edge-config.ts'
import { EdgeFault } from './edge-fault.ts'
import { type JsonObject, objectMember } from './members.ts'

const DEFAULT = { dhcp: true, linkLocalAddressing: true, gateway: null, dns: null, metric: 1024, addresses: [] }
const members = Object.keys(DEFAULT)

const plainNetwork = JSON.stringify({ interfaces: { eth0: DEFAULT } })

/** `getNetworkConfig`: `{ interfaces: { eth0: {...} } }`. */
export function networkConfig(edge: EdgeControls): { interfaces: Record<string, JsonObject> } {
  const { networkConfiguration: text } = getComponent(edge.config, '_host').properties
  return JSON.parse(typeof text === 'string' ? text : plainNetwork) as { interfaces: Record<string, JsonObject> }
}

/** `setNetworkConfig`: what is not said stays, what belongs to the form of the UI is dropped. */
export function setNetworkConfig(edge: EdgeControls, params: JsonObject): object {
  const { interfaces } = networkConfig(edge)
  const given = objectMember(params, 'interfaces')
  for (const name of Object.keys(given)) {
    const before = Object.hasOwn(interfaces, name) ? interfaces[name] : undefined
    if (before === undefined) throw new EdgeFault('generic', `There is no network interface [${name}]`)
    const said = Object.entries(objectMember(given, name)).filter(([member]) => members.includes(member))
    interfaces[name] = { ...before, ...Object.fromEntries(said) }
  }
  const value = JSON.stringify({ interfaces })
  edge.applyConfig(updateComponent(edge.config, '_host', [{ name: 'networkConfiguration', value }]))
  return {}
}

/** `getNetworkInfo`: the address that a router would have given. */
export function networkInfo(edge: EdgeControls): object {
  const dynamic = { family: 'inet', address: '192.168.178.20', subnetmask: 24, dynamic: true }
  const networkInterfaces = Object.entries(networkConfig(edge).interfaces).map(([hardwareInterface, { dhcp }]) => ({
    hardwareInterface,
    ips: dhcp === true ? [dynamic] : [],
  }))
  return { networkInterfaces, routes: [] }
}
