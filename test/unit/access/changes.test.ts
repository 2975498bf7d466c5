import { describe, expect, it } from 'vitest'
import { AccessIndex } from '../../../src/access/access-index.ts'
import type { Change, EntityName } from '../../../src/access/model.ts'
import { Scene } from './scene.ts'

const now = 1000

/** The first of the changes that bring the last row of a kind, as the log would have it. */
function arrival(scene: Scene, entity: EntityName, revision: number): Change {
  const after = scene.rows[entity].at(-1) ?? expect.unreachable(`no ${entity}`)
  return { revision, entity, id: after.id, before: null, after } as Change
}

describe('changes in any order (G-08)', () => {
  for (const entity of ['edge', 'site', 'edgeGroup'] as const) {
    it(`G-08: a grant that came before its ${entity} counts as soon as that is there, and again when it comes back`, () => {
      const scene = new Scene()
      const anna = scene.user('anna')
      const friends = scene.userGroup('friends', { members: [anna] })
      const organisation = scene.organisation('main')
      const without = structuredClone(scene.rows)
      const ids = { edge: () => scene.edge('edge1'), site: () => scene.site('home', organisation) }
      const id = entity === 'edgeGroup' ? scene.edgeGroup('group') : ids[entity]()
      scene.grant(friends, 'openems.guest', id)
      const index = AccessIndex.fromSnapshot({ ...without, grant: scene.rows.grant })
      const sees = () => [anna, friends].map((principalId) => index.allows(principalId, 'discover', id, now))
      expect(sees()).toEqual([false, false])
      const come = arrival(scene, entity, 2)
      index.apply([come])
      expect(sees()).toEqual([true, true])
      index.apply([{ ...come, revision: 3, before: come.after, after: null } as Change])
      expect(sees()).toEqual([false, false])
      index.apply([{ ...come, revision: 4 }])
      expect(sees()).toEqual([true, true])
    })
  }
})

describe('services and roles by their names', () => {
  const scene = new Scene()
  const [first, second] = [scene.service('first'), scene.service('second')]
  const organisationId = scene.organisation('main')
  const role = scene.role('acme.reader', { organisationId })
  const index = scene.index()
  const renamed = (id: number, name: string, revision: number): Change => {
    const before = index.row('service', id) ?? expect.unreachable()
    return { revision, entity: 'service', id, before, after: { ...before, name } }
  }
  const names = () => ['first', 'second', 'third'].map((name) => index.serviceByName(name)?.id)

  it('are found, also when two swap their names in one batch, or a try is undone', () => {
    expect(names()).toEqual([first, second, undefined])
    const swap = [renamed(first, 'second', 2), renamed(second, 'first', 3)]
    expect(index.trying(swap, names)).toEqual([second, first, undefined])
    expect(names()).toEqual([first, second, undefined])
    index.apply(swap)
    expect(names()).toEqual([second, first, undefined])
    index.apply([renamed(first, 'third', 4)])
    expect(names()).toEqual([second, undefined, first])
  })

  it('are those of their organisation, and no more there when they are gone', () => {
    const [own, other] = [() => index.roleByName('acme.reader', organisationId), index.roleByName('acme.reader', null)]
    expect([own()?.id, other]).toEqual([role, undefined])
    index.apply([{ revision: 5, entity: 'role', id: role, before: own() ?? null, after: null }])
    expect(own()).toBeUndefined()
  })
})
