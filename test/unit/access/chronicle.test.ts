import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Chronicle } from '../../../src/access/explain-chronicle.ts'
import type { PastChange } from '../../../src/access/explain-queries.ts'
import type { KindOfRow } from '../../../src/access/explain-rows.ts'
import { Slice } from '../../../src/access/explain-slice.ts'
import { historyIn } from '../../../src/access/explain-story.ts'
import { type Decision, decisionMask } from '../../../src/access/graph-evaluate.ts'
import { type Change, type EdgeGroupRow, type GrantRow, maskOf, type Snapshot } from '../../../src/access/model.ts'
import { builtInRoles } from '../../../src/access/roles.ts'
import { History, principalIds, resourceIds, type Step, someStep, someWorld, times } from './worlds.ts'

const somePrincipal = fc.constantFrom(...principalIds)
const someResource = fc.constantFrom(...resourceIds)
/** Changes written at once, and when. */
const someLog = fc.array(
  fc.record({ steps: fc.array(someStep, { minLength: 1, maxLength: 3 }), at: fc.constantFrom(...times) }),
  { minLength: 5, maxLength: 40, size: 'max' },
)

function rowsOf({ revision: _, ...tables }: Snapshot): KindOfRow[] {
  return Object.entries(tables).flatMap(([entity, rows]) => rows.map((row) => ({ entity, row }) as KindOfRow))
}

function logged(history: History, steps: readonly Step[], at: number): PastChange[] {
  const changes: Change[] = steps.flatMap((step) => history.take(step))
  return changes.map((change) => ({ ...change, at, actorId: null, action: 'changed' }))
}

/** What a check says, asked anew. */
function asked(slice: Slice, principalId: number, resourceId: number, at: number): Decision {
  return slice.evaluator.decide(slice.views.get(principalId, at), slice.inside(resourceId))
}

function finish<T>(steps: Generator<undefined, T>): { value: T; count: number } {
  for (let count = 0; ; count++) {
    const step = steps.next()
    if (step.done) return { value: step.value, count }
  }
}

describe('access followed through changes', () => {
  it('is at each moment what a check says, whatever comes, goes and changes (invariant 2, G-08)', () => {
    fc.assert(
      fc.property(someWorld, someLog, somePrincipal, someResource, (world, log, principalId, resourceId) => {
        const rows = rowsOf(new History(world).snapshot)
        const slice = new Slice(rows)
        const chronicle = new Chronicle(new Slice(rows), principalId, resourceId, 0)
        finish(chronicle.begin())
        expect(chronicle.decision()).toBe(asked(slice, principalId, resourceId, 0))
        let now = 0
        for (const { steps, at } of log) {
          for (const { entity, id, row } of steps) {
            slice.set(entity, id, row)
            finish(chronicle.put(entity, id, row))
            expect(chronicle.decision(), `${entity} ${id} at ${now}`).toBe(asked(slice, principalId, resourceId, now))
          }
          now = at
          finish(chronicle.moveTo(now))
          expect(chronicle.decision(), `moved to ${now}`).toBe(asked(slice, principalId, resourceId, now))
        }
      }),
      { numRuns: 400 },
    )
  })

  it('is told as asking at each change and at each moment would tell it (domain rules 2.9)', () => {
    fc.assert(
      fc.property(someWorld, someLog, somePrincipal, someResource, (world, log, principalId, resourceId) => {
        const history = new History(world)
        const rows = rowsOf(history.copy())
        const times = log.map(({ at }) => at).sort((a, b) => a - b)
        const changes = log.flatMap(({ steps }, index) => logged(history, steps, times[index] ?? 0))
        const until = 12
        const { entries } = finish(historyIn(rows, changes, { principalId, resourceId, until })).value
        const slice = new Slice(rows)
        const start = changes[0] === undefined ? until : changes[0].at - 1
        let known = 0
        for (let at = start, next = 0; at <= until; at++) {
          for (; changes[next]?.at === at; next++) {
            const { entity, id, after } = changes[next] as PastChange
            slice.set(entity, id, after)
          }
          const decision = asked(slice, principalId, resourceId, at)
          const told = entries.some((entry) => (entry.at ?? start) === at)
          expect(told, `at ${at}`).toBe(decision !== known)
          known = decision
          const last = entries.findLast((entry) => (entry.at ?? -1) <= at)
          expect(maskOf(...(last?.permissions ?? [])), `at ${at}`).toBe(decisionMask(decision))
        }
      }),
      { numRuns: 200 },
    )
  })

  it('takes as many steps as there are changes, however many groups lie above', () => {
    const changes = 2000
    const stepsFor = (groups: number, changed: number) => {
      const { rows, log } = nested(groups, changed)
      const { count, value } = finish(historyIn(rows, log, { principalId: 10, resourceId: 5, until: changed + 1 }))
      expect(value.entries).toHaveLength(changed)
      return count
    }
    const few = stepsFor(20, 2 * changes) - stepsFor(20, changes)
    expect(stepsFor(200, 2 * changes) - stepsFor(200, changes)).toBe(few)
    expect(few).toBeLessThan(2 * changes)
  })
})

/** A user and an edge below nested groups, ten levels on either side; then grants at the top that come and go. */
function nested(groups: number, changes: number): { rows: KindOfRow[]; log: PastChange[] } {
  const open = { validFrom: null, validTo: null }
  const plain: Omit<EdgeGroupRow, 'id'> = {
    name: '',
    organisationId: null,
    ownerId: null,
    description: '',
    purpose: '',
  }
  const rows: KindOfRow[] = builtInRoles.map((row) => ({ entity: 'role', row }))
  const user = { login: 'u', email: null, name: '', language: 'EN', settings: {}, globalRole: 'guest' } as const
  rows.push({ entity: 'user', row: { ...user, id: 10, disabledAt: null, shareable: false } })
  const edge = { edgeId: 'edge0', comment: '', producttype: '', siteId: null, organisationId: null, settings: {} }
  rows.push({ entity: 'edge', row: { ...edge, id: 5 } })
  const width = groups / 10
  for (let position = 0; position < groups; position++) {
    const id = 100 + position
    const below =
      position < width ? [] : [id - width, 100 + ((position + 1) % width) + width * Math.floor(position / width - 1)]
    rows.push({ entity: 'userGroup', row: { ...plain, id } }, { entity: 'edgeGroup', row: { ...plain, id } })
    for (const [index, member] of (below.length > 0 ? below : [undefined]).entries()) {
      const link = 10 * id + index
      const membership = {
        id: link,
        groupId: id,
        memberId: member ?? 10,
        state: 'active',
        ...open,
        addedBy: null,
      } as const
      rows.push({ entity: 'membership', row: membership })
      rows.push({ entity: 'containment', row: { id: link, parentId: id, childId: member ?? 5 } })
    }
  }
  const top = 100 + groups - 1
  const roles = ['openems.guest', 'openems.owner', 'openems.installer'].map(
    (name) => builtInRoles.find((role) => role.name === name)?.id ?? 0,
  )
  const terms = { ...open, dataWindows: null, components: null, source: 'manual', grantedBy: null }
  const grant = (id: number): GrantRow => ({
    ...terms,
    id,
    principalId: top,
    resourceId: top,
    roleId: roles[id % 3] ?? 0,
  })
  const log = Array.from({ length: changes }, (_, index): PastChange => {
    const row = grant(1 + (index >> 1))
    const [before, after] = index % 2 === 0 ? [null, row] : [row, null]
    return { revision: index + 1, entity: 'grant', id: row.id, before, after, at: index + 1, actorId: null, action: '' }
  })
  return { rows, log }
}
