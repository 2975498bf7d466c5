import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Components } from '../../../src/access/components.ts'
import { ChannelCache, type ChannelValue } from '../../../src/live/channel-cache.ts'
import { EdgeTables, TABLE_INTERVAL_MS, type TableReader } from '../../../src/live/edge-tables.ts'
import type { LiveEdge } from '../../../src/live/hub.ts'

class CountingCache extends ChannelCache {
  looks = 0
  override get(channel: string): ChannelValue {
    this.looks++
    return super.get(channel)
  }
}

class Reader implements TableReader {
  readonly tables: Record<string, unknown>[] = []
  readonly hidden = new Set<number>()
  shown: Components = null
  liveComponents(edgeId: number): Components {
    return this.hidden.has(edgeId) ? [] : this.shown
  }
  pushFrame(frame: Buffer): void {
    const { jsonrpc, method, params } = JSON.parse(frame.toString()) as Record<string, unknown>
    expect([jsonrpc, method]).toEqual(['2.0', 'edgesCurrentData'])
    this.tables.push(params as Record<string, unknown>)
  }
}

const edges = [
  { id: 1, name: 'edge1' },
  { id: 2, name: 'ed"ge2' },
]
const channels = ['a/B', 'c/"D']

describe('tables of values', () => {
  const caches = new Map<number, CountingCache>()
  let tables: EdgeTables
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'setImmediate', 'performance'] })
    caches.clear()
    caches.set(1, new CountingCache())
    tables = new EdgeTables({ find: (id) => ({ cache: caches.get(id) }) as unknown as LiveEdge })
  })
  afterEach(() => void vi.useRealTimers())

  it('come at once and then once in each interval, with null for what is not known', () => {
    const reader = new Reader()
    using _ = tables.subscribe(reader, edges, channels)
    const nothing = { 'a/B': null, 'c/"D': null }
    vi.advanceTimersByTime(TABLE_INTERVAL_MS / 2)
    expect(reader.tables).toEqual([{ edge1: nothing, 'ed"ge2': nothing }])
    caches.get(1)?.mergeCurrent(1, { 'a/B': 1.5, 'c/"D': 'x"y' }, 1)
    vi.advanceTimersByTime(TABLE_INTERVAL_MS)
    expect(reader.tables[1]).toEqual({ edge1: { 'a/B': 1.5, 'c/"D': 'x"y' }, 'ed"ge2': nothing })
    vi.advanceTimersByTime(TABLE_INTERVAL_MS * 10)
    expect(reader.tables).toHaveLength(12)
  })

  it('show a reader the components that he may see, and nobody else fewer (2.5)', () => {
    const [whole, limited] = [new Reader(), new Reader()]
    limited.shown = ['a*']
    caches.get(1)?.mergeCurrent(1, { 'a/B': 1, 'c/"D': 2 }, 1)
    using stack = new DisposableStack()
    for (const reader of [limited, whole]) stack.use(tables.subscribe(reader, edges.slice(0, 1), channels))
    vi.advanceTimersByTime(TABLE_INTERVAL_MS)
    expect(limited.tables.at(-1)).toEqual({ edge1: { 'a/B': 1, 'c/"D': null } })
    expect(whole.tables.at(-1)).toEqual({ edge1: { 'a/B': 1, 'c/"D': 2 } })
  })

  it('are written once for each change, however many read them', () => {
    const readers = Array.from({ length: 50 }, () => new Reader())
    using stack = new DisposableStack()
    for (const reader of readers) stack.use(tables.subscribe(reader, edges, channels))
    for (let second = 1; second <= 5; second++) {
      caches.get(1)?.mergeCurrent(second, { 'a/B': second }, second)
      vi.advanceTimersByTime(TABLE_INTERVAL_MS)
    }
    for (const { tables } of readers) expect(tables.length).toBeGreaterThanOrEqual(5)
    expect(caches.get(1)?.looks).toBeLessThanOrEqual(channels.length * 6)
  })

  it('leave out what a reader may not see (any more), for him alone', () => {
    const [one, two] = [new Reader(), new Reader()]
    using _one = tables.subscribe(one, edges, channels)
    using _two = tables.subscribe(two, edges, channels)
    one.hidden.add(1)
    vi.advanceTimersByTime(TABLE_INTERVAL_MS)
    expect([Object.keys(one.tables.at(-1) ?? {}), Object.keys(two.tables.at(-1) ?? {})]).toEqual([
      ['ed"ge2'],
      ['edge1', 'ed"ge2'],
    ])
    one.hidden.add(2)
    vi.advanceTimersByTime(TABLE_INTERVAL_MS)
    expect(one.tables.at(-1)).toEqual({})
  })

  it('end when disposed of, even in the middle of a turn, and nothing is left running', () => {
    const [one, two] = [new Reader(), new Reader()]
    const first = tables.subscribe(one, edges, channels)
    const second = tables.subscribe(two, edges, ['other/Channel'])
    second[Symbol.dispose]()
    second[Symbol.dispose]()
    vi.advanceTimersByTime(TABLE_INTERVAL_MS)
    expect([tables.size, two.tables]).toEqual([1, []])
    first[Symbol.dispose]()
    vi.runAllTimers()
    expect([tables.size, vi.getTimerCount()]).toEqual([0, 0])
  })
})
