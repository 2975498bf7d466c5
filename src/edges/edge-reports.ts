import type { LiveHub } from '../live/hub.ts'
import type { LiveEvents } from '../live/live-events.ts'

/** What another backend says about an edge that is connected to it; members left out stay as it said last. */
export interface EdgeReport {
  /** When it was so, epoch ms; the newest report about an edge counts. */
  at: number
  online?: boolean | undefined
  lastMessage?: number | undefined
  version?: string | undefined
  /** 0 OK ... 3 FAULT. */
  sumState?: number | undefined
}
export type ReportOutcome = 'taken' | 'connected' | 'older'

/** One connection that reports; what it said counts as long as it lasts. */
export interface Reporter extends Disposable {
  report(edgeId: number, report: EdgeReport): ReportOutcome
}

/**
 * Edges that are connected elsewhere, as others report them. An edge connected here speaks for itself and reports wait; of
 * several reports the newest counts; with the connection of a reporter its reports end, and an edge nobody else reports is
 * offline.
 */
export class EdgeReports implements LiveEvents {
  readonly #hub: () => LiveHub
  readonly #events: LiveEvents
  readonly #reporters = new WeakMap<object, Reporter>()
  readonly #byEdge = new Map<number, Map<Reporter, EdgeReport>>()

  constructor(hub: () => LiveHub, events: LiveEvents) {
    this.#hub = hub
    this.#events = events
  }

  /** The reporter of a connection; a new one is handed to `opened`, which sees to its end. */
  of(connection: object, opened: (reporter: Reporter) => void): Reporter {
    const known = this.#reporters.get(connection)
    if (known) return known
    const reporter = this.#open(() => this.#reporters.delete(connection))
    this.#reporters.set(connection, reporter)
    opened(reporter)
    return reporter
  }

  #open(ended: () => void): Reporter {
    const edges = new Set<number>()
    const reporter: Reporter = {
      report: (edgeId, report) => {
        edges.add(edgeId)
        return this.#take(reporter, edgeId, report)
      },
      [Symbol.dispose]: () => {
        ended()
        for (const edgeId of edges) this.#forget(reporter, edgeId)
        edges.clear()
      },
    }
    return reporter
  }

  /** An edge whose own connection has ended may still be reported. */
  stateChanged(edgeId: number): void {
    if (this.#byEdge.has(edgeId)) this.#settle(edgeId)
  }

  #take(reporter: Reporter, edgeId: number, report: EdgeReport): ReportOutcome {
    const reports = this.#byEdge.get(edgeId) ?? new Map<Reporter, EdgeReport>()
    const own = reports.get(reporter)
    if (own !== undefined && own.at > report.at) return 'older'
    const given = Object.fromEntries(Object.entries(report).filter(([, value]) => value !== undefined))
    this.#byEdge.set(edgeId, reports.set(reporter, { ...own, ...given, at: report.at }))
    if (this.#hub().isConnected(edgeId)) return 'connected'
    this.#settle(edgeId)
    return newest(reports) === reports.get(reporter) ? 'taken' : 'older'
  }

  #forget(reporter: Reporter, edgeId: number): void {
    const reports = this.#byEdge.get(edgeId)
    if (!reports?.delete(reporter)) return
    if (reports.size > 0) return this.#settle(edgeId)
    this.#byEdge.delete(edgeId)
    const hub = this.#hub()
    if (!hub.isConnected(edgeId) && hub.states.setOnline(edgeId, false)) this.#events.stateChanged(edgeId)
  }

  /** Makes the newest report the state of an edge that does not speak for itself. */
  #settle(edgeId: number): void {
    const hub = this.#hub()
    const report = newest(this.#byEdge.get(edgeId) ?? new Map())
    if (report === undefined || hub.isConnected(edgeId)) return
    const { states } = hub
    const { online = false, lastMessage, version, sumState } = report
    let changed = states.setOnline(edgeId, online)
    if (lastMessage !== undefined && lastMessage > (states.get(edgeId).lastMessageAt ?? 0))
      changed = states.setLastMessage(edgeId, lastMessage) || changed
    if (version !== undefined) changed = states.setVersion(edgeId, version) || changed
    if (sumState !== undefined) changed = states.setSumState(edgeId, sumState) || changed
    if (changed) this.#events.stateChanged(edgeId)
  }
}

/** Of equally old ones that of whoever reported first. */
function newest(reports: ReadonlyMap<Reporter, EdgeReport>): EdgeReport | undefined {
  let found: EdgeReport | undefined
  for (const report of reports.values()) if (found === undefined || report.at > found.at) found = report
  return found
}
