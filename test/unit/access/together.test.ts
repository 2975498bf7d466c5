import fc from 'fast-check'
import { expect, it } from 'vitest'
import { AccessIndex } from '../../../src/access/access-index.ts'
import { type Change, type ContainmentRow, PLATFORM_RESOURCE_ID } from '../../../src/access/model.ts'
import { defaultLimits } from '../../../src/access/search-query.ts'
import { Scene } from './scene.ts'

const everything = { order: [], offset: 0, limit: 1000 }

/** People who are shown what several groups hold together, two of them the same, and the links that come and go. */
function scene() {
  const scene = new Scene()
  const edges = Array.from({ length: 40 }, (_, at) => scene.edge(`edge${at}`))
  const groups = [0, 1, 2, 3].map((at) => scene.edgeGroup(`group ${at}`, edges.slice(10 * at, 10 * at + 10)))
  const people = ['a', 'b', 'c', 'all'].map((login) => scene.user(login))
  const grant = (person: number, resource: number) => scene.grant(people[person] as number, 'group.detail', resource)
  for (const person of [0, 1]) for (const group of [0, 1]) grant(person, groups[group] as number)
  for (const group of [1, 2, 3]) grant(2, groups[group] as number)
  grant(3, PLATFORM_RESOURCE_ID)
  grant(3, groups[0] as number)
  return { rows: scene.rows, edges, groups, people }
}

it.each([
  ['as a set', { ...defaultLimits, short: 0 }],
  ['as a set of sets that are kept', { ...defaultLimits, short: 0, keptFrom: 3 }],
  ['as a list', defaultLimits],
])(
  'what groups hold together is shown %s as each check says, whoever asked before (invariant 4, G-27)',
  (_, limits) => {
    const { rows, edges, groups, people } = scene()
    const someStep = fc.record({
      parentId: fc.constantFrom(...groups),
      childId: fc.constantFrom(...groups, ...edges.slice(0, 15)),
      works: fc.boolean(),
      asks: fc.subarray(people),
    })
    fc.assert(
      fc.property(fc.array(someStep, { maxLength: 25 }), (steps) => {
        const index = AccessIndex.fromSnapshot(structuredClone(rows), limits)
        const links = new Map<string, ContainmentRow>()
        for (const [at, { parentId, childId, works, asks }] of steps.entries()) {
          const key = `${parentId} ${childId}`
          const known = links.get(key)
          const row = known ?? { id: 9000 + at, parentId, childId }
          if (known) links.delete(key)
          else links.set(key, row)
          const [before, after] = known ? [row, null] : [null, row]
          index.apply([{ revision: index.revision + 1, entity: 'containment', id: row.id, before, after } as Change])
          if (works) while (index.work());
          for (const person of asks) {
            const wanted = edges.filter((edge) => index.allows(person, 'discover', edge, 0))
            expect(index.listEdges(person, everything, 0).map(({ id }) => id)).toEqual(wanted)
            expect(index.countEdges(person, 0, 1000)).toBe(wanted.length)
          }
        }
      }),
    )
  },
)

it('what lies below an organisation that goes and comes back is as it is by then (invariant 4, G-27)', () => {
  const scene = new Scene()
  const top = scene.organisation('top')
  const sub = scene.organisation('sub', { parentId: top })
  const group = scene.edgeGroup('group')
  const edges = [0, 1, 2, 3].map((at) => scene.edge(`edge${at}`, { organisationId: sub }))
  const person = scene.user('person')
  scene.grant(person, 'openems.admin', top)
  const index = AccessIndex.fromSnapshot(structuredClone(scene.rows), { ...defaultLimits, short: 0, keptFrom: 3 })
  const listed = () => index.listEdges(person, everything, 0).map(({ id }) => id)
  const change = (one: Pick<Change, 'entity' | 'id' | 'before' | 'after'>) =>
    index.apply([{ revision: index.revision + 1, ...one } as Change])
  expect(listed()).toEqual(edges)

  const row = scene.rows.organisation.find(({ id }) => id === top) ?? null
  change({ entity: 'organisation', id: top, before: row, after: null })
  while (index.work());
  expect(listed()).toEqual([])
  const [moved] = edges as [number]
  change({ entity: 'containment', id: 9000, before: null, after: { id: 9000, parentId: group, childId: moved } })
  change({ entity: 'organisation', id: top, before: null, after: row })
  expect(listed()).toEqual(edges)
})
