import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import { errorKinds } from '../errors.ts'
import type { PeerKind } from '../rpc/method.ts'
import { CallDurations } from './call-durations.ts'

/** Kinds of sockets: those of clients, and of Backend.Edge.App, which calls no methods of its own. */
export type SocketKind = PeerKind | 'edgeManager'

/** Prometheus metrics; OpenEMS's names where it has one (protocol F.2). Unknown methods are counted as "other". */
export function createMetrics(release: string) {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  // What changes with every connection or frame is counted in plain numbers and read at a scrape.
  const openSockets: Record<SocketKind, number> = { ui: 0, edge: 0, service: 0, backend: 0, edgeManager: 0 }
  const edgeFrames = new Map<string, number>()
  new Gauge({
    name: 'websocket_connections',
    help: 'Open sockets',
    labelNames: ['component'] as const,
    registers: [registry],
    collect() {
      for (const [component, count] of Object.entries(openSockets)) this.set({ component }, count)
    },
  })
  const requests = new CallDurations(registry)
  const httpRequests = new Histogram({
    name: 'http_requests',
    help: 'Duration of HTTP requests in seconds',
    labelNames: ['component', 'path'] as const,
    buckets: [0.001, 0.01, 0.1, 1, 10],
    registers: [registry],
  })
  const httpResults = new Counter({
    name: 'http_request_result',
    help: 'HTTP requests by status',
    labelNames: ['component', 'path', 'status'] as const,
    registers: [registry],
  })
  const errors = new Counter({
    name: 'ems_call_errors_total',
    help: 'Calls that ended with an error, by code',
    labelNames: ['component', 'code'] as const,
    registers: [registry],
  })
  const invalidFrames = new Counter({
    name: 'ems_invalid_frames_total',
    help: 'Frames that were no valid message',
    labelNames: ['component', 'reason'] as const,
    registers: [registry],
  })
  const refused = new Counter({
    name: 'ems_refused_connections_total',
    help: 'Connections refused before or at the upgrade',
    labelNames: ['component', 'reason'] as const,
    registers: [registry],
  })
  new Counter({
    name: 'ems_edge_notifications_total',
    help: 'Notifications from edges',
    labelNames: ['method'] as const,
    registers: [registry],
    collect() {
      this.reset()
      for (const [method, count] of edgeFrames) this.inc({ method }, count)
    },
  })
  const droppedPushes = new Counter({
    name: 'ems_dropped_pushes_total',
    help: 'Live frames not sent because the reader was too slow',
    registers: [registry],
  })
  new Gauge({
    name: 'openems_version',
    help: 'Release of this service',
    labelNames: ['version'] as const,
    registers: [registry],
  }).set({ version: release }, 1)
  return {
    registry,
    openSockets,
    requests,
    httpRequests,
    httpResults,
    errors,
    invalidFrames,
    refused,
    edgeFrames,
    droppedPushes,
  }
}
export type Metrics = ReturnType<typeof createMetrics>

const ownCodes = new Set<number>(Object.values(errorKinds).map(({ code }) => code))

/** Edges make codes of their own: as many as they like, but not as many time series. */
export function codeLabel(code: number): string {
  return ownCodes.has(code) ? String(code) : 'other'
}

/** A gauge whose value is asked for at each scrape. */
export function observeGauge(metrics: Metrics, name: string, help: string, value: () => number): void {
  new Gauge({
    name,
    help,
    registers: [metrics.registry],
    collect() {
      this.set(value())
    },
  })
}
