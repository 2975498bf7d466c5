/** Values are numbers, strings, booleans or null (protocol A.5). */
export type ChannelValue = number | string | boolean | null
export type ChannelRow = Readonly<Record<string, unknown>>

const GAP_MS = 15 * 60_000
const MAX_CHANNELS = 20_000

/**
 * The newest value of each channel of one edge: two layers, looked up `current` first, then `aggregated` (protocol B.5).
 * JSON.parse hands out one shared string per channel name, so names are not copied per edge.
 */
export class ChannelCache {
  #current: Map<string, ChannelValue> | undefined
  #aggregated: Map<string, ChannelValue> | undefined
  #currentAt = 0
  #aggregatedAt = 0

  #version = 0

  /** Another one whenever a value may be another. */
  get version(): number {
    return this.#version
  }

  get size(): number {
    return (this.#current?.size ?? 0) + (this.#aggregated?.size ?? 0)
  }

  get(channel: string): ChannelValue {
    const live = this.#current?.get(channel)
    if (live !== undefined) return live
    return this.#aggregated?.get(channel) ?? null
  }

  /** A live value, if any live row came at or after an instant. */
  liveSince(channel: string, since: number): ChannelValue | undefined {
    return this.#currentAt < since ? undefined : this.#current?.get(channel)
  }

  /**
   * Merges a live row; false when the row is older than what is known and was ignored. No row counts as newer than now: an
   * edge, or a service, whose clock ran ahead must not silence itself once the clock is put right.
   */
  mergeCurrent(at: number, row: ChannelRow, now: number): boolean {
    this.#currentAt = Math.min(this.#currentAt, now)
    const time = Math.min(at, now)
    if (time < this.#currentAt) return false
    if (this.#current === undefined || time - this.#currentAt > GAP_MS) this.#current = new Map()
    this.#currentAt = time
    merge(this.#current, row)
    this.#version++
    return true
  }

  /** Merges an aggregated row (up to ten minutes old when it arrives). */
  mergeAggregated(at: number, row: ChannelRow, now: number): boolean {
    this.#aggregatedAt = Math.min(this.#aggregatedAt, now)
    const time = Math.min(at, now)
    if (time < this.#aggregatedAt) return false
    if (this.#aggregated === undefined || time - this.#aggregatedAt > GAP_MS) this.#aggregated = new Map()
    this.#aggregatedAt = time
    merge(this.#aggregated, row)
    this.#version++
    return true
  }
}

function merge(into: Map<string, ChannelValue>, row: ChannelRow): void {
  for (const channel in row) {
    const value = row[channel]
    if (typeof value === 'object' && value !== null) continue
    if (into.size >= MAX_CHANNELS && !into.has(channel)) continue
    into.set(channel, value as ChannelValue)
  }
}
