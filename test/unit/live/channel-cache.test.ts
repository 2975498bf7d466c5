import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ChannelCache } from '../../../src/live/channel-cache.ts'

const NOW = 1_775_300_000_000

describe('the cache of an edge (protocol B.5)', () => {
  it('looks at live values first, then at aggregates, then knows nothing', () => {
    const cache = new ChannelCache()
    cache.mergeAggregated(NOW - 600_000, { a: 1, b: 2 }, NOW)
    cache.mergeCurrent(NOW, { a: 3 }, NOW)
    expect([cache.get('a'), cache.get('b'), cache.get('c')]).toEqual([3, 2, null])
  })

  it('ignores a row older than what it has, each kind for itself', () => {
    const cache = new ChannelCache()
    expect(cache.mergeCurrent(NOW, { a: 1 }, NOW)).toBe(true)
    expect(cache.mergeCurrent(NOW - 1, { a: 2 }, NOW)).toBe(false)
    expect(cache.mergeCurrent(NOW, { a: 3 }, NOW)).toBe(true)
    expect(cache.mergeAggregated(NOW - 1000, { b: 1 }, NOW)).toBe(true)
    expect([cache.get('a'), cache.get('b')]).toEqual([3, 1])
  })

  it('forgets everything after a gap of more than fifteen minutes', () => {
    const cache = new ChannelCache()
    cache.mergeCurrent(NOW, { a: 1, b: 1 }, NOW)
    cache.mergeCurrent(NOW + 15 * 60_000, { a: 2 }, NOW + 15 * 60_000)
    expect(cache.get('b')).toBe(1)
    cache.mergeCurrent(NOW + 31 * 60_000, { a: 3 }, NOW + 31 * 60_000)
    expect([cache.get('a'), cache.get('b')]).toEqual([3, null])
  })

  it('goes on at once when a clock that ran ahead is put right, the edge’s or our own', () => {
    const cache = new ChannelCache()
    cache.mergeCurrent(NOW + 7_200_000, { a: 1, b: 1 }, NOW)
    expect(cache.mergeCurrent(NOW + 1, { a: 2 }, NOW + 1)).toBe(true)
    expect(cache.mergeCurrent(NOW - 7_200_000, { a: 3 }, NOW - 7_200_000)).toBe(true)
    expect([cache.get('a'), cache.get('b')]).toEqual([3, 1])
  })

  it('keeps plain values only, and not without end', () => {
    const cache = new ChannelCache()
    const row = JSON.parse('{"a":{"x":1},"b":[1],"c":true,"d":null,"__proto__":7}')
    cache.mergeCurrent(NOW, row, NOW)
    expect(['a', 'b', 'c', 'd', '__proto__'].map((channel) => cache.get(channel))).toEqual([null, null, true, null, 7])
    cache.mergeCurrent(NOW, Object.fromEntries(Array.from({ length: 30_000 }, (_, index) => [`c${index}`, index])), NOW)
    expect(cache.size).toBe(20_000)
  })

  it('holds the newest accepted value of each channel, in whatever order rows come', () => {
    const rows = fc.array(
      fc.record({
        at: fc.nat(1000),
        a: fc.option(fc.nat(), { nil: undefined }),
        b: fc.option(fc.nat(), { nil: undefined }),
      }),
    )
    fc.assert(
      fc.property(rows, (given) => {
        const cache = new ChannelCache()
        let newest = 0
        const expected: Record<string, number | null> = { a: null, b: null }
        for (const { at, ...values } of given) {
          const known = Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Record<
            string,
            number
          >
          cache.mergeCurrent(NOW + at, known, NOW + 1000)
          if (at < newest) continue
          newest = at
          Object.assign(expected, known)
        }
        expect({ a: cache.get('a'), b: cache.get('b') }).toEqual(expected)
      }),
    )
  })
})
