import { deepStrictEqual, ok } from 'node:assert/strict'
import fc from 'fast-check'
import { AccessIndex } from '../../../src/access/access-index.ts'
import { coversComponent } from '../../../src/access/components.ts'
import { type OrganisationRow, openemsRoles } from '../../../src/access/model.ts'
import { tenantOf } from '../../../src/access/tenant.ts'
import { unionWindows, windowsCover } from '../../../src/access/windows.ts'
import { Oracle } from './oracle.ts'
import { someMove, Walk } from './walk.ts'
import {
  History,
  organisationIds,
  principalIds,
  resourceIds,
  type Step,
  someLink,
  someRoleEdit,
  someWorld,
  times,
  userIds,
} from './worlds.ts'

/**
 * What must hold in every world, as properties that count their steps: a step is one change or one question compared. The
 * ordinary tests run each a fixed number of times, `npm run test:long` as long as one likes.
 */

/** Told of steps taken. */
export type Count = (steps: number) => void

/** Changes and questions in any order: the index says what the rows say (invariants 2, 4, 6, 10, 11). */
export function longLife(movesPerRun: number, count: Count) {
  const moves = fc.array(someMove, { minLength: movesPerRun, maxLength: movesPerRun, size: 'max' })
  return fc.property(someWorld, moves, (world, sequence) => {
    const walk = new Walk(world)
    for (const move of sequence) {
      walk.take(move)
      count(1)
    }
  })
}

const removable = ['grant', 'membership', 'containment'] as const

/** Taking a link or a grant away gives nobody anything, putting one in takes nothing (invariant 3). */
export function lessIsLess(count: Count) {
  const victim = fc.tuple(fc.constantFrom(...removable), fc.nat())
  return fc.property(someWorld, victim, fc.constantFrom(...times), (world, [entity, nth], at) => {
    const history = new History(world)
    const rows = history.snapshot[entity]
    const row = rows[nth % Math.max(1, rows.length)]
    if (row === undefined) return
    const before = AccessIndex.fromSnapshot(history.copy())
    history.take({ entity, id: row.id, row: null })
    const after = AccessIndex.fromSnapshot(history.snapshot)
    for (const [principalId, resourceId] of pairs()) {
      const [was, is] = [before.access(principalId, resourceId, at), after.access(principalId, resourceId, at)]
      const where: string = `${entity} ${row.id} gone: principal ${principalId} on ${resourceId} at ${at}`
      deepStrictEqual(is.mask & ~was.mask, 0, where)
      ok(windowsCover(was.windows, is.windows), where)
      ok(rankOf(is.role) <= rankOf(was.role), where)
      const shown = is.components ?? [null]
      ok(
        shown.every((component) => coversComponent(was.components, component)),
        where,
      )
      count(1)
    }
  })
}

/**
 * However many steps somebody takes, nobody has afterwards what neither he nor the actor had (invariant 1, G-01), editing
 * roles included (2.3), and what he has more is about something that the actor had the right to grant on (G-30).
 */
export function noEscalation(count: Count, onAllowed: () => void) {
  const tries: fc.Arbitrary<Step | OrganisationMove> = fc.oneof(
    { weight: 4, arbitrary: someLink },
    { weight: 1, arbitrary: someRoleEdit },
    { weight: 1, arbitrary: someOrganisationMove },
  )
  const attempts = fc.array(tries, {
    minLength: 40,
    maxLength: 60,
    size: 'max',
  })
  return fc.property(
    someWorld,
    fc.constantFrom(...userIds),
    attempts,
    fc.constantFrom(...times),
    (world, actorId, steps, at) => {
      const history = new History(world)
      const rows = new Oracle(history.copy())
      const before = AccessIndex.fromSnapshot(history.copy())
      const index = AccessIndex.fromSnapshot(history.copy())
      for (const attempt of steps) {
        count(1)
        const step = 'parentId' in attempt ? moved(index, attempt) : attempt
        if (step === undefined) continue
        const isThere = history.snapshot[step.entity].some(({ id }) => id === step.id)
        const isEdit = step.entity === 'role' || step.entity === 'organisation'
        if ((isThere && !isEdit) || !isAllowed(index, actorId, step, at)) continue
        onAllowed()
        index.apply(history.take(step))
      }
      const grants = resourceIds.filter((id) => before.allows(actorId, 'share', id, at))
      const grantsOn = (resourceId: number) => grants.some((id) => rows.relations(id, resourceId).length > 0)
      for (const time of times.filter((one) => one >= at)) {
        for (const [principalId, resourceId] of pairs()) {
          const actor = before.access(actorId, resourceId, time)
          const was = before.access(principalId, resourceId, time)
          const is = index.access(principalId, resourceId, time)
          const where = `principal ${principalId} on ${resourceId} at ${time} by ${actorId}`
          deepStrictEqual(is.mask & ~was.mask & ~actor.mask, 0, where)
          ok((is.mask & ~was.mask) === 0 || grantsOn(resourceId), where)
          ok(windowsCover(unionWindows(was.windows, actor.windows), is.windows), where)
        }
      }
    },
  )
}

interface OrganisationMove {
  organisationId: number
  parentId: number
}
const someOrganisationMove: fc.Arbitrary<OrganisationMove> = fc.record({
  organisationId: fc.constantFrom(...organisationIds),
  parentId: fc.constantFrom(...organisationIds),
})

function moved(index: AccessIndex, { organisationId: id, parentId }: OrganisationMove): Step | undefined {
  const row = index.row('organisation', id)
  const isMove = row != null && row.parentId !== null && row.parentId !== parentId
  return isMove ? { entity: 'organisation', id, row: { ...row, parentId } } : undefined
}

/** Whether the actor may put an organisation below another at that time, as the service asks it. */
function mayMove(index: AccessIndex, actorId: number, { id, parentId }: OrganisationRow, at: number): boolean {
  if (parentId === null || tenantOf(index, id) !== tenantOf(index, parentId)) return false
  return index.guardOrganisation(actorId, { parentId, childId: id }, at).ok
}

/** Whether the actor may take this step at that time, as far as the guards are concerned. */
export function isAllowed(index: AccessIndex, actorId: number, step: Step, at: number): boolean {
  if (step.row === null) return false
  if (step.entity === 'grant') return index.guardGrant(actorId, step.row, at).ok
  if (step.entity === 'membership') return index.guardMembership(actorId, step.row, at).ok
  if (step.entity === 'role') {
    const { row: role } = step
    const grants = [...index.rows('grant')].filter(({ roleId }) => roleId === role.id)
    return index.guardRole(actorId, { role, grants }, at).ok
  }
  if (step.entity === 'organisation') return mayMove(index, actorId, step.row, at)
  if (step.entity === 'containment') return index.guardContainment(actorId, step.row, at).ok
  return false
}

function* pairs(): Generator<[number, number]> {
  for (const principalId of principalIds) for (const resourceId of resourceIds) yield [principalId, resourceId]
}

function rankOf(role: (typeof openemsRoles)[number] | undefined): number {
  return role === undefined ? -1 : openemsRoles.indexOf(role)
}
