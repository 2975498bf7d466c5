import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { AccessIndex } from '../../../src/access/access-index.ts'
import { EdgeTable } from '../../../src/access/graph-edges.ts'
import {
  type Change,
  type EdgeRow,
  type EntityName,
  emptySnapshot,
  type GrantRow,
  type Snapshot,
} from '../../../src/access/model.ts'
import { builtInRoles } from '../../../src/access/roles.ts'
import { Bits } from '../../../src/access/search-bits.ts'
import { defaultLimits, type EdgeQuery, type ListLimits } from '../../../src/access/search-query.ts'
import { TextIndex } from '../../../src/access/search-text.ts'

const size = 6000
const firstEdge = 1000
const words = ['Haus', 'haus', 'Bergweg', 'Müller', 'Solar', 'Speicher', '']
const types = ['home10', 'home20', 'industrialL']

/** Few edges, many, most, all, all but some, none: each is served in another way. */
const users = { few: 10, many: 11, most: 12, all: 13, restricted: 14, none: 15 }

function edge(id: number): EdgeRow {
  const number = id - firstEdge
  const comment = `${words[number % 7]} ${words[(number * 5) % 7]} ${(number * 7919) % 1000}`.trim()
  return {
    id,
    edgeId: `${number % 3 ? 'edge' : 'fems'}${number}`,
    comment,
    producttype: types[number % 3] ?? '',
    siteId: null,
    organisationId: null,
    settings: {},
  }
}

function grant(principalId: number, resourceId: number): GrantRow {
  const open = { components: null, validFrom: null, validTo: null, dataWindows: null }
  return {
    id: principalId * 1e6 + resourceId,
    principalId,
    resourceId,
    roleId: 4,
    ...open,
    source: '',
    grantedBy: null,
  }
}

/** Group 1 holds every edge, group 2 five thousand of them. */
function world(): Snapshot {
  const snapshot = emptySnapshot()
  snapshot.role.push(...builtInRoles)
  for (const [login, id] of Object.entries(users)) {
    const row = {
      id,
      login,
      email: null,
      name: login,
      language: 'EN',
      settings: {},
      shareable: false,
      disabledAt: null,
    }
    snapshot.user.push({ ...row, globalRole: 'guest' })
  }
  for (const id of [1, 2]) {
    const row = { id: id + 1, name: `group ${id}`, description: '', purpose: '', organisationId: null, ownerId: null }
    snapshot.edgeGroup.push(row)
  }
  for (let id = firstEdge; id < firstEdge + size; id++) {
    snapshot.edge.push(edge(id))
    snapshot.containment.push({ id: id * 2, parentId: 2, childId: id })
    if (id % 6 !== 0) snapshot.containment.push({ id: id * 2 + 1, parentId: 3, childId: id })
  }
  snapshot.grant.push(grant(users.many, 3), grant(users.most, 2), grant(users.all, 1), grant(users.restricted, 1))
  for (let id = firstEdge; id < firstEdge + 200; id += 10) snapshot.grant.push(grant(users.few, id))
  for (let id = firstEdge; id < firstEdge + 100; id += 2) {
    snapshot.restriction.push({ id, userId: users.restricted, edgeId: id, windows: [] })
  }
  return snapshot
}

/** The same list, from all edges one by one. */
function listed(index: AccessIndex, principalId: number, query: EdgeQuery): string[] {
  const text = query.text?.toLowerCase() ?? ''
  const fitting = [...index.rows('edge')].filter((row) => {
    const texts = [row.edgeId, row.comment, row.producttype].map((part) => part.toLowerCase())
    if (!index.allows(principalId, 'discover', row.id, 0)) return false
    if (query.producttypes?.length && !query.producttypes.includes(row.producttype)) return false
    if (!query.within?.every(({ sets, isIn }) => sets.some((set) => set.has(row.id)) === isIn)) return false
    return texts.some((part) => part.includes(text)) && (query.filter?.(row.id) ?? true)
  })
  const last = query.order.at(-1)
  const direction = last?.field === 'comment' && last.descending ? -1 : 1
  fitting.sort((a, b) => {
    for (const { field, descending, rank = () => 0 } of query.order) {
      let difference = rank(a.id) - rank(b.id)
      if (field === 'id') difference = natural(a.edgeId, b.edgeId)
      if (field === 'comment') difference = natural(a.comment, b.comment)
      if (difference !== 0) return descending ? -difference : difference
    }
    return direction * natural(a.edgeId, b.edgeId)
  })
  return fitting.slice(query.offset, query.offset + query.limit).map(({ edgeId }) => edgeId)
}

/** Compares runs of digits as numbers and everything else letter by letter. */
function natural(a: string, b: string): number {
  const parts = (text: string) => text.toLowerCase().match(/\d+|\D/g) ?? []
  const [left, right] = [parts(a), parts(b)]
  for (let at = 0; at < Math.max(left.length, right.length); at++) {
    const [x = '', y = ''] = [left[at], right[at]]
    const areNumbers = /^\d/.test(x) && /^\d/.test(y)
    const difference = areNumbers ? Number(x) - Number(y) : Number(x > y) - Number(x < y)
    if (difference !== 0) return difference
  }
  return 0
}

const someText = fc.constantFrom(
  '',
  'e',
  'ü',
  '7',
  'ha',
  'zq',
  '12',
  'haus',
  'HAUS Berg',
  'edge12',
  'müll',
  'home',
  'industrial',
  'speicher 77',
  'nothing',
)
/** Sets of edges as the live states have them, some of them gone. */
const idsWhere = (test: (id: number) => boolean) => {
  const set = new Bits()
  for (let id = firstEdge; id < firstEdge + size + 100; id++) if (test(id)) set.add(id)
  return set
}
const ranks = [1, 2, 3, 4].map((rank) => idsWhere((id) => id % 5 === rank))
const thirds = [0, 1, 2].map((rest) => idsWhere((id) => id % 3 === rest))
const someWithin = fc.array(fc.record({ sets: fc.subarray(thirds), isIn: fc.boolean() }), { maxLength: 2 })
const someOrder = fc.record(
  {
    field: fc.constantFrom('id' as const, 'comment' as const, 'rank' as const),
    descending: fc.boolean(),
    rank: fc.constant((id: number) => id % 5),
    ranks: fc.constant(ranks),
  },
  { requiredKeys: ['field', 'descending', 'rank'] },
)
const someQuery: fc.Arbitrary<EdgeQuery> = fc.record({
  text: someText,
  producttypes: fc.subarray(types),
  filter: fc.constantFrom(
    () => true,
    (id: number) => id % 2 === 0,
    (id: number) => id % 977 === 0,
  ),
  within: someWithin,
  order: fc.array(someOrder, { maxLength: 2 }),
  offset: fc.constantFrom(0, 0, 1, 20, 700, 5500),
  limit: fc.constantFrom(1, 20, 100),
})

/** The usual limits, and such that every other way of listing is taken. */
const ways: [string, ListLimits | undefined][] = [
  ['as usual', undefined],
  ['off the order of all edges', { short: 0, lookUp: Number.POSITIVE_INFINITY, keptFrom: 10 }],
  ['by looking texts up', { short: 0, lookUp: 0, keptFrom: Number.POSITIVE_INFINITY }],
]

describe.each(ways)('listEdges %s', (_, limits) => {
  it('gives what looking at every edge gives, for every kind of user, query and order (invariant 4, OC-04)', () => {
    const index = AccessIndex.fromSnapshot(world(), limits)
    fc.assert(
      fc.property(fc.constantFrom(...Object.values(users)), someQuery, (userId, query) => {
        expect(index.listEdges(userId, query, 0).map(({ edgeId }) => edgeId)).toEqual(listed(index, userId, query))
      }),
      { numRuns: 80 },
    )
  })

  it('follows edges that come, go and are described anew', () => {
    const index = AccessIndex.fromSnapshot(world(), limits)
    const someChange = fc.record({
      id: fc.integer({ min: firstEdge, max: firstEdge + size + 20 }),
      word: fc.constantFrom(...words, null),
    })
    fc.assert(
      fc.property(fc.array(someChange, { maxLength: 5 }), someQuery, (changes, query) => {
        index.apply(changes.map(({ id, word }, place) => changeOf(index, id, word, index.revision + 1 + place)))
        for (const userId of [users.few, users.most, users.all]) {
          expect(index.listEdges(userId, query, 0).map(({ edgeId }) => edgeId)).toEqual(listed(index, userId, query))
        }
      }),
      { numRuns: 25 },
    )
  })

  it('gives the same while it is still taking texts in', () => {
    const step = fc.record({
      id: fc.integer({ min: firstEdge, max: firstEdge + size + 20 }),
      word: fc.constantFrom(...words, null),
      query: someQuery,
    })
    fc.assert(
      fc.property(fc.array(step, { minLength: 8, maxLength: 8 }), (steps) => {
        const { revision, ...tables } = world()
        const { take, done } = AccessIndex.loading({ ...defaultLimits, ...limits, sliceMs: 0 })
        for (const entity of Object.keys(tables) as EntityName[]) take(entity, tables[entity])
        const index = done(revision)
        for (const { id, word, query } of steps) {
          index.apply([changeOf(index, id, word, index.revision + 1)])
          expect(index.listEdges(users.most, query, 0).map(({ edgeId }) => edgeId)).toEqual(
            listed(index, users.most, query),
          )
          expect(index.work()).toBe(true)
        }
        while (index.work());
        expect(index.work()).toBe(false)
      }),
      { numRuns: 4 },
    )
  })

  it('orders ids as people count: edge2 before edge10', () => {
    const snapshot = emptySnapshot()
    snapshot.role.push(...builtInRoles)
    snapshot.grant.push(grant(1, 1), grant(10, 1))
    snapshot.user.push(...world().user)
    const names = ['edge10', 'edge2', 'Edge1', 'fems007', 'fems7', 'fems8', 'edge123456789012', 'edge99999999999']
    snapshot.edge.push(...names.map((edgeId, place) => ({ ...edge(firstEdge + place), edgeId })))
    const index = AccessIndex.fromSnapshot(snapshot)
    const page = index.listEdges(10, { order: [], offset: 0, limit: 10 }, 0)
    expect(page.map(({ edgeId }) => edgeId)).toEqual([
      'Edge1',
      'edge2',
      'edge10',
      'edge99999999999',
      'edge123456789012',
      'fems007',
      'fems7',
      'fems8',
    ])
  })
})

describe('the text index', () => {
  it('names every edge that contains the text, whatever its length', () => {
    const someWord = fc.constantFrom('abc', 'abd', 'ß', 'İ', '12', 'xy z', '')
    const someRow = fc.record({ id: fc.integer({ min: 1, max: 30 }), a: someWord, b: someWord, isGone: fc.boolean() })
    fc.assert(
      fc.property(
        fc.array(someRow, { maxLength: 40 }),
        fc.constantFrom('a', 'ab', 'abc', 'bcab', '1', '12x', 'ß', 'zz'),
        fc.uniqueArray(fc.integer({ min: 1, max: 40 })),
        (rows, text, wanted) => {
          const within = new Bits()
          for (const id of wanted) within.add(id)
          const edges = new EdgeTable()
          const index = new TextIndex(edges)
          const texts = new Map<number, string>()
          for (const { id, a, b, isGone } of rows) {
            const row = { ...edge(firstEdge), id, edgeId: a, comment: `${a}${b}${a}` }
            const before = edges.get(id)
            if (isGone) edges.delete(id)
            else edges.set(id, row)
            index.set(id, before)
            texts.set(id, isGone ? '' : `${row.edgeId}\n${row.comment}\n${row.producttype}`.toLowerCase())
          }
          const candidates = [...index.candidates(text, within)]
          expect(candidates.every((id) => within.has(id))).toBe(true)
          expect(new Set(candidates).size).toBe(candidates.length)
          for (const [id, whole] of texts) {
            if (whole !== '') expect(index.matches(id, text)).toBe(whole.includes(text))
            if (whole.includes(text) && within.has(id)) expect(candidates).toContain(id)
          }
          expect(index.estimate(text)).toBeGreaterThanOrEqual(
            [...texts.values()].filter((whole) => whole.includes(text)).length,
          )
        },
      ),
    )
  })
})

function changeOf(index: AccessIndex, id: number, word: string | null, revision: number): Change {
  const before = index.edge(id) ?? null
  const after = word === null ? null : { ...edge(id), comment: `${word} ${revision}` }
  return { revision, entity: 'edge', id, before, after }
}
