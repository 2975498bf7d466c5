import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { AccessIndex } from '../../../src/access/access-index.ts'
import { knownTo } from '../../../src/access/audience-door.ts'
import { permissionBits } from '../../../src/access/model.ts'
import { atOnce } from '../../../src/lib/slices.ts'
import { Oracle } from './oracle.ts'
import { Scene } from './scene.ts'
import { History, resourceIds, serviceIds, someWorld, times, userIds } from './worlds.ts'

const everything = { isShown: () => true, sort: 'name', descending: false, offset: 0, limit: 100 } as const

function scene() {
  const all = new Scene()
  const edge = all.edge('edge0')
  const logins = ['user10', 'user2', 'anna', 'Bert']
  const ids = new Map(logins.map((login) => [login, all.user(login.toLowerCase())]))
  const inner = all.userGroup('inner', { members: [...ids.values()] })
  all.grant(all.userGroup('outer', { members: [inner] }), 'resource.detail', edge)
  const importer = all.service('Importer')
  all.grant(importer, 'resource.detail', edge)
  const index = all.index()
  const names = (page: readonly { principalId: number }[]) =>
    page.map(({ principalId }) => index.user(principalId)?.login ?? index.row('service', principalId)?.name)
  return { index, edge, ids, importer, names }
}

describe('who can see a resource', () => {
  it('comes in the natural order of logins, either way, in pages that fit together', () => {
    const { index, edge, names } = scene()
    const whole = atOnce(index.audience(edge, everything, 0))
    expect(names(whole.page)).toEqual(['anna', 'bert', 'Importer', 'user2', 'user10'])
    expect(whole).toMatchObject({ total: 5, hidden: 0, everybody: false })
    const back = atOnce(index.audience(edge, { ...everything, descending: true }, 0))
    expect(back.page).toEqual([...whole.page].reverse())
    const pages = [0, 2, 4, 6].flatMap(
      (offset) => atOnce(index.audience(edge, { ...everything, offset, limit: 2 }, 0)).page,
    )
    expect(pages).toEqual(whole.page)
    expect(names(atOnce(index.audience(edge, { ...everything, sort: 'id' }, 0)).page)[0]).toBe('user10')
  })

  it('is searched by login, and counts what is found', () => {
    const { index, edge, names } = scene()
    const found = atOnce(index.audience(edge, { ...everything, text: ' USER ', limit: 1 }, 0))
    expect(names(found.page)).toEqual(['user2'])
    expect(found.total).toBe(2)
    expect(names(atOnce(index.audience(edge, { ...everything, text: 'port' }, 0)).page)).toEqual(['Importer'])
  })

  it('keeps those who are not shown apart: last, counted, found by no text (G-17)', () => {
    const { index, edge, ids, names } = scene()
    const secret = ids.get('anna') ?? 0
    const query = { ...everything, isShown: (id: number) => id !== secret }
    const { page, total, hidden } = atOnce(index.audience(edge, query, 0))
    expect({ total, hidden, last: page.at(-1) }).toEqual({
      total: 5,
      hidden: 1,
      last: { principalId: secret, isShown: false },
    })
    expect(names(page.slice(0, -1))).toEqual(['bert', 'Importer', 'user2', 'user10'])
    expect(atOnce(index.audience(edge, { ...query, text: 'anna' }, 0))).toMatchObject({ total: 0, hidden: 0, page: [] })
    expect(atOnce(index.audience(edge, { ...query, offset: 4, limit: 1 }, 0)).page).toEqual([page.at(-1)])
  })

  it('follows renamed and disabled accounts', () => {
    const { index, edge, ids, names } = scene()
    const [anna, bert] = [index.user(ids.get('anna') ?? 0), index.user(ids.get('Bert') ?? 0)]
    if (!anna || !bert) return expect.unreachable()
    index.apply([
      { revision: 2, entity: 'user', id: anna.id, before: anna, after: { ...anna, login: 'zoe' } },
      { revision: 3, entity: 'user', id: bert.id, before: bert, after: { ...bert, disabledAt: 0 } },
    ])
    expect(names(atOnce(index.audience(edge, everything, 0)).page)).toEqual(['Importer', 'user2', 'user10', 'zoe'])
  })

  it('is whoever the check lets see it, by the grants that reach him (who-can-see == {u: check})', () => {
    fc.assert(
      fc.property(someWorld, fc.constantFrom(...times), (world, at) => {
        const { snapshot } = new History(world)
        const [index, oracle] = [AccessIndex.fromSnapshot(snapshot), new Oracle(snapshot)]
        for (const resourceId of resourceIds) {
          const { everybody, page, total } = atOnce(index.audience(resourceId, everything, at))
          const told = new Set(page.map(({ principalId }) => principalId))
          expect(total).toBe(told.size)
          for (const id of [...userIds, ...serviceIds]) {
            const sees = index.allows(id, 'discover', resourceId, at)
            expect(told.has(id) || (everybody && sees && isByAll(oracle, id, resourceId, at))).toBe(sees)
            const ways = index.grantsReaching(id, resourceId, at).map((grant) => grant.id)
            const reaching = oracle.contributions(id, resourceId, at).map(({ grant }) => grant.id)
            expect(ways).toEqual(expect.arrayContaining(reaching))
          }
        }
      }),
      { numRuns: 40 },
    )
  })

  it('names the same people whether a few are asked about or many (G-17)', () => {
    fc.assert(
      fc.property(someWorld, fc.constantFrom(...times), (world, at) => {
        const index = AccessIndex.fromSnapshot(new History(world).snapshot)
        for (const askerId of [...userIds, ...serviceIds]) {
          const ofMany = knownTo({ index, askerId, at })
          for (let turn = 0; turn < 100; turn++) ofMany(askerId)
          for (const id of [...userIds, ...serviceIds]) expect(ofMany(id)).toBe(knownTo({ index, askerId, at })(id))
        }
      }),
      { numRuns: 200 },
    )
  })
})

/** Whether only what is granted to everybody lets somebody see it. */
function isByAll(oracle: Oracle, id: number, resourceId: number, at: number): boolean {
  const seeing = oracle.contributions(id, resourceId, at).filter(({ mask }) => mask & permissionBits.discover)
  return seeing.every(({ isPublic }) => isPublic)
}
