import fc from 'fast-check'
import { expect, it } from 'vitest'
import { ResourceGraph } from '../../../src/access/graph-resources.ts'
import type { ContainmentRow } from '../../../src/access/model.ts'
import { Scene } from './scene.ts'

const groups = Array.from({ length: 12 }, (_, at) => 10 + at)
const someGroup = fc.constantFrom(...groups)
/** A link that comes, or goes when it is there; then what lies above one group is asked for, or above all. */
const someStep = fc.record({ parentId: someGroup, childId: someGroup, asked: fc.option(someGroup) })

function graphOf(links: Iterable<ContainmentRow>): ResourceGraph {
  const graph = new ResourceGraph()
  for (const id of groups) {
    graph.setEdgeGroup(id, undefined, {
      id,
      name: '',
      description: '',
      purpose: '',
      organisationId: null,
      ownerId: null,
    })
  }
  for (const link of links) graph.setContainment(undefined, link)
  return graph
}

it('what lies above a container is known after each change as if all had been asked for anew, in circles, too', () => {
  fc.assert(
    fc.property(fc.array(someStep, { maxLength: 60 }), (steps) => {
      const graph = graphOf([])
      const links = new Map<string, ContainmentRow>()
      for (const [id, { parentId, childId, asked }] of steps.entries()) {
        const key = `${parentId} ${childId}`
        const link = links.get(key) ?? { id, parentId, childId }
        if (links.delete(key)) graph.setContainment(link, undefined)
        else {
          links.set(key, link)
          graph.setContainment(undefined, link)
        }
        const fresh = graphOf(links.values())
        for (const group of asked === null ? groups : [asked]) {
          expect(graph.aboveContent(group).toSorted()).toEqual(fresh.aboveContent(group).toSorted())
        }
      }
    }),
  )
})

it('what flows into one container is never taken for what flows into another, in whatever order they are asked (G-25)', () => {
  const scene = new Scene()
  const person = scene.user('person')
  // Deep enough, and so many that several share each place of what a view keeps of 64 containers.
  const chains = Array.from({ length: 150 }, (_, at) => {
    const edge = scene.edge(`edge${at}`)
    let group = scene.edgeGroup(`lowest ${at}`, [edge])
    for (let height = 0; height < 4; height++) group = scene.edgeGroup(`${height} above ${at}`, [group])
    const isGranted = at % 3 === 0
    if (isGranted) scene.grant(person, 'group.detail', group)
    return { edge, isGranted }
  })
  const index = scene.index()
  for (const asked of [chains, chains.toReversed(), chains]) {
    for (const { edge, isGranted } of asked) expect(index.allows(person, 'detail', edge, 0)).toBe(isGranted)
  }
})
