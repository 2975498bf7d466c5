import { deepStrictEqual, ok } from 'node:assert/strict'
import fc from 'fast-check'
import { AccessIndex } from '../../../src/access/access-index.ts'
import { coversComponent } from '../../../src/access/components.ts'
import {
  type GrantRow,
  type OrganisationRow,
  openemsRoles,
  PUBLIC_PRINCIPAL_ID,
  type Window,
} from '../../../src/access/model.ts'
import { builtInRoles } from '../../../src/access/roles.ts'
import { tenantOf } from '../../../src/access/tenant.ts'
import { unionWindows, windowsCover } from '../../../src/access/windows.ts'
import { atOnce } from '../../../src/lib/slices.ts'
import { Oracle } from './oracle.ts'
import { someMove, Walk } from './walk.ts'
import {
  edgeGroupIds,
  edgeIds,
  History,
  organisationIds,
  principalIds,
  resourceIds,
  type Step,
  siteIds,
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
 * roles, opening gates and lifting claims included (2.3, P-13, K8), and what he has more is about something that the actor had
 * the right to grant on (G-30), unless a gate or a claim kept it from him.
 */
export function noEscalation(count: Count, onAllowed: (entity: Step['entity']) => void) {
  const tries: fc.Arbitrary<Step | OrganisationMove | Opening> = fc.oneof(
    { weight: 4, arbitrary: someLink },
    { weight: 1, arbitrary: someRoleEdit },
    { weight: 1, arbitrary: someOrganisationMove },
    { weight: 1, arbitrary: someOpening },
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
    fc.array(somePower, { minLength: 1, maxLength: 4 }),
    (world, actorId, steps, at, powers) => {
      const history = new History(world)
      for (const [nth, row] of powers.entries()) {
        history.take({ entity: 'grant', id: 90 + nth, row: { ...row, id: 90 + nth, principalId: actorId } })
      }
      const rows = new Oracle(history.copy())
      const before = AccessIndex.fromSnapshot(history.copy())
      const index = AccessIndex.fromSnapshot(history.copy())
      let opened = false
      for (const attempt of steps) {
        count(1)
        const step =
          'parentId' in attempt ? moved(index, attempt) : 'nth' in attempt ? opening(index, attempt) : attempt
        if (step === undefined) continue
        const isThere = history.snapshot[step.entity].some(({ id }) => id === step.id)
        const isEdit = ['role', 'organisation', 'claim'].includes(step.entity)
        if ((isThere && !isEdit) || !isAllowed(index, actorId, step, at)) continue
        onAllowed(step.entity)
        opened ||= 'nth' in attempt
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
          ok(opened || (is.mask & ~was.mask) === 0 || grantsOn(resourceId), where)
          ok(windowsCover(unionWindows(was.windows, actor.windows), is.windows), where)
        }
      }
    },
  )
}

/** Something that lets the actor pass on at all: who holds nothing is refused everything. */
const somePower: fc.Arbitrary<Omit<GrantRow, 'id' | 'principalId'>> = fc
  .record({
    of: fc.constantFrom(
      { ids: organisationIds, role: 'org.owner' },
      { ids: edgeGroupIds, role: 'group.administration' },
      { ids: [...siteIds, ...edgeIds], role: 'resource.administration' },
    ),
    nth: fc.nat({ max: 20 }),
    validTo: fc.constantFrom(null, null, 8),
    dataWindows: fc.constantFrom<Window[] | null>(null, null, [[2, 9]]),
    components: fc.constantFrom<string[] | null>(null, null, ['meter*']),
  })
  .map(({ of: { ids, role }, nth, ...limits }) => ({
    ...limits,
    validFrom: null,
    resourceId: ids[nth % ids.length] ?? 0,
    roleId: builtInRoles.find(({ name }) => name === role)?.id ?? 0,
    source: 'manual',
    grantedBy: null,
  }))

/** A gate that is opened, or a claim that is lifted: the nth of those that are shut. */
interface Opening {
  of: 'gate' | 'claim'
  nth: number
}
const someOpening: fc.Arbitrary<Opening> = fc.record({ of: fc.constantFrom('gate', 'claim'), nth: fc.nat({ max: 5 }) })

function opening(index: AccessIndex, { of, nth }: Opening): Step | undefined {
  if (of === 'gate') {
    const row = [...index.rows('organisation')].filter((one) => one.parentId !== null && !one.canEditSites)[nth]
    return row && { entity: 'organisation', id: row.id, row: { ...row, canEditSites: true } }
  }
  // What everybody is granted is a mere overview in the service, which no claim cuts.
  if ([...index.rows('grant')].some(({ principalId }) => principalId === PUBLIC_PRINCIPAL_ID)) return undefined
  const row = userIds.flatMap((id) => index.claimsOf(id)).filter(({ value }) => value === 'NONE')[nth]
  return row && { entity: 'claim', id: row.id, row: { ...row, value: 'READ' } }
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
  return atOnce(index.guardOrganisation(actorId, { parentId, childId: id }, at)).ok
}

/** Whether the actor may take this step at that time, as far as the guards are concerned. */
export function isAllowed(index: AccessIndex, actorId: number, step: Step, at: number): boolean {
  if (step.row === null) return false
  if (step.entity === 'grant') return index.guardGrant(actorId, step.row, at).ok
  if (step.entity === 'membership') return atOnce(index.guardMembership(actorId, step.row, at)).ok
  if (step.entity === 'role') {
    const { row: role } = step
    const grants = [...index.rows('grant')].filter(({ roleId }) => roleId === role.id)
    return atOnce(index.guardRole(actorId, { role, grants }, at)).ok
  }
  if (step.entity === 'organisation') {
    const isMove = index.row('organisation', step.id)?.parentId !== step.row.parentId
    return isMove ? mayMove(index, actorId, step.row, at) : index.guardGate(actorId, step.id, at).ok
  }
  if (step.entity === 'claim') {
    const { userId, key } = step.row
    return userId !== actorId && index.guardClaim(actorId, userId, key, at).ok
  }
  if (step.entity === 'containment') return atOnce(index.guardContainment(actorId, step.row, at)).ok
  return false
}

function* pairs(): Generator<[number, number]> {
  for (const principalId of principalIds) for (const resourceId of resourceIds) yield [principalId, resourceId]
}

function rankOf(role: (typeof openemsRoles)[number] | undefined): number {
  return role === undefined ? -1 : openemsRoles.indexOf(role)
}
