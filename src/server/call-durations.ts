import { Histogram, type MetricValueWithName, type Registry } from 'prom-client'
import type { ClientKind } from '../rpc/method.ts'

type Label = 'component' | 'method' | 'le'

const NAME = 'websocket_requests'
const HELP = 'Duration of calls in seconds'
/** Upper bounds in seconds. */
const bounds = [0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 30] as const

interface Series {
  component: ClientKind
  method: string
  /** Calls up to each bound and above the one before it. */
  counts: number[]
  count: number
  /** Seconds. */
  sum: number
}

/**
 * How long calls took, by kind of client and method. The same as an ordinary histogram, but each call costs an addition: a
 * method knows its series, and only a scrape makes labels of them.
 */
export class CallDurations extends Histogram<Label> {
  readonly #series = new Map<string, Series>()

  constructor(registry: Registry) {
    super({
      name: NAME,
      help: HELP,
      // `le` is prom-client's own.
      labelNames: ['component', 'method'],
      buckets: [...bounds],
      registers: [registry],
    })
  }

  /** Counts a call that took so many seconds. */
  add(component: ClientKind, method: string, seconds: number): void {
    const key = component + method
    let series = this.#series.get(key)
    if (series === undefined) {
      series = { component, method, counts: bounds.map(() => 0), count: 0, sum: 0 }
      this.#series.set(key, series)
    }
    series.count++
    series.sum += seconds
    const bucket = bounds.findIndex((bound) => seconds <= bound)
    if (bucket >= 0) series.counts[bucket] = (series.counts[bucket] ?? 0) + 1
  }

  /** What a scrape reads, and `get` too; the library's types leave it out. */
  async getForPromString() {
    const values = [...this.#series.values()].flatMap(valuesOf)
    return { name: NAME, help: HELP, type: 'histogram', values, aggregator: 'sum' }
  }
}

function valuesOf({ component, method, counts, count, sum }: Series): MetricValueWithName<Label>[] {
  const labels = { component, method }
  let upTo = 0
  const buckets = bounds.map((bound, index) => {
    upTo += counts[index] ?? 0
    return { metricName: `${NAME}_bucket`, labels: { ...labels, le: bound }, value: upTo }
  })
  return [
    ...buckets,
    { metricName: `${NAME}_bucket`, labels: { ...labels, le: '+Inf' }, value: count },
    { metricName: `${NAME}_sum`, labels, value: sum },
    { metricName: `${NAME}_count`, labels, value: count },
  ]
}
