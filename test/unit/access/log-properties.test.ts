import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { AccessIndex } from '../../../src/access/access-index.ts'
import { type Change, openemsRoles } from '../../../src/access/model.ts'
import { windowsCover } from '../../../src/access/windows.ts'
import { Scene } from './scene.ts'
import { History, principalIds, resourceIds, type Step, someLink, someStep, someWorld, times } from './worlds.ts'

/** Every decision, in a form to compare. */
function answers(index: AccessIndex, at: number): unknown[] {
  return principalIds.flatMap((principalId) => [
    ...resourceIds.map((resourceId) => {
      const { components, ...access } = index.access(principalId, resourceId, at)
      return { principalId, resourceId, ...access, components: components && [...components].sort() }
    }),
    index.listEdges(principalId, { order: [], offset: 0, limit: 100 }, at).map(({ edgeId }) => edgeId),
  ])
}

/** Nobody has less in the second than in the first. */
function expectNoLoss(less: AccessIndex, more: AccessIndex, at: number): void {
  for (const principalId of principalIds) {
    for (const resourceId of resourceIds) {
      const was = less.access(principalId, resourceId, at)
      const is = more.access(principalId, resourceId, at)
      const where = `principal ${principalId} on ${resourceId} at ${at}`
      expect(was.mask & ~is.mask, where).toBe(0)
      expect(rankOf(is.role), where).toBeGreaterThanOrEqual(rankOf(was.role))
      expect(windowsCover(is.windows, was.windows), where).toBe(true)
      if (is.components) for (const component of was.components ?? ['all']) expect(is.components).toContain(component)
    }
  }
}

function rankOf(role: (typeof openemsRoles)[number] | undefined): number {
  return role === undefined ? -1 : openemsRoles.indexOf(role)
}

describe('the log', () => {
  it('leads from one snapshot to the other, in any portions, however often it is told', () => {
    fc.assert(
      fc.property(
        someWorld,
        fc.array(someStep, { maxLength: 20 }),
        fc.nat(),
        fc.constantFrom(...times),
        (world, steps, cut, at) => {
          const history = new History(world)
          const index = AccessIndex.fromSnapshot(history.copy())
          const changes = steps.flatMap((step) => history.take(step))
          const middle = changes.length === 0 ? 0 : cut % changes.length
          index.apply(changes.slice(0, middle))
          answers(index, at)
          index.apply(changes)
          index.apply(changes)
          const fresh = AccessIndex.fromSnapshot(history.copy())
          expect(index.revision).toBe(fresh.revision)
          expect(answers(index, at)).toEqual(answers(fresh, at))
          for (const entity of ['user', 'grant', 'membership', 'containment', 'edge', 'site'] as const) {
            const byId = (rows: Iterable<{ id: number }>) => [...rows].sort((a, b) => a.id - b.id)
            expect(byId(index.rows(entity))).toEqual(byId(fresh.rows(entity)))
          }
          expect(index.nextInstant(at)).toBe(fresh.nextInstant(at))
        },
      ),
      { numRuns: 40 },
    )
  })

  it('means the same though it was asked before what a new site and its edges would mean (C-11)', () => {
    const scene = new Scene()
    const owner = scene.user('anna')
    const organisation = scene.organisation('Mill')
    scene.grant(owner, 'org.owner', organisation)
    const index = scene.index()
    const before = scene.rows.revision
    const site = scene.site('North', organisation)
    const edge = scene.edge('edge1', { siteId: site })
    const changes = [
      { revision: before + 1, entity: 'site', id: site, before: null, after: scene.rows.site.at(-1) },
      { revision: before + 2, entity: 'edge', id: edge, before: null, after: scene.rows.edge.at(-1) },
    ] as Change[]
    expect([...index.concernedBy(changes)]).toContain(owner)
    index.apply(changes)
    expect(index.access(owner, edge, 5)).toEqual(scene.index().access(owner, edge, 5))
    expect(index.allows(owner, 'live', edge, 5)).toBe(true)
  })

  it('is applied all or nothing', () => {
    fc.assert(
      fc.property(someWorld, fc.array(someStep, { minLength: 1, maxLength: 5 }), (world, steps) => {
        const history = new History(world)
        const index = AccessIndex.fromSnapshot(history.copy())
        const before = answers(index, 5)
        const changes = steps.flatMap((step) => history.take(step))
        const bad: Change = { revision: 1e6, entity: 'claim', id: -1, before: null, after: null }
        const { revision } = index
        expect(() => index.apply([...changes, bad])).toThrow(RangeError)
        expect(index.revision).toBe(revision)
        expect(answers(index, 5)).toEqual(before)
      }),
      { numRuns: 10 },
    )
  })

  it('passes over what the graph does not consist of', () => {
    const index = AccessIndex.fromSnapshot(new History().copy())
    index.apply([{ revision: 1, entity: 'session', id: 1, before: null, after: null } as unknown as Change])
    expect(index.revision).toBe(1)
  })
})

describe('rights', () => {
  it('only grow by a grant, a membership, a containment, and only shrink without (invariant 3)', () => {
    fc.assert(
      fc.property(someWorld, someLink, fc.constantFrom(...times), (world, step, at) => {
        const history = new History(world)
        const isThere = history.snapshot[step.entity].some(({ id }) => id === step.id)
        const without = { ...step, row: null } as Step
        if (isThere) history.take(without)
        const less = AccessIndex.fromSnapshot(history.copy())
        const index = AccessIndex.fromSnapshot(history.copy())
        index.apply(history.take(step))
        expectNoLoss(less, index, at)
        index.apply(history.take(without))
        expect(answers(index, at)).toEqual(answers(less, at))
      }),
      { numRuns: 50 },
    )
  })

  it('change by time only at the moments that are foretold (invariant 11)', () => {
    const moments = times.flatMap((time) => [time, time + 0.5])
    fc.assert(
      fc.property(someWorld, (world) => {
        const { snapshot } = new History(world)
        const index = AccessIndex.fromSnapshot(snapshot)
        for (const [place, at] of moments.entries()) {
          const next = moments[place + 1]
          const foretold = index.nextInstant(at)
          if (next === undefined || (foretold !== null && foretold <= next)) continue
          expect(answers(AccessIndex.fromSnapshot(snapshot), next)).toEqual(answers(index, at))
        }
      }),
      { numRuns: 15 },
    )
  })
})
