/** What one edge measures: the part of a simulated edge that differs between the profiles. */
import { type Channel, type ChannelRecord, encode, homeChannels, stateChannel } from './channels.ts'
import { advance, type Home, type HomeState, homeOf, stateAt } from './day-curve.ts'
import { defaultConfig, type EdgeConfig, isEnabled } from './edge-config.ts'

/** Every method that returns text returns the members of a JSON object, without braces; '' for none. */
export interface Measurements {
  /** The configuration the edge starts with; shared between edges. */
  readonly config: EdgeConfig
  /** Moves on to `at`. */
  advance(at: number, level: number): void
  /** What differs from the last call, or everything. */
  takeChanges(all: boolean): string
  /** Ends a five-minute window and starts the next. */
  closeWindow(): void
  /** The values of the window closed last; '' when nothing was measured in it. */
  aggregated(withNulls: boolean): string
  /** Which components are there and switched on. */
  configure(config: EdgeConfig): void
  channelsOf(componentId: string): readonly ChannelRecord[]
  write(address: string, value: unknown, at: number): void
  /** One line for the debug log. */
  summary(): string
}

/** How long a written value holds (`apiTimeout` of protocol B.1). */
const WRITE_HOLDS_MS = 60_000
const levels = ['Ok', 'Info', 'Warning', 'Fault']
const sentChannels = homeChannels.filter(({ read }) => read !== undefined)
/** One row for all edges: a measurement is read and sent before the next edge has its turn. */
const current = new Float64Array(sentChannels.length)
const configs = new Map<number, EdgeConfig>()

/** A believable home: see `day-curve.ts`. */
export class HomeMeasurements implements Measurements {
  readonly config: EdgeConfig
  readonly #home: Home
  #state: HomeState | undefined
  #level = 0
  #setPointW: number | undefined
  #setUntil = 0
  readonly #sent = new Float64Array(sentChannels.length)
  readonly #sums = new Float64Array(sentChannels.length)
  #samples = 0
  #closed: Float64Array | undefined
  /** Components the edge does not have by default; each has a state. */
  #extra: readonly Channel[] = []
  #absent: ReadonlySet<string> = new Set()

  constructor(seed: number) {
    this.#home = homeOf(seed)
    this.config = sharedConfig(this.#home.capacityWh)
  }

  advance(at: number, level: number): void {
    if (at >= this.#setUntil) this.#setPointW = undefined
    this.#level = level
    if (this.#state) advance(this.#home, this.#state, at, this.#setPointW)
    else this.#state = stateAt(this.#home, at)
    this.#read(this.#state)
    this.#collect()
  }

  takeChanges(all: boolean): string {
    if (!this.#state) return ''
    this.#read(this.#state)
    let members = ''
    for (let index = 0; index < current.length; index++) {
      const channel = sentChannels[index] as Channel
      const value = current[index] as number
      if (!all && isSame(value, this.#sent[index] as number)) continue
      this.#sent[index] = value
      if (this.#absent.has(channel.component)) continue
      members += `${members && ','}${channel.key}${encode(channel, value)}`
    }
    if (all) for (const channel of this.#extra) members += `${members && ','}${channel.key}0`
    return members
  }

  closeWindow(): void {
    this.#closed = undefined
    if (this.#samples > 0) {
      this.#closed = this.#sums.map((sum, index) =>
        sentChannels[index]?.aggregate === 'average' ? Math.round(sum / this.#samples) : sum,
      )
    }
    this.#sums.fill(0)
    this.#samples = 0
  }

  aggregated(withNulls: boolean): string {
    let members = ''
    for (const [index, value] of this.#closed?.entries() ?? []) {
      const channel = sentChannels[index] as Channel
      if (this.#absent.has(channel.component) || (!withNulls && Number.isNaN(value))) continue
      members += `${members && ','}${channel.key}${encode(channel, value)}`
    }
    return members
  }

  configure(config: EdgeConfig): void {
    const own = new Set(homeChannels.map(({ component }) => component))
    this.#absent = new Set([...own].filter((id) => !isEnabled(config, id)))
    this.#extra = Object.keys(config.components)
      .filter((id) => !own.has(id) && isEnabled(config, id))
      .map((id) => stateChannel(id))
  }

  channelsOf(componentId: string): readonly ChannelRecord[] {
    const known = homeChannels.filter(({ component }) => component === componentId)
    return (known.length > 0 ? known : [stateChannel(componentId)]).map(({ record }) => record)
  }

  write(address: string, value: unknown, at: number): void {
    if (address !== 'ess0/SetActivePowerEquals') return
    const watts = value === null || value === '' ? Number.NaN : Number(value)
    this.#setPointW = Number.isFinite(watts) ? watts : undefined
    this.#setUntil = at + WRITE_HOLDS_MS
  }

  summary(): string {
    const state = this.#state
    if (!state) return ''
    const soc = Math.round((state.storedWh / this.#home.capacityWh) * 100)
    const ess = `Ess SoC:${soc} %|L:${state.batteryW} W`
    const flows = `Grid:${state.gridW} W Production:${state.productionW} W Consumption:${state.loadW} W`
    return `_sum[State:${levels[this.#level] ?? ''} ${ess} ${flows}]`
  }

  #read(state: HomeState): void {
    const reading = { home: this.#home, state, level: this.#level, setPointW: this.#setPointW }
    for (let index = 0; index < current.length; index++) {
      current[index] = sentChannels[index]?.read?.(reading) ?? Number.NaN
    }
  }

  #collect(): void {
    this.#samples++
    for (let index = 0; index < current.length; index++) {
      const value = current[index] as number
      if (sentChannels[index]?.aggregate === 'average') this.#sums[index] = (this.#sums[index] as number) + value
      else this.#sums[index] = value
    }
  }
}

/** @NOTE not Object.is: zero has two signs, and null (NaN) equals itself on the wire. */
function isSame(one: number, other: number): boolean {
  return one === other || (Number.isNaN(one) && Number.isNaN(other))
}

function sharedConfig(capacityWh: number): EdgeConfig {
  const known = configs.get(capacityWh) ?? defaultConfig(capacityWh)
  configs.set(capacityWh, known)
  return known
}
