import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { AccessIndex } from '../../../src/access/access-index.ts'
import type { Change } from '../../../src/access/model.ts'
import { noteRights, type RightsChanged } from '../../../src/mirror/rights-changed.ts'
import { edgeIds, History, someStep, someWorld, times, userIds } from '../access/worlds.ts'

/** Whoever has a row that was not there before was granted nothing before it (foreign keys, the order of a write). */
const withoutPast = ['organisation', 'site', 'edgeGroup', 'userGroup', 'role', 'user']

function rolesOf(
  index: AccessIndex,
  at: number,
): Map<string, { role: string | undefined; user: string; edge: string }> {
  const roles = new Map<string, { role: string | undefined; user: string; edge: string }>()
  for (const userId of userIds) {
    for (const edgeId of edgeIds) {
      const user = index.user(userId)?.login ?? ''
      const edge = index.edge(edgeId)?.edgeId ?? ''
      roles.set(`${userId} ${edgeId}`, { role: index.edgeRole(userId, edgeId, at), user, edge })
    }
  }
  return roles
}

function noted(changes: readonly Change[], index: AccessIndex): RightsChanged {
  const found: RightsChanged = { everything: false, users: new Set(), edges: new Set() }
  for (const change of changes) noteRights(found, change, index)
  return found
}

describe('noteRights', () => {
  it('names every user or edge whose role a change alters, in any world (domain rules 2.5)', () => {
    let altered = 0
    fc.assert(
      fc.property(
        someWorld,
        fc.array(someStep, { minLength: 10, maxLength: 30 }),
        fc.constantFrom(...times),
        (world, steps, at) => {
          const history = new History(world)
          const index = AccessIndex.fromSnapshot(history.copy())
          for (const step of steps) {
            const before = rolesOf(index, at)
            const changes = history.take(step)
            index.apply(changes)
            if (changes.some((change) => change.before === null && withoutPast.includes(change.entity))) continue
            const found = noted(changes, index)
            for (const [pair, now] of rolesOf(index, at)) {
              const was = before.get(pair)
              if (was === undefined || was.role === now.role) continue
              altered++
              const isNamed =
                found.everything ||
                [was.user, now.user].some((user) => found.users.has(user)) ||
                [was.edge, now.edge].some((edge) => found.edges.has(edge))
              expect([pair, JSON.stringify(step), isNamed]).toEqual([pair, JSON.stringify(step), true])
            }
          }
        },
      ),
      { numRuns: 80 },
    )
    expect(altered).toBeGreaterThan(100)
  })
})
