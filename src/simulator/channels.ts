/**
 * Every channel of a simulated home, once: what `getChannelsOfComponent` says about it and how its value is read.
 * The eighteen of the live view are among them (openems-ui.md section 4).
 */
import { chargeOf, type Home, type HomeState, wattHours } from './day-curve.ts'

/** What the channels are read from. */
export interface Reading {
  home: Home
  state: HomeState
  /** 0 ok, 1 info, 2 warning, 3 fault. */
  level: number
  setPointW: number | undefined
}

/** A channel as OpenEMS describes it (openems-ui.md section 4, `Channel`). */
export interface ChannelRecord {
  readonly id: string
  readonly accessMode: 'RO' | 'RW' | 'WO'
  readonly persistencePriority: string
  readonly text: string
  readonly type: 'INTEGER' | 'LONG' | 'STRING'
  readonly unit: string
  readonly category: 'OPENEMS_TYPE' | 'ENUM' | 'STATE'
  readonly level?: string
  readonly options?: Readonly<Record<string, number>>
}

export interface Channel {
  readonly component: string
  readonly record: ChannelRecord
  /** `"component/Channel":`, ready to be put into a frame. */
  readonly key: string
  /** How five minutes become one value (protocol B.2 `aggregatedData`). */
  readonly aggregate: 'average' | 'last'
  /** NaN is null on the wire. Channels without `read` are write-only and never sent. */
  readonly read?: (reading: Reading) => number
}

/** Firmware that the simulated edges claim to run; the value of `_meta/Version`. */
export const SIMULATED_VERSION = '2026.4.0'

const WATT_HOURS = 'Wh_Σ'
const stateOptions = { OK: 0, INFO: 1, WARNING: 2, FAULT: 3 }
const levelNames = Object.keys(stateOptions)
const gridModes = { UNDEFINED: -1, ON_GRID: 1, OFF_GRID: 2 }
/** Which component is to blame for a level, so that the state of the sum is the worst of its parts. */
const culprits = ['', 'meter1', 'meter0', 'ess0']

const third = (watts: number, phase: number) => {
  const share = Math.trunc(watts / 3)
  return phase === 3 ? watts - 2 * share : share
}
const loadShares = [0, 0.42, 0.33]
const loadOn = ({ state }: Reading, phase: number) => {
  const first = Math.round(state.loadW * (loadShares[1] ?? 0))
  const second = Math.round(state.loadW * (loadShares[2] ?? 0))
  return [0, first, second, state.loadW - first - second][phase] ?? 0
}
const productionOn = ({ state }: Reading, phase: number) => third(state.productionW, phase)
const batteryOn = ({ state }: Reading, phase: number) => third(state.batteryW, phase)
const gridOn = (reading: Reading, phase: number) =>
  loadOn(reading, phase) - productionOn(reading, phase) - batteryOn(reading, phase)

const grid = ({ state }: Reading) => state.gridW
const production = ({ state }: Reading) => state.productionW
const load = ({ state }: Reading) => state.loadW
const battery = ({ state }: Reading) => state.batteryW
const charge = ({ home, state }: Reading) => chargeOf(home, state)
const capacity = ({ home }: Reading) => home.capacityWh
const batteryPeak = ({ home }: Reading) => home.batteryPeakW
const bought = ({ state }: Reading) => wattHours(state.bought)
const sold = ({ state }: Reading) => wattHours(state.sold)
const produced = ({ state }: Reading) => wattHours(state.produced)
const consumed = ({ state }: Reading) => wattHours(state.consumed)
const charged = ({ state }: Reading) => wattHours(state.charged)
const discharged = ({ state }: Reading) => wattHours(state.discharged)

/** The channels of a home in the order in which they are sent; write-only ones last. */
export const homeChannels: readonly Channel[] = [
  stateChannel('_sum', ({ level }) => level),
  number('_sum/EssSoc', '%', charge),
  ...phased('_sum/EssActivePower', battery, batteryOn),
  number('_sum/EssDischargePower', 'W', battery),
  number('_sum/EssMinDischargePower', 'W', (reading) => -batteryPeak(reading)),
  number('_sum/EssMaxDischargePower', 'W', batteryPeak),
  number('_sum/EssCapacity', 'Wh', capacity),
  number('_sum/EssActiveChargeEnergy', WATT_HOURS, charged),
  number('_sum/EssActiveDischargeEnergy', WATT_HOURS, discharged),
  number('_sum/EssDcChargeEnergy', WATT_HOURS, charged),
  number('_sum/EssDcDischargeEnergy', WATT_HOURS, discharged),
  ...phased('_sum/GridActivePower', grid, gridOn),
  number('_sum/GridMinActivePower', 'W', ({ state }) => state.gridMinW),
  number('_sum/GridMaxActivePower', 'W', ({ state }) => state.gridMaxW),
  choice('_sum/GridMode', gridModes, () => 1),
  number('_sum/GridBuyActiveEnergy', WATT_HOURS, bought),
  number('_sum/GridSellActiveEnergy', WATT_HOURS, sold),
  number('_sum/ProductionActivePower', 'W', production),
  ...phased('_sum/ProductionAcActivePower', production, productionOn),
  /** @NOTE null: no charger on the direct-current side of the battery. */
  number('_sum/ProductionDcActualPower', 'W', () => Number.NaN),
  number('_sum/ProductionMaxActivePower', 'W', ({ state }) => state.productionMaxW),
  number('_sum/ProductionActiveEnergy', WATT_HOURS, produced),
  number('_sum/ProductionAcActiveEnergy', WATT_HOURS, produced),
  ...phased('_sum/ConsumptionActivePower', load, loadOn),
  number('_sum/ConsumptionMaxActivePower', 'W', ({ state }) => state.loadMaxW),
  number('_sum/ConsumptionActiveEnergy', WATT_HOURS, consumed),
  stateChannel('_meta', blamed('_meta')),
  /** @NOTE the one text: see `encode`. */
  channel('_meta/Version', { type: 'STRING', read: () => 0, aggregate: 'last' }),
  stateChannel('_host', blamed('_host')),
  stateChannel('_appManager', blamed('_appManager')),
  stateChannel('ess0', blamed('ess0')),
  flag('ess0/BatteryFault', 3, 'Battery reports a fault'),
  number('ess0/Soc', '%', charge),
  number('ess0/ActivePower', 'W', battery),
  number('ess0/Capacity', 'Wh', capacity),
  number('ess0/MaxApparentPower', 'VA', batteryPeak),
  number('ess0/ActiveChargeEnergy', WATT_HOURS, charged),
  number('ess0/ActiveDischargeEnergy', WATT_HOURS, discharged),
  choice('ess0/GridMode', gridModes, () => 1),
  stateChannel('meter0', blamed('meter0')),
  flag('meter0/PhaseVoltageHigh', 2, 'Voltage of a phase is too high'),
  ...phased('meter0/ActivePower', grid, gridOn),
  number('meter0/ActiveProductionEnergy', WATT_HOURS, bought),
  number('meter0/ActiveConsumptionEnergy', WATT_HOURS, sold),
  stateChannel('meter1', blamed('meter1')),
  flag('meter1/ServiceDue', 1, 'Service of the inverter is due'),
  ...phased('meter1/ActivePower', production, productionOn),
  number('meter1/ActiveProductionEnergy', WATT_HOURS, produced),
  stateChannel('ctrlDebugLog0', blamed('ctrlDebugLog0')),
  stateChannel('ctrlBackend0', blamed('ctrlBackend0')),
  number('ess0/DebugSetActivePower', 'W', ({ setPointW }) => setPointW ?? Number.NaN),
  channel('ess0/SetActivePowerEquals', { unit: 'W', accessMode: 'WO', text: 'Active power the battery has to keep' }),
]

/** The value as JSON. */
export function encode(channel: Channel, value: number): string {
  if (channel.record.type === 'STRING') return JSON.stringify(SIMULATED_VERSION)
  return Number.isNaN(value) ? 'null' : String(value)
}

/** `<component>/State`: the one channel that every component has. */
export function stateChannel(component: string, read: (reading: Reading) => number = () => 0): Channel {
  return channel(`${component}/State`, {
    read,
    text: '0:Ok, 1:Info, 2:Warning, 3:Fault',
    category: 'ENUM',
    options: stateOptions,
    aggregate: 'last',
  })
}

function blamed(component: string): (reading: Reading) => number {
  return ({ level }) => (culprits[level] === component ? level : 0)
}

/** One cause of a level, as the status page lists them. */
function flag(address: string, level: number, text: string): Channel {
  return channel(address, {
    read: (reading) => (reading.level === level ? 1 : 0),
    text,
    category: 'STATE',
    level: levelNames[level] ?? '',
    aggregate: 'last',
  })
}

function number(address: string, unit: string, read: (reading: Reading) => number): Channel {
  const cumulated = unit === WATT_HOURS
  return channel(address, {
    unit,
    read,
    type: cumulated ? 'LONG' : 'INTEGER',
    aggregate: cumulated ? 'last' : 'average',
  })
}

function phased(
  address: string,
  total: (reading: Reading) => number,
  on: (reading: Reading, phase: number) => number,
): Channel[] {
  const phases = [1, 2, 3].map((phase) => number(`${address}L${phase}`, 'W', (reading) => on(reading, phase)))
  return [number(address, 'W', total), ...phases]
}

function choice(address: string, options: Readonly<Record<string, number>>, read: () => number): Channel {
  return channel(address, { read, category: 'ENUM', options, aggregate: 'last' })
}

type Parts = Partial<Omit<ChannelRecord, 'id'>> & Partial<Pick<Channel, 'aggregate'>> & Pick<Channel, 'read'>

function channel(address: string, { read, aggregate = 'average', ...parts }: Parts): Channel {
  const [component = '', id = ''] = address.split('/')
  return {
    component,
    key: `${JSON.stringify(address)}:`,
    aggregate,
    ...(read && { read }),
    record: {
      id,
      accessMode: 'RO',
      persistencePriority: 'HIGH',
      text: '',
      type: 'INTEGER',
      unit: '',
      category: 'OPENEMS_TYPE',
      ...parts,
    },
  }
}
