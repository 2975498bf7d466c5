import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { configDigest, diffConfigs, summarise } from '../../../src/edges/config-diff.ts'

const config = (components: object) => ({ components, factories: {} })

describe('what changed between two configurations', () => {
  it('is told by component and property', () => {
    const before = config({
      a: { alias: 'A', factoryId: 'F', properties: { x: 1, y: [1, 2] } },
      b: { alias: 'B', factoryId: 'F' },
    })
    const after = config({
      a: { alias: 'A', factoryId: 'F', properties: { x: 2, y: [1, 2] } },
      c: { alias: 'C', factoryId: 'F' },
    })
    const changes = diffConfigs(before, after)
    expect(changes).toEqual([
      { component: 'a', kind: 'updated', properties: { x: [1, 2] } },
      { component: 'b', kind: 'deleted', properties: { alias: ['B', null], factoryId: ['F', null] } },
      { component: 'c', kind: 'created', properties: { alias: [null, 'C'], factoryId: [null, 'F'] } },
    ])
    expect(summarise(changes)).toBe('a updated, b deleted, c created')
  })

  it('does not depend on the order of members', () => {
    expect(configDigest({ a: 1, b: { c: 2, d: [1, { e: 1, f: 2 }] } })).toBe(
      configDigest({ b: { d: [1, { f: 2, e: 1 }], c: 2 }, a: 1 }),
    )
    expect(configDigest({ a: [1, 2] })).not.toBe(configDigest({ a: [2, 1] }))
  })

  it('copes with anything an edge may send', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (before, after) => {
        expect(diffConfigs(config({ a: before }), config({ a: after, b: before }))).toBeInstanceOf(Array)
        expect(diffConfigs(before, after)).toBeInstanceOf(Array)
        expect(diffConfigs(after, after)).toEqual([])
      }),
    )
  })
})
