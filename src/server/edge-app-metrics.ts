import { Gauge } from 'prom-client'
import type { AppContext } from '../context.ts'
import { observeGauge } from './metrics.ts'
import type { ServerParts } from './service.ts'

/** Gauges about Backend.Edge.App processes and the keys they are told; none unless the operator opted in. */
export function observeEdgeApps(ctx: AppContext, parts: ServerParts): void {
  const { keyCopies } = ctx
  if (keyCopies === undefined) return
  const { metrics, edgeApps } = parts
  observeGauge(
    metrics,
    'ems_edges_without_key_copy',
    'Edges that cannot connect through a Backend.Edge.App, for want of a copy of their key',
    () => ctx.store.index.edgeCount - keyCopies.edgeCount,
  )
  observeGauge(
    metrics,
    'ems_edge_key_copies_unreadable',
    'Copies of API keys that no seal opens',
    () => keyCopies.unreadableCount,
  )
  observeGauge(
    metrics,
    'ems_edge_key_copies_outdated',
    'Copies of API keys under an older seal',
    () => keyCopies.outdatedCount,
  )
  new Gauge({
    name: 'ems_edge_app',
    help: 'What each connected Backend.Edge.App tells about itself, and its edges',
    labelNames: ['app', 'metric'] as const,
    registers: [metrics.registry],
    collect() {
      this.reset()
      for (const { name, size, reported } of edgeApps) {
        this.set({ app: name, metric: 'Edges' }, size)
        for (const [metric, value] of reported) this.set({ app: name, metric }, value)
      }
    },
  })
}
