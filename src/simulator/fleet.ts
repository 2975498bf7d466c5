/** Many simulated edges in one process: demo, tests and load tests run on the same code. */
import { type Clock, systemClock } from '../lib/clock.ts'
import { type Condition, type FleetStatus, SimulatedEdge } from './edge.ts'
import { LeanMeasurements, type LeanProfile, leanLayout } from './lean-measurements.ts'
import { HomeMeasurements, type Measurements } from './measurements.ts'
import { between, mix } from './noise.ts'
import { Wheel } from './wheel.ts'

export type { Condition, FleetStatus } from './edge.ts'

export interface FleetOptions {
  /** The edge port, `ws://host:8081`. */
  url: string
  edges: number
  /** Index of the first edge; also the start of its seed, so that edge 7 is the same home in every fleet. */
  first?: number
  apiKey: (index: number) => string
  /** Asked every second, so it may change; default `ok`. */
  condition?: (index: number) => Condition
  profile?: 'home' | LeanProfile
  /** Attempts a second over the whole fleet, first and repeated; Infinity lets a reconnect storm happen. */
  connectPerSecond?: number
  /** Source addresses taken in turn: one address has some 28,000 ports to one server. */
  localAddresses?: readonly string[]
  /** Range of the waiting time that each edge draws once (protocol A.6). */
  reconnect?: { minMs: number; maxMs: number }
  clock?: Clock
  /** Told once a second. */
  onStatus?: (status: FleetStatus) => void
}

export interface Fleet extends AsyncDisposable {
  status(): FleetStatus
  /** Gives a turn to every edge that is due by the clock; the fleet's own timer does the same every 50 ms. */
  tick(): void
}

const SLOT_MS = 50
const CLOSE_WITHIN_MS = 2000
const DEFAULT_CONNECT_PER_SECOND = 500
/** As an edge does it. */
const DEFAULT_RECONNECT = { minMs: 10_000, maxMs: 100_000 }
const MAX_AGGREGATE_DELAY_SECONDS = 269

/** Starts a fleet of simulated edges; they connect by themselves, at the given pace, and come back when cut off. */
export function startFleet(options: FleetOptions): Fleet {
  const { protocol } = new URL(options.url)
  if (protocol !== 'ws:' && protocol !== 'wss:') throw new TypeError(`Not a websocket address: ${options.url}`)
  const clock = options.clock ?? systemClock
  const now = () => clock().getTime()
  const status: FleetStatus = {
    connected: 0,
    connecting: 0,
    refused: 0,
    lost: 0,
    framesSent: 0,
    framesReceived: 0,
    requestsAnswered: 0,
    lastRefusal: null,
    lastLoss: null,
  }
  const wheel = new Wheel<SimulatedEdge>((edge, at) => edge.turn(at), SLOT_MS)
  const ramp = new Ramp(options.connectPerSecond ?? DEFAULT_CONNECT_PER_SECOND)
  const edges = buildEdges(options, now, status, () => ramp.take())
  for (const [position, edge] of edges.entries()) wheel.add(edge, position)

  let toldAt = now()
  const tick = () => {
    const at = now()
    ramp.advance(at)
    wheel.advance(at)
    if (options.onStatus && at - toldAt >= 1000) {
      toldAt = at
      options.onStatus({ ...status })
    }
  }
  const timer = setInterval(tick, SLOT_MS)
  return {
    status: () => ({ ...status }),
    tick,
    [Symbol.asyncDispose]: async () => {
      clearInterval(timer)
      await stopAll(edges)
    },
  }
}

function buildEdges(options: FleetOptions, now: () => number, status: FleetStatus, mayConnect: () => boolean) {
  const { url, first = 0, apiKey, condition, localAddresses = [] } = options
  const { minMs, maxMs } = options.reconnect ?? DEFAULT_RECONNECT
  const measure = measurementsFor(options.profile ?? 'home')
  return Array.from({ length: options.edges }, (_, position) => {
    const index = first + position
    const seed = mix(index, 1)
    return new SimulatedEdge({
      url,
      apiKey: () => apiKey(index),
      localAddress: localAddresses[position % Math.max(1, localAddresses.length)],
      condition: () => condition?.(index) ?? 'ok',
      measurements: measure(seed),
      reconnectMs: between(seed, 2, minMs, maxMs),
      aggregateDelayMs: between(seed, 3, 0, MAX_AGGREGATE_DELAY_SECONDS) * 1000,
      now,
      mayConnect,
      status,
    })
  })
}

function measurementsFor(profile: 'home' | LeanProfile): (seed: number) => Measurements {
  if (profile === 'home') return (seed) => new HomeMeasurements(seed)
  const layout = leanLayout(profile)
  return (seed) => new LeanMeasurements(layout, seed)
}

/** Closes every socket the polite way; whoever does not answer is cut off. */
async function stopAll(edges: readonly SimulatedEdge[]): Promise<void> {
  const stopped = Promise.all(edges.map((edge) => edge.stop()))
  const patience = setTimeout(() => {
    for (const edge of edges) edge.terminate()
  }, CLOSE_WITHIN_MS)
  await stopped
  clearTimeout(patience)
}

/** So many attempts a second, with a quarter of a second's worth in hand. */
class Ramp {
  readonly #perSecond: number
  readonly #most: number
  #left: number
  #at: number | undefined
  constructor(perSecond: number) {
    this.#perSecond = perSecond
    this.#most = Math.max(1, perSecond / 4)
    this.#left = this.#most
  }
  advance(at: number): void {
    const elapsed = Math.max(0, at - (this.#at ?? at))
    this.#at = at
    if (Number.isFinite(this.#perSecond)) {
      this.#left = Math.min(this.#most, this.#left + (this.#perSecond * elapsed) / 1000)
    }
  }
  take(): boolean {
    if (this.#left < 1) return false
    this.#left--
    return true
  }
}
