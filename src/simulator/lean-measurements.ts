/**
 * Measurements for load tests: any number of channels, so many changes a second, and next to no memory per edge,
 * because a value follows from the seed and the number of the change instead of being kept.
 */
import { type ChannelRecord, homeChannels, SIMULATED_VERSION } from './channels.ts'
import { defaultConfig } from './edge-config.ts'
import type { Measurements } from './measurements.ts'
import { mix } from './noise.ts'

export interface LeanProfile {
  channels: number
  changesPerSecond: number
}

interface LeanChannel {
  readonly key: string
  readonly low: number
  readonly span: number
}

/** What all edges of a fleet share: the keys of the channels that change, the live view's first. */
export interface LeanLayout {
  readonly changing: readonly LeanChannel[]
  readonly changesPerSecond: number
}

/** Always there; the service reads both (protocol B.5). */
const STATE = '"_sum/State":'
const VERSION = `"_meta/Version":${JSON.stringify(SIMULATED_VERSION)}`
const config = defaultConfig(10_000)
const realKeys = homeChannels
  .filter(({ read, record, component }) => read && record.category === 'OPENEMS_TYPE' && component !== '_meta')
  .map(({ key, record }) => ({ key, ...(record.unit === '%' ? { low: 0, span: 101 } : { low: -9999, span: 19_999 }) }))

/** The layout of a profile; `channels` counts state and version too. */
export function leanLayout({ channels, changesPerSecond }: LeanProfile): LeanLayout {
  const changing = Array.from({ length: Math.max(0, Math.floor(channels) - 2) }, (_, index) => {
    return realKeys[index] ?? { key: `"meter0/Sample${index}":`, low: -9999, span: 19_999 }
  })
  return { changing, changesPerSecond: Math.max(0, Math.min(changesPerSecond, changing.length)) }
}

/** The measurements of one edge under load: a seed, a counter and two levels. */
export class LeanMeasurements implements Measurements {
  readonly config = config
  readonly #layout: LeanLayout
  readonly #seed: number
  #turns = 0
  #level = 0
  #sentLevel = -1
  #closedAfter = -1

  constructor(layout: LeanLayout, seed: number) {
    this.#layout = layout
    this.#seed = seed
  }

  advance(_at: number, level: number): void {
    this.#level = level
  }

  takeChanges(all: boolean): string {
    const { changing, changesPerSecond } = this.#layout
    const from = Math.floor(this.#turns * changesPerSecond)
    const to = Math.floor(++this.#turns * changesPerSecond)
    const newLevel = this.#level !== this.#sentLevel
    this.#sentLevel = this.#level
    if (all) return this.#everything(this.#turns)
    let members = newLevel ? `${STATE}${this.#level}` : ''
    for (let change = from; change < to; change++) {
      const channel = changing[change % changing.length] as LeanChannel
      members += `${members && ','}${channel.key}${this.#value(channel, change)}`
    }
    return members
  }

  closeWindow(): void {
    this.#closedAfter = this.#turns
  }

  aggregated(): string {
    return this.#closedAfter > 0 ? this.#everything(this.#closedAfter) : ''
  }

  configure(): void {}

  channelsOf(componentId: string): readonly ChannelRecord[] {
    return homeChannels.filter(({ component }) => component === componentId).map(({ record }) => record)
  }

  write(): void {}

  summary(): string {
    return `_sum[Turns:${this.#turns}]`
  }

  /** Every channel with its latest change up to a turn; before the first one the value of change number `index`. */
  #everything(turns: number): string {
    const { changing, changesPerSecond } = this.#layout
    const changes = Math.floor(turns * changesPerSecond)
    let members = `${STATE}${this.#level},${VERSION}`
    for (const [index, channel] of changing.entries()) {
      const rounds = changes > index ? Math.floor((changes - 1 - index) / changing.length) : 0
      members += `,${channel.key}${this.#value(channel, index + rounds * changing.length)}`
    }
    return members
  }

  #value({ low, span }: LeanChannel, change: number): number {
    return low + (mix(this.#seed, change) % span)
  }
}
