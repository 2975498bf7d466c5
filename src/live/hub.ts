import { type Components, coversChannel } from '../access/components.ts'
import type { Clock } from '../lib/clock.ts'
import { ChannelCache, type ChannelValue } from './channel-cache.ts'
import { EdgeStates, levels } from './edge-states.ts'
import type { LiveEvents } from './live-events.ts'

/** The way to an edge, its own socket or through an app that holds it, as far as the hub needs it. */
export interface EdgeLink {
  /** Keyed hash of the API key this connection was made with; undefined when somebody else looked at the key. */
  readonly keyHash: string | undefined
  /** Set when a newer link does not end this one: it waits, to be used again when the newer one is gone. */
  readonly standsBy?: true
  /** Sends a request to the edge; rejects with the edge's error, on timeout, and at once when the link drops. */
  request(method: string, params: Record<string, unknown>, timeoutMs: number): Promise<unknown>
  /** Ends the connection because of `reason`; what stands by keeps its place when it was replaced. */
  end(reason: 'replaced' | 'revoked'): void
}

/** Whoever watches edges: one per UI socket. All calls return at once. */
export interface Watcher {
  /** The components of this edge that the holder may see live; asked for each push. */
  liveComponents(edgeId: number): Components
  maySeeSystemLog(edgeId: number): boolean
  /** False: whoever reads slowly was passed over. */
  pushData(edgeName: string, values: Record<string, ChannelValue>): boolean
  pushNotification(edgeName: string, method: string, params: Record<string, unknown>): void
}

export interface LiveEdge {
  readonly id: number
  readonly name: string
  link: EdgeLink | undefined
  /** Older links that stand by, the newest last. */
  standby: EdgeLink[] | undefined
  readonly cache: ChannelCache
  /** Timestamp of the row that set sum state and version last. */
  stateAt: number
  watchers: Set<Subscription> | undefined
  logWatchers: Set<Subscription> | undefined
  dirty: boolean
  /** Whose forwarded request may be the cause of the next configuration (history: who changed it). */
  configActor: { principalId: number; at: number } | undefined
}

/** What one watcher listens to; the reverse index stands in each LiveEdge. */
export interface Subscription {
  readonly watcher: Watcher
  readonly edges: Set<number>
  readonly channels: Map<number, readonly string[]>
  readonly logs: Set<number>
}

const MAX_CHANNEL_SUBSCRIPTIONS = 200
const versionForm = /^[ -~]{1,60}$/

/**
 * Which edge is connected, its newest values, and who listens to what; indexed both ways, so that a frame of an edge costs
 * its own watchers and nothing else. Single node: memory.
 */
export class LiveHub {
  readonly states = new EdgeStates()
  readonly #edges = new Map<number, LiveEdge>()
  readonly #clock: Clock
  readonly #events: LiveEvents
  #dirty: LiveEdge[] = []
  #flushScheduled = false
  #connectedCount = 0

  constructor(clock: Clock, events: LiveEvents) {
    this.#clock = clock
    this.#events = events
  }

  get connectedCount(): number {
    return this.#connectedCount
  }

  find(edgeId: number): LiveEdge | undefined {
    return this.#edges.get(edgeId)
  }

  isConnected(edgeId: number): boolean {
    return this.#edges.get(edgeId)?.link !== undefined
  }

  /** The newest link of an edge wins; the older one is ended or stands by (the stock backend mixes both, protocol B.4). */
  connect(edgeId: number, name: string, link: EdgeLink): LiveEdge {
    const edge = this.#edge(edgeId, name)
    const previous = edge.link
    if (previous === link) return edge
    leaveStandby(edge, link)
    edge.link = link
    if (previous === undefined) this.#connectedCount++
    else if (previous.standsBy) edge.standby = [...(edge.standby ?? []), previous]
    previous?.end('replaced')
    return edge
  }

  /** A link is gone: a moving edge does not flap, because a newer link took over or an older one still has it. */
  disconnect(edge: LiveEdge, link: EdgeLink): void {
    if (edge.link !== link) return leaveStandby(edge, link)
    const older = edge.standby?.at(-1)
    edge.link = older
    if (older !== undefined) return leaveStandby(edge, older)
    this.#connectedCount--
    if (this.states.setOnline(edge.id, false)) this.#events.stateChanged(edge.id)
  }

  /** A key of this edge changed: a connection made with one that is no longer valid ends. */
  recheckKey(edgeId: number, isValid: (keyHash: string) => boolean): void {
    const link = this.#edges.get(edgeId)?.link
    if (link?.keyHash !== undefined && !isValid(link.keyHash)) link.end('revoked')
  }

  /** Any frame is a sign of life (protocol B.2: `timestampedData` is the heartbeat). */
  seen(edge: LiveEdge, now: number): void {
    const changed = this.states.setOnline(edge.id, true)
    if (this.states.setLastMessage(edge.id, now) || changed) this.#events.stateChanged(edge.id)
  }

  /** `timestampedData`: merges every row and derives sum state and version (protocol B.5). */
  currentData(edge: LiveEdge, params: Record<string, unknown>, now: number): void {
    for (const key in params) {
      const row = params[key]
      const at = Number(key)
      if (!Number.isFinite(at) || typeof row !== 'object' || row === null || Array.isArray(row)) continue
      if (!edge.cache.mergeCurrent(at, row as Record<string, unknown>, now)) continue
      this.#deriveState(edge, at, row as Record<string, unknown>)
      this.#touch(edge)
    }
  }

  /** `aggregatedData` may be ten minutes old: it sets a state only where nothing newer did. */
  aggregatedData(edge: LiveEdge, params: Record<string, unknown>, now: number): void {
    for (const key in params) {
      const row = params[key]
      const at = Number(key)
      if (!Number.isFinite(at) || typeof row !== 'object' || row === null || Array.isArray(row)) continue
      if (!edge.cache.mergeAggregated(at, row as Record<string, unknown>, now)) continue
      this.#deriveState(edge, at, row as Record<string, unknown>)
      this.#touch(edge)
    }
  }

  /** Hands a notification (`edgeConfig`) to everybody who watches the edge: what may be told of the components he may see. */
  broadcast(edge: LiveEdge, method: string, paramsOf: (shown: Components) => Record<string, unknown>): void {
    if (edge.watchers === undefined) return
    for (const { watcher } of edge.watchers) {
      const shown = watcher.liveComponents(edge.id)
      if (shown?.length !== 0) watcher.pushNotification(edge.name, method, paramsOf(shown))
    }
  }

  /** A line of the system log; false when nobody listens (the edge should then be told to stop, protocol B.5). */
  systemLog(edge: LiveEdge, params: Record<string, unknown>): boolean {
    if (edge.logWatchers === undefined) return false
    for (const subscription of edge.logWatchers) {
      const { watcher } = subscription
      if (watcher.maySeeSystemLog(edge.id)) watcher.pushNotification(edge.name, 'systemLog', params)
      else this.watchSystemLog(subscription, edge.id, edge.name, false)
    }
    return edge.logWatchers !== undefined
  }

  subscribe(watcher: Watcher): Subscription {
    return { watcher, edges: new Set(), channels: new Map(), logs: new Set() }
  }

  /** Replaces the set of watched edges (protocol C.3 subscribeEdges). */
  watchEdges(subscription: Subscription, edges: readonly { id: number; name: string }[]): void {
    const wanted = new Set(edges.map((edge) => edge.id))
    for (const id of subscription.edges) if (!wanted.has(id)) this.#unwatch(subscription, id)
    for (const { id, name } of edges) {
      if (subscription.edges.has(id)) continue
      subscription.edges.add(id)
      const edge = this.#edge(id, name)
      edge.watchers ??= new Set()
      edge.watchers.add(subscription)
    }
  }

  /** Replaces the channels of one edge and pushes their values at once if the edge is watched (protocol C.4). */
  watchChannels(subscription: Subscription, edgeId: number, channels: readonly string[]): void {
    if (channels.length === 0) {
      subscription.channels.delete(edgeId)
      return
    }
    if (subscription.channels.size >= MAX_CHANNEL_SUBSCRIPTIONS && !subscription.channels.has(edgeId)) {
      const oldest = subscription.channels.keys().next().value
      if (oldest !== undefined) subscription.channels.delete(oldest)
    }
    subscription.channels.set(edgeId, channels)
    const edge = this.#edges.get(edgeId)
    if (edge && subscription.edges.has(edgeId)) this.#push(edge, subscription)
  }

  /** Starts or stops the system log for one watcher; true when the edge must be told. */
  watchSystemLog(subscription: Subscription, edgeId: number, name: string, on: boolean): boolean {
    const edge = this.#edge(edgeId, name)
    if (on) {
      subscription.logs.add(edgeId)
      edge.logWatchers ??= new Set()
      edge.logWatchers.add(subscription)
      return true
    }
    subscription.logs.delete(edgeId)
    if (!edge.logWatchers?.delete(subscription)) return false
    if (edge.logWatchers.size > 0) return false
    edge.logWatchers = undefined
    return true
  }

  /** Ends everything a watcher listens to; returns the edges whose system log has no listener left. */
  unsubscribe(subscription: Subscription): LiveEdge[] {
    for (const id of [...subscription.edges]) this.#unwatch(subscription, id)
    subscription.channels.clear()
    const silent: LiveEdge[] = []
    for (const id of [...subscription.logs]) {
      const edge = this.#edges.get(id)
      if (edge && this.watchSystemLog(subscription, id, edge.name, false)) silent.push(edge)
    }
    return silent
  }

  /** Every connected link, for the drain at shutdown. */
  *links(): Iterable<EdgeLink> {
    for (const edge of this.#edges.values()) if (edge.link) yield edge.link
  }

  #edge(id: number, name: string): LiveEdge {
    const known = this.#edges.get(id)
    if (known) return known
    const edge: LiveEdge = {
      id,
      name,
      link: undefined,
      standby: undefined,
      cache: new ChannelCache(),
      stateAt: 0,
      watchers: undefined,
      logWatchers: undefined,
      dirty: false,
      configActor: undefined,
    }
    this.#edges.set(id, edge)
    return edge
  }

  #unwatch(subscription: Subscription, edgeId: number): void {
    subscription.edges.delete(edgeId)
    const edge = this.#edges.get(edgeId)
    if (!edge?.watchers?.delete(subscription)) return
    if (edge.watchers.size === 0) edge.watchers = undefined
  }

  #deriveState(edge: LiveEdge, rowAt: number, row: Record<string, unknown>): void {
    const state = row['_sum/State']
    const version = row['_meta/Version']
    if (state === undefined && version === undefined) return
    const at = Math.min(rowAt, this.#clock().getTime())
    if (at < edge.stateAt) return
    edge.stateAt = at
    let changed = false
    if (state !== undefined && state !== null) changed = this.states.setSumState(edge.id, toLevel(state))
    if (typeof version === 'string' && versionForm.test(version)) {
      changed = this.states.setVersion(edge.id, version) || changed
    }
    if (changed) this.#events.stateChanged(edge.id)
  }

  #touch(edge: LiveEdge): void {
    if (edge.watchers === undefined || edge.dirty) return
    edge.dirty = true
    this.#dirty.push(edge)
    if (this.#flushScheduled) return
    this.#flushScheduled = true
    setImmediate(() => this.#flush())
  }

  /** One push per edge and watcher and tick, however many frames came in. */
  #flush(): void {
    this.#flushScheduled = false
    const edges = this.#dirty
    this.#dirty = []
    for (const edge of edges) {
      edge.dirty = false
      if (edge.watchers) for (const subscription of edge.watchers) this.#push(edge, subscription)
    }
  }

  /**
   * Always all subscribed channels, null for one that is missing or not to be seen: the UI shows "-" (ui.md section 0, rule 8).
   * Who may see nothing any more is shown so once, lest the last values stand there as if they were live.
   */
  #push(edge: LiveEdge, subscription: Subscription): void {
    const channels = subscription.channels.get(edge.id)
    if (channels === undefined) return
    const shown = subscription.watcher.liveComponents(edge.id)
    const values: Record<string, ChannelValue> = {}
    for (const channel of channels) values[channel] = coversChannel(shown, channel) ? edge.cache.get(channel) : null
    const isTold = subscription.watcher.pushData(edge.name, values)
    if (shown?.length !== 0 || !isTold) return
    subscription.channels.delete(edge.id)
    this.#unwatch(subscription, edge.id)
  }
}

function leaveStandby(edge: LiveEdge, link: EdgeLink): void {
  if (edge.standby === undefined) return
  edge.standby = edge.standby.filter((other) => other !== link)
  if (edge.standby.length === 0) edge.standby = undefined
}

/** Unparsable is FAULT (protocol B.5). */
function toLevel(value: unknown): number {
  const level =
    typeof value === 'number' ? value : typeof value === 'string' && value !== '' ? Number(value) : Number.NaN
  return Number.isInteger(level) && level >= 0 && level < levels.length ? level : levels.length - 1
}
