import { describe, expect, it } from 'vitest'
import { PUBLIC_PRINCIPAL_ID } from '../../../src/access/model.ts'
import { atOnce } from '../../../src/lib/slices.ts'
import { Scene } from './scene.ts'

const now = 1000

describe('who holds something', () => {
  it('G-27, D-21: whoever a restriction leaves nothing of his own is no holder, even where everybody sees it', () => {
    const scene = new Scene()
    const [anna, berta] = [scene.user('anna'), scene.user('berta')]
    const edge = scene.edge('edge1', { organisationId: scene.organisation('main', { publicAccess: true }) })
    for (const user of [anna, berta]) scene.grant(user, 'resource.detail', edge, { dataWindows: [[0, 10]] })
    scene.grant(PUBLIC_PRINCIPAL_ID, 'resource.overview', edge)
    scene.restriction(anna, edge, [[20, 30]])
    const query = { isShown: () => true, sort: 'id', descending: false, offset: 0, limit: 9 } as const
    const { everybody, total, page } = atOnce(scene.index().audience(edge, query, now))
    expect({ everybody, total }).toEqual({ everybody: true, total: 1 })
    expect(page.map(({ principalId }) => principalId)).toEqual([berta])
  })

  it('P-09: the owner of an organisation is meant, not who holds that role on something else', () => {
    const scene = new Scene()
    const anna = scene.user('anna')
    const main = scene.organisation('main')
    const ofMain = scene.grant(anna, 'org.owner', main)
    scene.grant(anna, 'org.owner', scene.edge('edge1'))
    const index = scene.index()
    expect(index.ownerlessAfter({ usersRemoved: [anna] }, now)).toEqual([main])
    const grantsRemoved = scene.rows.grant.filter(({ id }) => id !== ofMain)
    expect(index.ownerlessAfter({ grantsRemoved }, now)).toEqual([])
  })

  it('G-08: a crowd of thousands loses what goes and has it again when it comes back', () => {
    const scene = new Scene()
    const edge = scene.edge('edge1')
    const group = scene.edgeGroup('all', [edge])
    const crowd = Array.from({ length: 3000 }, (_, number) => scene.user(`user${number}`))
    for (const user of crowd) scene.grant(user, 'group.detail', group)
    const index = scene.index()
    const [row] = scene.rows.edgeGroup
    const all = () => crowd.filter((user) => index.allows(user, 'history', edge, now)).length
    const change = { entity: 'edgeGroup', id: group } as const
    expect(all()).toBe(3000)
    index.apply([{ ...change, revision: index.revision + 1, before: row ?? null, after: null }])
    expect(all()).toBe(0)
    index.apply([{ ...change, revision: index.revision + 1, before: null, after: row ?? null }])
    expect(all()).toBe(3000)
    expect(
      atOnce(index.audience(edge, { isShown: () => true, sort: 'id', descending: false, offset: 0, limit: 1 }, now)),
    ).toMatchObject({
      total: 3000,
    })
  })
})
