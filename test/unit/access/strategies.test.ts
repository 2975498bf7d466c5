import { describe, expect, it } from 'vitest'
import { type EdgeRow, PLATFORM_RESOURCE_ID, PUBLIC_PRINCIPAL_ID } from '../../../src/access/model.ts'
import { Bits } from '../../../src/access/search-bits.ts'
import { Scene } from './scene.ts'

const now = 1000
/** More than any list that is worked out at once, so that each way of listing is taken by somebody. */
const edgeCount = 36_000

/** A fleet, and people who see none, few, many, nearly all and all of it in every way there is. */
function fleet() {
  const scene = new Scene()
  const main = scene.organisation('main', { publicAccess: true })
  const small = scene.organisation('small')
  const sites = Array.from({ length: 100 }, (_, n) => scene.site(`site ${n}`, main))
  const edges = Array.from({ length: edgeCount }, (_, n) => {
    const isMain = n % 12 !== 0
    const comment = n % 500 === 0 ? `Rare ${n % 7}` : `House ${(n * 7919) % 1000}`
    const home = isMain ? { siteId: sites[n % sites.length] ?? null } : { organisationId: small }
    return scene.edge(`edge${(n * 31) % edgeCount}`, { comment, producttype: n % 3 ? 'home' : 'industrial', ...home })
  })
  const people = {
    nobody: scene.user('nobody'),
    few: scene.user('few'),
    some: scene.user('some'),
    many: scene.user('many'),
    restricted: scene.user('restricted'),
    all: scene.user('all'),
    member: scene.user('member'),
    disabled: scene.user('disabled', { disabledAt: 1 }),
  }
  for (const edge of edges.slice(0, 5)) scene.grant(people.few, 'resource.detail', edge)
  const group = scene.edgeGroup(
    'group',
    edges.filter((_, n) => n % 6 === 0),
  )
  scene.grant(people.some, 'group.detail', group)
  scene.grant(people.many, 'org.viewer', main)
  // Members discover, and have a role on a few only (K10).
  scene.grant(people.member, 'org.member', main)
  for (const edge of edges.slice(0, 3000))
    if (Number(edge) % 2 === 0) scene.grant(people.member, 'resource.detail', edge)
  for (const person of [people.restricted, people.all, people.disabled]) {
    scene.grant(person, 'openems.guest', PLATFORM_RESOURCE_ID)
  }
  for (const edge of edges.slice(0, 50)) scene.restriction(people.restricted, edge, [])
  scene.grant(PUBLIC_PRINCIPAL_ID, 'resource.overview', sites[3] ?? 0)
  return { index: scene.index(), people, edges: scene.rows.edge }
}

describe('a large fleet', () => {
  it('is listed by every strategy as each check says (invariant 4, G-27)', { timeout: 240_000 }, () => {
    const { index, people, edges } = fleet()
    const inOrder = (ids: EdgeRow[]) => ids.toSorted((a, b) => Number(a.edgeId.slice(4)) - Number(b.edgeId.slice(4)))
    const among = [new Bits(), new Bits()]
    for (const { id } of edges) if (id % 50 === 7) among[id % 2]?.add(id)
    // One that is gone.
    among[0]?.add(1_000_007)
    const filters = [
      { ask: {}, test: () => true },
      { ask: { text: 'RARE 3' }, test: (edge: EdgeRow) => edge.comment === 'Rare 3' },
      { ask: { text: 'ouse 1' }, test: (edge: EdgeRow) => edge.comment.includes('ouse 1') },
      { ask: { producttypes: ['industrial'] }, test: (edge: EdgeRow) => edge.producttype === 'industrial' },
      { ask: { filter: (id: number) => id % 1000 === 7 }, test: (edge: EdgeRow) => edge.id % 1000 === 7 },
      {
        ask: { filter: (id: number) => id % 250 === 7, within: [{ sets: among, isIn: true }] },
        test: (edge: EdgeRow) => edge.id % 250 === 7,
      },
      { ask: { within: [{ sets: among, isIn: false }] }, test: (edge: EdgeRow) => edge.id % 50 !== 7 },
      {
        ask: { text: 'house', filter: (id: number) => id % 250 === 7, within: [{ sets: among, isIn: true }] },
        test: (edge: EdgeRow) => edge.id % 250 === 7 && edge.comment.startsWith('House'),
      },
    ]
    let compared = 0
    const everybody = Object.entries(people).flatMap(([name, id]) =>
      [true, false].map((role) => [name, id, role] as const),
    )
    for (const [name, principalId, withRole] of everybody) {
      const isShown = ({ id }: EdgeRow) =>
        index.allows(principalId, 'discover', id, now) &&
        (!withRole || index.edgeRole(principalId, id, now) !== undefined)
      const seen = inOrder(edges.filter(isShown))
      expect(index.countEdges(principalId, now, edgeCount, { withRole }), name).toBe(seen.length)
      expect(index.countEdges(principalId, now, 2, { withRole }), name).toBe(Math.min(2, seen.length))
      for (const { ask, test } of filters) {
        const truth = seen.filter(test).map(({ id }) => id)
        for (const descending of [false, true]) {
          const wanted = descending ? truth.toReversed() : truth
          for (const [offset, limit] of [
            [0, 20],
            [40, 20],
            [Math.max(0, truth.length - 5), 20],
            [0, edgeCount],
          ] as const) {
            const order = [{ field: 'id' as const, descending }]
            const page = index
              .listEdges(principalId, { ...ask, withRole, order, offset, limit }, now)
              .map(({ id }) => id)
            const where = `${name} ${JSON.stringify({ ...ask, withRole, descending, offset, limit })}`
            expect(
              page.length === wanted.slice(offset, offset + limit).length &&
                page.every((id, n) => id === wanted[offset + n]),
              where,
            ).toBe(true)
            compared++
          }
        }
      }
    }
    expect(compared).toBe(2 * 8 * 8 * 2 * 4)
  })
})
